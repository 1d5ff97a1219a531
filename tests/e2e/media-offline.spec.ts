/**
 * A model of sounds after one visit, with its server gone: words are recorded, taught and answered.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "@playwright/test";
import { HIGH, tone, wav } from "../../www/scripts/fake-devices.mjs";
import { serveFolder } from "../../www/scripts/serve-folder.mjs";
import { addFiles, addLabel, card, tinyModel, train } from "./devices.js";
import { expect, expectInnocent, watch } from "./page.js";

const DIST = resolve(__dirname, "../../www/dist");
/** A folder of which the page has a list of adapters; the test's model stands in it. */
const MODEL = "whisper-tiny-en";

test.use({ serviceWorkers: "allow" });

test("words are recorded, taught and answered without a network", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "graftlet-site-"));
  cpSync(DIST, folder, { recursive: true });
  rmSync(join(folder, "models", MODEL), { recursive: true, force: true });
  cpSync(tinyModel("sounds"), join(folder, "models", MODEL), { recursive: true });
  const server = await serveFolder(folder);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  await page.addInitScript((model) => localStorage.setItem("graftlet.model", model), MODEL);
  const watched = await watch(page, new URL(url).origin, false);
  const isReady = page.getByText("is ready", { exact: false }).first();

  await page.goto(url);
  await expect(isReady).toBeVisible();
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === "activated");
  server.close();
  server.closeAllConnections();
  await page.context().setOffline(true);
  await page.reload();
  await expect(isReady).toBeVisible();

  await addLabel(page, "low");
  for (const takes of [1, 2]) {
    await page.getByRole("button", { name: "Record “low”" }).click();
    await expect(card(page, "low").locator(".take")).toHaveCount(takes);
  }
  await addLabel(page, "high");
  const high = (seed: number) => ({
    name: `${seed}.wav`,
    mimeType: "audio/wav",
    buffer: wav(tone(HIGH, 0.5, seed)),
  });
  await addFiles(page, "high", [high(1), high(2), high(3)]);
  await train(page, "pitch");
  await page.getByLabel("Recordings to answer").setInputFiles([high(7)]);
  await expect(page.getByTestId("verdict")).toHaveText("high");
  expectInnocent(watched);
  rmSync(folder, { recursive: true });
});
