/**
 * What every test of the page needs: a page that is watched, and the moves of a visitor.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";

export { expect };

/** 200 labelled questions, `text,label`. */
export const TREC_200 = join(__dirname, "../fixtures/data/trec-200.csv");

/**
 * Every test's page is watched: it may ask nothing of another origin and log no error, and its longest main-thread task
 * is printed. Printed only, as a busy machine would make an assertion fail by chance.
 */
export const test = base.extend<{ watched: undefined }>({
  watched: [
    async ({ page, baseURL }, use, testInfo) => {
      const foreign: string[] = [];
      const errors: string[] = [];
      page.context().on("request", (request) => {
        const url = request.url();
        const local = url.startsWith("blob:") || url.startsWith("data:");
        if (!local && new URL(url).origin !== new URL(baseURL ?? "").origin) foreign.push(url);
      });
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      page.on("pageerror", (error) => errors.push(error.message));
      // A binding outlives the reloads within a test, which a variable of the page would not.
      let longest = 0;
      await page.exposeFunction("reportLongTask", (duration: number) => {
        longest = Math.max(longest, duration);
      });
      await page.addInitScript(() => {
        const { reportLongTask } = window as unknown as { reportLongTask(duration: number): void };
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) reportLongTask(duration);
        }).observe({ type: "longtask", buffered: true });
      });
      await use(undefined);
      console.log(`${testInfo.title}: longest main-thread task ${Math.round(longest)} ms`);
      expect(foreign, "requests to another origin").toEqual([]);
      expect(errors, "errors in the console").toEqual([]);
    },
    { auto: true },
  ],
});

/** Opens the page and waits until it answers. */
export async function openPage(page: Page): Promise<void> {
  await page.goto("./");
  await expect(page.getByText("is ready", { exact: false }).first()).toBeVisible({
    timeout: 60_000,
  });
  await expect(page.getByTestId("verdict")).toBeVisible();
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

/** Drops files on the page, as from a file manager. */
export async function dropFiles(
  page: Page,
  files: { name: string; bytes: Buffer }[],
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
