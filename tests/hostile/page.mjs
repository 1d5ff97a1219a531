/**
 * Gives every hostile file to the npm package and to the page's reader of rows, in headless Chromium, and measures it.
 *
 *   node tests/hostile/page.mjs [--short] [--only PATTERN] [--limits] [--verbose]
 *
 * The flags are those of cli.mjs. Time is the processor time of the tab's process, memory is the most that the process held
 * above what it held before, and both are compared with a good file of the same kind (Linux). After each file the tab must
 * still answer a text. Needs pkg/, target/rows-pkg/ and the converted backbone (`./build.sh build`).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serve } from "../../www/scripts/serve.mjs";
import { WatchedChromium } from "../../www/scripts/watched-chromium.mjs";
import { corpus, SHORT, sizeOf } from "./corpus.mjs";
import { fault, LIMITS } from "./judge.mjs";
import { source } from "./models.mjs";

const { values: flags } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    limits: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** A tab that says nothing for so long is taken for one that hangs. */
const LONGEST_MS = 120_000;
/** How the page reads each kind; the functions run in the page. */
const READERS = { rows, adapters, sources, backbones, texts };

const scratch = mkdtempSync(join(tmpdir(), "hostile-page-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
let written = 0;
/** Each case has a folder of its own: neither the server nor the browser may take one for another. */
function write(files) {
  rmSync(join(scratch, "cases", String(written)), { recursive: true, force: true });
  written += 1;
  for (const [name, content] of Object.entries(files)) {
    const path = join(scratch, "cases", String(written), name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return { folder: `/cases/${written}/`, names: Object.keys(files) };
}

function converted() {
  const [from, to] = [join(scratch, "source"), join(scratch, "base")];
  mkdirSync(from);
  for (const [name, content] of Object.entries(source())) writeFileSync(join(from, name), content);
  const command = ["convert", "--from", from, "--to", to];
  const { status, stderr } = spawnSync(at("target/release/graftlet"), command, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return Object.fromEntries(readdirSync(to).map((name) => [name, readFileSync(join(to, name))]));
}

const server = await serve({
  "/pkg/": at("pkg"),
  "/rows-pkg/": at("target/rows-pkg"),
  "/models/": at("www/public/models"),
  "/adapters/": at("www/public/adapters"),
  "/cases/": join(scratch, "cases"),
});
const home = `http://127.0.0.1:${server.address().port}/`;

let browser;
async function start() {
  browser = new WatchedChromium();
  await browser.open(home);
  await browser.evaluate(`(${prepare})()`);
}

/** Gives one case to the page: what is wrong of it, what was said, and what it took. */
async function read(kind, files, must, allowed) {
  const { folder, names } = write(files);
  const before = await browser.beginWatch();
  const late = new Promise((resolve) => {
    setTimeout(() => resolve({ code: "hangs", said: "" }), LONGEST_MS).unref();
  });
  const asked = browser.evaluate(`(${READERS[kind]})(${JSON.stringify({ folder, names })})`);
  const outcome = await Promise.race([asked, late]).catch((error) => ({
    code: "not_ours",
    said: String(error),
  }));
  const taken = browser.endWatch(before);
  let wrong;
  if (["hangs", "not_ours"].includes(outcome.code)) {
    wrong = `${outcome.code}: ${outcome.said.slice(0, 200)}`;
  } else {
    const errors = outcome.code === undefined ? "" : outcome.said;
    // A page may hold any character of an answer; nobody obeys it there.
    wrong = fault({ must, code: outcome.code, errors, output: errors || "an answer" });
  }
  if (!wrong && allowed && flags.limits) {
    if (taken.seconds > allowed.seconds + LIMITS.seconds) {
      wrong = `took ${taken.seconds.toFixed(2)} s of processor time`;
    } else if (taken.megabytes > allowed.megabytes + LIMITS.megabytes) {
      wrong = `took ${Math.round(taken.megabytes)} MB`;
    }
  }
  const answers = await Promise.race([browser.evaluate(`(${stillAnswers})()`), late]).catch(() => false);
  if (answers !== true) {
    wrong ??= "the tab does not answer a text any more";
    await browser.close();
    await start();
  }
  return { wrong, said: outcome.code ?? "an answer", taken };
}

let count = 0;
const faults = [];
const wanted = new RegExp(flags.only);
try {
  await start();
  for (const [kind, { good, cases }] of Object.entries(corpus(converted()))) {
    // Callers of the package have strings; what is no text in a file is the matter of rows.
    const chosen = cases.filter(({ name, must }) => wanted.test(name) && !(kind === "texts" && must === "error"));
    if (chosen.length === 0) continue;
    // The first one pays for what is made once.
    await read(kind, good, "answer");
    const reference = await read(kind, good, "answer");
    if (reference.wrong) throw new Error(`the good file of ${kind}: ${reference.wrong}`);
    const own = { count: 0, refused: 0, seconds: 0, megabytes: 0 };
    for (const one of chosen) {
      const files = one.make();
      if (flags.short && sizeOf(files) >= SHORT + sizeOf(good)) continue;
      const { wrong, said, taken } = await read(kind, files, one.must, reference.taken);
      own.count += 1;
      if (said !== "an answer") own.refused += 1;
      for (const what of ["seconds", "megabytes"]) {
        own[what] = Math.max(own[what], taken[what] - reference.taken[what]);
      }
      const figures = `${taken.seconds.toFixed(2)} s ${Math.round(taken.megabytes)} MB`;
      if (flags.verbose) console.log(`${wrong ? "FAULT" : "ok   "} ${one.name}: ${said} (${figures})`);
      if (wrong) faults.push(`${one.name}: ${wrong}`);
    }
    count += own.count;
    console.log(
      `${kind.padEnd(10)} ${String(own.count).padStart(4)} files, ${String(own.refused).padStart(4)} refused, at most ${own.seconds.toFixed(2)} s of processor time and ${Math.round(own.megabytes)} MB above a good one`,
    );
  }
} finally {
  await browser?.close();
  server.close();
  server.closeAllConnections();
}
console.log(`${count} files in the browser, ${faults.length} faults`);
for (const one of faults) console.error(`fault: ${one}`);
if (faults.length > 0) process.exitCode = 1;

/** Runs in the page, as all below. */
async function prepare() {
  const { Graftlet } = await import("/pkg/index.js");
  const { default: init, Desk } = await import("/rows-pkg/graftlet_rows.js");
  await init({ module_or_path: "/rows-pkg/graftlet_rows_bg.wasm" });
  const g = await Graftlet.load({ backbone: "/models/minilm-l6/" });
  await g.addAdapter("good", "/adapters/sst2/");
  const filesOf = async ({ folder, names }) => {
    const contents = names.map(async (name) => {
      const path = name.split("/").map(encodeURIComponent).join("/");
      return [name, new Uint8Array(await (await fetch(folder + path)).arrayBuffer())];
    });
    return Object.fromEntries(await Promise.all(contents));
  };
  // An error of the package has a code. Anything else is a fault.
  const tell = async (task) => {
    try {
      return { said: JSON.stringify(await task()) };
    } catch (error) {
      if (typeof error?.code !== "string") return { code: "not_ours", said: String(error?.stack ?? error) };
      return { code: error.code, said: error.message };
    }
  };
  Object.assign(globalThis, { Graftlet, Desk, g, filesOf, tell });
}

async function stillAnswers() {
  await globalThis.g.use("good");
  const [{ label }] = await globalThis.g.classify(["good film"]);
  return typeof label === "string";
}

async function rows(given) {
  const [bytes] = Object.values(await globalThis.filesOf(given));
  return globalThis.tell(async () => {
    const desk = new globalThis.Desk();
    try {
      const columns = desk.open(bytes, {}).guess;
      const choice = { columns, ...desk.propose(columns), corrections: {}, merge: false };
      const { usable, blocked } = desk.prepare(choice);
      desk.part(0, Math.min(10, usable));
      if (blocked) throw new Error(blocked);
      return usable;
    } catch (error) {
      // The page shows the reader's sentences as they are; they have no code.
      const code = error instanceof WebAssembly.RuntimeError ? "not_ours" : "rows";
      throw Object.assign(new Error(error.message), { code });
    } finally {
      desk.free();
    }
  });
}

async function adapters(given) {
  const files = await globalThis.filesOf(given);
  return globalThis.tell(async () => {
    const { g } = globalThis;
    try {
      await g.addAdapter("case", files);
      await g.use("case");
      return (await g.classify(["good film"]))[0];
    } finally {
      await g.removeAdapter("case").catch(() => {});
    }
  });
}

async function sources(given) {
  const files = await globalThis.filesOf(given);
  return globalThis.tell(async () => {
    const g = await globalThis.Graftlet.load(files);
    try {
      return (await g.embed(["good film"]))[0].length;
    } finally {
      await g.dispose();
    }
  });
}

async function backbones({ folder }) {
  return globalThis.tell(async () => {
    const g = await globalThis.Graftlet.load({ backbone: folder });
    try {
      return (await g.embed(["good film"]))[0].length;
    } finally {
      await g.dispose();
    }
  });
}

async function texts(given) {
  const [bytes] = Object.values(await globalThis.filesOf(given));
  const text = new TextDecoder().decode(bytes);
  await globalThis.g.use("good");
  return globalThis.tell(async () => (await globalThis.g.classify([text]))[0]);
}
