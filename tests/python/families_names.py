"""Facts about names, read from the installed PEFT and transformers: default targets, classes, and paths of modules."""

import dataclasses
import json
from importlib.metadata import version

import torch
import transformers
from peft import PrefixTuningConfig, PromptTuningConfig
from peft.utils import constants

from families_models import FAMILIES

TASKS = ("Model", "ForSequenceClassification", "ForTokenClassification", "ForMaskedLM")


def small(family):
    """A configuration of one layer; two where the first layer differs from the others."""
    sizes = dict(family.sizes, vocab_size=50, num_labels=3)
    sizes["n_layers" if "n_layers" in sizes else "num_hidden_layers"] = 2 if family.classes == "ModernBert" else 1
    if family.classes == "ModernBert":
        sizes |= {"layer_types": None, "rope_parameters": None, "pad_token_id": 0}
    return family.model_class("Config")(**sizes)


def modules(model):
    """Every linear, norm and embedding with its shape and whether it has a bias."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.LayerNorm, torch.nn.Embedding)):
            bias = getattr(module, "bias", None) is not None
            found[name] = f"{type(module).__name__}{list(module.weight.shape)}{' with bias' if bias else ''}"
    return found


def defaults(family):
    """The fields of the family's configuration class and what they are when a file lacks them."""
    config = family.model_class("Config")
    common = {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)}
    return {f.name: getattr(config(), f.name) for f in dataclasses.fields(config) if f.name not in common or f.name.endswith("token_id")}


def make(path):
    whole = [family for family in FAMILIES if not family.part]
    types = {family.name: family.model_class("Config").model_type for family in whole}
    peft = {}
    for key in ("LORA_TARGET_MODULES", "IA3_TARGET_MODULES", "IA3_FEEDFORWARD_MODULES"):
        table = getattr(constants, f"TRANSFORMERS_MODELS_TO_{key}_MAPPING")
        peft[key.lower()] = {name: table.get(name) for name in types.values()}
    for config in (PromptTuningConfig, PrefixTuningConfig):
        fields = dataclasses.fields(config)
        plain = {f.name: f.default for f in fields if isinstance(f.default, (bool, int, float, str, type(None)))}
        peft[config.__name__] = plain
    found = {
        "made_with": {name: version(name) for name in ("peft", "transformers")},
        "sequence_head_names": constants.SEQ_CLS_HEAD_NAMES,
        "peft": peft,
        "families": {},
    }
    for family in whole:
        models = {task: family.model_class(task)(small(family)) for task in TASKS}
        base = models["Model"]
        found["families"][family.name] = {
            "model_type": types[family.name],
            "base_model_prefix": base.base_model_prefix,
            "classes": {task: type(model).__name__ for task, model in models.items()},
            "tied": {task: getattr(model, "_tied_weights_keys", None) or {} for task, model in models.items()},
            "defaults": defaults(family),
            "modules": modules(base),
            "heads": {
                task: {name: kind for name, kind in modules(model).items() if not name.startswith(f"{base.base_model_prefix}.")}
                for task, model in models.items()
                if task != "Model"
            },
        }
    path.write_text(json.dumps(found, indent=1, default=str) + "\n")
