"""Writes tests/fixtures/goldens/hub-tiny and, beside it, hub-configurations.json, the library's ready-made settings. The first are the folders that AdapterHub's users have beside the plain ones, on a random BERT of a few
thousand weights, with the logits or last hidden states that the library computes.

    python tests/python/hub_goldens.py tests/fixtures/goldens/hub-tiny

Made with adapters 1.3.0, transformers 4.57 and torch 2.9. Parameters are rounded to 16 bits and everything is
computed in f64. Where a folder is edited after it was saved, as other versions and other hands have written it, the
comment says how.
"""

import json
import os
import shutil
import sys

import adapters
import torch
from adapters import (
    BertAdapterModel,
    ConfigUnion,
    DoubleSeqBnConfig,
    LoRAConfig,
    SeqBnConfig,
    SeqBnInvConfig,
)
from adapters.configuration.adapter_config import ADAPTER_CONFIG_MAP
from adapters.heads import ClassificationHead
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

OUT = sys.argv[1]
ROWS, TOKENS = 4, 6
LABELS = ["bad", "fine", "good"]

SIZES = dict(
    vocab_size=40,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=32,
    max_position_embeddings=24,
    hidden_act="gelu",
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


def randomise(parameters, deviation, mean=0.0):
    for parameter in parameters:
        parameter.data = (torch.randn(parameter.shape) * deviation + mean).half().float()


torch.manual_seed(23)
base = BertModel(BertConfig(**SIZES))
for name, parameter in base.named_parameters():
    is_norm = "LayerNorm.weight" in name
    randomise([parameter], 0.2 if is_norm else 0.25, 1.0 if is_norm else 0.0)
BASE = {key: value.clone() for key, value in base.state_dict().items()}

shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)
config = base.config
fields = "hidden_size num_hidden_layers num_attention_heads intermediate_size vocab_size max_position_embeddings"
fields = fields.split() + ["type_vocab_size", "layer_norm_eps", "hidden_act"]
with open(f"{OUT}/config.json", "w") as file:
    json.dump({"model_type": "bert", "_name_or_path": "tiny"} | {f: getattr(config, f) for f in fields}, file, indent=1)
save_file({k: v.contiguous() for k, v in BASE.items() if "position_ids" not in k}, f"{OUT}/model.safetensors")

ids = torch.randint(5, config.vocab_size, (ROWS, TOKENS))
cases = []


def model_of(kind, **settings):
    """A model of the base's weights, its own head random."""
    model = kind(BertConfig(**SIZES, **settings))
    randomise([p for k, p in model.named_parameters() if not k.startswith("bert.")], 0.3)
    inner = model if kind is BertModel else model.bert
    inner.load_state_dict(BASE, strict=False)  # some classes have no pooler
    if kind is not BertAdapterModel:
        adapters.init(model)
    return model.eval()


def add(model, name, settings):
    model.add_adapter(name, config=settings)
    own = [p for key, p in model.named_parameters() if f".{name}." in key and "heads" not in key]
    assert own, name
    randomise(own, 0.3)
    model.set_active_adapters(name)


def numbers(tensor):
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


def compute(model, what):
    model = model.double()
    with torch.no_grad():
        if what == "logits":
            found = model(ids, attention_mask=torch.ones_like(ids)).logits
        else:
            inner = getattr(model, "bert", model)
            found = inner(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    model.float()
    return numbers(found)


def case(name, model, what, **more):
    cases.append({"name": name, what: compute(model, what)} | more)


def edit(path, change):
    with open(path) as file:
        content = json.load(file)
    change(content)
    with open(path, "w") as file:
        json.dump(content, file, indent=1)


def rename(path, change):
    tensors = load_file(path)
    save_file({change(key): value for key, value in tensors.items()}, path)


def save(model, name, folder=None, safe=True):
    folder = f"{OUT}/{folder or name}"
    model.save_adapter(folder, name, use_safetensors=safe)
    return folder


# ---- static heads

NAMES = dict(id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)})
for name, kind, settings in [
    ("static_sequence", BertForSequenceClassification, NAMES),
    ("static_tokens", BertForTokenClassification, NAMES),
    ("static_number", BertForSequenceClassification, dict(num_labels=1)),
]:
    model = model_of(kind, **settings)
    add(model, name, SeqBnConfig(reduction_factor=4))
    save(model, name, safe=name != "static_tokens")
    case(name, model, "logits", labels=list(model.config.label2id))
