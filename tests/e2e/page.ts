/**
 * What every test of the page needs: a page that is watched, and the moves of a visitor.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { isRowFile } from "../../www/app/files/row-files.js";
import { amend } from "./amend.js";

export { expect };

/** 200 labelled questions, `text,label`. */
export const TREC_200 = join(__dirname, "../fixtures/data/trec-200.csv");

/** What a watched page must not do. */
export interface Watched {
  /** Requests to another origin. */
  foreign: string[];
  /** Errors in the console of the page and of its workers. */
  errors: string[];
  /** What the Content-Security-Policy, with Trusted Types, refused. */
  violations: string[];
  /** Milliseconds of the longest task of the main thread. */
  longest: number;
}

/**
 * In front of a worker's script: what the policy refuses the worker, it tells the pages. Neither browser tells a test of
 * it reliably.
 */
const TELL_VIOLATIONS = `{
  const channel = new BroadcastChannel("violations");
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    channel.postMessage(effectiveDirective + " refused " + blockedURI + " in a worker");
  });
}`;

/** Has the workers tell what they were refused. A test that replaces a worker's script itself does without. */
async function watchWorkers(page: Page): Promise<void> {
  const tell = (text: string) => TELL_VIOLATIONS + text;
  await page.route("**/assets/*worker-*.js", (route) => amend(route, tell));
}

/**
 * Watches a page and what it starts, from now on. Where a service worker answers, `workers` is false: the same scripts are
 * watched in every other test.
 */
export async function watch(page: Page, origin: string, workers = true): Promise<Watched> {
  const watched: Watched = { foreign: [], errors: [], violations: [], longest: 0 };
  if (workers) await watchWorkers(page);
  page.context().on("request", (request) => {
    const url = request.url();
    const local = url.startsWith("blob:") || url.startsWith("data:");
    if (!local && new URL(url).origin !== origin) watched.foreign.push(url);
  });
  page.on("console", (message) => {
    if (message.type() === "error") watched.errors.push(message.text());
    if (/Content.Security.Policy|Trusted ?(Types|Script|HTML)/i.test(message.text())) {
      watched.violations.push(message.text());
    }
  });
  page.on("pageerror", (error) => watched.errors.push(error.message));
  // Bindings outlive the reloads within a test, which a variable of the page would not.
  await page.exposeFunction("reportLongTask", (duration: number) => {
    watched.longest = Math.max(watched.longest, duration);
  });
  await page.exposeFunction("reportViolation", (sentence: string) => {
    watched.violations.push(sentence);
  });
  await page.addInitScript(() => {
    const { reportLongTask, reportViolation } = window as unknown as {
      reportLongTask(duration: number): void;
      reportViolation(sentence: string): void;
    };
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) reportLongTask(duration);
    }).observe({ type: "longtask", buffered: true });
    new BroadcastChannel("violations").onmessage = ({ data }) => reportViolation(data);
    document.addEventListener("securitypolicyviolation", (event) => {
      const { effectiveDirective, blockedURI, sample, sourceFile, lineNumber } = event;
      reportViolation(
        `${effectiveDirective} refused ${blockedURI} “${sample}” in ${sourceFile}:${lineNumber}`,
      );
    });
  });
  return watched;
}

/** Fails where a watched page did what it must not do. */
export function expectInnocent({ foreign, errors, violations }: Watched): void {
  const nothing = { foreign: [], violations: [], errors: [] };
  expect({ foreign, violations, errors }, "what the page must not do").toEqual(nothing);
}

/**
 * Every test's page is watched. Its longest main-thread task is printed only, as a busy machine would make an assertion
 * fail by chance.
 */
export const test = base.extend<{ watched: Watched }>({
  watched: [
    async ({ page, baseURL }, use, testInfo) => {
      const watched = await watch(page, new URL(baseURL ?? "").origin);
      await use(watched);
      console.log(`${testInfo.title}: longest main-thread task ${Math.round(watched.longest)} ms`);
      expectInnocent(watched);
    },
    { auto: true },
  ],
});

/** Opens the page and waits until it answers. */
export async function openPage(page: Page): Promise<void> {
  await page.goto("./");
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 120_000 });
}

