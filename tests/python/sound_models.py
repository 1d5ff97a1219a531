"""Goldens of encoders of sound: tiny random models, what transformers computes with them, and adapters of PEFT's.

    python tests/python/sound_models.py

It writes tests/fixtures/sounds/. Made with torch 2.8, transformers 4.57 and peft 0.21. transformers' Whisper reads only 30 seconds;
for a shorter sound its table of positions is cut to the steps that the sound has.
"""

import json
from pathlib import Path

import torch
from peft import IA3Config, LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    Wav2Vec2Config, Wav2Vec2ForSequenceClassification, WhisperConfig, WhisperForAudioClassification, WhisperModel,
)

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "sounds"
FRAMES = [40, 12, 2]
SAMPLES = [90, 31, 10]
HEAD = ["projector", "classifier"]


def noisy(module, scale=0.3):
    """Every parameter random, norms near one, so that nothing is zero or equal."""
    for name, parameter in module.named_parameters():
        if "embed_positions" in name:
            continue
        noise = torch.randn_like(parameter) * scale
        is_gain = "norm" in name and name.endswith("weight")
        parameter.data = (1 + 0.2 * noise if is_gain else noise).to(torch.float16).to(torch.float32)


def whisper_states(encoder, features):
    """The states that enter each layer, and the last ones. features: [bands, frames]."""
    positions = encoder.embed_positions
    steps = (features.shape[1] + 1) // 2
    cut = torch.nn.Embedding(steps, positions.embedding_dim)
    cut.weight.data = positions.weight.data[:steps]
    encoder.embed_positions, whole = cut, encoder.config.max_source_positions
    encoder.config.max_source_positions = features.shape[1] // 2
    with torch.no_grad():
        out = encoder(features[None], output_hidden_states=True)
    encoder.embed_positions, encoder.config.max_source_positions = positions, whole
    return [state[0] for state in out.hidden_states[:-1]] + [out.last_hidden_state[0]]


def wave_states(encoder, samples):
    """The states that enter each layer, and the last ones. samples: [samples, 1]."""
    with torch.no_grad():
        out = encoder(samples.T, output_hidden_states=True)
    return [state[0] for state in out.hidden_states[:-1]] + [out.last_hidden_state[0]]


def head(model, states):
    """What a class for sounds says of the last states."""
    with torch.no_grad():
        return model.classifier(model.projector(states).mean(dim=0)).contiguous()


def with_adapter(model, config, folder, prefixes):
    """A copy of a model with an adapter of random numbers, saved."""
    copy = type(model)(model.config).eval()
    copy.load_state_dict(model.state_dict())
    adapted = get_peft_model(copy, config).eval()
    for name, parameter in adapted.named_parameters():
        if any(prefix in name for prefix in prefixes):
            noise = torch.randn_like(parameter) * 0.3
            parameter.data = 1 + noise if "ia3" in name else noise
    adapted.save_pretrained(folder)
    return adapted.base_model.model


def lora(targets):
    return LoraConfig(r=2, lora_alpha=8, target_modules=targets, lora_dropout=0.0, modules_to_save=HEAD)


def whisper():
    config = WhisperConfig(
        vocab_size=60, num_mel_bins=6, d_model=16, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=24,
        decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16, max_source_positions=20, max_target_positions=8,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, num_labels=3, classifier_proj_size=5,
        attn_implementation="eager",
    )
    model = WhisperModel(config).eval()
    noisy(model)
    folder = FOLDER / "whisper"
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 6, "sampling_rate": 16000, "hop_length": 160,
        "n_fft": 400, "chunk_length": 30, "padding_value": 0.0,
    }))
    tensors = {}
    for index, frames in enumerate(FRAMES):
        features = torch.randn(config.num_mel_bins, frames)
        tensors[f"{index}.frames"] = features.T.contiguous()
        for layer, state in enumerate(whisper_states(model.encoder, features)):
            tensors[f"{index}.states.{layer}"] = state.contiguous()

    classifier = WhisperForAudioClassification(config).eval()
    classifier.encoder.load_state_dict(model.encoder.state_dict())
    ia3 = IA3Config(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"], modules_to_save=HEAD)
    adapters = [("lora", lora(["q_proj", "v_proj", "fc2"]), ["lora_"]), ("ia3", ia3, ["ia3_"])]
    for kind, settings, prefixes in adapters:
        inner = with_adapter(classifier, settings, FOLDER / f"whisper-{kind}", [*prefixes, "modules_to_save"])
        for index in range(len(FRAMES)):
            states = whisper_states(inner.encoder, tensors[f"{index}.frames"].T)[-1]
            tensors[f"{index}.{kind}"] = states.contiguous()
            tensors[f"{index}.{kind}.logits"] = head(inner, states)
    save_file(tensors, FOLDER / "whisper.safetensors")


def old_names(file):
    """The names that the older function for normalised weights gave them."""
    renamed = {
        key.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v"): value
        for key, value in load_file(file).items()
    }
    save_file(renamed, file, {"format": "pt"})


def wave(name, **settings):
    config = Wav2Vec2Config(
        vocab_size=9, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, conv_dim=[6, 8],
        conv_kernel=[4, 3], conv_stride=[3, 2], num_conv_pos_embedding_groups=4, classifier_proj_size=5, num_labels=3,
        attn_implementation="eager", **settings,
    )
    model = Wav2Vec2ForSequenceClassification(config).eval()
    noisy(model)
    folder = FOLDER / name
    model.save_pretrained(folder)
    if settings["do_stable_layer_norm"]:
        old_names(folder / "model.safetensors")
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "sampling_rate": 16000, "do_normalize": True,
        "padding_value": 0.0,
    }))
    tensors = {}
    for index, count in enumerate(SAMPLES):
        samples = torch.randn(count, 1)
        tensors[f"{index}.frames"] = samples
        for layer, state in enumerate(wave_states(model.wav2vec2, samples)):
            tensors[f"{index}.states.{layer}"] = state.contiguous()
    adapters = [
        ("lora", lora(["q_proj", "v_proj"]), ["lora_"]),
        # the layer before the positions, too
        ("all", lora("all-linear"), ["lora_"]),
    ]
    for kind, settings, prefixes in adapters:
        inner = with_adapter(model, settings, FOLDER / f"{name}-{kind}", [*prefixes, "modules_to_save"])
        for index in range(len(SAMPLES)):
            states = wave_states(inner.wav2vec2, tensors[f"{index}.frames"])[-1]
            tensors[f"{index}.{kind}"] = states.contiguous()
            with torch.no_grad():
                tensors[f"{index}.{kind}.logits"] = inner(tensors[f"{index}.frames"].T).logits[0].contiguous()
    save_file(tensors, FOLDER / f"{name}.safetensors")


def main():
    torch.manual_seed(3)
    FOLDER.mkdir(parents=True, exist_ok=True)
    whisper()
    wave("wav2vec2", do_stable_layer_norm=False, feat_extract_norm="group", conv_bias=False, num_conv_pos_embeddings=4)
    wave("wav2vec2-stable", do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True, num_conv_pos_embeddings=5)


if __name__ == "__main__":
    main()
