/**
 * The choice of the model. The second model is a stand-in: the usual one's files under another name, so that the test
 * needs no other download.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, openPage, taskSelect, test } from "./page.js";

const FILES = join(__dirname, "../../www/public");
const INDEX = JSON.parse(readFileSync(join(FILES, "adapters/index.json"), "utf8")) as {
  adapters: { name: string; path: string }[];
};

const LIST = {
  models: [
    { folder: "minilm-l6", title: "all-MiniLM-L6-v2", about: "English", bytes: 24_000_000 },
    { folder: "other", title: "the other", about: "a test", bytes: 24_000_000 },
  ],
};

/** Serves a model “other” with one task, or only its name in the list. */
async function offer(page: Page, { isThere = true } = {}): Promise<void> {
  await page.route("**/models.json", (route) => route.fulfill({ json: LIST }));
  await page.route("**/models/other/**", (route) => {
    const name = new URL(route.request().url()).pathname.split("/").at(-1) ?? "";
    const path = join(FILES, "models/minilm-l6", name);
    return isThere ? route.fulfill({ path }) : route.fulfill({ status: 404 });
  });
  const trec = INDEX.adapters.find(({ name }) => name === "trec");
  await page.route("**/adapters/other/index.json", (route) =>
    route.fulfill({ json: { adapters: [trec] } }),
  );
  await page.route("**/adapters/other/trec/*", (route) => {
    const name = new URL(route.request().url()).pathname.split("/").at(-1) ?? "";
    return route.fulfill({ path: join(FILES, "adapters/trec", name) });
  });
}

const modelSelect = (page: Page) => page.getByLabel("Model", { exact: true });

async function choose(page: Page, folder: string): Promise<void> {
  const loaded = page.waitForEvent("load");
  await modelSelect(page).selectOption(folder);
  await loaded;
}

test("another model brings its own tasks, and the choice is kept", async ({ page }) => {
  await offer(page);
  await openPage(page);
  await expect(modelSelect(page)).toHaveValue("minilm-l6");
  const tasks = taskSelect(page).locator("option");
  await expect(tasks).toHaveCount(INDEX.adapters.length);

  await choose(page, "other");
  await expect(modelSelect(page)).toHaveValue("other", { timeout: 60_000 });
  await expect(tasks).toHaveCount(1);
  await page.reload();
  await expect(modelSelect(page)).toHaveValue("other", { timeout: 60_000 });

  await choose(page, "minilm-l6");
  await expect(modelSelect(page)).toHaveValue("minilm-l6", { timeout: 60_000 });
  await expect(tasks).toHaveCount(INDEX.adapters.length);
});

test("a model that the server has lost leaves the choice of another", async ({ page }) => {
  await offer(page, { isThere: false });
  await openPage(page);
  await choose(page, "other");
  await expect(page.getByRole("alert").first()).toBeVisible({ timeout: 60_000 });
  await choose(page, "minilm-l6");
  await expect(page.getByText("is ready", { exact: false }).first()).toBeVisible({
    timeout: 60_000,
  });
});
