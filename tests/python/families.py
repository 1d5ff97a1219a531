"""Writes tests/fixtures/families: tiny random models of every text family, their tokenizers, their hidden states, and
adapters that PEFT and AdapterHub save for them, with the logits that the libraries compute.

    python tests/python/families.py models ../shared/data/language/train.csv xlm-roberta/tokenizer.json
    python tests/python/families.py peft            # transformers 5
    python tests/python/families.py names           # transformers 5
    python tests/python/families.py prefix          # peft 0.21.2 with transformers 4.57
    python tests/python/families.py hub             # adapters 1.3.0 with transformers 4.57
    python tests/python/families.py read            # either: loads all models and tokenizers again

A family's name after the command does that family alone. `models` takes a CSV file with a column `text`, on which the
small vocabularies are trained, and the tokenizer.json of XLM-RoBERTa. Everything is seeded; the libraries compute in
f64, and `f32_difference` says how far their f32 is from that. Adapters, heads and models are random and of 16 bits.
"""

import json
import os
import sys
from pathlib import Path

if os.environ.get("PYTHONHASHSEED") != "0":
    # PEFT writes sets of names as lists
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})
os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

import families_models as tiny
import families_tokenizers as tok

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "families"


def write(path, content):
    """JSON with one line per case or text."""
    lines = []
    for key, value in content.items():
        if isinstance(value, dict) and value and key in ("cases", "refused"):
            rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
            lines.append(f' "{key}": {{\n{rows}\n }}')
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            lines.append(f' "{key}": [\n{rows}\n ]')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def texts_of(family, key="ids"):
    rows = json.loads(Path(family.name, "goldens.json").read_text())["texts"]
    return [(row[key], [0] * len(row[key]) if "types" not in row else row["types"][: len(row[key])]) for row in rows]


def short_texts_of(family):
    rows = json.loads(Path(family.name, "goldens.json").read_text())["texts"]
    key = f"ids_before_{tok.PROMPT}"
    found = []
    for row in rows:
        short = row.get(key, row["ids"])
        found.append((short, row.get(f"types_before_{tok.PROMPT}", row.get("types", [0] * len(short)))))
    return found


def models(families, csv, xlm_roberta):
    sentences = tok.sentences(csv)
    original = json.loads(Path(xlm_roberta).read_text())
    for family in families:
        folder = Path(family.name)
        folder.mkdir(parents=True, exist_ok=True)
        unigram = family.tokenizer in (tok.xlm_roberta, tok.camembert)
        tokenizer = family.tokenizer(sentences, original) if unigram else family.tokenizer(sentences)
        settings = special_names(tokenizer) | family.tokenizer_settings
        tok.save(tokenizer, folder, family.tokenizer_class, **settings)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tiny.make_model(family, folder, tokenizer)
        goldens(family, folder, tokenizer)


def special_names(tokenizer):
    """The roles of the special tokens, as tokenizer_config.json names them."""
    names = dict(tokenizer["model"]["vocab"]) if isinstance(tokenizer, dict) else tokenizer.get_vocab()
    roles = {
        "cls_token": ("[CLS]", "<s>"),
        "sep_token": ("[SEP]", "</s>"),
        "pad_token": ("[PAD]", "<pad>"),
        "unk_token": ("[UNK]", "<unk>"),
        "mask_token": ("[MASK]", "<mask>"),
    }
    found = {role: next(name for name in words if name in names) for role, words in roles.items()}
    if "<s>" in names:
        found |= {"bos_token": "<s>", "eos_token": "</s>"}
    return found


