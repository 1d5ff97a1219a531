/**
 * What a visitor sees and where the keyboard is while the page is used: nothing jumps, the focus goes along, files go where
 * their owner says.
 */
import { readFileSync } from "node:fs";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { dropFiles, expect, openPage, planRun, taskSelect, test } from "./page.js";

/** Counts layout shifts as browsers do: the worst window of shifts that no input caused. */
async function watchShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const found: { at: number; value: number; what: string }[] = [];
    Object.assign(window, { shifts: found });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as {
        startTime: number;
        value: number;
        hadRecentInput: boolean;
        sources: { node?: Element }[];
      }[]) {
        if (entry.hadRecentInput) continue;
        const what = entry.sources.map(({ node }) => node?.className || node?.nodeName).join(", ");
        found.push({ at: entry.startTime, value: entry.value, what });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** The cumulative layout shift so far, by Chromium's definition of it, and what shifted. */
async function shift(page: Page): Promise<{ worst: number; all: number; what: string[] }> {
  const found = await page.evaluate(
    () => (window as unknown as { shifts: { at: number; value: number; what: string }[] }).shifts,
  );
  let worst = 0;
  let [sum, first, last] = [0, 0, 0];
  for (const { at, value } of found) {
    if (at - last > 1000 || at - first > 5000) [sum, first] = [0, at];
    last = at;
    sum += value;
    worst = Math.max(worst, sum);
  }
  return {
    worst,
    all: found.reduce((total, { value }) => total + value, 0),
    what: found.map(({ value, what }) => `${value.toFixed(3)} ${what}`),
  };
}

const focused = (page: Page) => page.evaluate(() => document.activeElement?.id);

for (const [name, viewport] of [
  ["desktop", { width: 1280, height: 900 }],
  ["phone", { width: 390, height: 844 }],
] as const) {
  test(`teaching shifts nothing and takes the focus along, ${name}`, async ({ page }) => {
    await page.setViewportSize(viewport);
    await watchShifts(page);
    await openPage(page);
    const before = await shift(page);

    await page.getByRole("button", { name: "Try it with a sample" }).click();
    await expect(page.getByText("30 rows in 3 classes")).toBeVisible();
    await expect.poll(() => focused(page)).toBe("rows-title");
    await page.getByRole("radio", { name: "Head alone" }).check();
    await page.getByText("Settings of the run").click();
    await page.getByLabel("Epochs", { exact: true }).fill("40");
    await page.getByRole("button", { name: "Start training" }).click();
    await expect.poll(() => focused(page)).toBe("run-title");
    await expect(page.getByText("“shop messages” is ready.")).toBeVisible({ timeout: 120_000 });
    await expect.poll(() => focused(page)).toBe("run-end");
    await page.waitForTimeout(1500);
    const after = await shift(page);
    console.log(`layout shift, ${name}: ${JSON.stringify({ before, after }, null, 1)}`);
    expect(after.worst).toBeLessThanOrEqual(0.05);

    await page.getByRole("button", { name: "Other rows" }).click();
    await expect.poll(() => focused(page)).toBe("source-title");
  });
}

test("comparing kinds and cancelling take the focus along and tell the time left", async ({
  page,
}) => {
  await watchShifts(page);
  await openPage(page);
  await page.getByRole("button", { name: "Try it with a sample" }).click();
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByLabel("Comparison of kinds")).toBeVisible({ timeout: 60_000 });
  await expect.poll(() => focused(page)).toBe("run-title");
  await expect(page.getByTestId("run-figures")).toContainText(/\d+ % compared · .* left/, {
    timeout: 120_000,
  });
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect.poll(() => focused(page)).toBe("run-end");
  expect((await shift(page)).worst).toBeLessThanOrEqual(0.05);
});

test("the end of a run leaves the focus where the visitor is typing", async ({ page }) => {
  await openPage(page);
  await page.getByRole("button", { name: "Try it with a sample" }).click();
  await page.getByRole("radio", { name: "Head alone" }).check();
  await page.getByRole("button", { name: "Start training" }).click();
  const box = page.getByLabel("Text", { exact: true }).first();
  await expect.poll(() => focused(page)).toBe("run-title");
  await box.focus();
  await expect(page.getByText("“shop messages” is ready.")).toBeVisible({ timeout: 120_000 });
  await page.waitForTimeout(300);
  expect(await focused(page)).toBe("text");
});

test("an interrupted run stands above the fold", async ({ page }) => {
  await openPage(page);
  await planRun(page, "cut short", 50);
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByTestId("run-figures")).toContainText("held-out", { timeout: 120_000 });
  await watchShifts(page);
  await page.reload();
  const offered = page.getByRole("list", { name: "Interrupted training" });
  await expect(offered).toBeVisible({ timeout: 60_000 });
  await expect(offered.getByRole("button", { name: "Go on" })).toBeInViewport();
  const { worst, what } = await shift(page);
  console.log(`layout shift with an interrupted run: ${worst.toFixed(3)} ${what.join("; ")}`);
  await offered.getByRole("button", { name: "Discard" }).click();
  await expect(offered).toHaveCount(0);
  const { worst: all } = await shift(page);
  expect(all).toBeLessThanOrEqual(0.05);
});

