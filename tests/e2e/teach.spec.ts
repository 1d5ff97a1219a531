/**
 * A task of one's own: taught, kept over a reload, taken away as a zip and brought back; and a run that is cancelled.
 */
import { unzipSync } from "fflate";
import { dropFiles, expect, given, openPage, planRun, scoresOf, taskSelect, test } from "./page.js";

const QUESTION = "Which city hosted the games in 1992 ?";
const NAME = "my questions";

test("teaches LoRA on 200 rows, keeps it, exports it and takes it back with equal scores", {
  tag: "@core",
}, async ({ page }) => {
  await openPage(page);
  await planRun(page, NAME, 4);
  await page.getByRole("button", { name: "Start training" }).click();

  await test.step("shows its progress", async () => {
    await expect(page.getByTestId("run-figures")).toContainText(/Step \d+ of \d+.*loss \d/);
    await expect(page.locator(".chart canvas")).toBeVisible();
    await expect(page.getByTestId("run-figures")).toContainText("held-out", { timeout: 120_000 });
  });

  await test.step("stands in the dropdown and answers", async () => {
    await expect(page.getByText(`“${NAME}” is ready.`)).toBeVisible({ timeout: 240_000 });
    await expect(taskSelect(page)).toHaveValue(NAME);
  });
  const scores = await scoresOf(page, QUESTION);
  expect(Object.keys(scores)).toHaveLength(6);
  expect(sum(scores)).toBeCloseTo(1, 4);

  await test.step("is there after a reload", async () => {
    await page.reload();
    await expect(taskSelect(page)).toHaveValue(NAME);
    await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });
    expect(await scoresOf(page, QUESTION)).toEqual(scores);
  });

  const archive = await test.step("downloads as a PEFT folder", async () => {
    const { name, bytes } = await given(page, () =>
      page.getByRole("button", { name: "Download for PEFT" }).click(),
    );
    expect(name).toBe(`${NAME}.zip`);
    const names = Object.keys(unzipSync(bytes));
    expect(names).toContain(`${NAME}/adapter_config.json`);
    expect(names).toContain(`${NAME}/adapter_model.safetensors`);
    return bytes;
  });

  await test.step("can be deleted", async () => {
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await expect(page.getByText(`“${NAME}” was deleted`)).toBeVisible();
    await expect(taskSelect(page).getByRole("option", { name: NAME })).toHaveCount(0);
  });

  await test.step("comes back by a drop, with equal scores", async () => {
    await dropFiles(page, [{ name: `${NAME}.zip`, bytes: archive }]);
    await expect(page.getByText(`Added “${NAME}”`)).toBeVisible();
    await expect(taskSelect(page)).toHaveValue(NAME);
    expect(await scoresOf(page, QUESTION)).toEqual(scores);
  });
});

test("cancels a run within a second", async ({ page }) => {
  await openPage(page);
  await planRun(page, "never finished", 50);
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByTestId("run-figures")).toContainText("Step", { timeout: 60_000 });
  const began = Date.now();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("Training of “never finished” was cancelled.")).toBeVisible({
    timeout: 1000,
  });
  console.log(`cancelled after ${Date.now() - began} ms`);
  await expect(taskSelect(page).getByRole("option", { name: "never finished" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});

function sum(scores: Record<string, number>): number {
  return Object.values(scores).reduce((a, b) => a + b, 0);
}
