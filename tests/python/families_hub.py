"""Adapters of AdapterHub on the tiny models: the folders as the library saves them, and what it computes with them."""

import shutil
from importlib.metadata import version
from pathlib import Path

import adapters
import torch
from adapters import (
    DoubleSeqBnConfig,
    IA3Config,
    LoRAConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    SeqBnConfig,
    SeqBnInvConfig,
)

from families_models import LABELS, inputs, noise, seed
from families_tokenizers import PROMPT

NAMES = {"id2label": dict(enumerate(LABELS)), "label2id": {label: index for index, label in enumerate(LABELS)}}
EVERYWHERE = {"attn_matrices": ["q", "k", "v"], "intermediate_lora": True, "output_lora": True}


def cases(family):
    """The library's settings by the name of the case, and the layers of the head: none for the model's own head."""
    found = {
        "seq_bn": (SeqBnConfig(reduction_factor=8), 2),
        "double_seq_bn": (DoubleSeqBnConfig(reduction_factor=8), 1),
        "prefix": (PrefixTuningConfig(prefix_length=PROMPT, bottleneck_size=8), 1),
        "prefix_flat": (PrefixTuningConfig(prefix_length=PROMPT, flat=True), 1),
        "lora": (LoRAConfig(r=4, alpha=6), 1),
        "lora_everywhere": (LoRAConfig(r=2, alpha=3, **EVERYWHERE), 1),
        "ia3": (IA3Config(), 1),
        "seq_bn_inv": (SeqBnInvConfig(reduction_factor=8), 1),
        "prompt": (PromptTuningConfig(prompt_length=PROMPT), 1),
        "static": (SeqBnConfig(reduction_factor=8), 0),
    }
    if family.classes == "ModernBert":
        # only with the model's own head
        found = {name: (config, 0) for name, (config, _) in found.items() if name != "static"}
    if family.part:
        kept = ("double_seq_bn", "lora_everywhere", "ia3", "seq_bn_inv", "prompt")
        found = {name: found[name] for name in kept}
    return found


def load(family, layers):
    """A model with flexible heads, or one with its own head."""
    settings = {"attn_implementation": "eager"}
    if layers:
        return getattr(adapters, f"{family.classes}AdapterModel").from_pretrained(family.name, **settings).eval()
    model = family.model_class("ForSequenceClassification").from_pretrained(family.name, **settings, **NAMES)
    adapters.init(model)
    return model.eval()


def answer(family, model, texts, precision=torch.float64):
    model.to(precision)
    with torch.no_grad():
        found = [model(**inputs(family, ids, types)).logits[0].double() for ids, types in texts]
    model.float()
    return found


def far(one, other):
    return max((a - b).abs().max().item() for a, b in zip(one, other, strict=True))


def make(family, texts, short):
    """Saves every case and loads it into a fresh model; what the library refuses is recorded."""
    record = {"made_with": {name: version(name) for name in ("adapters", "torch", "transformers")}, "cases": {}, "refused": {}}
    if family.classes not in ("ModernBert",) and not hasattr(adapters, f"{family.classes}AdapterModel"):
        try:
            load(family, 0)
        except ValueError as error:
            record["refused"]["all"] = f"ValueError: {error}"
            return record
    if family.name == "modernbert-biased":
        record["refused"]["all"] = "transformers 4.57 does not read layer_types and rope_parameters"
        return record
    for name, (config, layers) in cases(family).items():
        seed(family.name, "hub", name)
        folder = Path(family.name) / "hub" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)  # the library makes the last folder only
        used = short if name == "prompt" else texts
        try:
            model = load(family, layers)
            before = {key for key, _ in model.named_parameters()}
            model.add_adapter(name, config=config)
            if layers:
                model.add_classification_head(name, num_labels=len(LABELS), layers=layers, id2label=NAMES["id2label"])
            model.set_active_adapters(name)
            head = tuple(key for key in before if key.startswith(("classifier.", "pre_classifier.", "head.")))
            for key, parameter in model.named_parameters():
                if key in head:
                    noise(parameter, 0.25, 1.0 if "norm.weight" in key else 0.0)
                elif f".{name}." in key:
                    # factors around one, everything else around zero
                    factor = name == "ia3" and "lora_B" in key
                    noise(parameter, 0.5 if "pre" in name or "prompt" in name else 0.25, 1.0 if factor else 0.0)
            first = answer(family, model, used)
            # the library holds the tensors of prefixes twice, which safetensors does not take
            model.save_adapter(str(folder), name, use_safetensors="prefix" not in name)
            read = load(family, layers)
            read.load_adapter(str(folder), set_active=True, use_safetensors="prefix" not in name)
        except (ValueError, TypeError, RuntimeError, IndexError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            record["refused"][name] = f"{type(error).__name__}: {str(error).strip()[:200]}"
            continue
        again = answer(family, read.eval(), used)
        single = answer(family, read, used, torch.float32)
        assert far(first, again) < 1e-9, f"{family.name}/{name}: not read as saved: {far(first, again)}"
        model.set_active_adapters(None)
        if layers:
            model.active_head = name
        assert far(answer(family, model, used), again) > 1e-3, f"{family.name}/{name}: the adapter does nothing"
        assert torch.stack(again).std(0).min() > 0.02, f"{family.name}/{name}: the texts are all alike"
        record["cases"][name] = {
            "ids": f"ids_before_{PROMPT}" if name == "prompt" else "ids",
            "labels": LABELS,
            "f32_difference": float(f"{far(again, single):.1e}"),
            "logits": [[float(f"{x:.9g}") for x in row.tolist()] for row in again],
        }
        print(f"{family.name}/hub/{name}: f32 {record['cases'][name]['f32_difference']:.0e}", flush=True)
    return record
