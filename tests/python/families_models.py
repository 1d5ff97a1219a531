"""The tiny models: one table of families, their random weights, and what the models compute with them."""

import json
import zlib
from dataclasses import dataclass, field

import torch
import transformers

import families_tokenizers as tok

BERT_LIKE = {"num_attention_heads": 4, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
LABELS = ["bad", "fine", "good"]


@dataclass
class Family:
    """What the table says of one family; `saved` is the class that the checkpoint is saved from."""

    name: str
    classes: str
    saved: str
    sizes: dict
    tokenizer: object
    tokenizer_class: str
    tokenizer_settings: dict = field(default_factory=dict)
    query_value: tuple = ("query", "value")
    ia3: tuple = (("key", "value", "output.dense"), ("output.dense",))
    types: bool = False
    part: bool = False  # a second shape of a family: fewer adapters

    def model_class(self, task):
        return getattr(transformers, self.classes + task)

    @property
    def embedding_size(self):
        return self.sizes.get("embedding_size") or self.sizes.get("hidden_size") or self.sizes["dim"]


def bert_sizes(**more):
    return BERT_LIKE | {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64, "max_position_embeddings": 64} | more


ROBERTA = {"max_position_embeddings": 66, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
MODERN = {"num_attention_heads": 4, "hidden_size": 32, "max_position_embeddings": 64, "local_attention": 8}
UNCASED = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}

FAMILIES = [
    Family("bert", "Bert", "ForPreTraining", bert_sizes(), tok.wordpiece, "BertTokenizer", UNCASED, types=True),
    Family(
        "roberta",
        "Roberta",
        "ForMaskedLM",
        bert_sizes(hidden_size=48, intermediate_size=96, **ROBERTA),
        tok.roberta,
        "RobertaTokenizer",
        {"add_prefix_space": False, "trim_offsets": True},
    ),
    Family("xlm-roberta", "XLMRoberta", "Model", bert_sizes(num_hidden_layers=3, **ROBERTA), tok.xlm_roberta, "XLMRobertaTokenizer"),
    Family("camembert", "Camembert", "ForMaskedLM", bert_sizes(**ROBERTA), tok.camembert, "CamembertTokenizer"),
    Family(
        "distilbert",
        "DistilBert",
        "ForMaskedLM",
        {"dim": 32, "n_heads": 4, "n_layers": 2, "hidden_dim": 64, "max_position_embeddings": 64},
        lambda texts: tok.wordpiece(texts, lower=False),
        "DistilBertTokenizer",
        UNCASED | {"do_lower_case": False},
        ("q_lin", "v_lin"),
        (("k_lin", "v_lin", "lin2"), ("lin2",)),
    ),
    Family("electra", "Electra", "ForPreTraining", bert_sizes(embedding_size=24), tok.wordpiece, "ElectraTokenizer", UNCASED, types=True),
    Family(
        "electra-same",
        "Electra",
        "Model",
        bert_sizes(embedding_size=32, num_attention_heads=2, hidden_act="relu"),
        tok.wordpiece,
        "ElectraTokenizer",
        UNCASED,
        types=True,
        part=True,
    ),
    Family(
        "mpnet",
        "MPNet",
        "Model",
        bert_sizes(num_hidden_layers=3, hidden_size=48, intermediate_size=96, max_position_embeddings=66, layer_norm_eps=1e-5),
        tok.mpnet,
        "MPNetTokenizer",
        UNCASED,
        ("q", "v"),
        (("k", "v", "output.dense"), ("output.dense",)),
    ),
    Family(
        "modernbert",
        "ModernBert",
        "ForMaskedLM",
        MODERN | {"num_hidden_layers": 4, "intermediate_size": 48, "classifier_pooling": "mean", "global_attn_every_n_layers": 3},
        tok.modernbert,
        "PreTrainedTokenizerFast",
        {"model_input_names": ["input_ids", "attention_mask"]},
        ("Wqkv",),
        (("Wqkv", "mlp.Wo"), ("mlp.Wo",)),
    ),
    Family(
        "modernbert-biased",
        "ModernBert",
        "Model",
        MODERN
        | {"num_hidden_layers": 3, "intermediate_size": 40, "num_attention_heads": 2, "classifier_activation": "relu"}
        | {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "local_attention": 12}
        | {name: True for name in ("attention_bias", "mlp_bias", "norm_bias", "classifier_bias")}
        | {
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 5000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
            }
        },
        tok.modernbert,
        "PreTrainedTokenizerFast",
        {"model_input_names": ["input_ids", "attention_mask"]},
        ("Wqkv",),
        (("Wqkv", "mlp.Wo"), ("mlp.Wo",)),
        part=True,
    ),
]
# how published ModernBERT checkpoints say it; transformers 5 writes other keys and reads both
PUBLISHED = {"global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}


def seed(*names):
    torch.manual_seed(zlib.crc32("/".join(names).encode()))


def noise(parameter, deviation, mean=0.0):
    """Random numbers of 16 bits, so that they compress well and no sum depends on their last bits."""
    parameter.data = (torch.randn(parameter.shape) * deviation + mean).half().float()


def randomise(model):
    """Weights with which every tensor matters: norms that are not one, biases that are not zero."""
    for name, parameter in model.named_parameters():
        norm = "norm" in name.lower()
        if name.endswith("weight") and norm:
            noise(parameter, 0.2, 1.0)
        elif "relative_attention_bias" in name:
            noise(parameter, 1.0)
        elif "embeddings." in name and not norm:
            noise(parameter, 0.5)
        elif parameter.dim() == 2:
            noise(parameter, parameter.shape[1] ** -0.5)
        else:
            noise(parameter, 0.2)


def make_model(family, folder, tokenizer):
    """Writes a random checkpoint as the family's published ones are laid out."""
    seed(family.name, "model")
    names = tokenizer.get_vocab()
    ids = {
        key: next((names[one] for one in words if one in names), None)
        for key, words in {"pad_token_id": ("[PAD]", "<pad>"), "bos_token_id": ("<s>",), "eos_token_id": ("</s>",)}.items()
    }
    sizes = dict(family.sizes, vocab_size=tokenizer.get_vocab_size())
    sizes |= {key: value for key, value in ids.items() if value is not None}
    if family.classes == "ModernBert":
        cls, sep = names["[CLS]"], names["[SEP]"]
        sizes |= {"bos_token_id": cls, "cls_token_id": cls, "eos_token_id": sep, "sep_token_id": sep}
    model = family.model_class(family.saved)(family.model_class("Config")(**sizes))
    randomise(model)
    model.tie_weights()
    model.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if family.name == "modernbert":
        for key in ("layer_types", "rope_parameters"):
            config.pop(key)
        config |= PUBLISHED
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def load(family, task, **more):
    """A model of the checkpoint; a head that the checkpoint lacks is random."""
    if task != "Model":
        more |= {"num_labels": len(LABELS)}
    return family.model_class(task).from_pretrained(family.name, attn_implementation="eager", **more).eval()


def inputs(family, ids, types):
    found = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    if family.types:
        found["token_type_ids"] = torch.tensor([types])
    return found


def layer_states(model, given):
    """What the embeddings and every layer give, before the last norm of a pre-norm model."""
    found, handles = {}, []

    def keep(name):
        def hook(_, __, output):
            found[name] = (output[0] if isinstance(output, tuple) else output)[0]

        return hook

    handles.append(getattr(model, "embeddings_project", model.embeddings).register_forward_hook(keep("embeddings")))
    layers = next(getattr(model, n).layer for n in ("encoder", "transformer") if hasattr(model, n)) if not hasattr(model, "layers") else model.layers
    for index, layer in enumerate(layers):
        handles.append(layer.register_forward_hook(keep(f"layer.{index}")))
    with torch.no_grad():
        model(**given)
    for handle in handles:
        handle.remove()
    return found


def check_visible(family, model, read):
    """Fails if some tensor could be wrong by a tenth without a change of the states that a test would see."""
    first = read(model)
    for name, parameter in model.named_parameters():
        if "pooler" in name or (name.endswith(("key.bias", "k_lin.bias", "attn.k.bias")) and family.classes != "ModernBert"):
            continue  # a key's bias adds the same to every score of a query
        kept = parameter.data.clone()
        parameter.data = kept + torch.randn_like(kept) * 0.1 * kept.std()
        change = max((a - b).abs().max().item() for a, b in zip(first, read(model)))
        parameter.data = kept
        assert change > 1e-4, f"{family.name}: {name} changes the states by {change:.1e} only"
