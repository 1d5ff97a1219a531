/** Backbone folders, as a hub has them and as `graftlet convert` writes them, with a config, a tokenizer or a list of files that lies. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { json, rawSafetensors } from "./bytes.mjs";

const SOURCE = fileURLToPath(new URL("../fixtures/models/gelu-f16", import.meta.url));
const read = (name) => readFileSync(`${SOURCE}/${name}`);
const CONFIG = "config.json";
const VOCABULARY = "vocab.txt";
const TOKENIZER = "tokenizer.json";
const WEIGHTS = "model.safetensors";

/** A tiny model's folder as a hub has it. */
export function source(files = {}) {
  const all = {
    [CONFIG]: read(CONFIG),
    [WEIGHTS]: read(WEIGHTS),
    [VOCABULARY]: read(VOCABULARY),
    ...files,
  };
  return Object.fromEntries(Object.entries(all).filter(([, content]) => content !== null));
}

/** A converted folder, `files` in place of its own; its manifest says of them what is so, but for what `manifest` changes. */
export function converted(base, files = {}, manifest = {}) {
  const all = { ...base, ...files };
  delete all["manifest.json"];
  const own = JSON.parse(base["manifest.json"]);
  const list = Object.entries(all).map(([name, content]) => ({
    name,
    bytes: content.length,
    sha256: createHash("sha256").update(content).digest("hex"),
  }));
  const written = typeof manifest === "function" ? manifest({ ...own, files: list }) : null;
  return { ...all, "manifest.json": written ?? json({ ...own, files: list, ...manifest }) };
}

const config = (more) => json({ ...JSON.parse(read(CONFIG)), ...more });

