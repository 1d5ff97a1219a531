"""Makes tests/fixtures/models: tiny random BERTs in the forms that hubs have, each with what transformers (or
sentence-transformers) computes of a few texts.

    python tests/python/model_folders.py tests/fixtures/models

Needs torch, transformers, safetensors and sentence-transformers. Each folder has an expected.json:
  texts, pairs     what is read, `pairs` being [first, second]
  ids, type_ids    the tokens of each, by BertTokenizerFast
  states           the last hidden states of each, [tokens][hidden]
  vectors          sentence-transformers' encode of `texts`, where the folder is one of its own
"""

import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizerFast

OUT = sys.argv[1]
WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the a is was not film book song meal good bad red green one cat dog run ##s ##ning"
    " ##ed café cafe über uber naive straße strasse ##e , . ! ' 中 文 好 Good Bad Über Café the-end - i İ ﬁ ##lm ё е"
).split()
TEXTS = [
    "The film was good.",
    "a RUNNING dog runs!",
    "Café über naïve, cafe uber",
    "中文好 film 中",
    "zebra ﬁlm straße the-end",
    "it’s\tnot\u00a0a\u200b book \ufffd\x00 İi ё",
]
PAIRS = [["the cat", "was not red."], ["中文", "Good dogs"]]
SIZES = dict(
    vocab_size=len(WORDS) + 3, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
    max_position_embeddings=24, type_vocab_size=2,
)


def config(**more):
    return BertConfig(**{**SIZES, **more})


