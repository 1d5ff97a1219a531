/** The benchmark's tables, made of the rows that a run has measured. */

import { ENGINE } from "../scripts/budgets.mjs";

const FORWARDS = ["1x16", "1x32", "1x128", "8x32", "32x32"];
const DOUBLINGS = [64, 128, 256, 512];
const TRAININGS = ["all layers", "all linear layers", "top two layers"];
/** The most that a step may take of an f32 forward pass. */
const TRAINING_TARGETS = { "all layers": 2.4, "top two layers": 0.9 };
/** `[case, what it may cost against one adapter]` */
const COMPOSITIONS = [
  ["split 32x32", 1.25],
  ["parallel 1x32", 3.6],
  ["parallel 8x32", 3.6],
];
/** The builds; a browser that can run the second takes it. */
export const BUILDS = ["simd128", "relaxed"];
/** The variant of the kernels that a build runs. */
const VARIANT = { simd128: "simd128", relaxed: "relaxed-simd", dot: "dot" };

/** Three significant digits, without an exponent. */
const digits = (value) => {
  if (value === undefined) return "";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return value.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false });
};
const spread = (row) =>
  row ? `${digits(row.median)} (${digits(row.min)} to ${digits(row.max)})` : "";

/** Every table that the rows have something for: `{ name, title, head, body }`. */
export function tables(rows) {
  const find = (runtime, variant, name) =>
    rows.find((r) => r.runtime === runtime && r.variant === variant && r.case === name);
  const all = [
    forwards(rows, find),
    agreements(rows, find),
    trainings(find),
    scaling(find),
    compositions(find),
    ceilings(find),
    floors(find),
    kernels(rows),
    pages(rows),
    verdicts(find),
  ];
  return all.filter(({ body }) => body.length > 0);
}

/** `runtime variant` of every row whose case matches, in the order of the rows. */
function columns(rows, pattern) {
  const found = rows.filter((row) => pattern.test(row.case));
  return [...new Map(found.map((row) => [`${row.runtime} ${row.variant}`, row])).values()];
}

function forwards(rows, find) {
  const runtimes = columns(rows, /^forward /);
  return {
    name: "forward",
    title: "Forward pass, ms: median (smallest to largest)",
    head: ["runtime", "kernels", ...FORWARDS],
    body: runtimes.map(({ runtime, variant, kernels = "" }) => [
      `${runtime} ${variant}`,
      kernels,
      ...FORWARDS.map((shape) => spread(find(runtime, variant, `forward ${shape}`))),
    ]),
  };
}

function agreements(rows, find) {
  return {
    name: "agreement",
    title:
      "Hidden states against those of onnxruntime-web fp32: largest difference / least cosine of a token",
    head: ["runtime", ...FORWARDS],
    body: columns(rows, /^least cosine /).map(({ runtime, variant }) => [
      `${runtime} ${variant}`,
      ...FORWARDS.map((shape) => {
        const cosine = find(runtime, variant, `least cosine ${shape}`)?.median;
        const difference = find(runtime, variant, `largest difference ${shape}`)?.median;
        return cosine === undefined ? "" : `${digits(difference)} / ${cosine.toFixed(5)}`;
      }),
    ]),
  };
}

function trainings(find) {
  const body = ["f32", "int8"].flatMap((dtype) =>
    BUILDS.map((build) => {
      const variant = `${dtype} ${build}`;
      const forward = find("graftlet", variant, "forward 8x32");
      return [
        variant,
        spread(forward),
        ...TRAININGS.flatMap((name) => {
          const step = find("graftlet", variant, `train 8x32 ${name}`);
          return [spread(step), digits(ratio(step, forward))];
        }),
      ];
    }),
  );
  return {
    name: "training",
    title: "Training step, LoRA r=8, 8x32, ms",
    head: ["backbone", "forward", ...TRAININGS.flatMap((name) => [name, "of the forward"])],
    body: body.filter((cells) => cells[2] || cells[4] || cells[6]),
  };
}

