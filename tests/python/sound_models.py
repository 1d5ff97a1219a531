"""Goldens of encoders of sound: a tiny random model, what transformers computes with it, and an adapter of PEFT's.

    python tests/python/sound_models.py

It writes tests/fixtures/sounds/. Made with torch 2.8, transformers 4.57 and peft 0.21. transformers' Whisper reads only 30 seconds;
for a shorter sound its table of positions is cut to the steps that the sound has.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperForAudioClassification, WhisperModel

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "sounds"
FRAMES = [40, 12, 2]


def noisy(module, scale=0.3):
    """Every parameter random, norms near one, so that nothing is zero or equal."""
    for name, parameter in module.named_parameters():
        if "embed_positions" in name:
            continue
        noise = torch.randn_like(parameter) * scale
        is_gain = "norm" in name and name.endswith("weight")
        parameter.data = (1 + 0.2 * noise if is_gain else noise).to(torch.float16).to(torch.float32)


def states(encoder, features):
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


def main():
    torch.manual_seed(3)
    FOLDER.mkdir(parents=True, exist_ok=True)
    config = WhisperConfig(
        vocab_size=60, num_mel_bins=6, d_model=16, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=24,
        decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16, max_source_positions=20, max_target_positions=8,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, num_labels=3,
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
        tensors[f"{index}.features"] = features.T.contiguous()
        for layer, state in enumerate(states(model.encoder, features)):
            tensors[f"{index}.states.{layer}"] = state.contiguous()

    classifier = WhisperForAudioClassification(config).eval()
    classifier.encoder.load_state_dict(model.encoder.state_dict())
    lora = LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "v_proj", "fc2"], lora_dropout=0.0)
    adapted = get_peft_model(classifier, lora).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter) * 0.3
    adapted.save_pretrained(FOLDER / "whisper-lora")
    for index in range(len(FRAMES)):
        features = tensors[f"{index}.features"].T
        tensors[f"{index}.lora"] = states(adapted.base_model.model.encoder, features)[-1].contiguous()
    save_file(tensors, FOLDER / "whisper.safetensors")


if __name__ == "__main__":
    main()
