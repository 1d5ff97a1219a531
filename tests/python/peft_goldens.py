"""Adapters that PEFT saves for a random BERT of a few thousand weights with a pooler, and what PEFT computes with them.

    python tests/python/peft_goldens.py make tests/fixtures/goldens/peft-tiny
    python tests/python/peft_goldens.py check tests/fixtures/goldens/peft-tiny

`make` writes the backbone, and per case a folder as PEFT saves it. `expected.json` has for each case what the model
gives for some token sequences: logits, or what the pooler gives where the model has no head. `check` has `cargo test`
write every one of these adapters again, loads them with PEFT, and records the largest differences in
peft_goldens.json beside this file, which `cargo test --test peft_goldens` looks at.
Made with peft 0.21.2 and transformers 4.57, whose BERT still takes the keys and values of a prefix.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

TOLERANCE = 1e-4
HERE = Path(__file__).parent
RECORD = HERE / "peft_goldens.json"
IDS = [[2, 17, 9, 33, 3], [2, 5, 38, 21, 11, 30, 3]]
CONFIG = BertConfig(
    vocab_size=40,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=32,
    max_position_embeddings=24,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
CLASSES = {
    "text": BertForSequenceClassification,
    "token": BertForTokenClassification,
    "question": BertForQuestionAnswering,
    "bare": BertModel,
}


def noise(parameter, deviation=0.25, mean=0.0):
    """Random numbers of 16 bits, none of them zero."""
    parameter.data = (torch.randn(parameter.shape) * deviation + mean).half().float()


def lora(task=None, **settings):
    settings = {"r": 2, "lora_alpha": 3, "target_modules": "all-linear"} | settings
    return LoraConfig(task_type=task, lora_dropout=0.0, **settings)


# name: the model's class, and PEFT's settings
CASES = {
    "all_linear_bare": ("bare", lambda: lora("FEATURE_EXTRACTION")),
    "all_linear_text": ("text", lambda: lora("SEQ_CLS")),
    "all_linear_token": ("token", lambda: lora("TOKEN_CLS", exclude_modules=["classifier"])),
    "all_linear_dora": ("text", lambda: lora("SEQ_CLS", use_dora=True)),
    "all_linear_biases": ("text", lambda: lora("SEQ_CLS", bias="all")),
    "all_linear_biases_bare": ("bare", lambda: lora("FEATURE_EXTRACTION", bias="all")),
    "dense": (
        "text",
        lambda: lora(
            "SEQ_CLS",
            target_modules=["dense"],
            use_rslora=True,
            rank_pattern={"pooler.dense": 3},
            alpha_pattern={r"bert\.pooler\.dense": 5, "output.dense": 2},
        ),
    ),
    "dense_bare": ("bare", lambda: lora(target_modules=["dense"], bias="lora_only")),
    "regex": ("text", lambda: lora("SEQ_CLS", target_modules=r"bert\.(pooler\.dense|.*layer\.1\..*query)")),
    "pooler_alone": ("text", lambda: lora("SEQ_CLS", target_modules=["pooler.dense"])),
    "pooler_excluded": ("text", lambda: lora("SEQ_CLS", target_modules=["dense"], exclude_modules=["pooler.dense"])),
    "layers_chosen": ("text", lambda: lora("SEQ_CLS", target_modules=["dense", "key"], layers_to_transform=[1])),
    "pooler_saved": (
        "text",
        lambda: lora("SEQ_CLS", target_modules=["query", "value"], modules_to_save=["classifier", "pooler"]),
    ),
    "pooler_saved_bare": ("bare", lambda: lora(target_modules=["query"], modules_to_save=["pooler"])),
    "pooler_saved_biases": (
        "text",
        lambda: lora("SEQ_CLS", target_modules=["query"], modules_to_save=["pooler"], bias="all"),
    ),
    "layers_saved": (
        "text",
        lambda: lora(
            "SEQ_CLS",
            target_modules=["query", "dense"],
            modules_to_save=["pooler.dense", "encoder.layer.1.intermediate"],
        ),
    ),
    "ia3": (
        "text",
        lambda: IA3Config(
            task_type="SEQ_CLS", target_modules=["key", "dense", "output.dense"], feedforward_modules=["output.dense"]
        ),
    ),
    "ia3_before_pooler": (
        "text",
        lambda: IA3Config(
            task_type="SEQ_CLS", target_modules=["value", "pooler.dense"], feedforward_modules=["pooler.dense"]
        ),
    ),
    "ia3_pooler_saved": (
        "text",
        lambda: IA3Config(
            task_type="SEQ_CLS", target_modules=["key"], feedforward_modules=[], modules_to_save=["pooler"]
        ),
    ),
    "p_tuning_mlp": (
        "text",
        lambda: PromptEncoderConfig(task_type="SEQ_CLS", num_virtual_tokens=3, encoder_hidden_size=8),
    ),
    "p_tuning_lstm": (
        "text",
        lambda: PromptEncoderConfig(
            task_type="SEQ_CLS",
            num_virtual_tokens=4,
            encoder_hidden_size=8,
            encoder_reparameterization_type="LSTM",
        ),
    ),
    "p_tuning_bare": (
        "bare",
        lambda: PromptEncoderConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=3, encoder_hidden_size=8),
    ),
    "prompt_pooler_saved": (
        "text",
        lambda: PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3, modules_to_save=["pooler"]),
    ),
    "prefix_projected": (
        "text",
        lambda: PrefixTuningConfig(
            task_type="SEQ_CLS", num_virtual_tokens=3, encoder_hidden_size=8, prefix_projection=True
        ),
    ),
    "fan_in_fan_out": ("text", lambda: lora("SEQ_CLS", fan_in_fan_out=True)),
    "no_task_type": ("text", lambda: lora(target_modules=["query", "pooler.dense"], modules_to_save=["classifier"])),
    "no_task_type_token": ("token", lambda: lora(modules_to_save=["classifier"])),
    "question_answering": ("question", lambda: lora("QUESTION_ANS", target_modules=["query", "dense"])),
    "sentence_transformer": ("sentence", lambda: lora()),
    "sentence_transformer_regex": (
        "sentence",
        lambda: lora(target_modules=r"0\.[a-z_]+\.(pooler\.dense|encoder\.layer\.0\..*value)"),
    ),
}
# saved as a torch zip, which older versions do
AS_BIN = {"dense_bare", "p_tuning_lstm"}


def model_of(kind, backbone):
    if kind == "sentence":
        # what SentenceTransformer is, without a tokenizer: a sequence whose first module holds the encoder
        encoder = torch.nn.Module()
        encoder.auto_model = BertModel.from_pretrained(backbone, attn_implementation="eager")
        return torch.nn.Sequential(encoder)
    labels = {"num_labels": 3} if kind in ("text", "token") else {}
    return CLASSES[kind].from_pretrained(backbone, attn_implementation="eager", **labels)


def answer(kind, model):
    """What the model gives for each sequence, in one list of numbers."""
    model.eval()
    found = []
    for ids in IDS:
        ids = torch.tensor([ids])
        inputs = {"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "attention_mask": torch.ones_like(ids)}
        with torch.no_grad():
            if kind == "sentence":
                output = model.base_model.model[0].auto_model(**inputs)
            elif kind == "question":
                output = model.base_model.model.bert(**inputs)
                output = output.last_hidden_state
            else:
                output = model(**inputs)
        if kind in ("text", "token"):
            output = output.logits
        elif kind != "question":
            output = output.pooler_output
        found.append([float(f"{x:.8g}") for x in output.flatten().tolist()])
    return found


def make(out):
    shutil.rmtree(out, ignore_errors=True)
    torch.manual_seed(3)
    bare = BertModel(CONFIG)
    for name, parameter in bare.named_parameters():
        noise(parameter, mean=1.0 if "LayerNorm.weight" in name else 0.0)
    with tempfile.TemporaryDirectory() as temporary:
        bare.save_pretrained(temporary)
        out.mkdir(parents=True)
        tensors = {name: tensor.half() for name, tensor in load_file(f"{temporary}/model.safetensors").items()}
        save_file(tensors, out / "model.safetensors", {"format": "pt"})
        config = json.loads(Path(f"{temporary}/config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | {"_name_or_path": "tiny"}, indent=1) + "\n")
    expected = {}
    for name, (kind, config) in CASES.items():
        model = get_peft_model(model_of(kind, out), config())
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                noise(parameter, mean=1.0 if "ia3_l" in key or "magnitude" in key else 0.0)
        model.eval()
        folder = out / name
        model.save_pretrained(str(folder), safe_serialization=name not in AS_BIN)
        for extra in ("README.md",):
            (folder / extra).unlink(missing_ok=True)
        if name == "fan_in_fan_out":
            # PEFT has set it back by now; older files say what the user asked for
            path = folder / "adapter_config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"fan_in_fan_out": True}, indent=2))
        read = PeftModel.from_pretrained(model_of(kind, out), str(folder))
        first, again = answer(kind, model), answer(kind, read)
        difference = max(abs(a - b) for x, y in zip(first, again) for a, b in zip(x, y))
        print(f"{name}: {difference:.1e}")
        if difference > 1e-6 and not name.startswith("question"):
            sys.exit(f"{name}: PEFT does not read what it has saved")
        values = again
        expected[name] = {"kind": kind, "values": values}
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in expected.items()]
    cases = ",\n".join(lines)
    (out / "expected.json").write_text(f'{{"ids": {json.dumps(IDS)}, "cases": {{\n{cases}\n}}}}\n')


def check(out):
    expected = json.loads((out / "expected.json").read_text())["cases"]
    record = {"versions": {name: version(name) for name in ("peft", "torch", "transformers")}, "differences": {}}
    with tempfile.TemporaryDirectory() as temporary:
        command = ["cargo", "test", "--release", "--quiet", "--test", "peft_goldens", "write_again", "--", "--ignored"]
        environment = os.environ | {"GRAFTLET_WRITE_TO": temporary}
        subprocess.run(command, cwd=HERE.parent.parent, env=environment, check=True)
        for name, case in expected.items():
            # what was saved below another model is written for the encoder itself
            kind = {"sentence": "bare", "question": "bare"}.get(case["kind"], case["kind"])
            model = PeftModel.from_pretrained(model_of(kind, out), f"{temporary}/{name}")
            if case["kind"] == "question":
                found = [states(model, ids) for ids in IDS]
            else:
                found = answer(kind, model)
            difference = max(abs(a - b) for x, y in zip(found, case["values"], strict=True) for a, b in zip(x, y, strict=True))
            print(f"{name}: {difference:.1e}")
            record["differences"][name] = float(f"{difference:.1e}")
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    far = [name for name, difference in record["differences"].items() if difference > TOLERANCE]
    if far:
        sys.exit(f"more than {TOLERANCE} off: {', '.join(far)}")


def states(model, ids):
    ids = torch.tensor([ids])
    model.eval()
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.flatten().tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    disable_progress_bar()
    set_verbosity_error()
    {"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2]))
