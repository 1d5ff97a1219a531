/**
 * Runs that pause, that a closed tab cuts short, and that are trained again with labels put right; files of texts.
 */
import AxeBuilder from "@axe-core/playwright";
import { dropPath, expect, given, openPage, planRun, TREC_200, taskSelect, test } from "./page.js";

test("a run pauses and goes on", async ({ page }) => {
  await openPage(page);
  await planRun(page, "paused", 30);
  await page.getByRole("button", { name: "Start training" }).click();
  const figures = page.getByTestId("run-figures");
  await expect(figures).toContainText("Step", { timeout: 60_000 });
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("Training of “paused” is paused")).toBeVisible();
  // The step under way when the button was pressed may still be told.
  await page.waitForTimeout(1500);
  const held = await figures.textContent();
  await page.waitForTimeout(2000);
  expect(await figures.textContent()).toBe(held);
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(figures).not.toHaveText(held ?? "", { timeout: 60_000 });
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("Training of “paused” was cancelled.")).toBeVisible();
});

test("a run that a closed tab cut short is offered again", { tag: "@core" }, async ({ page }) => {
  await openPage(page);
  await planRun(page, "cut short", 3);
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByTestId("run-figures")).toContainText("held-out", { timeout: 120_000 });
  await page.reload();
  const offered = page.getByRole("list", { name: "Interrupted training" });
  await expect(offered).toContainText("Training of “cut short” was interrupted after epoch", {
    timeout: 60_000,
  });
  await offered.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByText("“cut short” is ready.")).toBeVisible({ timeout: 240_000 });
  await expect(taskSelect(page)).toHaveValue("cut short");

  await test.step("its report knows the rows all the same", async () => {
    await page.getByText("The hardest of the rows held out").click();
    await expect(page.locator(".row-text").first()).toContainText(/Row \d+ \S+/);
  });

  await test.step("is offered no more", async () => {
    await page.reload();
    await openPage(page);
    await expect(offered).toHaveCount(0);
  });
});

test("an interrupted run can be discarded", async ({ page }) => {
  await openPage(page);
  await planRun(page, "unwanted", 20);
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByTestId("run-figures")).toContainText("held-out", { timeout: 120_000 });
  await page.reload();
  const offered = page.getByRole("list", { name: "Interrupted training" });
  await offered.getByRole("button", { name: "Discard" }).click({ timeout: 60_000 });
  await expect(offered).toHaveCount(0);
  await page.reload();
  await openPage(page);
  await expect(offered).toHaveCount(0);
});

test("chooses a kind for those who do not, and says why", async ({ page }) => {
  await openPage(page);
  await page.getByRole("button", { name: "Paste rows" }).click();
  const rows = ["warm,x", "sunny,x", "bright,x", "light,x", "dark,y", "cold,y", "grey,y", "wet,y"];
  await page.getByLabel("Rows, with a header or without").fill(`text,label\n${rows.join("\n")}\n`);
  await page.getByRole("button", { name: "Use these rows" }).click();
  await expect(page.getByRole("radio", { name: "Choose for me" })).toBeChecked();
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByLabel("Comparison of kinds")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("“pasted rows” is ready.")).toBeVisible({ timeout: 280_000 });
  await page.getByText(/^Why .* was chosen$/).click();
  const comparison = page.getByRole("region", { name: "How the kinds compared" });
  await expect(comparison.getByRole("row")).toHaveCount(4);
  await expect(comparison.getByText("(chosen)")).toHaveCount(1);
});

test("a comparison of kinds can be skipped, and cancelled", async ({ page }) => {
  await openPage(page);
  await page.getByRole("button", { name: "Try it with a sample" }).click();
  await page.getByRole("button", { name: "Start training" }).click();
  await page.getByRole("button", { name: "Take LoRA now" }).click({ timeout: 60_000 });
  await expect(page.getByTestId("run-figures")).toContainText("Step", { timeout: 60_000 });
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("was cancelled.")).toBeVisible();
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByLabel("Comparison of kinds")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("was cancelled.")).toBeVisible();
});

test("a label that is wrong is found, put right and trained on again", async ({ page }) => {
  await openPage(page);
  const rows = Array.from({ length: 60 }, (_, i) =>
    i % 2
      ? `The parcel number ${i} has not arrived yet,delivery`
      : `Thank you for the lovely gift number ${i},praise`,
  );
  rows[20] = "The parcel number 777 has not arrived yet,praise";
  await page.getByRole("button", { name: "Paste rows" }).click();
  await page.getByLabel("Rows, with a header or without").fill(`text,label\n${rows.join("\n")}\n`);
  await page.getByRole("button", { name: "Use these rows" }).click();
  await page.getByLabel("Name of the task").fill("slips");
  await page.getByRole("radio", { name: "LoRA" }).check();
  await page.getByText("Settings of the run").click();
  await page.getByLabel("Epochs", { exact: true }).fill("6");
  await page.getByLabel("Seed").fill("3");
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByText("“slips” is ready.")).toBeVisible({ timeout: 240_000 });
  const verdict = page.getByLabel("Row 22", { exact: true });
  await expect(verdict).toHaveValue("keep");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(() => {
      for (const part of document.querySelectorAll("details")) part.open = true;
    });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter(({ impact }) =>
      ["serious", "critical"].includes(impact ?? ""),
    );
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  }
  await verdict.selectOption({ label: "Change to “delivery”" });
  await page.getByRole("button", { name: "Train again with 1 change" }).click();
  await expect(page.getByText("“slips 2” is ready.")).toBeVisible({ timeout: 240_000 });
  await expect(page.getByLabel("Row 22", { exact: true })).toHaveCount(0);
});

test("a file of texts is answered and comes back as CSV", { tag: "@core" }, async ({ page }) => {
  await openPage(page);
  await taskSelect(page).selectOption("trec");
  await page.getByLabel("File with texts").setInputFiles(TREC_200);
  await page.getByRole("button", { name: "Answer 200 rows" }).click();
  await expect(page.getByText("200 texts answered")).toBeVisible({ timeout: 120_000 });
  const file = await given(page, () =>
    page.getByRole("button", { name: "Download the answers" }).click(),
  );
  expect(file.name).toBe("trec-200 answered.csv");
  const [header, ...lines] = file.bytes.toString("utf8").trim().split("\r\n");
  expect(header).toBe("text,label,answer,score");
  expect(lines).toHaveLength(200);
  // The shipped adapter knows these questions: most answers are the file's labels.
  const right = lines.filter((line) => {
    const [label, answer] = line.split(",").slice(-3);
    return label === answer;
  });
  expect(right.length).toBeGreaterThan(180);
});

test("rows to learn from and a file of texts do not disturb each other", async ({ page }) => {
  await openPage(page);
  await dropPath(page, TREC_200);
  await expect(page.getByText("200 rows in", { exact: false })).toBeVisible();
  await page.getByLabel("File with texts").setInputFiles({
    name: "few.csv",
    mimeType: "text/csv",
    buffer: Buffer.from("text\na fine film\na dull one\n"),
  });
  await page.getByRole("button", { name: "Answer 2 rows" }).click();
  await expect(page.getByText("2 texts answered")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("200 rows in 6 classes")).toBeVisible();
});