function scaling(find) {
  const body = ["int8", "f32"].flatMap((dtype) =>
    BUILDS.map((build) => {
      const at = DOUBLINGS.map((tokens) => parts(find, dtype, build, tokens));
      const cell = (part, i) => {
        if (!part) return "";
        const doubled = at[i - 1] ? `, x${digits(part.rest / at[i - 1].rest)}` : "";
        return `${digits(part.whole)} = ${digits(part.attention)} + ${digits(part.rest)}${doubled}`;
      };
      return [`${dtype} ${build}`, ...at.map(cell)];
    }),
  );
  return {
    name: "scaling",
    title:
      "Forward pass of one sequence, ms: whole = attention + rest, and the rest against half the tokens",
    head: ["backbone", ...DOUBLINGS.map((tokens) => `${tokens} tokens`)],
    body: body.filter((cells) => cells.some((cell, i) => i > 0 && cell)),
  };
}

function compositions(find) {
  const body = ["int8", "f32"].flatMap((dtype) =>
    BUILDS.map((build) => {
      const of = (name, count) => find("graftlet", `${dtype} ${build}`, `${name} over ${count}`);
      const cells = COMPOSITIONS.flatMap(([name]) => [
        spread(of(name, 1)),
        spread(of(name, 8)),
        digits(ratio(of(name, 8), of(name, 1))),
      ]);
      return [`${dtype} ${build}`, ...cells];
    }),
  );
  return {
    name: "compositions",
    title: "One LoRA r=8 on query and value, and eight of them in one pass, ms",
    head: [
      "backbone",
      ...COMPOSITIONS.flatMap(([name]) => [`${name}, one`, "eight", "against one"]),
    ],
    body: body.filter((cells) => cells.some((cell, i) => i > 0 && cell)),
  };
}

/** Of one forward pass: the whole, what attention takes of it, and the rest. */
function parts(find, dtype, build, tokens) {
  const whole = find("graftlet", `${dtype} ${build}`, `scaling forward 1x${tokens}`)?.median;
  const attention = find("graftlet", build, `scaling attention 1x${tokens}`)?.median;
  if (whole === undefined || attention === undefined) return undefined;
  return { whole, attention, rest: whole - attention };
}

/** `[product, build, ceiling]`. */
const GEMMS = [
  ["linear_f32", "simd128", "f32 mul+add"],
  ["linear_f32", "simd128", "f32 mul+add unchained"],
  ["linear_f32", "relaxed", "f32 relaxed_madd"],
  ["linear_int8", "simd128", "i32x4_dot_i16x8+add"],
  ["linear_int8", "relaxed", "i32x4_dot_i16x8+add"],
  ["linear_int8", "dot", "two relaxed_dot_i8x16_i7x16_add"],
];
const gemm = (kernel) => `kernel ${kernel} 120x384x1536`;

function ceilings(find) {
  const body = GEMMS.map(([kernel, build, instructions]) => {
    const rate = find("graftlet", VARIANT[build], gemm(kernel));
    const ceiling = find("graftlet", "registers", `kernel ceiling ${instructions}`);
    if (!rate || !ceiling) return undefined;
    const reached = [spread(rate), spread(ceiling), percent(ratio(rate, ceiling))];
    return [`${kernel} ${build}`, instructions, ...reached];
  });
  return {
    name: "ceiling",
    title: "GEMM 120x384x1536 against loops that only use registers, GFLOP/s or GOP/s",
    head: ["product", "instructions", "product", "ceiling", "share"],
    body: body.filter(Boolean),
  };
}

/** Multiplications and additions of the encoder's linear layers, for one token. */
const LINEAR_WORK = 2 * 6 * (4 * 384 * 384 + 2 * 384 * 1536);

