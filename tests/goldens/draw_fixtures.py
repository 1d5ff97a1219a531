"""Draw the texts in tests/fixtures/data from the labelled sets that stay outside the repository.

Ran with Python 3.11.7, standard library only:

    python tests/goldens/draw_fixtures.py --data ../shared/data --out tests/fixtures/data

`trec-200.csv`: 200 rows of trec's training file, each class in its share but with five rows at least.
`cosine-texts.txt`: 160 texts, one a line, twenty from the training file of each set whose licence lets them be passed
on; account names, links and coarse texts are left out, runs of white space become one space.
A row's place in the draw is the SHA-256 of seed, set and text, so no library's random generator decides.
"""

import argparse
import csv
import hashlib
import re
from pathlib import Path

SEED = "graftlet fixtures 1"
TREC_ROWS = 200
TREC_ROWS_PER_CLASS = 5
# In the order of the file. The sets marked "research only", or without a licence, are left out.
REDISTRIBUTABLE = ["sms_spam", "banking77", "clinc150", "goemotions", "clickbait", "language", "wnut17", "cola"]
TEXTS_PER_SET = 20
# Out of a public repository: account names, links, coarse texts.
UNFIT = re.compile(r"@\w|https?:|www\.|sex|porn|fuck|shit|n-word|abus", re.IGNORECASE)


def order(name, texts):
    """The texts, deduplicated, in the order of the draw."""
    return sorted(set(texts), key=lambda text: hashlib.sha256(f"{SEED}\n{name}\n{text}".encode()).digest())


def read_csv(path):
    """Rows (text, label)."""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def read_conll(path):
    """Sentences of a token-a-line file, their tokens joined by spaces."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    return [" ".join(line.split("\t")[0] for line in block.splitlines()) for block in blocks if block.strip()]


def shares(counts, total, least):
    """Split `total` over the classes by their counts, largest remainder first, none below `least`."""
    everything = sum(counts.values())
    exact = {label: total * count / everything for label, count in counts.items()}
    rows = {label: max(least, int(share)) for label, share in exact.items()}
    while (missing := total - sum(rows.values())) != 0:
        step = 1 if missing > 0 else -1
        free = [label for label in rows if step > 0 or rows[label] > least]
        rows[max(free, key=lambda label: (step * (exact[label] - rows[label]), label))] += step
    return rows


def draw_trec(data):
    """The stratified rows (text, label) of trec, classes mixed."""
    labels = dict(read_csv(data / "trec" / "train.csv"))
    drawn = order("trec", labels)
    counts = {label: list(labels.values()).count(label) for label in sorted(set(labels.values()))}
    left = shares(counts, TREC_ROWS, TREC_ROWS_PER_CLASS)
    print("trec", left)
    rows = []
    for text in drawn:
        if left[labels[text]] > 0:
            left[labels[text]] -= 1
            rows.append((text, labels[text]))
    return rows


def draw_texts(data, name):
    """Texts of one set, each on one line."""
    if name == "wnut17":
        texts = read_conll(data / name / "train.conll")
    else:
        texts = [text for text, _ in read_csv(data / name / "train.csv")]
    lines = (" ".join(text.split()) for text in texts)
    return order(name, (line for line in lines if line and not UNFIT.search(line)))[:TEXTS_PER_SET]


def main():
    """Draw and write both files."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, metavar="DIR")
    arguments.add_argument("--out", type=Path, required=True, metavar="DIR")
    options = arguments.parse_args()

    with open(options.out / "trec-200.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(draw_trec(options.data))
    with open(options.out / "cosine-texts.txt", "w", encoding="utf-8", newline="\n") as file:
        for name in REDISTRIBUTABLE:
            file.writelines(text + "\n" for text in draw_texts(options.data, name))


if __name__ == "__main__":
    main()