/** What a `config.json` may say, `{ name: [content, must] }`. */
function configs() {
  const lies = {};
  for (const [key, values] of Object.entries({
    hidden_size: [0, 1, 17, 1e9, 2 ** 53, -16, 1.5, "16", null],
    num_attention_heads: [0, 3, 1e9, -4],
    num_hidden_layers: [0, 3, 1e6, 1e15, -1],
    intermediate_size: [0, 25, 1e12],
    vocab_size: [0, 54, 56, 1e12],
    max_position_embeddings: [0, 2, 25, 1e12],
    type_vocab_size: [0, 1e12],
    layer_norm_eps: [-1, 1e308, "x"],
    hidden_act: ["\u001b[2J", "a".repeat(1_000_000), 7],
    model_type: ["gpt2", "\u001b[2J", null],
  })) {
    for (const value of values) {
      const must = key === "model_type" || key === "layer_norm_eps" || value === 56 ? "either" : "error";
      lies[`${key} ${JSON.stringify(value).slice(0, 20)}`] = [config({ [key]: value }), must];
    }
  }
  lies["a mark of UTF-8"] = [Buffer.concat([Buffer.from("\ufeff"), read(CONFIG)]), "either"];
  lies.nothing = [Buffer.alloc(0), "error"];
  lies["100,000 deep"] = [Buffer.from(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`), "error"];
  lies["30 MB"] = [config({ note: "x".repeat(30_000_000) }), "either"];
  return lies;
}

const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** A `tokenizer.json` for the tiny model's vocabulary. */
function tokenizer(more = {}, model = {}) {
  const vocabulary = read(VOCABULARY).toString().split("\n").filter(Boolean);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id: Math.max(0, vocabulary.indexOf(content)),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "BertProcessing",
      sep: ["[SEP]", vocabulary.indexOf("[SEP]")],
      cls: ["[CLS]", vocabulary.indexOf("[CLS]")],
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      ...model,
    },
    ...more,
  };
}

function tokenizers() {
  const split = (pattern) => ({ type: "Split", pattern, behavior: "Isolated", invert: false });
  const replace = (pattern, content) => ({ type: "Replace", pattern, content });
  const nested = (depth) => {
    let value = { type: "Lowercase" };
    for (let i = 0; i < depth; i += 1) value = { type: "Sequence", normalizers: [value] };
    return value;
  };
  const many = (count, value = (i) => i) =>
    Object.fromEntries([...special, ...Array.from({ length: count }, (_, i) => `t${i}`)].map((t, i) => [t, value(i)]));
  const own = JSON.parse(JSON.stringify(tokenizer()));
  return {
    "a right one": [json(tokenizer()), "answer"],
    "a million tokens": [() => json(tokenizer({}, { vocab: many(1e6) })), "error"],
    "half a million tokens": [() => json(tokenizer({}, { vocab: many(5e5) })), "either"],
    "token ids of 10^9": [json(tokenizer({}, { vocab: many(20, (i) => 1e9 + i) })), "error"],
    "token ids of 2^40": [json(tokenizer({}, { vocab: many(20, (i) => 2 ** 40 + i) })), "error"],
    "all tokens of one id": [json(tokenizer({}, { vocab: many(20, () => 3) })), "either"],
    "negative token ids": [json(tokenizer({}, { vocab: many(20, (i) => -i) })), "error"],
    "no vocabulary": [json(tokenizer({}, { vocab: {} })), "either"],
    "a token of 5 MB": [() => json(tokenizer({}, { vocab: { ...own.model.vocab, ["x".repeat(5e6)]: 54 } })), "either"],
    "an unknown token that is not there": [json(tokenizer({}, { unk_token: "[NONE]" })), "either"],
    "words of 10^9 characters": [json(tokenizer({}, { max_input_chars_per_word: 1e9 })), "either"],
    "merges in a circle": [
      json(tokenizer({}, { type: "BPE", unk_token: "[UNK]", merges: ["a b", "b a", "ab ab", "a a"] })),
      "either",
    ],
    "merges of what is not there": [json(tokenizer({}, { type: "BPE", merges: ["zz yy"] })), "error"],
    "a million merges": [() => json(tokenizer({}, { type: "BPE", merges: Array(1e6).fill("a b") })), "either"],
    "pieces with scores of NaN": [
      json(tokenizer({}, { type: "Unigram", unk_id: 0, vocab: [["[UNK]", null], ["a", 1]] })),
      "error",
    ],
    "pieces with an unknown out of range": [
      json(tokenizer({}, { type: "Unigram", unk_id: 99, vocab: [["a", 0]] })),
      "error",
    ],
    "a model of an unknown kind": [json(tokenizer({}, { type: "\u001b[2JMagic" })), "error"],
    "a splitting that explodes": [json(tokenizer({ pre_tokenizer: split({ Regex: "(a|a)*(a|aa)*(((a*)*)*)*b" }) })), "either"],
    "a splitting that explodes backwards": [json(tokenizer({ pre_tokenizer: split({ Regex: "^(?:(a+)+)+$(?<=x)" }) })), "either"],
    "a splitting at nothing": [json(tokenizer({ pre_tokenizer: split({ Regex: "" }) })), "either"],
    "a splitting by what is no pattern": [json(tokenizer({ pre_tokenizer: split({ Regex: "((((" }) })), "error"],
    "a splitting of a million repetitions": [
      json(tokenizer({ pre_tokenizer: split({ Regex: "((.{1000}){1000}){1000}" }) })),
      "either",
    ],
    "a pattern of 3 MB": [() => json(tokenizer({ pre_tokenizer: split({ Regex: "(a|b)?".repeat(500_000) }) })), "either"],
    "a replacing that grows a text": [
      json(tokenizer({ normalizer: { type: "Sequence", normalizers: Array.from({ length: 30 }, () => replace({ String: "e" }, "ee")) } })),
      "either",
    ],
    "a replacing that explodes": [json(tokenizer({ normalizer: replace({ Regex: "(a*)*b" }, "") })), "either"],
    "a replacing by 5 MB": [() => json(tokenizer({ normalizer: replace({ String: "e" }, "x".repeat(5e6)) })), "either"],
    "a prefix of 5 MB": [() => json(tokenizer({ normalizer: { type: "Prepend", prepend: "x".repeat(5e6) } })), "either"],
    "normalizers 100,000 deep": [() => Buffer.from(`{"normalizer":${'{"type":"Sequence","normalizers":['.repeat(1e5)}${"]}".repeat(1e5)}}`), "error"],
    "normalizers 100 deep": [json(tokenizer({ normalizer: nested(100) })), "either"],
    "a precompiled normalizer": [json(tokenizer({ normalizer: { type: "Precompiled", precompiled_charsmap: "AAAA" } })), "error"],
    "a template without its tokens": [
      json(
        tokenizer({
          post_processor: {
            type: "TemplateProcessing",
            single: [{ SpecialToken: { id: "[X]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
            pair: [],
            special_tokens: {},
          },
        }),
      ),
      "error",
    ],
    "a template of a million tokens": [
      () =>
        json(
          tokenizer({
            post_processor: {
              type: "TemplateProcessing",
              single: Array(1e6).fill({ SpecialToken: { id: "[CLS]", type_id: 0 } }),
              pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
              special_tokens: { "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] } },
            },
          }),
        ),
      "error",
    ],
    "a template of a kind of text 10^9": [
      json(
        tokenizer({
          post_processor: {
            type: "TemplateProcessing",
            single: [{ Sequence: { id: "A", type_id: 1e9 } }],
            pair: [{ Sequence: { id: "A", type_id: 1e9 } }, { Sequence: { id: "B", type_id: 2e9 } }],
            special_tokens: {},
          },
        }),
      ),
      "error",
    ],
    "special tokens of ids out of range": [
      json(tokenizer({ post_processor: { type: "BertProcessing", sep: ["[SEP]", 4e9], cls: ["[CLS]", 4e9] } })),
      "error",
    ],
    "a hundred thousand added tokens": [
      () =>
        json(
          tokenizer({
            added_tokens: Array.from({ length: 1e5 }, (_, i) => ({ ...own.added_tokens[0], id: 60 + i, content: `add${i}` })),
          }),
        ),
      "either",
    ],
    "an added token of nothing": [json(tokenizer({ added_tokens: [{ ...own.added_tokens[0], content: "" }] })), "either"],
    "padding of 10^9": [
      json(
        tokenizer({
          padding: { strategy: { Fixed: 1e9 }, direction: "Right", pad_to_multiple_of: null, pad_id: 0, pad_type_id: 0, pad_token: "[PAD]" },
        }),
      ),
      "answer",
    ],
    "a cut at 0": [
      json(tokenizer({ truncation: { direction: "Right", max_length: 0, strategy: "LongestFirst", stride: 9 } })),
      "answer",
    ],
    "nothing": [Buffer.alloc(0), "error"],
    "a list": [Buffer.from("[]"), "error"],
    "30 MB of spaces": [() => Buffer.alloc(30_000_000, " "), "error"],
  };
}

/** Folders of a hub for `graftlet convert`, each `{ name, must, make }`. */
export function hostileSources() {
  const cases = [];
  const add = (name, must, files) => cases.push({ name: `source: ${name}`, must, make: () => source(files()) });
  for (const [name, [content, must]] of Object.entries(configs())) {
    add(`config with ${name}`, must, () => ({ [CONFIG]: content }));
  }
  for (const [name, [content, must]] of Object.entries(tokenizers())) {
    const make = typeof content === "function" ? content : () => content;
    // Whether a tokenizer works is seen when it reads a text.
    add(`tokenizer with ${name}`, must === "answer" ? "answer" : "either", () => ({ [TOKENIZER]: make() }));
  }
  add("a vocabulary of 50 MB", "error", () => ({ [VOCABULARY]: Buffer.alloc(50_000_000, "word\n") }));
  add("a vocabulary of one word of 50 MB", "error", () => ({ [VOCABULARY]: Buffer.alloc(50_000_000, "w") }));
  add("a vocabulary of a million words", "error", () => ({
    [VOCABULARY]: Buffer.from(Array.from({ length: 1e6 }, (_, i) => `w${i}\n`).join("")),
  }));
  add("a vocabulary that is no UTF-8", "error", () => ({ [VOCABULARY]: Buffer.from([0xff, 0xfe, 10, 0x80]) }));
  add("a vocabulary of nothing", "error", () => ({ [VOCABULARY]: Buffer.alloc(0) }));
  add("a word twice", "either", () => ({ [VOCABULARY]: Buffer.concat([read(VOCABULARY), Buffer.from("[CLS]\n[CLS]\n")]) }));
  add("shards that are a path", "error", () => ({
    [WEIGHTS]: null,
    "model.safetensors.index.json": json({ weight_map: { x: "../../../etc/passwd" } }),
  }));
  add("a hundred thousand shards", "error", () => ({
    [WEIGHTS]: null,
    "model.safetensors.index.json": json({
      weight_map: Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`t${i}`, `s${i}.safetensors`])),
    }),
  }));
  add("weights of a header alone", "error", () => ({ [WEIGHTS]: rawSafetensors("{}") }));
  add("no weights", "error", () => ({ [WEIGHTS]: null }));
  return cases;
}

/** Converted folders for `predict` and the page, each `{ name, must, make }`; `base` is the tiny model's. */
export function hostileBackbones(base) {
  const cases = [];
  const add = (name, must, make) => cases.push({ name: `backbone: ${name}`, must, make });
  for (const [name, [content, must]] of Object.entries(configs())) {
    add(`config with ${name}`, must, () => converted(base, { [CONFIG]: content }));
  }
  for (const [name, [content, must]] of Object.entries(tokenizers())) {
    const make = typeof content === "function" ? content : () => content;
    add(`tokenizer with ${name}`, must, () => converted(base, { [TOKENIZER]: make() }));
  }
  const file = (more) => (manifest) => {
    manifest.files[0] = { ...manifest.files[0], ...more };
    return json(manifest);
  };
  for (const [name, manifest] of Object.entries({
    "3e9 bytes": file({ bytes: 3e9 }),
    "2^53 bytes": file({ bytes: 2 ** 53 }),
    "negative bytes": file({ bytes: -1 }),
    "bytes that are a text": file({ bytes: "612" }),
    "a file of a path": file({ name: "../../../etc/passwd" }),
    "an escape in a name": file({ name: "a\u001b[2J\u0007" }),
    "a hash that is none": file({ sha256: "x" }),
    "a hash of another file": file({ sha256: "0".repeat(64) }),
    "a name of 1 MB": file({ name: "n".repeat(1_000_000) }),
    "no files": (manifest) => json({ ...manifest, files: [] }),
    "a hundred thousand files": (manifest) =>
      json({ ...manifest, files: Array.from({ length: 1e5 }, (_, i) => ({ ...manifest.files[0], name: `f${i}` })) }),
    "one file twice": (manifest) => json({ ...manifest, files: [...manifest.files, manifest.files[0]] }),
    "format 2": (manifest) => json({ ...manifest, format: 2 }),
    "format 1e30": (manifest) => json({ ...manifest, format: 1e30 }),
    "a type that is not known": (manifest) => json({ ...manifest, dtype: "\u001b[2Jint1" }),
    "an embedding that is none": (manifest) => json({ ...manifest, embedding: { pooling: ["\u001b[2J"] } }),
    "an embedding of 10^9 tokens": (manifest) => json({ ...manifest, embedding: { max_seq_length: -1 } }),
    "nothing": () => Buffer.from("{}"),
    "half of it": (manifest) => json(manifest).subarray(0, 100),
    "100,000 levels": () => Buffer.from(`{"format":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
  })) {
    const open = ["a type that is not known"].includes(name) ? "either" : "error";
    add(`manifest with ${name}`, open, () => converted(base, {}, manifest));
  }
  return cases;
}