/** Its linear layers alone at the ceiling, by the ordinary product, beside a forward pass. */
function floors(find) {
  const lines = ["int8", "f32"].flatMap((dtype) =>
    BUILDS.map((build) => {
      const product = dtype === "int8" ? "linear_int8" : "linear_f32";
      const [, , instructions] = GEMMS.findLast(([k, b]) => k === product && b === build);
      const ceiling = find("graftlet", "registers", `kernel ceiling ${instructions}`);
      const cell = (shape) => {
        const forward = find("graftlet", `${dtype} ${build}`, `forward ${shape}`);
        if (!forward || !ceiling) return "";
        const [sequences, tokens] = shape.split("x").map(Number);
        const ms = (sequences * tokens * LINEAR_WORK) / ceiling.median / 1e6;
        return `${digits(ms)}, ${percent(ms / forward.median)}`;
      };
      return [`${dtype} ${build}`, instructions, ...FORWARDS.map(cell)];
    }),
  );
  return {
    name: "floor",
    title: "Linear layers alone at that ceiling, ms, and as a share of the forward pass",
    head: ["backbone", "instructions", ...FORWARDS],
    body: lines.filter((cells) => cells.some((cell, i) => i > 1 && cell)),
  };
}

function kernels(rows) {
  const timed = rows.filter((row) => /^kernel (?!ceiling)/.test(row.case));
  const variants = [...new Set(timed.map(({ variant }) => variant))];
  const units = new Map(timed.map((row) => [row.case, row.unit]));
  return {
    name: "kernels",
    title: "Kernels",
    head: ["kernel", "unit", ...variants],
    body: [...units].map(([name, unit]) => [
      name.replace("kernel ", ""),
      unit,
      ...variants.map((variant) =>
        digits(timed.find((row) => row.case === name && row.variant === variant)?.median),
      ),
    ]),
  };
}

function pages(rows) {
  const pattern = /^(wasm|adapter swap|cache to|workers)/;
  return {
    name: "package",
    title: "Load, switch, memory, size",
    head: ["what", "runtime", "median (smallest to largest)", "p95", "unit"],
    body: rows
      .filter((row) => pattern.test(row.case))
      .map((row) => [
        row.case,
        `${row.runtime} ${row.variant}`,
        row.n === 1 ? digits(row.median) : spread(row),
        digits(row.p95),
        row.unit,
      ]),
  };
}

/**
 * How many times `b` goes into `a`. Samples that were taken in turns are divided one by one, and the median is taken of what
 * that gives: so whatever slowed one round down slowed both.
 */
function ratio(a, b) {
  if (!a || !b) return undefined;
  const { samples } = a;
  if (!samples || samples.length !== b.samples?.length) return a.median / b.median;
  const ratios = samples.map((sample, index) => sample / b.samples[index]).sort((x, y) => x - y);
  return (ratios[(ratios.length - 1) >> 1] + ratios[ratios.length >> 1]) / 2;
}
const percent = (share) => `${Math.round(100 * share)} %`;