def spread(model):
    """Larger weights than a fresh model's, so that every part of it shows in the result."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.3 * noise)
    return model.eval()


def vocabulary(folder, **settings):
    with open(f"{folder}/vocab.txt", "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(WORDS) + "\n")
    if settings:
        with open(f"{folder}/tokenizer_config.json", "w") as file:
            json.dump({"tokenizer_class": "BertTokenizer", **settings}, file)


def write_config(folder, values):
    with open(f"{folder}/config.json", "w") as file:
        json.dump(values, file, indent=1)


def expected(folder, model, tokenizer, vectors=None):
    result = {"texts": TEXTS, "pairs": PAIRS, "ids": [], "type_ids": [], "states": []}
    for text in TEXTS + PAIRS:
        one = tokenizer(*text) if isinstance(text, list) else tokenizer(text)
        result["ids"].append(one["input_ids"])
        result["type_ids"].append(one["token_type_ids"])
        with torch.no_grad():
            states = model(
                input_ids=torch.tensor([one["input_ids"]]), token_type_ids=torch.tensor([one["token_type_ids"]])
            ).last_hidden_state[0]
        result["states"].append([[round(x, 6) for x in row] for row in states.tolist()])
    if vectors is not None:
        result["vectors"] = [[round(x, 6) for x in row] for row in vectors.tolist()]
    with open(f"{folder}/expected.json", "w") as file:
        json.dump(result, file, ensure_ascii=True, separators=(",", ":"))


def folder(name):
    path = f"{OUT}/{name}"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def plain(config_of):
    values = config_of.to_dict()
    keep = [*SIZES, "hidden_act", "layer_norm_eps", "model_type"]
    return {"architectures": ["BertModel"], **{key: values[key] for key in keep}}


def tensors(model, half=None):
    return {name: (t.to(half) if half else t).contiguous() for name, t in model.state_dict().items()}


def old_names(name):
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


# As the first BERT: gamma and beta, a model for masked words around the encoder, no model_type, no layer_norm_eps.
path = folder("legacy")
cased = config()
whole = spread(BertForMaskedLM(cased))
pooler = torch.nn.Linear(16, 16)
state = {old_names(name): t.clone() for name, t in whole.state_dict().items()}
state["bert.embeddings.position_ids"] = torch.arange(24)[None]
state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"] = pooler.weight.detach(), pooler.bias.detach()
save_file(state, f"{path}/model.safetensors", metadata={"format": "pt"})
write_config(path, {**SIZES, "architectures": ["BertForMaskedLM"], "hidden_act": "gelu"})
vocabulary(path)
expected(path, whole.bert, BertTokenizerFast(f"{path}/vocab.txt"))

# One of each nonlinearity, each in a form of its own. `gelu_new` is a .bin of a model with a head, and cased.
path = folder("gelu_new-bin")
this = config(hidden_act="gelu_new")
whole = spread(BertForMaskedLM(this))
state = whole.state_dict()
torch.save(state, f"{path}/pytorch_model.bin")
write_config(path, plain(this))
vocabulary(path, do_lower_case=False)
expected(path, whole.bert, BertTokenizerFast(f"{path}/vocab.txt", do_lower_case=False))

# Shards of safetensors, relu, accents kept, Chinese words whole, without a pooler.
path = folder("relu-shards")
this = config(hidden_act="relu", layer_norm_eps=1e-5)
model = spread(BertModel(this, add_pooling_layer=False))
state = tensors(model)
names = sorted(state)
cut = [names[0::2], names[1::2]]
weight_map = {}
for index, part in enumerate(cut):
    file = f"model-{index + 1:05}-of-00002.safetensors"
    save_file({name: state[name] for name in part}, f"{path}/{file}", metadata={"format": "pt"})
    weight_map |= {name: file for name in part}
with open(f"{path}/model.safetensors.index.json", "w") as file:
    json.dump({"metadata": {}, "weight_map": weight_map}, file)
write_config(path, plain(this))
vocabulary(path, strip_accents=False, tokenize_chinese_chars=False, do_lower_case=True)
expected(
    path, model, BertTokenizerFast(f"{path}/vocab.txt", strip_accents=False, tokenize_chinese_chars=False)
)

# Shards of .bin, silu, and tokens that were added: three rows more than vocab.txt has lines.
path = folder("silu-bin-shards")
this = config(hidden_act="silu")
model = spread(BertModel(this))
state = model.state_dict()
names = sorted(state)
weight_map = {}
for index, part in enumerate([names[:20], names[20:]]):
    file = f"pytorch_model-{index + 1:05}-of-00002.bin"
    torch.save({name: state[name].clone() for name in part}, f"{path}/{file}")
    weight_map |= {name: file for name in part}
with open(f"{path}/pytorch_model.bin.index.json", "w") as file:
    json.dump({"metadata": {}, "weight_map": weight_map}, file)
write_config(path, plain(this))
vocabulary(path, strip_accents=True, do_lower_case=False)
added = {"zebra": len(WORDS), "<tag>": len(WORDS) + 1}
with open(f"{path}/added_tokens.json", "w") as file:
    json.dump(added, file)
tokenizer = BertTokenizerFast(f"{path}/vocab.txt", strip_accents=True, do_lower_case=False)
tokenizer.add_tokens(list(added))
expected(path, model, tokenizer)

# bf16 and gelu_pytorch_tanh; f16.
for name, act, half in [("tanh-bf16", "gelu_pytorch_tanh", torch.bfloat16), ("gelu-f16", "gelu", torch.float16)]:
    path = folder(name)
    this = config(hidden_act=act)
    model = spread(BertModel(this))
    state = tensors(model, half)
    model.load_state_dict({key: value.float() for key, value in state.items()})
    save_file(state, f"{path}/model.safetensors", metadata={"format": "pt"})
    write_config(path, plain(this))
    vocabulary(path)
    expected(path, model, BertTokenizerFast(f"{path}/vocab.txt"))

# sentence-transformers: several ways of pooling, a limit, names below `0.auto_model.`.
from sentence_transformers import SentenceTransformer  # noqa: E402

CASES = {
    "st-cls-max-mean": (["cls", "max", "mean"], True, {"max_seq_length": 6, "do_lower_case": False}),
    "st-sqrt-plain": (["mean_sqrt_len_tokens"], False, {"max_seq_length": 8, "do_lower_case": True}),
    "st-weighted-last": (["weightedmean", "lasttoken"], True, {}),
}
FLAGS = {
    "cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken",
}
for name, (modes, normalize, settings) in CASES.items():
    path = folder(name)
    this = config()
    model = spread(BertModel(this))
    save_file(tensors(model), f"{path}/model.safetensors", metadata={"format": "pt"})
    write_config(path, plain(this))
    vocabulary(path, do_lower_case=not settings.get("do_lower_case", False), model_max_length=10)
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    if normalize:
        modules.append(("2", "2_Normalize", "Normalize"))
    with open(f"{path}/modules.json", "w") as file:
        json.dump(
            [
                {"idx": i, "name": n, "path": p, "type": f"sentence_transformers.models.{t}"}
                for i, (n, p, t) in enumerate(modules)
            ],
            file,
        )
    os.makedirs(f"{path}/1_Pooling")
    flags = {f"pooling_mode_{flag}": mode in modes for mode, flag in FLAGS.items()}
    with open(f"{path}/1_Pooling/config.json", "w") as file:
        json.dump({"word_embedding_dimension": 16, **flags}, file)
    if settings:
        with open(f"{path}/sentence_bert_config.json", "w") as file:
            json.dump(settings, file)
    if name == "st-sqrt-plain":
        with open(f"{path}/config_sentence_transformers.json", "w") as file:
            json.dump({"prompts": {"query": "the cat: ", "document": ""}, "default_prompt_name": "query"}, file)
    sentences = SentenceTransformer(path, device="cpu")
    vectors = sentences.encode(TEXTS, convert_to_tensor=True)
    tokenizer = BertTokenizerFast(f"{path}/vocab.txt", do_lower_case=not settings.get("do_lower_case", False))
    expected(path, model, tokenizer, vectors)
    shutil.rmtree(f"{path}/2_Normalize", ignore_errors=True)

# Vectors of the shipped backbone, of texts within and beyond its 256 tokens, from its folder as a second argument.
if len(sys.argv) > 2:
    model = SentenceTransformer(sys.argv[2], device="cpu")
    base = "The committee met on Tuesday to discuss the river, the budget and a very long list of unlikely things. "
    texts = ["The soup was lovely, and warm.", base * 10, base * 40, "中文 naïve Café " * 150, "x " * 255, "x " * 600]
    vectors = [[round(x, 5) for x in row] for row in model.encode(texts).tolist()]
    with open(f"{OUT}/../sentence-transformers-minilm.json", "w") as file:
        json.dump({"texts": texts, "vectors": vectors}, file, separators=(",", ":"))
