"""Goldens of two encoders with real weights, on three real files each: what transformers computes in f32.

    python tests/python/real_encoders.py WHISPER DINOV2

WHISPER is a folder with the config.json and model.safetensors that `graftlet convert --dtype f32` writes of whisper-tiny.en;
DINOV2 is what scripts/dinov2_from_onnx.py writes. It writes tests/fixtures/real/. Made with torch 2.8 and transformers 4.57.
"""

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModel, WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
SOUNDS = ["sound/four", "sound/six", "real/five"]
PICTURES = ["airplane", "cat", "ship"]
RATE = 16_000
# transformers pads sounds to 30 seconds, and graftlet to one
LEAST = RATE
STEP = 320


def some(tensors, name, states):
    """The mean of all states, and the first and the last one."""
    tensors[name] = torch.stack([states.mean(dim=0), states[0], states[-1]]).contiguous()


def whisper(folder, tensors):
    config = json.loads((folder / "config.json").read_text())
    config = WhisperConfig(**{key: value for key, value in config.items() if key not in ("model_type", "architectures")})
    config._attn_implementation = "eager"
    encoder = WhisperEncoder(config).eval()
    encoder.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    extractor = WhisperFeatureExtractor(feature_size=config.num_mel_bins)
    whole = encoder.embed_positions
    for name in SOUNDS:
        samples, rate = soundfile.read(FIXTURES / f"{name}.wav", dtype="float32")
        assert rate == RATE, name
        count = -(-max(LEAST, len(samples)) // STEP) * STEP
        samples = np.pad(samples, (0, count - len(samples)))
        features = torch.tensor(extractor._np_extract_fbank_features(samples[None], "cpu"))[0].float()
        steps = features.shape[1] // 2
        encoder.embed_positions = torch.nn.Embedding(steps, config.d_model)
        encoder.embed_positions.weight.data = whole.weight.data[:steps]
        encoder.config.max_source_positions = steps
        with torch.no_grad():
            some(tensors, name.split("/")[1], encoder(features[None]).last_hidden_state[0])


def dinov2(folder, tensors):
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    for name in PICTURES:
        picture = Image.open(FIXTURES / "real" / f"{name}.png").convert("RGB")
        values = processor(picture, return_tensors="pt").pixel_values
        with torch.no_grad():
            some(tensors, name, model(values).last_hidden_state[0])


def main():
    tensors = {}
    whisper(Path(sys.argv[1]), tensors)
    dinov2(Path(sys.argv[2]), tensors)
    save_file(tensors, FIXTURES / "real" / "states.safetensors")


if __name__ == "__main__":
    main()
