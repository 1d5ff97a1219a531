"""Writes tests/fixtures/losses.json: losses as PyTorch computes them, with their gradients.

    pip install torch
    python tests/python/losses.py
"""

import json
import pathlib

import torch
from torch.nn import functional

torch.manual_seed(17)
ROWS, LABELS, KNOWN, TEMPERATURE = 6, 4, 3, 2.0


def numbers(tensor):
    return [float(x) for x in tensor.detach().flatten()]


def case(loss, logits):
    logits = logits.clone().requires_grad_()
    value = loss(logits)
    value.backward()
    return {"loss": float(value.detach()), "gradient": numbers(logits.grad)}


logits = (3 * torch.randn(ROWS, LABELS)).double()
logits[0, 0], logits[1, 1] = 40.0, -40.0
targets = (torch.rand(ROWS, LABELS) > 0.6).double()
positive = torch.tensor([0.25, 1.0, 7.5, 3.0]).double()
teacher = (3 * torch.randn(ROWS, KNOWN)).double()
weights = torch.tensor([1.0, 0.5, 2.0, 1.0, 0.0, 3.0]).double()


def weighted(each):
    return (weights * each).sum() / weights.sum()


def choice(z):
    own = functional.log_softmax(z[:, :KNOWN] / TEMPERATURE, dim=1)
    wanted = functional.log_softmax(teacher / TEMPERATURE, dim=1)
    divergence = functional.kl_div(own, wanted, reduction="none", log_target=True)
    return weighted(TEMPERATURE**2 * divergence.sum(dim=1))


def each(z):
    own = torch.distributions.Bernoulli(logits=z[:, :KNOWN] / TEMPERATURE)
    wanted = torch.distributions.Bernoulli(logits=teacher / TEMPERATURE)
    divergence = torch.distributions.kl_divergence(wanted, own)
    return weighted(TEMPERATURE**2 * divergence.mean(dim=1))


# the divergence of two distributions that are almost certain is not computed exactly there
near = logits.clamp(-9, 9)
weigher = torch.nn.BCEWithLogitsLoss(pos_weight=positive)
fixture = {
    "rows": ROWS,
    "labels": LABELS,
    "known": KNOWN,
    "temperature": TEMPERATURE,
    "logits": numbers(logits),
    "near": numbers(near),
    "targets": numbers(targets),
    "positive": numbers(positive),
    "teacher": numbers(teacher),
    "weights": numbers(weights),
    "positive_weights": case(lambda z: weigher(z, targets), logits),
    "choice": case(choice, near),
    "each": case(each, near),
    "numbers": case(
        lambda z: weighted(((z[:, :KNOWN] - teacher) ** 2).mean(dim=1)), near
    ),
}
path = pathlib.Path(__file__).parent.parent / "fixtures" / "losses.json"
path.write_text(json.dumps(fixture) + "\n")
