"""Goldens of models with a tower of texts and one of pictures: tiny random models, what transformers computes with them, and
adapters of PEFT's over both towers.

    python tests/python/tower_models.py

It writes tests/fixtures/towers/. Made with torch 2.8, transformers 4.57 and peft 0.21.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    CLIPConfig, CLIPForImageClassification, CLIPModel, CLIPTokenizerFast, PreTrainedTokenizerFast, SiglipConfig,
    SiglipForImageClassification, SiglipModel,
)

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "towers"
PATCH = 4
SIZES = [(12, 12), (20, 8)]
# the last one is longer than the models read, and the third has an end within it
TEXTS = ["a cat", "The big bat!", "a cat <|endoftext|> at bat", "a bat cat at a tab"]
VISION = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 32, "image_size": 12, "patch_size": PATCH}
TEXT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 20}


def noisy(module, scale=0.3):
    """Every parameter random, norms near one, so that nothing is zero or equal."""
    for name, parameter in module.named_parameters():
        noise = torch.randn_like(parameter) * scale
        is_gain = ("norm" in name or "layrnorm" in name) and name.endswith("weight")
        parameter.data = (1 + 0.2 * noise if is_gain else noise).to(torch.float16).to(torch.float32)


def clip_tokenizer(folder):
    letters = "abcdefghijklmnopqrstuvwxyz!"
    merges = [("a", "t</w>"), ("c", "at</w>"), ("b", "at</w>"), ("t", "h"), ("th", "e</w>")]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: id for id, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        if file.name != "tokenizer.json":
            file.unlink()
    return tokenizer


def siglip_tokenizer(folder):
    pieces = ["<pad>", "</s>", "<unk>", "▁", "▁a", "▁cat", "▁the", "▁big", "▁bat", *"abcdeghit!"]
    tokenizer = Tokenizer(models.Unigram([(piece, -float(index)) for index, piece in enumerate(pieces)], unk_id=2))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="</s>", eos_token="</s>", unk_token="<unk>")


def pixels_of(size):
    pixels = torch.randint(0, 256, (*size, 3), dtype=torch.uint8)
    values = (pixels.to(torch.float64) * (1 / 255)).to(torch.float32)
    values = (values - torch.tensor([0.5, 0.4, 0.3])) / torch.tensor([0.5, 0.25, 0.2])
    return pixels, values.permute(2, 0, 1).contiguous()


def states(tower, **inputs):
    """The states that enter each layer, and the last ones."""
    found = []
    hooks = [
        layer.register_forward_pre_hook(lambda _, given: found.append(given[0][0]), with_kwargs=False)
        for layer in tower.encoder.layers
    ]
    with torch.no_grad():
        last = tower(**inputs).last_hidden_state[0]
    for hook in hooks:
        hook.remove()
    return [*found, last]


def vectors(model, ids, pictures):
    """Of texts and of pictures, scaled to unit length, and the logits of each picture."""
    with torch.no_grad():
        text = torch.cat([model.get_text_features(input_ids=own) for own in ids])
        image = torch.cat([
            model.get_image_features(pixel_values=own[None], interpolate_pos_encoding=True) for own in pictures
        ])
        text, image = (x / x.norm(dim=-1, keepdim=True) for x in (text, image))
        logits = image @ text.T * model.logit_scale.exp()
        if hasattr(model, "logit_bias"):
            logits = logits + model.logit_bias
    return {"text_embeds": text.contiguous(), "image_embeds": image.contiguous(), "logits_per_image": logits.contiguous()}


def adapted(model, config, folder):
    copy = type(model)(model.config).eval()
    copy.load_state_dict(model.state_dict())
    wrapped = get_peft_model(copy, config).eval()
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            parameter.data = torch.randn_like(parameter) * 0.3
    wrapped.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    return wrapped.base_model.model


def write(name, model, classifier, make_tokenizer):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(folder)
    model = model.eval()
    noisy(model)
    model.logit_scale.data.fill_(1.25)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "CLIPImageProcessor", "do_resize": False, "do_center_crop": False, "do_rescale": True,
        "do_normalize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2],
    }))
    limit = model.config.text_config.max_position_embeddings
    padding = "max_length" if name == "siglip" else False
    ids = [
        tokenizer(text, truncation=True, max_length=limit, padding=padding, return_tensors="pt").input_ids for text in TEXTS
    ]
    pictures = [pixels_of(size) for size in SIZES]
    values = [own for _, own in pictures]
    tensors = {}
    for index, own in enumerate(ids):
        tensors[f"{index}.ids"] = own[0].to(torch.int32).to(torch.float32)
        for layer, state in enumerate(states(model.text_model, input_ids=own)):
            tensors[f"{index}.text.{layer}"] = state.contiguous()
    for index, (pixels, own) in enumerate(pictures):
        tensors[f"{index}.pixels"] = pixels
        inputs = {"pixel_values": own[None], "interpolate_pos_encoding": True}
        for layer, state in enumerate(states(model.vision_model, **inputs)):
            tensors[f"{index}.vision.{layer}"] = state.contiguous()
    said = {"": vectors(model, ids, values)}
    lora = LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    said["lora."] = vectors(adapted(model, lora, FOLDER / f"{name}-lora"), ids, values)
    if name == "clip":
        everything = LoraConfig(r=2, lora_alpha=8, target_modules="all-linear")
        said["all."] = vectors(adapted(model, everything, FOLDER / "clip-all"), ids, values)
        # an end that is not the highest number: that of "a"
        model.text_model.eos_token_id = tokenizer.convert_tokens_to_ids("a</w>")
        said["end."] = vectors(model, ids, values)
    for prefix, own in said.items():
        tensors |= {prefix + key: value for key, value in own.items()}

    labelled = classifier(model.config).eval()
    labelled.load_state_dict(model.state_dict(), strict=False)
    lora = LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "v_proj"], modules_to_save=["classifier"])
    inner = adapted(labelled, lora, FOLDER / f"{name}-labels")
    for index, own in enumerate(values):
        with torch.no_grad():
            states_ = inner.vision_model(pixel_values=own[None], interpolate_pos_encoding=True).last_hidden_state
            # the class of CLIP leaves out the first state
            pooled = states_[:, 1 if name == "clip" else 0:].mean(dim=1)
            tensors[f"{index}.logits"] = inner.classifier(pooled)[0].contiguous()
    with torch.no_grad():
        assert torch.allclose(inner(pixel_values=values[0][None]).logits[0], tensors["0.logits"], atol=1e-6)
    save_file(tensors, FOLDER / f"{name}.safetensors")


def main():
    torch.manual_seed(11)
    clip = CLIPConfig(
        text_config={**TEXT, "vocab_size": 61, "max_position_embeddings": 8, "eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1},
        vision_config=VISION, projection_dim=12, num_labels=3, attn_implementation="eager",
    )
    write("clip", CLIPModel(clip), CLIPForImageClassification, clip_tokenizer)
    siglip = SiglipConfig(
        text_config={**TEXT, "vocab_size": 19, "max_position_embeddings": 9, "projection_size": 24, "pad_token_id": 1},
        vision_config=VISION, num_labels=3, attn_implementation="eager",
    )
    write("siglip", SiglipModel(siglip), SiglipForImageClassification, siglip_tokenizer)


if __name__ == "__main__":
    main()
