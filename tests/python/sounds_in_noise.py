"""Measures how well words are told apart with other recordings mixed in, with a head alone and with adapters.

    python tests/python/sounds_in_noise.py --data fsdd/recordings --backbone models/whisper-tiny-en --graftlet target/release/graftlet --out DIR

For each speaker of the Free Spoken Digit Dataset, takes 0 to 4 of all ten words are learnt from, and takes 5 to 14 are answered: as they
are, and mixed with a random piece of recordings of three other speakers that is 5 dB quieter. `+` before a kind means that it also learns
from a background: a minute of words of the two remaining speakers, one after the other.
"""

import argparse
import json
import os
import shutil

import numpy as np
from listening import LEARNT, OTHERS, RATE, SPEAKERS, WORDS, Speaker, level, read, run, voice, write

DECIBELS = 5


def measure(options, name, seed):
    speaker = Speaker(options.data, name, seed)
    folder = f"{options.out}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    rng = np.random.default_rng([seed, 5])
    others = speaker.takes(speaker.unknown)
    for word in range(10):
        for take in LEARNT:
            for rows in ("clean", "background"):
                write(f"{folder}/{rows}/{WORDS[word]}/{take}.wav", read(f"{speaker.data}/{word}_{name}_{take}.wav"))
        for take in OTHERS:
            own = level(read(f"{speaker.data}/{word}_{name}_{take}.wav"))
            write(f"{folder}/quiet/{WORDS[word]}/{take}.wav", own)
            noise = level(voice(rng, others, len(own), False)) * 10 ** (-DECIBELS / 20)
            write(f"{folder}/noisy/{WORDS[word]}/{take}.wav", own + noise)
    known = voice(rng, speaker.takes(speaker.known), 60 * RATE, False)
    write(f"{folder}/background/background/1.wav", known)
    for kind in options.kinds:
        adapter = f"{folder}/{kind}"
        rows = "background" if kind.startswith("+") else "clean"
        command = [options.graftlet, "train", "--backbone", options.backbone, "--data", f"{folder}/{rows}", "--out", adapter]
        command += ["--kind", kind.lstrip("+"), "--seed", str(seed)]
        command += ["--background", "background"] if rows == "background" else []
        command += ["--config", options.config] if options.config and kind.lstrip("+") != "head" else []
        run(command)
        result = {"speaker": name, "seed": seed, "kind": kind}
        for rows in ("quiet", "noisy"):
            command = [options.graftlet, "eval", "--backbone", options.backbone, "--adapter", adapter]
            result[rows] = json.loads(run(command + ["--data", f"{folder}/{rows}", "--json"]))["score"]
        print(json.dumps(result), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "backbone", "graftlet", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--kinds", nargs="+", default=["head", "+head", "lora", "+lora"])
    parser.add_argument("--config", help="settings of adapters, as graftlet train takes them")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--speakers", nargs="+", default=SPEAKERS)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    for seed in options.seeds:
        for name in options.speakers:
            measure(options, name, seed)


if __name__ == "__main__":
    main()
