"""Losses, slopes and probabilities of comparisons by Bradley and Terry, in numpy: tests/fixtures/goldens/ranking.json.

Run: python tests/python/ranking_goldens.py
"""

import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(7)
pairs = 40
scores = rng.normal(0, 4, (pairs, 2)).astype(np.float32)
# 0: the first is better, 1: the second, 2: neither; as often wrong as scores twice too far apart are
truth = (rng.random(pairs) > 1 / (1 + np.exp((scores[:, 1] - scores[:, 0]) / 2))).astype(int)
truth[3], truth[8] = 2, 2
scores[0], truth[0] = [30, -30], 0
scores[1], truth[1] = [-30, 30], 1
scores[2], truth[2] = [1.5, 1.5], 0

strengths = scores.astype(np.float64)
wanted = np.choose(truth, [1.0, 0.0, 0.5])


def probability(strengths, temperature=1.0):
    """P(first beats second) = e^s1 / (e^s1 + e^s2), as Bradley and Terry write it."""
    top = strengths.max(axis=1, keepdims=True)
    odds = np.exp((strengths - top) / temperature)
    return odds[:, 0] / odds.sum(axis=1)


def log_probabilities(strengths, temperature=1.0):
    z = strengths / temperature
    return z - np.logaddexp(z[:, 0], z[:, 1])[:, None]


logs = log_probabilities(strengths)
losses = -(wanted * logs[:, 0] + (1 - wanted) * logs[:, 1])
slope = (probability(strengths) - wanted) / pairs
decided = truth != 2
right = strengths[np.arange(pairs), np.minimum(truth, 1)] > strengths[np.arange(pairs), 1 - np.minimum(truth, 1)]
temperatures = np.exp(np.linspace(np.log(1 / 20), np.log(20), 40001))
logs = [log_probabilities(strengths, t) for t in temperatures]
likelihood = [-(wanted * log[:, 0] + (1 - wanted) * log[:, 1]).sum() for log in logs]

golden = {
    "scores": scores.ravel().tolist(),
    "truth": truth.tolist(),
    "loss": losses.mean(),
    "slopes": np.stack([slope, -slope], axis=1).ravel().tolist(),
    "probability": probability(strengths).tolist(),
    "accuracy": right[decided].mean(),
    "temperature": float(temperatures[int(np.argmin(likelihood))]),
}
path = Path(__file__).parent.parent / "fixtures" / "goldens" / "ranking.json"
path.write_text(json.dumps(golden, indent=1) + "\n")
