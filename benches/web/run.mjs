/**
 * Measures graftlet beside its peers in headless Chromium and writes target/bench/web.json, one object a row.
 *
 *   node benches/web/run.mjs [--quick] [--only PATTERN] [--python INTERPRETER]
 *
 * With an interpreter that has torch, native PyTorch is measured too, by ../pytorch.py.
 *
 * `./build.sh bench` builds what this needs, then calls it.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, release, totalmem } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { CHROMIUM, CHROMIUM_ARGS } from "../../www/scripts/chromium.mjs";
import { serve } from "../../www/scripts/serve.mjs";
import { BUILDS, print } from "../report.mjs";
import { summary } from "./summary.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { chromium } = createRequire(resolve(root, "www/package.json"))("@playwright/test");

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    python: { type: "string" },
    checkpoint: { type: "string", default: resolve(root, "target/backbone/source") },
  },
});
const only = new RegExp(flags.only);
const [rounds, loads, swaps] = flags.quick ? [5, 3, 100] : [21, 9, 400];

const built = resolve(root, "target/bench/built");
const shipped = resolve(root, "target/wasm-pkg");
const server = await serve({
  "/bench/": fileURLToPath(new URL(".", import.meta.url)),
  "/built/": built,
  "/wasm/": shipped,
  "/pkg/": resolve(root, "pkg"),
  "/models/": resolve(root, "www/public/models"),
  "/adapters/": resolve(root, "www/public/adapters"),
  "/checkpoint/": flags.checkpoint,
});
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
const began = performance.now();
const log = (message) => {
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`${String(seconds).padStart(5)} s  ${message}`);
};

const rows = [];
const wanted = (name) => only.test(`graftlet package ${name}`);
const conditions = {
  browser: `Chromium ${browser.version()}`,
  cpu: cpus()[0].model,
  cores: cpus().length,
  dot: dotInstruction(),
  memory: Math.round(totalmem() / 2 ** 30),
  system: `Linux ${release()} ${arch()}`,
  rounds,
  only: flags.only,
  date: new Date().toISOString().slice(0, 10),
};

const text = readFileSync(resolve(root, "LICENSE"), "utf8");

try {
  rows.push(...sizes());
  await packageRows();
  rows.push(...(await pytorch()));
  const page = await freshPage();
  await page.exposeFunction("log", log);
  rows.push(
    ...(await page.evaluate(
      async ({ only, rounds, text }) => {
        const { measure } = await import("/bench/page.js");
        return measure({ only, rounds, text, log: globalThis.log });
      },
      { only: flags.only, rounds, text },
    )),
  );
} finally {
  await browser.close();
  server.close();
}

mkdirSync(resolve(root, "target/bench"), { recursive: true });
writeFileSync(resolve(root, "target/bench/web.json"), table(rows));
writeFileSync(resolve(root, "target/bench/conditions.json"), `${JSON.stringify(conditions)}\n`);
print(rows, conditions);

async function freshPage() {
  const page = await (browser.contexts()[0] ?? (await browser.newContext())).newPage();
  await page.goto(address);
  return page;
}

/** Calls a function of package.js in a page of its own. */
async function inPackage(name, ...args) {
  const page = await freshPage();
  try {
    return await page.evaluate(
      async ({ name, args }) => (await import("/bench/package.js"))[name](...args),
      { name, args },
    );
  } finally {
    await page.close();
  }
}

async function packageRows() {
  const add = (name, samples) =>
    rows.push(
      summary({ runtime: "graftlet", variant: "package", case: name, unit: "ms" }, samples),
    );
  if (wanted("cache to first answer")) {
    log("package: backbone from the browser's cache to the first answer");
    await inPackage("firstAnswer"); // fills the cache
    const answers = [];
    for (let i = 0; i < loads; i++) answers.push(await inPackage("firstAnswer"));
    add(
      "cache to loaded",
      answers.map(({ load }) => load),
    );
    add(
      "cache to first answer",
      answers.map(({ total }) => total),
    );
  }
  if (wanted("adapter swap")) {
    log("package: adapter swap");
    rows.push(await inPackage("swap", swaps, ["sms_spam", "trec"]));
  }
  if (wanted("wasm memory")) {
    log("package: wasm memory");
    rows.push(...(await inPackage("memory")));
  }
  if (wanted("workers")) {
    log("package: several workers for one call");
    rows.push(...(await inPackage("workers", [1, 2, 4], rounds)));
  }
  if (wanted("wasm compile and instantiate")) {
    log("package: compile and instantiate");
    for (const module of modules()) rows.push(...(await inPackage("instantiate", loads, module)));
  }
}