for name, kind in [
    ("static_mlm", BertForMaskedLM),
    ("static_answers", BertForQuestionAnswering),
    ("static_choice", BertForMultipleChoice),
]:
    model = model_of(kind)
    add(model, name, DoubleSeqBnConfig(reduction_factor=4))
    # safetensors takes no tensors that share memory
    save(model, name, safe=kind is not BertForMaskedLM)
    case(name, model, "states", unused=True)

# ---- flexible heads


def flexible(name, settings, add_head):
    model = model_of(BertAdapterModel)
    add(model, name, settings)
    add_head(model)
    randomise([p for k, p in model.named_parameters() if k.startswith("heads.")], 0.3)
    model.set_active_adapters(name)
    return model


def classification(name, **settings):
    return lambda model: model.add_classification_head(
        name, num_labels=3, id2label=dict(enumerate(LABELS)), **settings
    )


# ids as texts, as JSON files from other hands have them
model = flexible("string_ids", LoRAConfig(r=2, alpha=6), classification("string_ids"))
folder = save(model, "string_ids")
edit(f"{folder}/head_config.json", lambda c: c["config"].update(label2id={"good": "2", "bad": "0", "fine": "1"}))
case("string_ids", model, "logits", labels=LABELS)

# only id2label, and no bias
head = dict(num_labels=3, layers=1, bias=False, id2label=dict(enumerate(LABELS)))
model = flexible(
    "other_map",
    SeqBnConfig(reduction_factor=4),
    lambda model: model.add_prediction_head(ClassificationHead(model, "other_map", **head)),
)
folder = save(model, "other_map")
edit(
    f"{folder}/head_config.json",
    lambda c: c["config"].update(label2id=None, id2label={str(i): label for i, label in enumerate(LABELS)}),
)
case("other_map", model, "logits", labels=LABELS)

for name, head in [
    ("mlm", lambda model: model.add_masked_lm_head("mlm")),
    ("answers", lambda model: model.add_qa_head("answers")),
    ("choice", lambda model: model.add_multiple_choice_head("choice", num_choices=2)),
    ("parsing", lambda model: model.add_dependency_parsing_head("parsing", num_labels=3)),
    ("generation", lambda model: model.add_causal_lm_head("generation")),
]:
    model = flexible(name, SeqBnConfig(reduction_factor=4), head)
    save(model, name, safe=name not in ("mlm", "generation"))
    case(name, model, "states", unused=True)

# ---- settings as other versions have them

# the name in place of the settings; the library reads it too
for name, text in [
    ("named", "pfeiffer[reduction_factor=4]"),
    ("named_houlsby", "houlsby[reduction_factor=8, non_linearity='gelu', leave_out=[1]]"),
    ("named_hash", "pfeiffer"),
    ("named_lora", "lora[r=3, alpha=6, attn_matrices=['q', 'k']]"),
]:
    model = flexible(name, text, classification(name, layers=1))
    folder = save(model, name)
    written = "9076f36a74755ac4" if name == "named_hash" else text
    edit(f"{folder}/adapter_config.json", lambda c, written=written: c.update(config=written))
    case(name, model, "logits", labels=LABELS)
    if name != "named_hash":
        again = model_of(BertAdapterModel)
        again.load_adapter(folder, use_safetensors=True, set_active=True)
        assert compute(again, "logits") == cases[-1]["logits"]

