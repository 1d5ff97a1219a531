/**
 * Files as people have them, dropped on the page: what they are taken for, what is said of them, and what their owner
 * can do about it.
 */
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { zipSync } from "fflate";
import { dropFiles, dropPath, expect, openPage, test } from "./page.js";

const CASES = join(__dirname, "../../rows/tests/cases");

const problem = (page: Page) => page.getByLabel("A label is");
const problems = (page: Page) => page.getByRole("list", { name: "Problems in the rows" });
const startButton = (page: Page) => page.getByRole("button", { name: "Start training" });

test("spreadsheets, lists of labels, words with tags and nested objects are understood", async ({
  page,
}) => {
  await openPage(page);
  const files: [string, string, string][] = [
    ["01-excel-sep-semicolon/reviews.csv", "20 rows in 2 classes", "single_label"],
    ["03-tsv-unbalanced-quotes/train.tsv", "20 rows in 2 classes", "single_label"],
    ["04-multilabel-list-repr/repr.csv", "in 3 labels", "multi_label"],
    ["04-multilabel-list-repr/onehot.csv", "in 3 labels", "multi_label"],
    ["05-conll2003-spaces/train.conll", "24 rows in", "token_classification"],
    ["08-jsonl-tokens-and-tags/tokens.jsonl", "24 rows in", "token_classification"],
    ["09-jsonl-doccano-spans/doccano.jsonl", "kinds of places", "token_classification"],
    ["10-numeric-labels/float.csv", "20 rows in 2 classes", "single_label"],
    ["11-other-column-names/kaggle.csv", "20 rows in 2 classes", "single_label"],
  ];
  for (const [file, words, value] of files) {
    await dropPath(page, join(CASES, file));
    await expect(page.getByText(file.split("/").at(-1) ?? file, { exact: true })).toBeVisible();
    await expect(page.getByText(words).first(), file).toBeVisible();
    await expect(problem(page), file).toHaveValue(value);
    await expect(startButton(page)).toBeEnabled();
  }
});

test("a misquoted row is named and the others live", async ({ page }) => {
  await openPage(page);
  await dropPath(page, join(CASES, "47-csv-stray-quote/train.csv"));
  await expect(page.getByText("19 rows in 2 classes")).toBeVisible();
  await expect(problems(page)).toContainText(/^Row \d+ has quotes that do not match/);
});

test("labels that differ only in case or spaces become one by a button", async ({ page }) => {
  await openPage(page);
  const rows = "a,Billing\nb,billing\nc,Billing\nd,other\ne,other\nf,  Billing\ng,billing\n";
  await dropFiles(page, [{ name: "case.csv", bytes: Buffer.from(`text,label\n${rows}`) }]);
  await expect(page.getByText("7 rows in 3 classes")).toBeVisible();
  await expect(problems(page)).toContainText("Billing");
  await expectNoViolations(page);
  await page.getByRole("button", { name: "Merge" }).click();
  await expect(page.getByText("7 rows in 2 classes")).toBeVisible();
  await page.getByRole("button", { name: "Keep them apart" }).click();
  await expect(page.getByText("7 rows in 3 classes")).toBeVisible();
});

test("the delimiter, the header and columns of labels can be chosen", async ({ page }) => {
  await openPage(page);
  await dropPath(page, join(CASES, "04-multilabel-list-repr/onehot.csv"));
  const label = page.getByLabel("Label", { exact: true });
  await expect(label).toHaveValue("several");
  await expect(page.getByText("in 3 labels")).toBeVisible();
  await expectNoViolations(page);
  await page.getByRole("checkbox", { name: "anger" }).uncheck();
  await expect(page.getByText("in 2 labels")).toBeVisible();
  await label.selectOption({ label: "joy" });
  await expect(problem(page)).toHaveValue("single_label");
  await label.selectOption({ label: "several columns" });
  await expect(page.getByText("in 3 labels")).toBeVisible();

  const bytes = Buffer.from("good; really,x\nbad; really,y\nfine; yes,x\nworse; no,y\n");
  await dropFiles(page, [{ name: "which.csv", bytes }]);
  const delimiter = page.getByLabel("Cells are separated by");
  await delimiter.selectOption({ label: "semicolons" });
  await expect(delimiter).toHaveValue(";");
  await expect(page.getByRole("cell", { name: "really,x" })).toBeVisible();
  await delimiter.selectOption({ label: "commas" });
  await expect(page.getByText("4 rows in 2 classes")).toBeVisible();
  await page.getByLabel("First row names the columns").check();
  await expect(page.getByText("3 rows, CSV")).toBeVisible();
});

test("files that are something else are named as what they are", async ({ page }) => {
  await openPage(page);
  const pointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
  const files: [string, Buffer, RegExp][] = [
    ["rows.xlsx", archiveOf("xl/workbook.xml"), /Excel workbook.*CSV/],
    ["renamed.csv", archiveOf("xl/workbook.xml"), /Excel workbook.*CSV/],
    ["archive.csv", archiveOf("rows.csv"), /zip archive.*unpack/],
    ["train.csv", Buffer.from(pointer), /LFS/],
    [
      "page.csv",
      Buffer.from("<!DOCTYPE html>\n<html><body>Not found</body></html>"),
      /HTML|web page/i,
    ],
    ["rows.parquet", Buffer.from("PAR1....PAR1"), /Parquet/],
    ["empty.csv", Buffer.from(""), /empty/],
  ];
  for (const [name, bytes, sentence] of files) {
    await dropFiles(page, [{ name, bytes }]);
    await expect(page.getByRole("alert"), name).toHaveText(sentence);
  }
  // The next file is read as ever.
  await dropFiles(page, [
    { name: "rows.csv", bytes: Buffer.from("text,label\na,x\nb,x\nc,y\nd,y\n") },
  ]);
  await expect(page.getByText("4 rows in 2 classes")).toBeVisible();
});

test("rows in an archive are pointed out", async ({ page }) => {
  await openPage(page);
  await dropFiles(page, [{ name: "rows.zip", bytes: archiveOf("rows.csv") }]);
  await expect(page.getByRole("alert")).toContainText("“rows.csv”: unpack it");
});

async function expectNoViolations(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact ?? ""));
    expect(bad.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  }
}

/** A zip archive with one file of that name. */
function archiveOf(name: string): Buffer {
  return Buffer.from(zipSync({ [name]: new TextEncoder().encode("text,label\na,x\n") }));
}
