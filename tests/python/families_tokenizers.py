"""Tiny tokenizers of the kinds that the text families use, saved as `tokenizer.json` and `tokenizer_config.json`.

WordPiece and byte-level BPE are trained here on a few hundred sentences. The SentencePiece tokenizers are a few hundred
pieces of XLM-RoBERTa's own vocabulary, with their scores and with its precompiled normaliser; the ids are renumbered.
"""

import csv
import json

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LIMIT = 64  # the longest input of the tiny models, with its special tokens
PROMPT = 4  # the virtual tokens of every prompt and prefix

LONG = (
    "A bakery that opens at five in the morning has usually been awake since two: dough does not wait for anybody, and "
    "an oven that is cold at half past three means an empty counter when the first bus goes by. The harbour froze over "
    "twice that winter, and nobody in the village could remember anything like it."
)
TEXTS = [
    "Rain",
    "Where does it hurt?",
    "The harbour froze over twice that winter, and nobody in the village could remember anything like it.",
    "Señora Núñez sipped a crème brûlée in Malmö 😀🎉, then wrote 東京は雨です and 北京 to Łódź.",
    "THE MEETING IS CANCELLED; McDonald's isn't OPEN.",
    "  two  spaces\tand a tab,\n\n£12.50 for order #4471    ",
    "Cafe\u0301 ﬁne ＡＢＣ ½ … 👩‍👩‍👧 naïve\u00a0ΣΑΣ ﷺ",
    LONG,
]
PAIRS = [
    ("Is it raining?", "Yes, in Malmö since Tuesday."),
    (LONG, "Does the bakery open at five?"),
    ("北京", "😀 ÉTÉ"),
]


def sentences(path, count=1500):
    """The first texts of a CSV file with a column `text`, and the texts of the goldens."""
    with open(path, newline="") as file:
        rows = [row["text"] for _, row in zip(range(count), csv.DictReader(file))]
    return rows + TEXTS[:3] + [LONG]


def special(names, mask="[MASK]"):
    return [AddedToken(name, special=True, normalized=False, lstrip=name == mask and mask == "<mask>") for name in names]


def template(cls, sep, tokenizer, twice=False, types=True):
    """`cls a sep`, and `cls a sep b sep`, or with two separators in between."""
    second = 1 if types else 0
    between = f" {sep}:{second}" if twice else ""
    return processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep}{between} $B:{second} {sep}:{second}",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (cls, sep)],
    )


def wordpiece(texts, names=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), cls="[CLS]", sep="[SEP]", lower=True, twice=False):
    """BERT's tokenizer."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=420, limit_alphabet=150, special_tokens=special(names, names[-1]), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = template(cls, sep, tokenizer, twice, types=not twice)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def mpnet(texts):
    """BERT's tokenizer with RoBERTa's special tokens; only the unknown token keeps its name."""
    names = ("<s>", "<pad>", "</s>", "[UNK]", "<mask>")
    return wordpiece(texts, names, cls="<s>", sep="</s>", twice=True)


def roberta(texts):
    """Byte-level BPE as RoBERTa has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    tokenizer.train_from_iterator(texts, bpe_trainer(special(names, "<mask>")))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def modernbert(texts):
    """Byte-level BPE as ModernBERT has it: composed characters, and runs of spaces that are tokens before anything else."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, bpe_trainer([]))
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True, special=False) for count in (4, 3, 2)])
    specials = special(("[UNK]", "[CLS]", "[SEP]", "[PAD]"))
    tokenizer.add_special_tokens([*specials, AddedToken("[MASK]", special=True, normalized=False, lstrip=True)])
    tokenizer.post_processor = template("[CLS]", "[SEP]", tokenizer, types=False)
    return tokenizer


def bpe_trainer(names):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return trainers.BpeTrainer(
        vocab_size=256 + 240, special_tokens=names, initial_alphabet=alphabet, show_progress=False
    )


def unigram(texts, original, first, last, kept=260):
    """XLM-RoBERTa's tokenizer with the pieces that the goldens' texts need and the first ones of its vocabulary.

    `original` is the content of its tokenizer.json, `first` and `last` are the pieces before and after the others.
    Emoji and a few ideographs are left out, so that the unknown token is seen.
    """
    scores = dict(map(tuple, original["model"]["vocab"]))
    full = Tokenizer.from_str(json.dumps(original))
    # pieces of the texts' first halves only, so that other words fall into smaller pieces
    used = {piece for text in [*TEXTS, *PAIRS[0], *PAIRS[1]] for piece in full.encode(text[: len(text) // 2 + 1]).tokens}
    letters = {letter for text in [*TEXTS, *texts[:40]] for letter in full.normalizer.normalize_str(text)}
    wanted = used | letters | set(list(scores)[4:kept])
    outside = set("😀🎉👩👧京です")
    pieces = [
        [piece, score]
        for piece, score in original["model"]["vocab"][4:-1]
        if piece in wanted and not outside & set(piece)
    ]
    content = dict(original)
    vocab = [*first, *pieces, *last]
    content["model"] = original["model"] | {"vocab": vocab, "unk_id": [piece for piece, _ in vocab].index("<unk>")}
    ids = {piece: index for index, (piece, _) in enumerate(vocab)}
    marked = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] + [piece for piece in ids if piece.endswith("NOTUSED")]
    content["added_tokens"] = [
        {"id": ids[name], "content": name, "single_word": False, "lstrip": name == "<mask>", "rstrip": False}
        | {"normalized": False, "special": True}
        for name in sorted(marked, key=ids.get)
    ]
    rules = content["post_processor"] = json.loads(json.dumps(original["post_processor"]))
    for name, rule in rules["special_tokens"].items():
        rule["ids"] = [ids[name]]
    return content


def xlm_roberta(texts, original):
    first = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]
    return unigram(texts, original, first, [["<mask>", 0.0]])


def camembert(texts, original):
    """CamemBERT's order of special tokens, two of which are not used, and its splitting at white space."""
    first = [["<s>NOTUSED", 0.0], ["<pad>", 0.0], ["</s>NOTUSED", 0.0], ["<unk>", 0.0], ["<unk>NOTUSED", -100.0]]
    first += [["<s>", 0.0], ["</s>", 0.0]]
    content = unigram(texts, original, first, [["<mask>", 0.0]], kept=220)
    precompiled = [one for one in content["normalizer"]["normalizers"] if one["type"] == "Precompiled"]
    content["normalizer"] = precompiled[0]
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, content["pre_tokenizer"]]}
    return content


def save(tokenizer, folder, name, **settings):
    """`tokenizer.json` and a `tokenizer_config.json` as published checkpoints have them."""
    content = tokenizer if isinstance(tokenizer, dict) else json.loads(tokenizer.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    config = {"tokenizer_class": name, "model_max_length": LIMIT, "clean_up_tokenization_spaces": False} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def encode(tokenizer, limit=LIMIT):
    """Ids and token types of every text and pair, cut to `limit` tokens."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    found = [tokenizer.encode(text) for text in TEXTS] + [tokenizer.encode(*pair) for pair in PAIRS]
    tokenizer.no_truncation()
    return [(one.ids, one.type_ids, one.tokens) for one in found]
