"""Write the golden of training: gradients and a ten-step loss curve of a LoRA adapter, as PEFT and PyTorch give them.

Ran with Python 3.11.7, torch 2.15.0, transformers 5.23.0, peft 0.21.2, safetensors 0.8.0, numpy 2.4.6 on one CPU thread:

    python tests/goldens/peft_lora_gradients.py --checkpoint target/backbone/source \
        --adapter tests/fixtures/goldens/peft_lora_r8_qv --out tests/fixtures/peft_lora_gradients.safetensors

The eight texts of the adapter's `expected.json` are one padded batch with the labels i mod 3; the loss is the mean cross
entropy. Eval mode, so no dropout; eager attention; f32. Trainable are lora_A, lora_B and the classifier, the pooler is
frozen. FILE holds the gradients of the layers 0, 3 and 5 and of the classifier under the names the adapter's file gives
its tensors. The JSON beside it holds the labels, the loss, and the losses of ten steps of AdamW on this one batch, each
taken before its step; weight decay reaches every trainable tensor, the classifier's bias too.
"""

import argparse
import json
import re
from pathlib import Path

import peft
import torch
import transformers
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertForSequenceClassification

KEPT_LAYERS = {0, 3, 5}  # the first, a middle and the last one; keeps the file under 200 kB
CLASSES = 3
STEPS = 10
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}


def load(options, dtype):
    """The sequence classifier with the adapter's tensors trainable, and nothing else."""
    base = BertForSequenceClassification.from_pretrained(
        options.checkpoint, num_labels=CLASSES, attn_implementation="eager", dtype=torch.float32
    )
    return PeftModel.from_pretrained(base, options.adapter, is_trainable=True).to(dtype).eval()


def saved_name(parameter):
    """A parameter's name as the adapter's file spells it: without the adapter's name and PEFT's wrapper."""
    return parameter.replace(".modules_to_save.default.", ".").replace(".default.", ".")


def trainable(model):
    """Saved name to parameter, of all that learns."""
    return {saved_name(name): p for name, p in model.named_parameters() if p.requires_grad}


def gradients(model, batch, labels):
    """Logits, loss, and the gradient of every trainable tensor."""
    model.zero_grad()
    logits = model(**batch).logits
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    return logits.detach(), loss.item(), {name: p.grad.clone() for name, p in trainable(model).items()}


def loss_curve(model, batch, labels):
    """Losses of STEPS steps on the same batch, each before its step."""
    optimizer = torch.optim.AdamW(trainable(model).values(), **ADAMW)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(**batch).logits, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    """Compute in f32, measure the distance to f64, and write."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--checkpoint", type=Path, required=True, metavar="DIR")
    arguments.add_argument("--adapter", type=Path, required=True, metavar="DIR")
    arguments.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = arguments.parse_args()

    torch.set_num_threads(1)
    expected = json.loads((options.adapter / "expected.json").read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    batch = tokenizer(expected["texts"], padding=True, return_tensors="pt")
    labels = torch.tensor([i % CLASSES for i in range(len(expected["texts"]))])

    model = load(options, torch.float32)
    logits, loss, grads = gradients(model, batch, labels)
    with safe_open(options.adapter / "adapter_model.safetensors", "pt") as file:
        assert set(grads) == set(file.keys()), "the trainable tensors are not those of the adapter's file"
    worst_logit = (logits - torch.tensor(expected["batch_logits"])).abs().max().item()
    assert worst_logit < 1e-5, f"the adapter is not loaded as it was saved: logits differ by {worst_logit}"
    losses = loss_curve(model, batch, labels)

    exact = load(options, torch.float64)
    _, exact_loss, exact_grads = gradients(exact, batch, labels)
    exact_losses = loss_curve(exact, batch, labels)

    def kept(name):
        layer = re.search(r"\.layer\.(\d+)\.", name)
        return layer is None or int(layer[1]) in KEPT_LAYERS

    save_file({name: g.contiguous() for name, g in grads.items() if kept(name)}, options.out)
    facts = {
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "labels": labels.tolist(),
        "loss": loss,
        "adamw": {"steps": STEPS, **ADAMW},
        "losses": losses,
        "gradient_max_abs": max(g.abs().max().item() for g in exact_grads.values()),
        "f64_max_abs_difference": {
            "loss": abs(loss - exact_loss),
            "gradients": max((grads[n].double() - exact_grads[n]).abs().max().item() for n in grads),
            "losses": max(abs(a - b) for a, b in zip(losses, exact_losses, strict=True)),
        },
    }
    with open(options.out.with_suffix(".json"), "w", encoding="utf-8") as file:
        lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items())
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(json.dumps(facts), f"\nlogits within {worst_logit:.2e}; {options.out.stat().st_size} bytes")
    for name, g in exact_grads.items():
        print(f"{name}: {list(g.shape)}, largest {g.abs().max().item():.3e}, off by "
              f"{(grads[name].double() - g).abs().max().item():.1e}")


if __name__ == "__main__":
    main()
