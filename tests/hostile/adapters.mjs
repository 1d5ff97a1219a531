/** Adapter folders: weights, settings, heads and side files that lie, for a backbone with a hidden size of 384 and 6 layers. */
import { floats, json, layOut, rawSafetensors, safetensors, u64, zip } from "./bytes.mjs";
import { CONFIG, HEAD, HIDDEN, SIDE, WEIGHTS, config, folder, head, side, tensors } from "./folder.mjs";
import { pickles } from "./pickles.mjs";

export { folder };

/** Each `{ name, make, must }`. */
export function hostileAdapters() {
  return [...weights(), ...settings(), ...pickles(), ...heads(), ...sides()];
}

function weights() {
  const cases = [];
  const add = (name, make, must = "error") =>
    cases.push({ name, must, make: () => folder({ [WEIGHTS]: make() }) });
  const whole = () => safetensors(tensors());
  const changed = (change) => {
    const { header, data } = layOut(tensors());
    const text = change(header, Object.keys(header));
    return rawSafetensors(typeof text === "string" ? text : JSON.stringify(header), data);
  };
  for (const length of [0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    add(`a header of ${length} bytes`, () => {
      const bytes = whole();
      u64(length).copy(bytes);
      return bytes;
    });
  }
  for (const share of [0, 0.01, 0.2, 0.5, 0.99]) {
    add(`weights cut to ${share}`, () => {
      const bytes = whole();
      return bytes.subarray(0, Math.floor(bytes.length * share));
    });
  }
  add("bytes behind the tensors", () => Buffer.concat([whole(), Buffer.alloc(100)]), "either");
  add("overlapping tensors", () =>
    changed((header, [, second]) => {
      header[second].data_offsets = [0, 3072];
    }),
  );
  add("a tensor that ends before it begins", () =>
    changed((header, [first]) => header[first].data_offsets.reverse()),
  );
  add("an offset past what numbers hold", () =>
    changed((header, [first]) => {
      header[first].data_offsets = [0, 2 ** 63];
    }),
  );
  add("negative offsets", () =>
    changed((header, [first]) => {
      header[first].data_offsets = [-3072, 0];
    }),
  );
  for (const shape of [
    [2 ** 32, 2 ** 32],
    [2 ** 62, 4, 0],
    [2 ** 63],
    [-2, -384],
    [0, 0],
    [768],
    [384, 2],
    [1, 768],
    [2, 384, 1],
    [1.5, 512],
    Array(1000).fill(1),
    Array(100_000).fill(1),
    "2x384",
    null,
  ]) {
    add(`a shape of ${JSON.stringify(shape).slice(0, 40)}`, () =>
      changed((header, [first]) => {
        header[first].shape = shape;
      }),
    );
  }
  for (const dtype of ["F16", "BF16", "F64", "I8", "BOOL", "F8_E4M3", "f32", "", "X".repeat(100_000), 7]) {
    add(`a type of ${String(dtype).slice(0, 9)} that is not so`, () =>
      changed((header, [first]) => {
        header[first].dtype = dtype;
      }),
    );
  }
  add("one tensor twice", () =>
    changed((header, [first]) => {
      const text = JSON.stringify(header);
      return `${text.slice(0, -1)},${JSON.stringify(first)}:${JSON.stringify(header[first])}}`;
    }),
  );
  add("an escape in a tensor's name", () =>
    changed((header, [first]) => {
      header[`a\u001b[2J\u0007${first}`] = header[first];
      delete header[first];
    }),
    // Any prefix may stand before a module's path.
    "either",
  );
  add("a tensor's name of 5 MB", () =>
    changed((header, [first]) => {
      header["n".repeat(5_000_000)] = header[first];
      delete header[first];
    }),
  );
  add("half a surrogate pair in a tensor's name", () =>
    changed((header) => JSON.stringify(header).replace("layer.0", "layer.\\ud800")),
  );
  add("layer 4,294,967,295", () =>
    changed((header) => JSON.stringify(header).replaceAll("layer.0", "layer.4294967295")),
  );
  add("layer 10^30", () =>
    changed((header) => JSON.stringify(header).replaceAll("layer.0", `layer.1${"0".repeat(30)}`)),
  );
  add("a million tensors", () => {
    const names = Array.from(
      { length: 1_000_000 },
      (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`,
    );
    return rawSafetensors(`{${names.join(",")}}`);
  });
  add("a header a million deep", () =>
    rawSafetensors(`{"a":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`),
  );
  add("a header that is a list", () => rawSafetensors("[]"));
  add("a header that is no UTF-8", () => rawSafetensors(Buffer.from([0x7b, 0xff, 0x7d])));
  add("metadata of 10 MB", () =>
    changed((header) => {
      header.__metadata__ = { format: "x".repeat(10_000_000) };
    }),
    "either",
  );
  add("metadata of the wrong type", () =>
    changed((header) => {
      header.__metadata__ = { format: [1, { a: 2 }] };
    }),
    "either",
  );
  const filled = (value, which = 0) => {
    const all = tensors();
    const key = Object.keys(all)[which];
    all[key].data = Buffer.from(new Float32Array(2 * HIDDEN).fill(value).buffer);
    return safetensors(all);
  };
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3.4e38, -3.4e38, 1e30, 1e20, 1e-45]) {
    const must = value === 1e-45 ? "answer" : value === 1e20 ? "either" : "error";
    add(`weights of ${value}`, () => filled(value), value === 1e30 ? "either" : must);
  }
  add("weights whose product overflows", () => {
    const all = tensors();
    for (const tensor of Object.values(all)) {
      tensor.data = Buffer.from(new Float32Array(2 * HIDDEN).fill(3e38).buffer);
    }
    return safetensors(all);
  });
  add("one NaN among the weights", () => {
    const all = tensors();
    Object.values(all)[1].data.writeFloatLE(Number.NaN, 400);
    return safetensors(all);
  });
  add("a tensor that has no place", () =>
    safetensors({ ...tensors(), "base_model.model.other.weight": { shape: [2], data: floats(2) } }),
  );
  return cases;
}

function settings() {
  const cases = [];
  const add = (name, make, must = "error") =>
    cases.push({ name, must, make: () => folder({ [CONFIG]: make() }) });
  const one = (name, more, must) => add(`settings with ${name}`, () => json(config(more)), must);
  for (const r of [0, -1, 1.5, 1e9, 2 ** 53, "2", null, [2], true]) one(`r ${JSON.stringify(r)}`, { r });
  one("alpha 1e308", { lora_alpha: 1e308 });
  one("alpha -1e308", { lora_alpha: -1e308 });
  one("alpha 1e39", { lora_alpha: 1e39 });
  one("alpha \"4\"", { lora_alpha: "4" });
  one("alpha null", { lora_alpha: null });
  one("dropout null", { lora_dropout: null });
  one("dropout 2", { lora_dropout: 2 }, "either");
  add("settings with alpha 1e999", () =>
    Buffer.from(JSON.stringify(config()).replace('"lora_alpha":4', '"lora_alpha":1e999')),
  );
  one("a million targets", { target_modules: Array.from({ length: 1e6 }, (_, i) => `t${i}`) });
  one("a target of 3 MB", { target_modules: ["q".repeat(3_000_000)] });
  one("an empty target", { target_modules: [""] }, "either");
  one("no target", { target_modules: [] });
  one("targets of the wrong type", { target_modules: [1, null, {}] });
  one("a pattern that is none", { target_modules: "((((" });
  one("a pattern that explodes", { target_modules: "(a|a)*(a|aa)*(((a*)*)*)*query" }, "either");
  one("a pattern with a million repetitions", { target_modules: "((.{1000}){1000}){1000}" });
  one("a pattern of 3 MB", { target_modules: ".*".repeat(1_500_000) });
  one("a thousand patterns of ranks", {
    rank_pattern: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`(.*)*${i}`, 2])),
  }, "either");
  one("a rank by a pattern of 10^9", { rank_pattern: { query: 1e9 } });
  one("layers out of the model", { layers_to_transform: [0, 99, -1] });
  one("a million layers", { layers_to_transform: Array.from({ length: 1e6 }, (_, i) => i) });
  one("a method of an unknown name", { peft_type: "\u001b[31mNONE" });
  one("a method that is a number", { peft_type: 7 });
  one("a method that is long", { peft_type: "L".repeat(1_000_000) });
  one("an escape in the model's name", { base_model_name_or_path: "a\u001b[2J\u0007b" }, "either");
  one("a path as the model's name", { base_model_name_or_path: "../../../etc/passwd" }, "either");
  // PEFT passes over a module that is not there.
  one("modules to save of a path", { modules_to_save: ["../../x", "\u001b[2J"] }, "either");
  one("a switch that is not known", { use_magic: true });
  one("a bias that is not known", { bias: "\u001b[1mnone" });
  for (const depth of [200, 100_000]) {
    add(`settings ${depth} deep`, () =>
      Buffer.from(
        `${JSON.stringify(config()).slice(0, -1)},"x":${"[".repeat(depth)}1${"]".repeat(depth)}}`,
      ),
    );
  }
  for (const [name, text] of Object.entries({
    "nothing": "",
    "a list": "[]",
    "a number": "7",
    "null": "null",
    "half an object": '{"peft_type":"LORA"',
    "a mark of UTF-8": `\ufeff${JSON.stringify(config())}`,
    "a key twice": JSON.stringify(config()).replace("{", '{"r":999,'),
    "a NUL behind it": `${JSON.stringify(config())}\0`,
    "no method": "{}",
    "half a surrogate pair": '{"peft_type":"LORA\\ud800"}',
  })) {
    add(`settings of ${name}`, () => Buffer.from(text), name === "a mark of UTF-8" || name === "a key twice" ? "either" : "error");
  }
  add("settings of 30 MB", () => json(config({ note: "x".repeat(30_000_000) })));
  add("a hundred thousand settings", () =>
    json(config(Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`s${i}`, null])))),
  );
  cases.push({ name: "settings of no file", must: "error", make: () => folder({ [CONFIG]: null }) });
  cases.push({ name: "weights of no file", must: "error", make: () => folder({ [WEIGHTS]: null }) });
  return cases;
}

/** `adapter_model.bin`, a zip archive with a pickle in it. */
function heads() {
  const cases = [];
  const add = (name, files, must = "error") =>
    cases.push({ name: `head: ${name}`, must, make: () => folder(files()) });
  const labelled = (name, labels, must) =>
    add(
      name,
      () => {
        const all = labels();
        return { [SIDE]: json(side({ labels: all })), [HEAD]: safetensors(head(all.length)) };
      },
      must,
    );
  const numbered = (count) => () => Array.from({ length: count }, (_, i) => `label ${i}`);
  // Right, but large.
  labelled("2,000 labels", numbered(2000), "answer");
  add("a million labels, two outputs", () => ({ [SIDE]: json(side({ labels: numbered(1e6)() })) }));
  add("two labels, 2,000 outputs", () => ({ [HEAD]: safetensors(head(2000)) }));
  add("a million outputs that are not there", () => ({
    [HEAD]: rawSafetensors(
      JSON.stringify({ "out.weight": { dtype: "F32", shape: [1e6, HIDDEN], data_offsets: [0, 1e6 * HIDDEN * 4] } }),
    ),
  }));
  labelled("one label twice", () => ["a", "a"]);
  labelled("an empty label", () => ["a", ""]);
  labelled("a label of spaces", () => ["a", " \t"]);
  labelled("no label", () => []);
  labelled("a label of 1 MB", () => ["a", "l".repeat(1_000_000)], "either");
  labelled("escapes in labels", () => ["\u001b[2J\u001b[31mno", "\u009b2Jyes\u0007"], "either");
  labelled("line breaks in labels", () => ["n\no", "y\r\nes"], "either");
  labelled("tabs and NULs in labels", () => ["n\to", "y\0es"], "either");
  labelled("reversed labels", () => ["\u202eno\u202c", "\u2066yes"], "either");
  labelled("markup in labels", () => ["<img src=x onerror=alert(1)>", "</script><b>"], "answer");
  labelled("labels of a prototype", () => ["__proto__", "constructor"], "answer");
  labelled("zero-width labels", () => ["\u200b", "\ufeff"], "either");
  add("labels that are numbers", () => ({ [SIDE]: json(side({ labels: [1, 2] })) }));
  add("labels that are an object", () => ({ [SIDE]: json(side({ labels: { 0: "a" } })) }));
  add("labels with half a surrogate pair", () => ({
    [SIDE]: Buffer.from('{"labels":["a","\\ud800"],"pooling":"mean"}'),
  }));
  add("weights that overflow", () => ({
    [HEAD]: safetensors({
      ...head(2),
      "out.weight": { shape: [2, HIDDEN], data: Buffer.from(new Float32Array(2 * HIDDEN).fill(3.4e38).buffer) },
    }),
  }));
  add("a bias of NaN", () => ({
    [HEAD]: safetensors({
      ...head(2),
      "out.bias": { shape: [2], data: Buffer.from(new Float32Array(2).fill(Number.NaN).buffer) },
    }),
  }));
  add("another hidden size", () => ({
    [HEAD]: safetensors({
      "out.weight": { shape: [2, 7], data: floats(14) },
      "out.bias": { shape: [2], data: floats(2) },
    }),
  }));
  add("no bias", () => ({ [HEAD]: safetensors({ "out.weight": head(2)["out.weight"] }) }), "either");
  return cases;
}

/** `graftlet.json`. */
function sides() {
  const cases = [];
  const add = (name, more, must = "error") =>
    cases.push({ name: `side file: ${name}`, must, make: () => folder({ [SIDE]: json(side(more)) }) });
  add("a pooling that is not known", { pooling: "\u001b[2Jmax" });
  add("a problem that is not known", { problem: "x".repeat(100_000) });
  add("a temperature of 0", { calibration: { temperature: 0 } });
  add("a negative temperature", { calibration: { temperature: -1 } });
  add("a temperature of 1e-300", { calibration: { temperature: 1e-300 } }, "either");
  add("thresholds of NaN", { problem: "multi_label", thresholds: [null, null] });
  add("a million thresholds", { problem: "multi_label", thresholds: Array(1e6).fill(0.5) });
  add("a hundred thousand files", {
    files: Array.from({ length: 1e5 }, (_, i) => ({ name: `f${i}`, bytes: 1, sha256: "0".repeat(64) })),
  });
  add("files of a path", { files: [{ name: "../../../etc/passwd", bytes: 1, sha256: "0".repeat(64) }] });
  add("files of 3e9 bytes", { files: [{ name: WEIGHTS, bytes: 3e9, sha256: "0".repeat(64) }] });
  add("files of negative bytes", { files: [{ name: WEIGHTS, bytes: -1, sha256: "0".repeat(64) }] });
  add("a wrong hash", { files: [{ name: WEIGHTS, bytes: 6400, sha256: "f".repeat(64) }] });
  add("a score of a text", { dev_score: "<script>" }, "either");
  add("an escape in the task", { task: "a\u001b[2J\u0007b" }, "either");
  add("a task of 3 MB", { task: "t".repeat(3_000_000) }, "either");
  for (const [name, text] of Object.entries({
    "nothing": "",
    "a list": "[]",
    "100,000 deep": `{"x":${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
  })) {
    cases.push({
      name: `side file: ${name}`,
      must: "error",
      make: () => folder({ [SIDE]: Buffer.from(text) }),
    });
  }
  return cases;
}