/** What the project promises, as ratios inside one run. */
function verdicts(find) {
  const lines = [];
  /** `values`: one for each build, or a single one. */
  const line = (what, values, target, most, format) => {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) return;
    // the build that this browser takes is the last one measured
    const value = known.at(-1);
    const met = most ? value <= target : value >= target;
    lines.push([
      what,
      ...BUILDS.map((_, i) => (values[i] === undefined ? "" : format(values[i]))),
      `${most ? "at most" : "at least"} ${format(target)}`,
      met ? "met" : "NOT MET",
    ]);
  };
  const own = (dtype, build, name) => find("graftlet", `${dtype} ${build}`, name);
  const times = (value) => `${digits(value)}x`;
  const faster = (dtype, runtime, variant, shape, target) => {
    const name = `forward ${shape}`;
    const peer = find(runtime, variant, name);
    const values = BUILDS.map((build) => ratio(peer, own(dtype, build, name)));
    line(`forward ${shape}: ${dtype} against ${runtime} ${variant}`, values, target, false, times);
  };
  const hasDot = own("int8", "relaxed", "forward 1x32")?.kernels === "dot";
  const faster8 = hasDot ? 1.7 : 1.2;
  for (const shape of FORWARDS.slice(0, 4)) faster("int8", "onnxruntime-web", "q8", shape, faster8);
  for (const shape of FORWARDS) faster("f32", "onnxruntime-web", "fp32", shape, 1.6);
  for (const shape of FORWARDS) faster("int8", "candle", "f32", shape, 3);
  for (const shape of FORWARDS) faster("f32", "PyTorch", "f32", shape, 1);

  for (const [kernel, instructions] of [
    ["linear_f32", ["f32 mul+add", "f32 relaxed_madd"]],
    ["linear_int8", ["i32x4_dot_i16x8+add", "i32x4_dot_i16x8+add"]],
  ]) {
    const values = BUILDS.map((build, i) => {
      const ceiling = find("graftlet", "registers", `kernel ceiling ${instructions[i]}`);
      return ratio(find("graftlet", VARIANT[build], gemm(kernel)), ceiling);
    });
    line(`${kernel} 120x384x1536 of its ceiling`, values, 0.8, false, percent);
  }

  for (const [name, target] of Object.entries(TRAINING_TARGETS)) {
    for (const dtype of ["f32", "int8"]) {
      const values = BUILDS.map((build) =>
        ratio(own(dtype, build, `train 8x32 ${name}`), own("f32", build, "forward 8x32")),
      );
      const what = `training step 8x32, ${name}, ${dtype}: against the f32 forward`;
      line(what, values, target, true, times);
    }
  }

  for (const [name, target] of COMPOSITIONS) {
    for (const dtype of ["int8", "f32"]) {
      const values = BUILDS.map((build) =>
        ratio(own(dtype, build, `${name} over 8`), own(dtype, build, `${name} over 1`)),
      );
      line(`${name} over eight LoRAs against one, ${dtype}`, values, target, true, times);
    }
  }

  for (const dtype of ["int8", "f32"]) {
    for (const [i, tokens] of DOUBLINGS.slice(1).entries()) {
      const values = BUILDS.map((build) => {
        const [half, whole] = [DOUBLINGS[i], tokens].map((t) => parts(find, dtype, build, t));
        return half && whole && whole.rest / half.rest;
      });
      const what = `${dtype}, ${DOUBLINGS[i]} to ${tokens} tokens, attention apart`;
      line(what, values, 2.15, true, times);
    }
  }

  const ms = (value) => `${digits(value)} ms`;
  const page = (name) => find("graftlet", "package", name);
  line("adapter swap, p95", [page("adapter swap")?.p95], 1, true, ms);
  const started = BUILDS.map((b) => find("graftlet", b, "wasm compile and instantiate")?.median);
  line("wasm compile and instantiate", started, 150, true, ms);
  line("cache to first answer", [page("cache to first answer")?.median], 200, true, ms);
  for (const [shape, least] of [
    ["1x32", 1.6],
    ["1x128", 1.75],
  ]) {
    const [one, two] = [1, 2].map((count) => page(`workers ${count} ${shape}`));
    line(`two workers against one, ${shape}`, [ratio(one, two)], least, false, times);
  }
  const size = BUILDS.map((build) => find("graftlet", build, "wasm size brotli")?.median);
  line("wasm, brotli", size, ENGINE / 1000, true, (value) => `${digits(value)} KB`);
  const mb = (value) => `${digits(value)} MB`;
  line("wasm memory after load", [page("wasm memory after load")?.median], 90, true, mb);
  line("wasm memory, training 16x64", [page("wasm memory training 16x64")?.median], 320, true, mb);
  return {
    name: "verdicts",
    title: "What it must show (judged by the build that this browser takes, the rightmost)",
    head: ["what", ...BUILDS, "target", "verdict"],
    body: lines,
  };
}