/** A file that the page gave the visitor. */
export interface Given {
  name: string;
  bytes: Buffer;
}

/**
 * Does something that makes the page give a file. Over WebDriver BiDi Firefox reports no downloads: there the file is
 * taken from the page as it is given.
 */
export async function given(
  page: Page,
  act: () => Promise<void>,
  timeout = 60_000,
): Promise<Given> {
  if (page.context().browser()?.browserType().name() !== "firefox") {
    const downloading = page.waitForEvent("download", { timeout });
    await act();
    const download = await downloading;
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  }
  interface Scope {
    given?: { name: string; bytes: number[] };
  }
  await page.evaluate(() => {
    const scope = window as unknown as Scope;
    delete scope.given;
    const { createObjectURL } = URL;
    const { click } = HTMLAnchorElement.prototype;
    let blob: Blob;
    URL.createObjectURL = (content: Blob) => {
      blob = content;
      return createObjectURL.call(URL, content);
    };
    HTMLAnchorElement.prototype.click = function () {
      const name = this.download;
      void blob.arrayBuffer().then((bytes) => {
        scope.given = { name, bytes: [...new Uint8Array(bytes)] };
      });
      URL.createObjectURL = createObjectURL;
      HTMLAnchorElement.prototype.click = click;
    };
  });
  await act();
  const handle = await page.waitForFunction(() => (window as unknown as Scope).given, null, {
    timeout,
  });
  const file = await handle.jsonValue();
  if (!file) throw new Error("The page gave no file.");
  return { name: file.name, bytes: Buffer.from(file.bytes) };
}

export function taskSelect(page: Page) {
  return page.getByLabel("Task", { exact: true });
}

/** The scores on show, unrounded, by label. */
export async function scoresOf(page: Page, text: string): Promise<Record<string, number>> {
  const box = page.getByLabel("Text", { exact: true }).first();
  // By way of another text, so that what is read is the answer to this one.
  await box.fill("something else entirely");
  await expect(page.getByTestId("verdict")).toBeVisible();
  await page.waitForTimeout(500);
  await box.fill(text);
  await page.waitForTimeout(800);
  return Object.fromEntries(
    await page
      .locator(".bar")
      .evaluateAll((bars) =>
        bars.map((bar) => [
          bar.querySelector(".bar-label")?.textContent ?? "",
          Number(bar.querySelector(".bar-score")?.getAttribute("data-score")),
        ]),
      ),
  );
}

/** Drops files on the page, as from a file manager. Rows are said to be for teaching, unless `purpose` says otherwise. */
export async function dropFiles(
  page: Page,
  files: { name: string; bytes: Buffer }[],
  purpose: "Teach from it" | "Answer it" | "Neither" | null = "Teach from it",
): Promise<void> {
  const transfer = await page.evaluateHandle(
    (parts) => {
      const data = new DataTransfer();
      for (const { name, base64 } of parts) {
        const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([content], name));
      }
      return data;
    },
    files.map(({ name, bytes }) => ({ name, base64: bytes.toString("base64") })),
  );
  for (const type of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("main", type, { dataTransfer: transfer });
  }
  const rows = files.some(({ name }) => isRowFile(name));
  const adapter = files.some(({ name }) => name === "adapter_config.json");
  if (purpose && rows && !adapter) {
    await page.getByRole("dialog").getByRole("button", { name: purpose }).click();
  }
}

/** Drops a file of the disk on the page. */
export function dropPath(page: Page, path: string): Promise<void> {
  return dropFiles(page, [{ name: basename(path), bytes: readFileSync(path) }]);
}

/** Opens the rows of the fixture and fills the form in; `epochs` keeps the run short. */
export async function planRun(page: Page, name: string, epochs: number): Promise<void> {
  await dropPath(page, TREC_200);
  await expect(page.getByText("200 rows in", { exact: false })).toBeVisible();
  await page.getByLabel("Name of the task").fill(name);
  await page.getByRole("radio", { name: "LoRA" }).check();
  await page.getByText("Settings of the run").click();
  await page.getByLabel("Epochs").fill(String(epochs));
  await page.getByLabel("Seed").fill("7");
}
