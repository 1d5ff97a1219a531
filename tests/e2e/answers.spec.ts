/**
 * The answers of problems other than one label a text, from adapters that are taught here.
 */
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { dropFiles, expect, openPage, test } from "./page.js";

/** Teaches a head alone, which takes a moment, and waits until it answers. */
async function teach(page: Page, file: string, rows: string): Promise<void> {
  await openPage(page);
  await dropFiles(page, [{ name: file, bytes: Buffer.from(rows) }]);
  await page.getByRole("radio", { name: "Head alone" }).check();
  await page.getByText("Settings of the run").click();
  await page.getByLabel("Epochs", { exact: true }).fill("30");
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByText("is ready.", { exact: false }).last()).toBeVisible({
    timeout: 120_000,
  });
}

async function expectNoViolations(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact ?? ""));
    expect(bad.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  }
}

const repeat = (rows: (i: number) => string[], times: number) =>
  Array.from({ length: times }, (_, i) => rows(i).join("\n")).join("\n");

test("several labels stand with their scores and marks", async ({ page }) => {
  const rows = repeat(
    (i) => [
      `I love this lovely day ${i},joy|love`,
      `Nothing works and I hate it ${i},anger`,
      `What fun we had today ${i},joy`,
    ],
    12,
  );
  await teach(page, "feelings.csv", `text,label\n${rows}\n`);
  await page.getByLabel("Text", { exact: true }).first().fill("What fun we had today 4");
  await expect(page.getByTestId("verdict")).toContainText("joy");
  await expect(page.locator(".bar")).toHaveCount(3);
  await expect(page.locator(".bar-mark")).toHaveCount(3);
  await expect(page.getByTestId("baseline")).toContainText("by answering no label");
  await expectNoViolations(page);
});

test("a number stands on its scale, for two texts", async ({ page }) => {
  const rows = repeat(
    (i) => [
      `A man walks ${i},A man is walking ${i},4.75`,
      `A man walks ${i},The soup is hot ${i},0.25`,
    ],
    14,
  );
  await teach(page, "alike.csv", `text,text2,label\n${rows}\n`);
  await expect(page.getByLabel("Second text").first()).toBeVisible();
  await expect(page.getByTestId("verdict")).toContainText(/^-?\d+(\.\d+)? of 4\.75$/);
  await expect(page.locator(".scale-mark")).toBeVisible();
  await expectNoViolations(page);
});

test("which of two texts is better has a probability, in either order", async ({ page }) => {
  const rows = repeat(
    (i) => [
      `A lovely and moving film ${i},A dull and boring film ${i},first`,
      `The worst meal ${i},The best meal of all ${i},second`,
    ],
    14,
  );
  await openPage(page);
  await dropFiles(page, [
    { name: "better.csv", bytes: Buffer.from(`text,text2,label\n${rows}\n`) },
  ]);
  await expect(page.getByLabel("A label is")).toHaveValue("ranking");
  await expect(page.getByText("28 comparisons", { exact: true })).toBeVisible();
  await teach(page, "better.csv", `text,text2,label\n${rows}\n`);
  await expect(page.getByTestId("baseline")).toContainText("by guessing");
  const [good, bad] = ["A lovely meal", "A boring meal"];
  await page.getByLabel("First text").first().fill(good);
  await page.getByLabel("Second text").first().fill(bad);
  await expect(page.getByTestId("verdict")).toContainText("first");
  await expect(page.locator(".bar")).toHaveCount(2);
  await page.getByLabel("First text").first().fill(bad);
  await page.getByLabel("Second text").first().fill(good);
  await expect(page.getByTestId("verdict")).toContainText("second");
  await expectNoViolations(page);
});

test("places are marked in the text, each with its label", async ({ page }) => {
  const names = ["Anna", "Peter", "Maria", "John", "Laura", "Thomas", "Emma", "David"];
  const towns = ["Paris", "Rome", "London", "Madrid", "Berlin", "Vienna", "Oslo", "Athens"];
  const rows = repeat(
    (i) => [
      `${names[i % 8]}\tB-person`,
      "lives\tO",
      "in\tO",
      `${towns[(i * 3) % 8]}\tB-place`,
      "now\tO",
      "",
    ],
    40,
  );
  await teach(page, "names.conll", `${rows}\n`);
  await page.getByLabel("Text", { exact: true }).first().fill("Maria lives in London now");
  const marks = page.locator("mark.span");
  await expect(marks).toHaveCount(2);
  await expect(marks.first()).toContainText(/^Maria person/);
  await expect(marks.last()).toContainText(/^London place/);
  await expectNoViolations(page);
});
