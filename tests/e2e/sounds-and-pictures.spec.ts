/**
 * Sounds and pictures from files, without a microphone or a camera: what any browser can do.
 */
import { HIGH, LOW, tone, wav } from "../../www/scripts/fake-devices.mjs";
import { addFiles, addLabel, card, openWith, stripes, train } from "./devices.js";
import { dropFiles, expect, test } from "./page.js";

const SEEDS = [1, 2, 3, 4];

test("sounds are taught from files and answered", { tag: "@core" }, async ({ page }) => {
  await openWith(page, "sounds");
  for (const [label, hertz] of [
    ["low", LOW],
    ["high", HIGH],
  ] as const) {
    await addLabel(page, label);
    const files = SEEDS.map((seed) => ({
      name: `${seed}.wav`,
      mimeType: "audio/wav",
      buffer: wav(tone(hertz, 0.5, seed)),
    }));
    await addFiles(page, label, files);
    await expect(card(page, label).locator(".take")).toHaveCount(SEEDS.length);
  }
  await train(page, "pitch");
  await dropFiles(page, [{ name: "asked.wav", bytes: wav(tone(LOW, 0.5, 7)) }]);
  await expect(page.getByTestId("verdict")).toHaveText("low");
});

test("pictures are taught from files and answered", { tag: "@core" }, async ({ page }) => {
  await openWith(page, "pictures");
  for (const [label, upright] of [
    ["upright", true],
    ["level", false],
  ] as const) {
    await addLabel(page, label);
    const files = SEEDS.map((seed) => ({
      name: `${seed}.bmp`,
      mimeType: "image/bmp",
      buffer: stripes(upright, seed),
    }));
    await addFiles(page, label, files);
    await expect(card(page, label).locator(".shot")).toHaveCount(SEEDS.length);
  }
  await train(page, "stripes");
  await dropFiles(page, [{ name: "asked.bmp", bytes: stripes(false, 2) }]);
  await expect(page.getByTestId("verdict")).toHaveText("level");

  await page.getByRole("button", { name: "Which parts mattered?" }).click();
  await expect(page.getByText("Each of 49 squares was covered in turn")).toBeVisible();
});
