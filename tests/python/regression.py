"""Writes tests/fixtures/regression.json: heads that scikit-learn fits, for src/train/regression.rs.

    pip install scikit-learn
    python tests/python/regression.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

ROWS, WIDTH, CLASSES = 90, 8, 4
random = np.random.default_rng(7)
centres = random.normal(size=(CLASSES, WIDTH))
labels = random.integers(CLASSES, size=ROWS)
vectors = 0.6 * centres[labels] + random.normal(size=(ROWS, WIDTH))
vectors = (vectors / np.linalg.norm(vectors, axis=1).mean()).round(4)
# a row has the label of its class, and any of the others now and then
sets = (random.random((ROWS, CLASSES)) < 0.2) | (np.arange(CLASSES) == labels[:, None])
numbers = (vectors @ random.normal(size=WIDTH) + 0.1 * random.normal(size=ROWS)).round(4)
# as the trainer learns them
scaled = (numbers - numbers.mean()) / numbers.std()


def fitted(c):
    logistic = lambda: LogisticRegression(C=c, tol=1e-12, max_iter=100_000)
    choice = logistic().fit(vectors, labels)
    binary = [logistic().fit(vectors, sets[:, label]) for label in range(CLASSES)]
    # the squared error is not halved: (C sum + w^2 / 2) is ridge regression with alpha = 1 / (2 C)
    ridge = Ridge(alpha=1 / (2 * c), tol=1e-12).fit(vectors, scaled)
    heads = {
        "single_label": (choice.coef_, choice.intercept_),
        "multi_label": (np.vstack([b.coef_ for b in binary]), np.concatenate([b.intercept_ for b in binary])),
        "regression": (ridge.coef_[None], np.array([ridge.intercept_])),
    }
    return {name: {"weight": w.ravel().tolist(), "bias": b.tolist()} for name, (w, b) in heads.items()}


fixture = {
    "width": WIDTH,
    "vectors": vectors.ravel().tolist(),
    "labels": labels.tolist(),
    "sets": [[int(i) for i in np.flatnonzero(row)] for row in sets],
    "numbers": numbers.tolist(),
    "heads": [{"c": c, **fitted(c)} for c in (0.5, 10.0, 100.0)],
}
out = Path(__file__).parent.parent / "fixtures/regression.json"
out.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
