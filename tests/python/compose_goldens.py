"""Writes tests/fixtures/goldens/compose-tiny: adapters of AdapterHub on a random BERT of a few thousand weights, and the
last hidden states that the library computes for compositions of them.

    python tests/python/compose_goldens.py tests/fixtures/goldens/compose-tiny

Made with adapters 1.3.0, transformers 4.57 and torch 2.9. Parameters are rounded to 16 bits and everything is
computed in f64, so that the states are exact to f32.
"""

import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import BertConfig

import adapters.composition as ac
from adapters import (
    BertAdapterModel,
    DoubleSeqBnConfig,
    IA3Config,
    LoRAConfig,
    ParBnConfig,
    PrefixTuningConfig,
    SeqBnConfig,
)
from adapters.configuration import DynamicAdapterFusionConfig, StaticAdapterFusionConfig

OUT = sys.argv[1]
ROWS, TOKENS = 4, 6

torch.manual_seed(11)
config = BertConfig(
    vocab_size=40,
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=32,
    max_position_embeddings=24,
    hidden_act="gelu",
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
model = BertAdapterModel(config)
model.eval()


def randomise(parameters, deviation, mean=0.0):
    for parameter in parameters:
        noise = (torch.randn(parameter.shape) * deviation + mean).half().float()
        parameter.data = noise


for name, parameter in model.named_parameters():
    is_norm = "LayerNorm.weight" in name
    randomise([parameter], 0.2 if is_norm else 0.25, 1.0 if is_norm else 0.0)

KINDS = {
    "pfeiffer": lambda: SeqBnConfig(reduction_factor=4),
    "post_add": lambda: SeqBnConfig(reduction_factor=4, residual_before_ln="post_add"),
    "houlsby": lambda: DoubleSeqBnConfig(reduction_factor=4),
    "parallel": lambda: ParBnConfig(reduction_factor=4),
    "top": lambda: SeqBnConfig(reduction_factor=4, leave_out=[0, 1]),
    "lora": lambda: LoRAConfig(r=2, alpha=6, attn_matrices=["q", "v"]),
    "ia3": lambda: IA3Config(),
    "prefix": lambda: PrefixTuningConfig(flat=True, prefix_length=2),
}
for kind, make in KINDS.items():
    for letter in "abc":
        name = f"{kind}_{letter}"
        model.add_adapter(name, config=make())
        own = [p for key, p in model.named_parameters() if f".{name}." in key]
        assert own, name
        randomise(own, 0.3, 1.0 if kind == "ia3" else 0.0)

FUSIONS = {
    "dynamic": (["pfeiffer_a", "pfeiffer_b", "pfeiffer_c"], DynamicAdapterFusionConfig()),
    "static": (["houlsby_a", "houlsby_b"], StaticAdapterFusionConfig()),
    "other": (
        ["pfeiffer_b", "pfeiffer_c"],
        DynamicAdapterFusionConfig(query_before_ln=True, residual_before=True, value_before_softmax=False),
    ),
}
for name, (members, fusion) in FUSIONS.items():
    model.add_adapter_fusion(members, fusion, name=name)
    own = [p for key, p in model.named_parameters() if f"adapter_fusion_layer.{name}." in key]
    assert own, name
    randomise(own, 0.3)

shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)
json.dump(
    {
        "model_type": "bert",
        "_name_or_path": "tiny",
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "intermediate_size": config.intermediate_size,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_position_embeddings,
        "type_vocab_size": config.type_vocab_size,
        "layer_norm_eps": config.layer_norm_eps,
        "hidden_act": config.hidden_act,
    },
    open(f"{OUT}/config.json", "w"),
    indent=1,
)
skip = ("adapter", "lora", "prefix", "prompt", "pooler", "position_ids", "token_type_ids")
backbone = {
    key: value.contiguous()
    for key, value in model.bert.state_dict().items()
    if not any(part in key for part in skip)
}
save_file(backbone, f"{OUT}/model.safetensors")

CASES = [
    # ours, the library's; by kind of block
    ({"stack": ["pfeiffer_a", "pfeiffer_b"]}, ac.Stack("pfeiffer_a", "pfeiffer_b")),
    ({"stack": ["houlsby_b", "houlsby_a", "houlsby_c"]}, ac.Stack("houlsby_b", "houlsby_a", "houlsby_c")),
    ({"stack": ["post_add_a", "houlsby_a"]}, ac.Stack("post_add_a", "houlsby_a")),
    ({"stack": ["pfeiffer_a", "top_b"]}, ac.Stack("pfeiffer_a", "top_b")),
    ({"stack": ["lora_a", "lora_b"]}, ac.Stack("lora_a", "lora_b")),
    ({"stack": ["ia3_a", "ia3_b"]}, ac.Stack("ia3_a", "ia3_b")),
    ({"stack": ["prefix_a", "prefix_b"]}, ac.Stack("prefix_a", "prefix_b")),
    ({"stack": ["lora_a", "pfeiffer_b", "prefix_c"]}, ac.Stack("lora_a", "pfeiffer_b", "prefix_c")),
]