def goldens(family, folder, tokenizer):
    """Ids, and the hidden states of every text; the states after each layer of one of them."""
    key = f"before_{tok.PROMPT}"
    rows = []
    asked = [{"text": text} for text in tok.TEXTS] + [{"text": text, "pair": pair} for text, pair in tok.PAIRS]
    shorter = tok.encode(tokenizer, tok.LIMIT - tok.PROMPT)
    for row, (ids, types, tokens), (short, short_types, _) in zip(asked, tok.encode(tokenizer), shorter, strict=True):
        row = row | {"tokens": tokens, "ids": ids} | ({"types": types} if family.types else {})
        if short != ids:
            row |= {f"ids_{key}": short} | ({f"types_{key}": short_types} if family.types else {})
        rows.append(row)
    model = tiny.load(family, "Model")
    given = [tiny.inputs(family, row["ids"], row.get("types")) for row in rows]

    def read(model, which=range(len(rows))):
        with torch.no_grad():
            return [model(**given[index]).last_hidden_state[0] for index in which]

    tiny.seed(family.name, "visible")
    tiny.check_visible(family, model, lambda model: read(model, (3, 9)))
    single = read(model)
    model.double()
    states = read(model)
    difference = max((a - b).abs().max().item() for a, b in zip(single, states))
    assert difference < 1e-5, f"{family.name}: f32 is {difference} off"
    tensors = {f"text.{index}": state for index, state in enumerate(states)}
    tensors |= tiny.layer_states(model, given[3])
    with torch.no_grad():
        pooled = [getattr(model(**one), "pooler_output", None) for one in given]
    published = family.name in ("bert", "xlm-roberta", "mpnet")  # whose checkpoints have a pooler
    if published:
        tensors["pooled"] = torch.cat(pooled)
    save_file({name: value.float().contiguous() for name, value in tensors.items()}, folder / "states.safetensors")
    content = {
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
        "layers_of": 3,
        "f32_difference": float(f"{difference:.1e}"),
        "limit": tok.LIMIT,
        "texts": rows,
    }
    write(folder / "goldens.json", content)
    print(f"{family.name}: {tokenizer.get_vocab_size()} tokens, f32 {difference:.0e}", flush=True)


def peft(families):
    import families_peft

    for family in families:
        record, tensors = families_peft.make(family, "peft", texts_of(family), short_texts_of(family))
        write(Path(family.name) / "peft.json", record)
        save_file(tensors, Path(family.name) / "peft.safetensors")


def prefix(families):
    import families_peft

    for family in families:
        if family.part:
            continue
        cases = families_peft.prefix_cases
        record, tensors = families_peft.make(family, "prefix", texts_of(family), short_texts_of(family), cases)
        write(Path(family.name) / "prefix.json", record)
        if tensors:
            save_file(tensors, Path(family.name) / "prefix.safetensors")


def hub(families):
    import families_hub

    for family in families:
        write(Path(family.name) / "hub.json", families_hub.make(family, texts_of(family), short_texts_of(family)))


def names(_):
    import families_names

    families_names.make(OUT / "names.json")


def read(families):
    """Loads every checkpoint and tokenizer as a user would, and compares states and ids with the goldens."""
    from safetensors.torch import load_file

    for family in families:
        rows = json.loads(Path(family.name, "goldens.json").read_text())["texts"]
        states = load_file(Path(family.name, "states.safetensors"))
        model = transformers.AutoModel.from_pretrained(family.name).eval()
        plain = Tokenizer.from_file(f"{family.name}/tokenizer.json")
        auto = transformers.AutoTokenizer.from_pretrained(family.name)
        worst, other = 0.0, []
        for index, row in enumerate(rows):
            given = tiny.inputs(family, row["ids"], row.get("types"))
            with torch.no_grad():
                worst = max(worst, (model(**given).last_hidden_state[0] - states[f"text.{index}"]).abs().max().item())
            pair = [row["pair"]] if "pair" in row else []
            plain.enable_truncation(tok.LIMIT)
            assert plain.encode(row["text"], *pair).ids == row["ids"]
            found = auto(row["text"], *pair, truncation=True)
            if found["input_ids"] != row["ids"] or (family.types and found["token_type_ids"] != row["types"]):
                other.append(index)
        print(f"{family.name}: states within {worst:.1e}, AutoTokenizer {'differs in ' + str(other) if other else 'agrees'}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    disable_progress_bar()
    set_verbosity_error()
    command, *rest = sys.argv[1:]
    files = [os.path.abspath(path) for path in rest[:2]] if command == "models" else []
    chosen = rest[len(files) :]
    OUT.mkdir(parents=True, exist_ok=True)
    os.chdir(OUT)  # so that the models' names, which PEFT writes into its files, are no paths
    {f.__name__: f for f in (models, peft, prefix, hub, names, read)}[command](
        [family for family in tiny.FAMILIES if not chosen or family.name in chosen], *files
    )