/** The instruction that multiplies 8-bit integers and adds them up, as the kernel names it; "none" without one. */
function dotInstruction() {
  let about = "";
  try {
    about = readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "unknown";
  }
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(about)?.[1]?.split(/\s+/));
  const named = { avx_vnni: "AVX-VNNI", avx512_vnni: "AVX-512-VNNI", asimddp: "DOTPROD" };
  const found = Object.keys(named).filter((flag) => flags.has(flag));
  return found.map((flag) => named[flag]).join(" and ") || "none";
}

/** Native PyTorch at the shapes of the forward passes, in a process of its own. */
async function pytorch() {
  const row = (shape) => ({
    runtime: "PyTorch",
    variant: "f32",
    case: `forward ${shape}`,
    unit: "ms",
  });
  if (flags.python === undefined) return [];
  const page = await freshPage();
  const shapes = await page.evaluate(
    async ({ text }) => (await import("/bench/page.js")).shapes(text),
    { text },
  );
  await page.close();
  const matches = (shape) => {
    const { runtime, variant, case: name } = row(shape);
    return only.test(`${runtime} ${variant} ${name}`);
  };
  const wanted = Object.entries(shapes).filter(([shape]) => matches(shape));
  if (wanted.length === 0) return [];
  log(`PyTorch ${flags.python}`);
  const file = resolve(root, "target/bench/shapes.json");
  mkdirSync(resolve(root, "target/bench"), { recursive: true });
  writeFileSync(file, JSON.stringify(Object.fromEntries(wanted)));
  const script = resolve(root, "benches/pytorch.py");
  const output = execFileSync(flags.python, [script, flags.checkpoint, file, String(rounds)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TOKENIZERS_PARALLELISM: "false" },
  });
  const found = JSON.parse(output.trim().split("\n").at(-1));
  conditions.pytorch = `PyTorch ${found.torch}, ${found.model}`;
  // It took no turns with the others, so its samples belong to none of theirs.
  return Object.entries(found.shapes).map(([shape, taken]) => {
    const { samples: _, ...rest } = summary(row(shape), taken);
    return rest;
  });
}

/** The modules that ship: `[{ variant, glue, wasm }]`, as URLs. */
function modules() {
  return readdirSync(shipped)
    .map((file) => [file, file.match(/^graftlet_(\w+)\.wasm$/)?.[1]])
    .filter(([, variant]) => variant)
    .sort(([, a], [, b]) => BUILDS.indexOf(a) - BUILDS.indexOf(b))
    .map(([file, variant]) => ({ variant, glue: "/wasm/graftlet.js", wasm: `/wasm/${file}` }));
}

/** What a browser fetches of each runtime's wasm. */
function sizes() {
  const own = modules().map(({ variant, wasm }) => [
    "graftlet",
    variant,
    resolve(shipped, wasm.slice("/wasm/".length)),
  ]);
  const files = [
    ...own,
    ["onnxruntime-web", "CPU", resolve(built, "ort/ort.wasm")],
    ["candle", "f32", resolve(built, "candle/candle_bg.wasm")],
  ];
  const compress = {
    raw: (file) => file,
    gzip: (file) => gzipSync(file, { level: 9 }),
    brotli: (file) => {
      const { BROTLI_PARAM_QUALITY: quality, BROTLI_PARAM_SIZE_HINT: hint } = constants;
      return brotliCompressSync(file, { params: { [quality]: 11, [hint]: file.length } });
    },
  };
  return files.flatMap(([runtime, variant, path]) =>
    Object.entries(compress)
      .map(([name, pack]) => [{ runtime, variant, case: `wasm size ${name}`, unit: "KB" }, pack])
      .filter(([row]) => only.test(`${row.runtime} ${row.variant} ${row.case}`))
      .map(([row, pack]) => summary(row, [pack(readFileSync(path)).length / 1000])),
  );
}

/** JSON with one row a line. */
function table(rows) {
  return `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`;
}
