/**
 * How long the page is held up by a large file of rows, and how much memory reading it takes: opens the built page in
 * headless Chromium, gives it a file, changes a column, starts training, and prints a line of JSON for each of the three.
 *
 *   node scripts/rows-in-page.mjs [--rows 100000] [--fault none|quote|repeats|classes] [--file FILE] [--only-read]
 *
 * Without --file the rows are made up: about 340 bytes each, and with a fault if one is named: a quote in the first row
 * that is never closed, every text twice, or a class a row. `longestTask` is the longest task of the page's main thread,
 * `longestTaskCpu` the most processor time that one took (another program that takes the processor is not in it), both in
 * milliseconds; `over50` counts the tasks above 50 ms. `wasmMegabytes` is the memory of the reader's module, which never
 * shrinks; `renderer…` is the memory of the page's process, as the system counts it.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { exposeMemory, wasmBytes } from "./expose-memory.mjs";
import { serve } from "./serve.mjs";

const dist = resolve(fileURLToPath(new URL("..", import.meta.url)), "dist");
const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "100000" },
    fault: { type: "string", default: "none" },
    file: { type: "string" },
    "only-read": { type: "boolean", default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), "graftlet-rows-"));
const server = await serve({ "/page/": dist });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
try {
  const file = flags.file ?? madeUp(Number(flags.rows), flags.fault);
  const page = await browser.newPage();
  await exposeMemory(page, "**/desk.worker-*.js");
  await page.goto(`http://127.0.0.1:${server.address().port}/page/index.html`);
  await page.getByTestId("verdict").waitFor({ timeout: 120_000 });
  const before = await residentMegabytes();

  const read = page.locator(".classes, .source .trouble, .rows .trouble").first();
  await measured(page, "reading", async () => {
    await page.getByLabel("File with rows").setInputFiles(file);
    await read.waitFor({ timeout: 300_000 });
  });
  console.log(
    JSON.stringify({
      file: `${(statSync(file).size / 1e6).toFixed(1)} MB`,
      says: (await read.textContent()).slice(0, 200),
      findings: (await page.locator(".problems li").allTextContents()).map((s) => s.slice(0, 120)),
      wasmMegabytes: await wasmMegabytes(page),
      rendererMegabytesBefore: before.now,
      rendererMegabytesAtMost: (await residentMegabytes()).most,
      browser: `Chromium ${browser.version()}`,
    }),
  );
  if (!flags["only-read"]) {
    await measured(page, "another column and back", async () => {
      const label = page.getByLabel("Label", { exact: true });
      const chosen = await label.inputValue();
      await label.selectOption("");
      await page.getByText("No column holds labels").waitFor({ timeout: 120_000 });
      await label.selectOption(chosen);
      await page.locator(".classes").waitFor({ timeout: 120_000 });
    });
    await page.getByRole("radio", { name: "Head alone" }).check();
    await measured(page, "preparing, up to the first step", async () => {
      await page.getByRole("button", { name: "Start training" }).click();
      await page
        .getByText(/^Step \d/)
        .first()
        .waitFor({ timeout: 600_000 });
    });
    await page.getByRole("button", { name: "Cancel" }).click();
  }
} finally {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true });
}

/** Carries a phase out and prints what the main thread did meanwhile. */
async function measured(page, phase, act) {
  await browser.startTracing(page, {
    categories: ["toplevel", "disabled-by-default-devtools.timeline"],
  });
  const began = performance.now();
  await act();
  const seconds = Math.round(performance.now() - began) / 1000;
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString("utf8"));
  const threadOf = ({ pid, tid }) => `${pid} ${tid}`;
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(threadOf),
  );
  const tasks = traceEvents.filter(
    (event) => /RunTask$/.test(event.name) && event.dur !== undefined && main.has(threadOf(event)),
  );
  const longest = (key) => Math.round(Math.max(...tasks.map((task) => task[key] ?? 0)) / 100) / 10;
  console.log(
    JSON.stringify({
      phase,
      seconds,
      tasks: tasks.length,
      longestTask: longest("dur"),
      longestTaskCpu: longest("tdur"),
      over50: tasks.filter(({ dur }) => dur > 50_000).length,
    }),
  );
}

function madeUp(rows, fault) {
  const words =
    "the parcel that I ordered last week has not come and nobody answers the phone".split(" ");
  const lines = ["text,label"];
  for (let row = 0; row < rows; row += 1) {
    const i = fault === "repeats" ? row % (rows / 2) : row;
    const text = Array.from({ length: 60 }, (_, j) => words[(i * 7 + j * j) % words.length]);
    const label = fault === "classes" ? `class ${i}` : `class ${i % 7}`;
    const open = fault === "quote" && i === 0;
    lines.push(open ? `"open ${text.join(" ")},${label}` : `"${text.join(" ")}, ${i}",${label}`);
  }
  const file = join(folder, "rows.csv");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

async function wasmMegabytes(page) {
  return Math.round(Math.max(...(await wasmBytes(page))) / 1e6);
}

/** Of the largest renderer process. */
async function residentMegabytes() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const all = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => {
      const status = readFileSync(`/proc/${id}/status`, "utf8");
      const of = (field) =>
        Math.round(Number(status.match(new RegExp(`${field}:\\s+(\\d+)`))?.[1]) / 1000);
      return { now: of("VmRSS"), most: of("VmHWM") };
    });
  return all.sort((a, b) => b.most - a.most)[0];
}
