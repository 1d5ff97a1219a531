"""Goldens of encoders of pictures: tiny random models, what transformers computes with them, and adapters of PEFT's.

    python tests/python/picture_models.py

It writes tests/fixtures/pictures/. Made with torch 2.8, transformers 4.57 and peft 0.21.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    DeiTConfig, DeiTForImageClassification, Dinov2Config, Dinov2ForImageClassification, ViTConfig,
    ViTForImageClassification,
)

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "pictures"
PATCH = 4
# height and width: that of the training, and one whose positions are interpolated
SIZES = [(12, 12), (20, 8)]
SHAPE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 12, "patch_size": PATCH,
    "num_labels": 3, "attn_implementation": "eager",
}
MODELS = {
    "vit": (ViTForImageClassification, ViTConfig(intermediate_size=24, **SHAPE), "ViTImageProcessor"),
    "deit": (DeiTForImageClassification, DeiTConfig(intermediate_size=24, qkv_bias=False, **SHAPE), "DeiTImageProcessor"),
    "dinov2": (Dinov2ForImageClassification, Dinov2Config(mlp_ratio=2, **SHAPE), "BitImageProcessor"),
}


def noisy(module, scale=0.3):
    """Every parameter random, norms and scales near one, so that nothing is zero or equal."""
    for name, parameter in module.named_parameters():
        noise = torch.randn_like(parameter) * scale
        is_gain = ("norm" in name and name.endswith("weight")) or "lambda1" in name
        parameter.data = (1 + 0.2 * noise if is_gain else noise).to(torch.float16).to(torch.float32)


def encoder_of(model):
    return getattr(model, model.base_model_prefix)


def states(encoder, values):
    """The states that enter each layer, and the last ones. values: [3, height, width]."""
    own = {} if encoder.config.model_type == "dinov2" else {"interpolate_pos_encoding": True}
    with torch.no_grad():
        out = encoder(values[None], output_hidden_states=True, **own)
    return [state[0] for state in out.hidden_states[:-1]] + [out.last_hidden_state[0]]


def main():
    torch.manual_seed(5)
    for name, (kind, config, processor) in MODELS.items():
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        model = kind(config).eval()
        noisy(model)
        model.save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps({
            "image_processor_type": processor, "do_resize": False, "do_center_crop": False, "do_rescale": True,
            "do_normalize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2],
        }))
        lora = LoraConfig(r=2, lora_alpha=8, target_modules=["query", "value"], modules_to_save=["classifier"])
        adapted = get_peft_model(kind(config).eval(), lora).eval()
        adapted.base_model.model.load_state_dict(
            {key.replace("query.", "query.base_layer.").replace("value.", "value.base_layer."): value
             for key, value in model.state_dict().items() if not key.startswith("classifier")}, strict=False)
        for key, parameter in adapted.named_parameters():
            if "lora_" in key or "modules_to_save" in key:
                parameter.data = torch.randn_like(parameter) * 0.3
        adapted.save_pretrained(FOLDER / f"{name}-lora")
        tensors = {}
        for index, (height, width) in enumerate(SIZES):
            pixels = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)
            tensors[f"{index}.pixels"] = pixels
            values = pixels.to(torch.float64) * (1 / 255)
            values = (values.to(torch.float32) - torch.tensor([0.5, 0.4, 0.3])) / torch.tensor([0.5, 0.25, 0.2])
            values = values.permute(2, 0, 1).contiguous()
            for layer, state in enumerate(states(encoder_of(model), values)):
                tensors[f"{index}.states.{layer}"] = state.contiguous()
            inner = adapted.base_model.model
            tensors[f"{index}.lora"] = states(encoder_of(inner), values)[-1].contiguous()
            own = {} if name == "dinov2" else {"interpolate_pos_encoding": True}
            with torch.no_grad():
                tensors[f"{index}.logits"] = inner(values[None], **own).logits[0].contiguous()
        save_file(tensors, FOLDER / f"{name}.safetensors")


if __name__ == "__main__":
    main()
