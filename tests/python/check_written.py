"""Load every folder that graftlet writes with the library that it is written for, and compare the logits.

    python tests/python/check_written.py --readers peft merged
    python tests/python/check_written.py --readers adapterhub       # where `adapters` is installed

Without --written it first has `cargo test` write the folders: every kind of adapter with every library that can say
it, heads for every problem, and merged models, all on a BERT of a few thousand random weights that needs no download.
A logit that is more than 1e-4 off is an error. The result goes into check_written.json beside this file: versions,
and per folder the largest difference and PyTorch's logits, which `cargo test --test written` compares with what the
crate computes from the same folders. Only the readers that are named are replaced in it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import BertForSequenceClassification, BertForTokenClassification, BertModel
from transformers.utils.logging import disable_progress_bar

TOLERANCE = 1e-4
HERE = Path(__file__).parent
RECORD = HERE / "check_written.json"


def write_folders(folder):
    """Have the Rust half write everything into a folder."""
    command = ["cargo", "test", "--quiet", "--test", "written", "write_everything", "--", "--ignored"]
    environment = os.environ | {"GRAFTLET_WRITE_TO": str(folder)}
    subprocess.run(command, cwd=HERE.parent.parent, env=environment, check=True)


def side_head(folder, model, output):
    """Logits of the head in graftlet_head.safetensors, which is read as graftlet.json says."""
    card = json.loads((folder / "graftlet.json").read_text())
    head = load_file(folder / "graftlet_head.safetensors")
    states = output.last_hidden_state
    pooled = {
        "mean": lambda: states.mean(1),
        "first": lambda: states[:, 0],
        "pooler": lambda: output.pooler_output,
    }[card["pooling"]]()
    return pooled @ head["out.weight"].T + head["out.bias"]


def with_peft(backbone, folder, case):
    """A model under PEFT and the function from its inputs to logits."""
    from peft import PeftModel

    config = json.loads((folder / "adapter_config.json").read_text())
    classes = {"SEQ_CLS": BertForSequenceClassification, "TOKEN_CLS": BertForTokenClassification}
    kind = classes.get(config["task_type"])
    if (case["head"] == "side") != (kind is None):
        raise ValueError(f"{case['name']}: task type {config['task_type']} with the head in the {case['head']} file")
    labels = {} if kind is None else {"num_labels": case["labels"]}
    model = PeftModel.from_pretrained((kind or BertModel).from_pretrained(backbone, **labels), str(folder))
    model.eval()
    if kind is None:
        return lambda inputs: side_head(folder, model, model(**inputs))
    return lambda inputs: model(**inputs).logits


def with_adapterhub(backbone, folder, case):
    """The same under AdapterHub."""
    from adapters import BertAdapterModel

    model = BertAdapterModel.from_pretrained(backbone)
    model.load_adapter(str(folder), set_active=True, use_safetensors=True)
    model.eval()
    if case["head"] == "side":
        return lambda inputs: side_head(folder, model, model(**inputs))
    return lambda inputs: model(**inputs).logits


def merged(_, folder, case):
    """A plain model, and the head beside it."""
    model = BertModel.from_pretrained(folder)
    model.eval()
    return lambda inputs: side_head(folder, model, model(**inputs))


READERS = {"peft": with_peft, "adapterhub": with_adapterhub, "merged": merged}
PACKAGES = {"peft": ["peft"], "adapterhub": ["adapters"], "merged": []}


def check(reader, root, everything):
    """Every folder of a reader: name to difference and logits."""
    cases = {}
    for case in everything["cases"]:
        if case["reader"] != reader:
            continue
        logits_of = READERS[reader](root / "backbone", root / case["folder"], case)
        found, difference = [], 0.0
        for sequence, expected in zip(everything["sequences"], case["logits"], strict=True):
            ids, types = (torch.tensor([sequence[field]]) for field in ("ids", "type_ids"))
            inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": torch.ones_like(ids)}
            with torch.no_grad():
                logits = logits_of(inputs).flatten().tolist()
            difference = max([difference] + [abs(a - b) for a, b in zip(logits, expected, strict=True)])
            found.append([round(x, 6) for x in logits])
        print(f"{reader}: {case['name']}: {difference:.1e}", flush=True)
        cases[case["name"]] = {"difference": float(f"{difference:.1e}"), "logits": found}
    return cases


def in_lines(value, depth=3):
    """JSON with the objects down to a depth on lines of their own."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value)
    fields = [f"{json.dumps(name)}: {in_lines(value[name], depth - 1)}" for name in sorted(value)]
    return "{\n" + ",\n".join(fields) + "\n}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--written", type=Path, help="folders that were written before")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.written or Path(temporary)
        if arguments.written is None:
            write_folders(root)
        everything = json.loads((root / "cases.json").read_text())
        record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
        for reader in arguments.readers:
            packages = ["torch", "transformers", "safetensors", *PACKAGES[reader]]
            versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
            cases = check(reader, root, everything)
            worst = max(case["difference"] for case in cases.values())
            record[reader] = {"versions": versions, "worst": worst, "cases": cases}
            print(f"{reader}: {len(cases)} folders, at most {worst:.1e} off")
    RECORD.write_text(in_lines(record) + "\n")
    all_cases = [case for reader in record.values() for case in reader["cases"].items()]
    too_far = [name for name, case in all_cases if case["difference"] > TOLERANCE]
    if too_far:
        sys.exit(f"more than {TOLERANCE} off: {', '.join(too_far)}")


if __name__ == "__main__":
    main()
