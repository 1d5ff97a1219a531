"""Writes tests/fixtures/sound: what the transformers library computes of short recordings, and recordings to cut.

    python tests/python/sound.py RECORDINGS

RECORDINGS is the folder `recordings` of the Free Spoken Digit Dataset (8 kHz, CC BY-SA 4.0). Needs transformers 4.57
with torch, numpy, scipy and safetensors. It prints how much transformers' two implementations differ.

- `{digit}.wav`: recordings at 16 kHz; `{digit}_{speaker}_{take}.wav`: recordings as they are.
- `expected.safetensors`: `{digit}.log_mel` `[frames, bands]`, by torch in f32; `four.log_mel_f64`, by numpy in f64
  (written as f32); `{digit}.waveform` `[1000]`, the first normalised samples.
- `{digit}.json`: the settings, as a model's `preprocessor_config.json`.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
from safetensors.numpy import save_file
from scipy.io import wavfile
from scipy.signal import resample_poly
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

OUT = pathlib.Path(__file__).parents[1] / "fixtures" / "sound"
RATE = 16000

# digit, recording, bands; the last is shorter than half a second
COMPARED = [("six", "6_george_0", 80), ("four", "4_nicolas_8", 40)]

CUT = ["0_george_0", "3_theo_5", "5_jackson_3", "2_george_0"]


def padded(samples, hop):
    """Zeros up to an even number of frames, and to half a second at least."""
    pair = 2 * hop
    length = max(-(-len(samples) // pair) * pair, -(-(RATE // 2) // pair) * pair)
    return np.pad(samples, (0, length - len(samples)))


def main(recordings):
    OUT.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for digit, name, bands in COMPARED:
        rate, samples = wavfile.read(recordings / f"{name}.wav")
        samples = resample_poly(samples.astype(np.float64), RATE, rate)
        samples = np.clip(np.round(samples), -32768, 32767).astype(np.int16)
        wavfile.write(OUT / f"{digit}.wav", RATE, samples)
        samples = samples.astype(np.float32) / 32768

        whisper = WhisperFeatureExtractor(feature_size=bands)
        settings = {key: value for key, value in whisper.to_dict().items() if key != "mel_filters"}
        (OUT / f"{digit}.json").write_text(json.dumps(settings, indent=1) + "\n")
        whole = padded(samples, whisper.hop_length)
        by_torch = whisper(whole, sampling_rate=RATE, padding=False, truncation=False, return_tensors="np")
        by_torch = by_torch["input_features"][0]
        by_numpy = whisper._np_extract_fbank_features(whole[None], "cpu")[0]
        print(digit, by_torch.shape, "torch and numpy differ by", np.abs(by_torch - by_numpy).max())
        tensors[f"{digit}.log_mel"] = np.ascontiguousarray(by_torch.T.astype(np.float32))
        if digit == "four":
            tensors["four.log_mel_f64"] = np.ascontiguousarray(by_numpy.T.astype(np.float32))

        waveform = Wav2Vec2FeatureExtractor(do_normalize=True)(samples, sampling_rate=RATE, return_tensors="np")
        tensors[f"{digit}.waveform"] = np.ascontiguousarray(waveform["input_values"][0][:1000].astype(np.float32))
    save_file(tensors, OUT / "expected.safetensors")
    for name in CUT:
        shutil.copyfile(recordings / f"{name}.wav", OUT / f"{name}.wav")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
