"""Rows of pairs out of spoken digits or small pictures, and how often an adapter of two encoders tells which of two sentences belongs.

    python scripts/pairs.py rows digits FSDD FOLDER [--seed N]
    python scripts/pairs.py rows pictures CIFAR10 FOLDER [--seed N]
    graftlet train --backbone minilm-l6 --second-backbone whisper-tiny-en --data FOLDER/train.csv --problem regression \\
        --kind lora --out ADAPTER
    graftlet predict --backbone … --second-backbone … --adapter ADAPTER --json <FOLDER/test.tsv >said.jsonl
    python scripts/pairs.py score said.jsonl

It needs Python alone. FSDD and CIFAR10 are folders: FSDD/**/DIGIT_SPEAKER_TAKE.wav, and CIFAR10/{train,test}/CLASS/*.jpg.

Each recording or picture is in two rows: with a sentence that belongs to it (1), and with one that does not (0). The wordings of the
test rows are others than those of the training rows. Of the digits the test speaker is in no training row.
"""

import argparse
import csv
import json
import random
from pathlib import Path

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WORDINGS = {
    "digits": (
        ["{}", "the number {}", "somebody says {}", "this is a {}", "I hear the word {}"],
        ["you can hear {} here", "the digit {} was spoken"],
    ),
    "pictures": (
        ["a {}", "a photo of a {}", "this is a {}", "the picture shows a {}", "a small picture with a {} in it"],
        ["you can see a {} here", "an image of one {}"],
    ),
}


def digits(folder, each):
    """Recordings as (path, word): of five speakers to learn from, `each` takes a word, and all of the sixth."""
    train, test = [], []
    for path in sorted(folder.rglob("*.wav")):
        digit, speaker, take = path.stem.split("_")
        row = (path, DIGITS[int(digit)])
        if speaker == "theo":
            test.append(row)
        elif int(take) < each:
            train.append(row)
    return train, test


def pictures(folder, each):
    """Pictures as (path, class): `each` of a class to learn from, and 30 of each to test."""
    def of(part, count):
        return [(path, label.name) for label in sorted((folder / part).iterdir()) for path in sorted(label.iterdir())[:count]]

    return of("train", each), of("test", 30)


def pairs(rows, wordings, draw):
    labels = sorted({label for _, label in rows})
    for path, label in rows:
        wording = draw.choice(wordings)
        other = draw.choice([name for name in labels if name != label])
        yield wording.format(label), path, 1
        yield wording.format(other), path, 0


def write_rows(given):
    draw = random.Random(given.seed)
    of = {"digits": digits, "pictures": pictures}[given.sort]
    train, test = of(given.data.resolve(), given.each)
    known, new = WORDINGS[given.sort]
    given.out.mkdir(parents=True, exist_ok=True)
    with open(given.out / "train.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "text2", "label"])
        rows.writerows(pairs(train, known, draw))
    with open(given.out / "test.tsv", "w") as file:
        file.writelines(f"{text}\t{path}\n" for text, path, _ in pairs(test, new, draw))


def score(given):
    values = [json.loads(line)["value"] for line in open(given.said)]
    right = [belongs > other for belongs, other in zip(values[::2], values[1::2])]
    print(f"{sum(right) / len(right):.3f} of {len(right)}")


def main():
    arguments = argparse.ArgumentParser()
    verbs = arguments.add_subparsers(required=True)
    rows = verbs.add_parser("rows")
    rows.add_argument("sort", choices=["digits", "pictures"])
    rows.add_argument("data", type=Path)
    rows.add_argument("out", type=Path)
    rows.add_argument("--each", type=int, default=10)
    rows.add_argument("--seed", type=int, default=1)
    rows.set_defaults(run=write_rows)
    said = verbs.add_parser("score")
    said.add_argument("said")
    said.set_defaults(run=score)
    given = arguments.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