# adapter-transformers 1: keys by the adapter's type, an invertible adapter that has no tensors, another name of gelu
model = flexible("first_version", SeqBnConfig(reduction_factor=4, non_linearity="gelu"), classification("first_version"))
folder = save(model, "first_version")


def first_version(c):
    del c["version"]
    c.update(type="text_task")
    c["config"].update(non_linearity="gelu_orig", inv_adapter="nice", inv_adapter_reduction_factor=2)


edit(f"{folder}/adapter_config.json", first_version)
rename(f"{folder}/adapter.safetensors", lambda key: key.replace(".adapters.", ".layer_text_task_adapters."))
case("first_version", model, "logits", labels=LABELS)
again = model_of(BertAdapterModel)
again.load_adapter(folder, use_safetensors=True, set_active=True)
assert compute(again, "logits") == cases[-1]["logits"]

# one whose invertible adapter is used
model = flexible(
    "invertible",
    SeqBnInvConfig(reduction_factor=4, inv_adapter_reduction_factor=2),
    classification("invertible", use_pooler=True),
)
save(model, "invertible")
case("invertible", model, "logits", labels=LABELS)

# a union of one
model = flexible("single", ConfigUnion(LoRAConfig(r=2, alpha=2)), classification("single"))
save(model, "single")
case("single", model, "logits", labels=LABELS)

# ---- names that wrap the model

model = flexible("wrapped", SeqBnConfig(reduction_factor=4), classification("wrapped"))
folder = save(model, "wrapped")
rename(f"{folder}/adapter.safetensors", lambda key: key.replace("bert.", "0.auto_model."))
rename(f"{folder}/model_head.safetensors", lambda key: f"module.{key}")
case("wrapped", model, "logits", labels=LABELS)

model = model_of(BertModel)
add(model, "bare", LoRAConfig(r=2, alpha=6))
save(model, "bare")
case("bare", model, "states")

# ---- a fusion that says its adapters in its own name only, and one saved with all of a model's

model = model_of(BertAdapterModel)
for letter in "ab":
    add(model, f"part_{letter}", SeqBnConfig(reduction_factor=4))
    save(model, f"part_{letter}")
model.add_adapter_fusion(["part_a", "part_b"], "dynamic")
fused = "part_a,part_b"
randomise([p for key, p in model.named_parameters() if f"adapter_fusion_layer.{fused}." in key], 0.3)
model.set_active_adapters(adapters.composition.Fuse("part_a", "part_b"))
for name, change in [
    ("fusion_without_names", lambda c: c.pop("adapter_names")),
    ("fusion_named", lambda c: c.update(config="dynamic")),
]:
    model.save_adapter_fusion(f"{OUT}/{name}", fused, use_safetensors=True)
    edit(f"{OUT}/{name}/adapter_fusion_config.json", change)
    case(name, model, "states", fusion=["part_a", "part_b"])
model.save_adapter_setup(f"{OUT}/setup", adapters.composition.Fuse("part_a", "part_b"), use_safetensors=True)
cases.append({"name": "setup", "setup": True, "states": cases[-1]["states"]})

with open(f"{OUT}/expected.json", "w") as file:
    rows = ",\n".join(json.dumps(case) for case in cases)
    file.write(json.dumps({"ids": ids.tolist()})[:-1] + f', "cases": [\n{rows}\n]}}\n')
print(len(cases), "cases")

ready = {}
for name, config in ADAPTER_CONFIG_MAP.items():
    ready[name] = config.to_dict()
    if "configs" in ready[name]:
        ready[name] = {"architecture": "union", "configs": [part.to_dict() for part in config.configs]}
with open(os.path.join(os.path.dirname(OUT.rstrip("/")), "hub-configurations.json"), "w") as file:
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(config)}" for name, config in ready.items())
    file.write(f"{{\n{rows}\n}}\n")
