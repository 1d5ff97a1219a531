/**
 * A list of shipped tasks that is broken: one sentence, and the rest of the page works.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, openPage, taskSelect, test } from "./page.js";

const INDEX = join(__dirname, "../../www/public/adapters/index.json");

test("an entry that is broken is left out", async ({ page }) => {
  const index = JSON.parse(readFileSync(INDEX, "utf8")) as { adapters: { path: string }[] };
  const [entry] = index.adapters;
  if (entry) entry.path = "../elsewhere/";
  await page.route("**/adapters/index.json", (route) => route.fulfill({ json: index }));
  await openPage(page);
  await expect(page.getByRole("alert")).toContainText(`1 of ${index.adapters.length} task`);
  await expect(taskSelect(page).locator("option")).toHaveCount(index.adapters.length - 1);
});

test("a list that is none leaves the page at work", async ({ page }) => {
  await page.route("**/adapters/index.json", (route) => route.fulfill({ body: "[[[" }));
  await page.goto("./");
  await expect(page.getByText("is ready", { exact: false }).first()).toBeVisible({
    timeout: 60_000,
  });
  await expect(page.getByRole("alert")).toContainText("is not JSON");
});