test("a dropped table is for teaching or for answering, as its owner says", async ({ page }) => {
  await openPage(page);
  await taskSelect(page).selectOption("sms_spam");
  const rows =
    "subject;body\nHello;Shall we meet at seven?\nPrize;You have won a £1000 cash prize!\n";
  const file = { name: "backlog.csv", bytes: Buffer.from(rows) };
  await dropFiles(page, [file], null);
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Teach from this, or answer it?");
  await expect(dialog).toContainText("backlog.csv");
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText("2 rows, CSV")).toHaveCount(0);

  await dropFiles(page, [file], "Answer it");
  await expect.poll(() => focused(page)).toBe("many-title");
  await page.getByLabel("Texts", { exact: true }).selectOption({ label: "body" });
  await page.getByRole("button", { name: "Answer 2 rows" }).click();
  const downloading = page.waitForEvent("download", { timeout: 60_000 });
  await page.getByRole("button", { name: "Download the answers" }).click();
  const answered = readFileSync(await (await downloading).path(), "utf8");
  const [header, first, second] = answered.replace("\uFEFF", "").split("\r\n");
  expect(header).toBe("subject;body;answer;score");
  expect(first).toMatch(/^Hello;Shall we meet at seven\?;ham;/);
  expect(second).toMatch(/;spam;/);

  await dropFiles(page, [file], "Teach from it");
  await expect.poll(() => focused(page)).toBe("rows-title");
});

test("a table of tabs comes back with tabs", async ({ page }) => {
  await openPage(page);
  const bytes = Buffer.from("text\tnote\na fine film\t1,5\na dull one\t2,5\n");
  await dropFiles(page, [{ name: "films.tsv", bytes }], "Answer it");
  await page.getByRole("button", { name: "Answer 2 rows" }).click();
  const downloading = page.waitForEvent("download", { timeout: 60_000 });
  await page.getByRole("button", { name: "Download the answers" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("films answered.tsv");
  expect(readFileSync(await download.path(), "utf8")).toContain("text\tnote\tanswer\tscore\r\n");
});

test("sentences say what is so", async ({ page }) => {
  await openPage(page);
  const problems = page.locator(".problems");
  await dropFiles(page, [{ name: "bare.csv", bytes: Buffer.from("text,label\na,\nb,\nc,\n") }]);
  await expect(problems).toContainText("3 rows left out.");
  await expect(problems).not.toContainText("The others");
  const rows = "text,label\na,x\nb,x\nc,y\nd,y\ne,\n";
  await dropFiles(page, [{ name: "some.csv", bytes: Buffer.from(rows) }]);
  await expect(problems).toContainText("1 row left out. The others are trained on.");
});

test("bars, scales and marks are seen in forced colours", async ({ page }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await openPage(page);
  const colourOf = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => getComputedStyle(element).backgroundColor);
  const canvas = await colourOf("html");
  await taskSelect(page).selectOption("sst2");
  await expect(page.locator(".bar")).toHaveCount(2);
  for (const selector of [".bar.best .bar-fill", ".bar:not(.best) .bar-fill"]) {
    expect(await colourOf(selector), selector).not.toBe(canvas);
    expect(await colourOf(selector), selector).not.toBe("rgba(0, 0, 0, 0)");
  }
  await taskSelect(page).selectOption("goemotions");
  await expect(page.locator(".bar-mark").first()).toBeVisible();
  expect(await colourOf(".bar-mark")).not.toBe(canvas);
  await taskSelect(page).selectOption("stsb");
  await expect(page.locator(".scale-mark")).toBeVisible();
  expect(await colourOf(".scale-mark")).not.toBe(canvas);
});

test("labels of places stay with their words on a phone", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 700 });
  await openPage(page);
  await taskSelect(page).selectOption("wnut17");
  const box = page.getByLabel("Text", { exact: true }).first();
  for (const text of [
    "Met Lady Gaga at the Apple store in Berlin today and then flew on to Buenos Aires",
    "Emmanuel Macron spoke in Reykjavik, then Justin Bieber sang in San Francisco",
  ]) {
    await box.fill(text);
    await expect(page.locator(".span-label").first()).toBeVisible();
    await page.waitForTimeout(500);
    const apart = await page.locator(".span-end").evaluateAll((ends) =>
      ends
        .filter((end) => {
          const label = end.querySelector(".span-label");
          const range = document.createRange();
          range.selectNodeContents(end.firstChild ?? end);
          const [word, own] = [range.getBoundingClientRect(), label?.getBoundingClientRect()];
          return !own || Math.abs(word.bottom - own.bottom) > word.height;
        })
        .map((end) => end.textContent),
    );
    expect(apart).toEqual([]);
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  expect(wide).toBe(false);
});