# The library's Average multiplies by the weights and then takes the mean, which divides by their number a second time;
# weights that are as many times larger undo it.
def average(children, weights):
    weights = [weight * len(children) for weight in weights]
    return ac.Average(*children, weights=weights, normalize_weights=False)


def weighted(children, weights):
    return {"average": [{"adapter": a, "weight": w} for a, w in zip(children, weights)]}


for kind in ["pfeiffer", "houlsby", "parallel", "lora", "ia3"]:
    names, weights = [f"{kind}_{letter}" for letter in "abc"], [0.5, 0.75, -0.25]
    CASES.append((weighted(names, weights), average(names, weights)))
CASES.append(
    (
        {"stack": [weighted(["pfeiffer_a", "pfeiffer_b"], [0.25, 0.75]), "pfeiffer_c"]},
        ac.Stack(average(["pfeiffer_a", "pfeiffer_b"], [0.25, 0.75]), "pfeiffer_c"),
    )
)
CASES.append(
    (
        weighted([{"stack": ["lora_a", "lora_b"]}, "lora_c"], [0.25, 0.75]),
        average([ac.Stack("lora_a", "lora_b"), "lora_c"], [0.25, 0.75]),
    )
)
CASES.append(
    (
        weighted([{"stack": ["pfeiffer_a", "pfeiffer_b"]}, "pfeiffer_c"], [0.25, 0.75]),
        average([ac.Stack("pfeiffer_a", "pfeiffer_b"), "pfeiffer_c"], [0.25, 0.75]),
    )
)
for kind in ["pfeiffer", "houlsby", "lora", "ia3", "prefix", "parallel"]:
    a, b, c = (f"{kind}_{letter}" for letter in "abc")
    CASES.append(
        (
            {"split": [{"adapter": a, "rows": 1}, {"adapter": b, "rows": 2}, c]},
            ac.BatchSplit(a, b, c, batch_sizes=[1, 2, 1]),
        )
    )
    CASES.append(({"parallel": [a, b, c]}, ac.Parallel(a, b, c)))
CASES.append(
    (
        {"split": [{"adapter": {"stack": ["lora_a", "lora_b"]}, "rows": 2}, {"adapter": "lora_c", "rows": 2}]},
        ac.BatchSplit(ac.Stack("lora_a", "lora_b"), "lora_c", batch_sizes=[2, 2]),
    )
)
CASES.append(
    (
        {"stack": ["pfeiffer_a", {"parallel": ["pfeiffer_b", "pfeiffer_c"]}]},
        ac.Stack("pfeiffer_a", ac.Parallel("pfeiffer_b", "pfeiffer_c")),
    )
)
for name, (members, _) in FUSIONS.items():
    CASES.append(({"fuse": members, "fusion": name}, ac.Fuse(*members, name=name)))
CASES.append(
    (
        {"stack": ["lora_a", {"fuse": FUSIONS["dynamic"][0], "fusion": "dynamic"}]},
        ac.Stack("lora_a", ac.Fuse(*FUSIONS["dynamic"][0], name="dynamic")),
    )
)

used = set()
for _, setup in CASES:
    used |= setup.flatten()
for name in sorted(used):
    # the library does not write tensors that it holds twice, a prefix's, as safetensors
    model.save_adapter(f"{OUT}/{name}", name, with_head=False, use_safetensors=not name.startswith("prefix"))
for name in FUSIONS:
    # one as .bin, the library's default
    model.save_adapter_fusion(f"{OUT}/{name}", name, use_safetensors=name != "static")

merged = []
for strategy, kind, rank in [("linear", "pfeiffer", None), ("linear", "lora", None), ("lora_delta_w_svd", "lora", 2)]:
    names, weights = [f"{kind}_{letter}" for letter in "abc"], [0.5, 0.75, -0.25]
    name = f"merged_{strategy}_{kind}"
    kwargs = {} if rank is None else {"svd_rank": rank}
    model.average_adapter(name, names, weights, strategy, normalize_weights=False, **kwargs)
    ours = weighted(names, weights) | ({"rank": rank} if rank else {})
    merged.append((ours, name))

model = model.double()
torch.manual_seed(5)
ids = torch.randint(5, config.vocab_size, (ROWS, TOKENS))
cases = []


def states(setup):
    model.set_active_adapters(setup)
    with torch.no_grad():
        return model.bert(ids, attention_mask=torch.ones_like(ids)).last_hidden_state


for ours, theirs in CASES:
    try:
        found = states(theirs)
    except Exception as error:  # the library does not compose all that it lists
        print("left out:", json.dumps(ours), type(error).__name__, error)
        continue
    numbers = [float(f"{x:.9g}") for x in found.flatten().tolist()]
    cases.append({"composition": ours, "states": numbers})
for ours, name in merged:
    numbers = [float(f"{x:.9g}") for x in states(name).flatten().tolist()]
    cases.append({"merged": ours, "states": numbers})
with open(f"{OUT}/expected.json", "w") as file:
    rows = ",\n".join(json.dumps(case) for case in cases)
    file.write(json.dumps({"ids": ids.tolist()})[:-1] + f', "cases": [\n{rows}\n]}}\n')
print(len(cases), "cases")
