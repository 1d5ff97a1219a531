/**
 * Microphones and cameras that are refused, missing, lost, or no longer needed; and models that are not asked for.
 */
import type { Page } from "@playwright/test";
import { addLabel, card, offerModels, openWith } from "./devices.js";
import { expect, openPage, test } from "./page.js";

/** Has the browser refuse a device. */
async function refuse(page: Page, name: string): Promise<void> {
  await page.addInitScript((name) => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
  }, name);
}

interface Scope {
  streams: MediaStream[];
}

/** Keeps hold of what the page opens. */
async function watchStreams(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const streams: MediaStream[] = [];
    Object.assign(window, { streams });
    const { mediaDevices } = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (wanted) => {
      const stream = await open(wanted);
      streams.push(stream);
      return stream;
    };
  });
}

const liveTracks = (page: Page) =>
  page.evaluate(() => {
    const { streams } = window as unknown as Scope;
    const tracks = streams.flatMap((stream) => stream.getTracks());
    return tracks.filter(({ readyState }) => readyState === "live").length;
  });

/** As if the device had been unplugged. */
const unplug = (page: Page) =>
  page.evaluate(() => {
    for (const stream of (window as unknown as Scope).streams) {
      for (const track of stream.getTracks()) track.dispatchEvent(new Event("ended"));
    }
  });

for (const [name, sentence] of [
  ["NotAllowedError", "does not let this page use the microphone"],
  ["NotFoundError", "No microphone was found"],
  ["NotReadableError", "another program may be using it"],
] as const) {
  test(`a microphone that fails with ${name} is told of, with what to do`, async ({ page }) => {
    await refuse(page, name);
    await openWith(page, "sounds");
    await addLabel(page, "yes");
    await page.getByRole("button", { name: "Record “yes”" }).click();
    await expect(page.getByRole("alert").filter({ hasText: sentence }).first()).toBeVisible();
    await expect(page.getByRole("button", { name: "Record “yes”" })).toHaveText("Record a take");
  });
}

test("a camera that is refused is told of", async ({ page }) => {
  await refuse(page, "NotAllowedError");
  await openWith(page, "pictures");
  await page.getByRole("button", { name: "Use the camera" }).click();
  await expect(page.getByText("does not let this page use the camera")).toBeVisible();
  await expect(page.getByRole("button", { name: "Use the camera" })).toBeVisible();
});

test("the microphone is let go of after a recording, and when it is lost", async ({ page }) => {
  await watchStreams(page);
  await openWith(page, "sounds");
  await page.getByRole("button", { name: "Record the background" }).click();
  await expect.poll(() => liveTracks(page)).toBe(1);
  await expect(card(page, "background").locator(".take")).not.toHaveCount(0, { timeout: 30_000 });
  await expect.poll(() => liveTracks(page), { timeout: 20_000 }).toBe(0);

  await page.getByRole("button", { name: "Record the background" }).click();
  await expect(page.getByRole("button", { name: /^Stop: / })).toContainText("9 s left");
  await unplug(page);
  await expect(page.getByText("The microphone is gone", { exact: false }).first()).toBeVisible();
  await expect.poll(() => liveTracks(page)).toBe(0);
});

test("the camera is let go of when it is switched off, when it is lost, and with the page in the background", async ({
  page,
}) => {
  await watchStreams(page);
  await openWith(page, "pictures");
  const use = page.getByRole("button", { name: "Use the camera" });
  await use.click();
  await expect(page.getByLabel("What the camera sees")).toBeVisible();
  await page.getByRole("button", { name: "Switch the camera off" }).click();
  await expect.poll(() => liveTracks(page)).toBe(0);

  await use.click();
  await expect(page.getByLabel("What the camera sees")).toBeVisible();
  await unplug(page);
  await expect(page.getByText("The camera is gone", { exact: false })).toBeVisible();
  await expect.poll(() => liveTracks(page)).toBe(0);

  await use.click();
  await expect.poll(() => liveTracks(page)).toBe(1);
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect(page.getByText("switched off while the page was in the background")).toBeVisible();
  await expect.poll(() => liveTracks(page)).toBe(0);
});

test("a page of texts fetches nothing of the models of sounds and pictures", async ({ page }) => {
  await offerModels(page);
  const asked: string[] = [];
  page.context().on("request", (request) => asked.push(new URL(request.url()).pathname));
  await openPage(page);
  await expect(page.getByLabel("Model", { exact: true }).locator("option")).toHaveCount(3);
  await page.waitForTimeout(1000);
  expect(asked.filter((path) => path.startsWith("/models/minilm-l6/"))).not.toEqual([]);
  expect(asked.filter((path) => /tiny-|whisper|dinov2|\/parts-/.test(path))).toEqual([]);
});
