/**
 * Rows as people have them: what is wrong is named and left out, the rest is trained on; and large files.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dropFiles, expect, given, openPage, TREC_200, test } from "./page.js";

/** 120 good questions in Windows-1252, and with them all that goes wrong. The row numbers are the file's. */
function badCsv(): { bytes: Buffer; good: number } {
  const good = readFileSync(TREC_200, "utf8").trim().split("\n").slice(1, 121);
  const lines = ["text,label", ...good];
  lines.push('"Where is the Nile,location');
  lines.push("Who, when, and why,person,x");
  lines.push("Who wrote Hamlet ?,");
  lines.push(",person");
  lines.push(good[3] ?? "");
  lines.push(",colour");
  lines.push("Which caf\u00e9 is the oldest in Paris ?,location");
  return { bytes: Buffer.from(lines.join("\r\n"), "latin1"), good: good.length + 1 };
}

test("a CSV full of faults trains on its good rows and names the rest", { tag: "@core" }, async ({
  page,
}) => {
  await openPage(page);
  const { bytes, good } = badCsv();
  await dropFiles(page, [{ name: "faults.csv", bytes }]);
  const problems = page.getByRole("list", { name: "Problems in the rows" });
  await expect(page.getByText("read as Windows-1252", { exact: false })).toBeVisible();
  for (const sentence of [
    "Row 122 has quotes that do not match: it is left out.",
    "Row 123 has more cells than there are columns: it is left out.",
    "Rows 125 and 127 have no text: they are left out.",
    "Row 124 has no label: it is left out.",
    "Row 126 repeats an earlier row: it is left out.",
    "The class “colour” has no row left: it is not learned.",
  ]) {
    await expect(problems).toContainText(sentence);
  }
  await expect(page.getByText(`${good} rows in 6 classes`)).toBeVisible();

  await page.getByRole("radio", { name: "Head alone" }).check();
  await page.getByText("Settings of the run").click();
  await page.getByLabel("Epochs", { exact: true }).fill("3");
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByText("“faults” is ready.")).toBeVisible({ timeout: 120_000 });
  await expect(page.getByTestId("baseline")).toContainText("by always answering the commonest");
  await page.getByText("6 rows left out", { exact: true }).click();
  await expect(page.getByText("Row 122 has quotes that do not match").last()).toBeVisible();

  const file = await given(page, () => page.getByRole("button", { name: "as CSV" }).click());
  expect(file.name).toBe("faults report.csv");
  const report = file.bytes.toString("utf8");
  expect(report).toContain("left out,122,,,misquoted,");
  expect(report).toMatch(/run,,,,accuracy,[\d.]+/);
});

test("bytes that are no characters cost their own row", async ({ page }) => {
  await openPage(page);
  const text = "text,label\nüber,x\nwörtlich,x\nschön,y\nlänger,y\ncaf";
  const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xe9]), Buffer.from(",x\n")]);
  await dropFiles(page, [{ name: "damaged.csv", bytes }]);
  await expect(page.getByRole("list", { name: "Problems in the rows" })).toContainText(
    "Row 6 has bytes that are no characters",
  );
  await expect(page.getByText("4 rows in 2 classes")).toBeVisible();
});

test("knows several labels, numbers and tags by their looks", async ({ page }) => {
  await openPage(page);
  const problem = page.getByLabel("A label is");
  const files: [string, string, string][] = [
    ["labels.csv", "text,label\na,joy|love\nb,joy\nc,love\nd,joy|love\n", "multi_label"],
    ["numbers.csv", "text,text2,label\na,b,2.5\nc,d,3.75\ne,f,0.1\n", "regression"],
    ["tags.conll", "Ann\tB-person\nleft\tO\n\nRome\tB-place\nfell\tO\n\n", "token_classification"],
  ];
  for (const [name, text, value] of files) {
    await dropFiles(page, [{ name, bytes: Buffer.from(text) }]);
    await expect(problem).toHaveValue(value);
    await expect(page.getByRole("button", { name: "Start training" })).toBeEnabled();
  }
});

test("reads 100,000 rows while the page goes on", async ({ page }, testInfo) => {
  await openPage(page);
  const lines = Array.from(
    { length: 100_000 },
    (_, i) =>
      `"headline number ${i}, of some length and with commas",${i % 2 ? "clickbait" : "news"}`,
  );
  // From the disk: a dropped file would be made in the page, by the thread that is to be left alone.
  const file = testInfo.outputPath("large.csv");
  writeFileSync(file, `text,label\n${lines.join("\n")}\n`);
  const began = Date.now();
  await page.getByLabel("File with rows").setInputFiles(file);
  await expect(page.getByText("100,000 rows in 2 classes")).toBeVisible({ timeout: 60_000 });
  console.log(`100,000 rows read after ${Date.now() - began} ms`);
  await page.getByLabel("Text", { exact: true }).first().fill("a fine film");
  await expect(page.getByTestId("verdict")).toBeVisible();
});
