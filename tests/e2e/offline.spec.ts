/**
 * The page after one visit, with its server gone: it opens, asks, teaches and exports. And two versions of the page.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test as base, type Page } from "@playwright/test";
import { serveFolder } from "../../www/scripts/serve-folder.mjs";
import { dropFiles, expect, expectInnocent, given, taskSelect, watch } from "./page.js";

const DIST = resolve(__dirname, "../../www/dist");

const test = base.extend<{ site: { url: string; folder: string; stop(): Promise<void> } }>({
  serviceWorkers: "allow",
  // biome-ignore lint/correctness/noEmptyPattern: Playwright asks for a pattern
  site: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "graftlet-site-"));
    cpSync(DIST, folder, { recursive: true });
    const server = await serveFolder(folder);
    const { port } = server.address() as AddressInfo;
    const stop = () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
    await use({ url: `http://127.0.0.1:${port}/`, folder, stop });
    await stop();
    rmSync(folder, { recursive: true });
  },
});

/** Opens the page and waits until the service worker has all that a next visit needs. */
async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === "activated");
}

/** Waits until adapters are kept, one that was fetched before the service worker stood as well. */
async function hasKept(page: Page, names: string[]): Promise<void> {
  const missing = () =>
    page.evaluate(async (names) => {
      const kept = await (await caches.open("graftlet-files")).keys();
      const files = ["adapter_config.json", "adapter_model.safetensors", "graftlet.json"];
      const paths = [...files, "graftlet_head.safetensors"].flatMap((file) =>
        names.map((name) => `/${name}/${file}?`),
      );
      return paths.filter((path) => !kept.some(({ url }) => url.includes(path)));
    }, names);
  // Not `waitForFunction`, which takes the promise of an async function for a yes.
  await expect.poll(missing).toEqual([]);
}

test("without its server it opens and answers after one visit", { tag: "@core" }, async ({
  page,
  site,
}) => {
  await visit(page, site.url);
  await hasKept(page, ["sst2"]);
  await site.stop();
  await page.reload();
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 120_000 });
  await page.getByLabel("Text", { exact: true }).first().fill("a dull , lifeless mess .");
  await expect(page.getByTestId("verdict")).toHaveText("negative");
});

test("with the network off it opens, asks, teaches, exports and takes back", async ({
  page,
  site,
  browserName,
}) => {
  const watched = await watch(page, new URL(site.url).origin, false);
  await visit(page, site.url);
  await taskSelect(page).selectOption("trec");
  await expect(page.locator(".bar").first()).toBeVisible();
  await hasKept(page, ["sst2", "trec"]);
  await site.stop();
  // Over WebDriver BiDi, Firefox's "offline" also refuses what a service worker would answer. Its server is gone anyway.
  if (browserName !== "firefox") await page.context().setOffline(true);

  await page.reload();
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });
  await page.getByLabel("Text", { exact: true }).first().fill("Who invented the telephone ?");
  await expect(page.getByTestId("verdict")).toHaveText("person");
  await taskSelect(page).selectOption("sst2");
  await expect(page.locator(".bar")).toHaveCount(2);

  await page.getByRole("button", { name: "Try it with a sample" }).click();
  await page.getByRole("radio", { name: "Head alone" }).check();
  await page.getByText("Settings of the run").click();
  await page.getByLabel("Epochs", { exact: true }).fill("5");
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByText("“shop messages” is ready.")).toBeVisible({ timeout: 120_000 });
  await expect(page.locator(".chart canvas")).toBeVisible();

  const { bytes: archive } = await given(page, () =>
    page.getByRole("button", { name: /Download for/ }).click(),
  );
  await dropFiles(page, [{ name: "again.zip", bytes: archive }]);
  await expect(page.getByText("Added “shop messages 2”")).toBeVisible();

  // A task that was never opened has its adapter still to come: that is said, and the rest goes on.
  watched.errors.length = 0;
  await taskSelect(page).selectOption("wnut17");
  await expect(page.getByRole("alert").first()).toBeVisible();
  watched.errors.length = 0;
  await taskSelect(page).selectOption("sst2");
  await expect(page.locator(".bar")).toHaveCount(2);
  expectInnocent(watched);
});

test("without a service worker the sample says that the network is gone", async ({
  browser,
  site,
}) => {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(site.url);
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });
  await site.stop();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Try it with a sample" }).click();
  await expect(page.getByRole("alert")).toContainText("The reader of rows could not be started");
  await context.close();
});

test("a new version announces itself, and no tab gets files of two versions", {
  tag: "@core",
}, async ({ page, site, context }) => {
  await visit(page, site.url);
  const other = await context.newPage();
  await visit(other, site.url);

  // The site is built again: another page, another list of files.
  const html = readFileSync(join(site.folder, "index.html"), "utf8");
  writeFileSync(join(site.folder, "index.html"), html.replace("<title>", "<title>New "));
  const worker = readFileSync(join(site.folder, "sw.js"), "utf8");
  const old = /version:"([^"]+)"/.exec(worker)?.[1] ?? "";
  writeFileSync(
    join(site.folder, "sw.js"),
    worker
      .replaceAll(old, "another-version")
      .replace(/(url:"index\.html",revision:")[^"]+(",integrity:")[^"]+"/, `$1new$2"`),
  );
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  const announced = page.getByText("A new version of this page is ready.");
  await expect(announced).toBeVisible({ timeout: 60_000 });

  // Until it is taken, everything is of the old version.
  await other.reload();
  await expect(other).toHaveTitle(/^graftlet/);
  await page.getByRole("button", { name: "Reload" }).click();
  await expect(page).toHaveTitle(/^New /, { timeout: 60_000 });
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });

  // The other tab goes on with its own files and is told.
  await expect(other.getByText("Another tab took a new version of this page.")).toBeVisible();
  await other.getByRole("button", { name: "Try it with a sample" }).click();
  await expect(other.getByText("30 rows in 3 classes")).toBeVisible();
  await expect(other).toHaveTitle(/^graftlet/);
  const kept = () =>
    page.evaluate(async () =>
      (await caches.keys()).filter((name) => name.startsWith("graftlet-precache")),
    );
  expect(await kept()).toHaveLength(2);

  // Once it is closed, its version goes.
  await other.close();
  await page.reload();
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });
  await expect.poll(kept).toEqual(["graftlet-precache-v2-another-version"]);
});

test("files and words that are shared with the installed page arrive", async ({ page, site }) => {
  await visit(page, site.url);
  const manifest = await (await page.request.get(`${site.url}manifest.webmanifest`)).json();
  expect(manifest.share_target).toMatchObject({ action: "./share", method: "POST" });
  for (const { src } of manifest.icons) {
    expect((await page.request.get(site.url + src)).status(), src).toBe(200);
  }
  const landed = await page.evaluate(async () => {
    const form = new FormData();
    form.append("text", "a shared sentence");
    form.append("files", new File(["text,label\na,x\nb,x\nc,y\nd,y\n"], "shäred.csv"));
    const response = await fetch("./share", { method: "POST", body: form });
    return response.url;
  });
  expect(landed).toBe(`${site.url}?shared`);
  await page.goto(landed);
  await expect(page.getByLabel("Text", { exact: true }).first()).toHaveValue("a shared sentence");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("shäred.csv", { timeout: 60_000 });
  await dialog.getByRole("button", { name: "Teach from it" }).click();
  await expect(page.getByText("4 rows in 2 classes")).toBeVisible();
  expect(page.url()).toBe(site.url);
});
