/**
 * Says where the time goes from a page's start to its first answer when the browser keeps the backbone already.
 *
 *   node benches/web/start.mjs [--pkg FOLDER]... [--times N] [--no-spans] [--trace FILE]
 *
 * Several packages take turns, so that whatever else the machine does hits all of them alike. The browser has a profile on
 * disk, as a visitor's has: an incognito window keeps no compiled code. `--trace` writes a trace of one start, with
 * samples of every thread's stack, for Chromium's DevTools.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CHROMIUM, CHROMIUM_ARGS } from "../../www/scripts/chromium.mjs";
import { serve } from "../../www/scripts/serve.mjs";
import { summary } from "./summary.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { chromium } = createRequire(resolve(root, "www/package.json"))("@playwright/test");

const { values: flags } = parseArgs({
  options: {
    pkg: { type: "string", multiple: true, default: [resolve(root, "pkg")] },
    times: { type: "string", default: "15" },
    spans: { type: "boolean", default: true },
    trace: { type: "string" },
  },
  allowNegative: true,
});
const packages = flags.pkg.map((folder, index) => ({
  folder: resolve(folder),
  path: `/pkg-${index}/`,
}));
const server = await serve({
  "/bench/": fileURLToPath(new URL(".", import.meta.url)),
  ...Object.fromEntries(packages.map(({ path, folder }) => [path, folder])),
  // Each has a model of its own, as they may keep it in different ways.
  ...Object.fromEntries(
    packages.map(({ path }) => [`/models${path}`, resolve(root, "www/public/models/minilm-l6")]),
  ),
  "/adapters/": resolve(root, "www/public/adapters"),
});
const address = `http://127.0.0.1:${server.address().port}/`;
const profile = mkdtempSync(join(tmpdir(), "graftlet-start-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: CHROMIUM,
  args: CHROMIUM_ARGS,
});

/** Milliseconds of processor time that the browser's processes have taken, all of their threads together. */
function processorTime() {
  let ticks = 0;
  for (const id of readdirSync("/proc")) {
    if (!/^\d+$/.test(id)) continue;
    try {
      if (!readFileSync(`/proc/${id}/cmdline`, "utf8").includes(profile)) continue;
      // The name, in parentheses, may hold spaces.
      const fields = readFileSync(`/proc/${id}/stat`, "utf8").replace(/.*\)/, "").trim().split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return ticks * 10;
}

let tracing;

async function startTracing() {
  tracing = await browser.newCDPSession(browser.pages()[0]);
  const includedCategories = [
    "devtools.timeline",
    "blink.user_timing",
    "v8",
    "v8.wasm",
    "disabled-by-default-v8.cpu_profiler",
    "disabled-by-default-v8.wasm.detailed",
  ];
  await tracing.send("Tracing.start", {
    transferMode: "ReturnAsStream",
    traceConfig: { includedCategories },
  });
}

async function stopTracing() {
  const ended = new Promise((resolve) => tracing.once("Tracing.tracingComplete", resolve));
  await tracing.send("Tracing.end");
  const { stream } = await ended;
  let text = "";
  for (;;) {
    const { data, eof } = await tracing.send("IO.read", { handle: stream });
    text += data;
    if (eof) return text;
  }
}

async function start(path, spans) {
  const page = await browser.newPage();
  await page.goto(address);
  const settings = { model: `/models${path}`, adapter: "/adapters/sms_spam/", spans };
  const before = processorTime();
  try {
    const found = await page.evaluate(
      async ({ path, settings }) => (await import("/bench/start.js")).start(path, settings),
      { path, settings },
    );
    return { ...found, processor: processorTime() - before };
  } finally {
    await page.close();
  }
}

const samples = new Map(packages.map(({ path }) => [path, []]));
try {
  // the first fills the caches, and the second has the browser keep compiled code
  for (let i = 0; i < 3; i++) {
    for (const { path } of packages) await start(path, flags.spans);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  if (flags.trace) {
    await startTracing();
    await start(packages[0].path, flags.spans);
    writeFileSync(flags.trace, await stopTracing());
  }
  for (let i = 0; i < Number(flags.times); i++) {
    for (const { path } of packages) samples.get(path).push(await start(path, flags.spans));
  }
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}

const ms = (value) => value.toFixed(1).padStart(7);
const row = (name, values) => {
  const { median, min, max } = summary({}, values);
  return `${ms(median)} (${ms(min)} to ${ms(max)})  ${name}`;
};
for (const { path, folder } of packages) {
  const runs = samples.get(path);
  console.log(`\n${folder}: ms, median (smallest to largest) of ${runs.length}`);
  console.log(
    row(
      "first answer",
      runs.map(({ total }) => total),
    ),
  );
  console.log(
    row(
      "of that, loaded",
      runs.map(({ load }) => load),
    ),
  );
  const processor = runs.map(({ processor }) => processor);
  console.log(row("processor time, with a second answer", processor));
  console.log(`answer ${runs[0].answer}`);
  if (!flags.spans) continue;
  console.log("  began    ended   took");
  const names = new Map();
  for (const { spans } of runs) {
    const seen = new Map();
    for (const [name, began, ended] of spans) {
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      const key = count > 1 ? `${name} (${count})` : name;
      names.set(key, [...(names.get(key) ?? []), [began, ended]]);
    }
  }
  const middle = (values) => summary({}, values).median;
  const lines = [...names].map(([name, times]) => [
    middle(times.map(([began]) => began)),
    middle(times.map(([, ended]) => ended)),
    middle(times.map(([began, ended]) => ended - began)),
    name,
  ]);
  for (const [began, ended, took, name] of lines.sort(([a], [b]) => a - b)) {
    console.log(`${ms(began)}${ms(ended)}${ms(took)}  ${name}`);
  }
}
