/**
 * Words of one's own: recorded, taught, recognised, listened for, put right, and exported. The microphone is a file.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { unzipSync } from "fflate";
import { HIGH, LOW, silence, tone, wav } from "../../www/scripts/fake-devices.mjs";
import { addFiles, addLabel, card, openWith, train } from "./devices.js";
import { dropFiles, expect, given, taskSelect, test } from "./page.js";

const sound = (name: string, buffer: Buffer) => ({ name, mimeType: "audio/wav", buffer });
const highs = [1, 2, 3, 4].map((seed) => sound(`high ${seed}.wav`, wav(tone(HIGH, 0.5, seed))));
const room = sound("room.wav", wav(silence(4)));

/** Records a take: the microphone says “low” every two and a half seconds. */
async function recordTake(page: Page, label: string): Promise<void> {
  const takes = card(page, label).locator(".take");
  const before = await takes.count();
  await page.getByRole("button", { name: `Record “${label}”` }).click();
  await expect(takes).toHaveCount(before + 1, { timeout: 20_000 });
}

async function teach(page: Page): Promise<void> {
  await addLabel(page, "low");
  for (let take = 0; take < 3; take += 1) await recordTake(page, "low");
  await addLabel(page, "high");
  await addFiles(page, "high", highs);
  await expect(card(page, "high").locator(".take")).toHaveCount(4);
  await addFiles(page, "background", [room]);
  await expect(card(page, "background")).toContainText("4 second-long pieces");
  await train(page, "pitch");
}

test("words are recorded, taught, recognised and exported", async ({ page }) => {
  await openWith(page, "sounds");
  await expect(
    page.getByText("There is no task for this model yet", { exact: false }),
  ).toBeVisible();
  await teach(page);

  await test.step("takes are cut to the word", async () => {
    const seconds = await card(page, "low").locator(".take .number").allTextContents();
    expect(seconds).toHaveLength(3);
    for (const text of seconds) expect(Number.parseFloat(text)).toBeLessThan(1);
  });

  await test.step("a file is answered", async () => {
    await expect(taskSelect(page)).toHaveValue("pitch");
    await page
      .getByLabel("Recordings to answer")
      .setInputFiles([sound("asked.wav", wav(tone(HIGH, 0.5, 7)))]);
    await expect(page.getByTestId("verdict")).toHaveText("high");
    await expect(page.locator(".answer .bar")).toHaveCount(3);
    await expect(page.locator(".answer")).toContainText("0.5 s of sound");
  });

  await test.step("a recording is answered", async () => {
    await page.getByRole("button", { name: "Record a question" }).click();
    await expect(page.getByTestId("verdict")).toHaveText("low");
    await expect(page.locator(".asked")).toContainText("asked.wav");
  });

  await test.step("the report names examples that can be heard", async () => {
    await expect(page.getByTestId("report-score")).toBeVisible();
    await page.getByText("The hardest of the rows held out").click();
    await expect(page.locator(".report .row-list li").first()).toContainText(/take|wav/);
    await expect(page.locator(".report .wave").first()).toBeVisible();
  });

  await test.step("the adapter is downloaded", async () => {
    const { name, bytes } = await given(page, () =>
      page.getByRole("button", { name: "Download for" }).click(),
    );
    expect(name).toBe("pitch.zip");
    expect(Object.keys(unzipSync(bytes)).join(" ")).toContain("adapter_config.json");
  });

  await test.step("nothing stands in the way of a screen reader", async () => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations).toEqual([]);
  });

  await test.step("the task is there at the next visit, for this model only", async () => {
    page.on("dialog", (dialog) => dialog.accept());
    await page.reload();
    await expect(taskSelect(page)).toHaveValue("pitch");
    await expect(page.getByText("Record", { exact: true })).toBeVisible();
  });
});

test("listening tells what it hears, and one tap makes what was wrong an example", async ({
  page,
}) => {
  await openWith(page, "sounds");
  await teach(page);
  await page.getByRole("slider", { name: /Detect from/ }).fill("0.5");
  await page.getByRole("checkbox", { name: "Listen live" }).check();
  const detected = page.getByRole("list", { name: "Detected" }).getByRole("listitem");
  await expect(detected.first()).toContainText("low");
  await expect(detected.first()).toContainText(/\d+ %/);
  await page.getByRole("checkbox", { name: "Listen live" }).uncheck();

  const first = detected.last();
  await first.getByRole("button", { name: "Wrong?" }).click();
  await first
    .getByRole("group", { name: "It was …" })
    .getByRole("button", { name: "background" })
    .click();
  await expect(first).toContainText("it was background");
  await expect(card(page, "background")).toContainText("5 second-long pieces");

  // Said again, it is that instead, and no second example.
  await first.getByRole("button", { name: "it was background" }).click();
  await first.getByRole("button", { name: "high", exact: true }).click();
  await expect(card(page, "background")).toContainText("4 second-long pieces");
  await expect(card(page, "high").locator(".take")).toHaveCount(5);
  await page.getByRole("button", { name: "Go to the examples" }).click();
  await expect(page.getByText("1 correction of yours")).toBeVisible();
  await train(page, "pitch again");
  await expect(page.getByText("1 correction of yours")).toBeHidden();
});

test("a folder of folders is taught by their names", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "graftlet-words-"));
  for (const [label, hertz] of [
    ["low", LOW],
    ["high", HIGH],
  ] as const) {
    mkdirSync(join(folder, "words", label), { recursive: true });
    for (const seed of [1, 2, 3]) {
      writeFileSync(join(folder, "words", label, `${seed}.wav`), wav(tone(hertz, 0.4, seed)));
    }
  }
  writeFileSync(join(folder, "words", "high", "notes.txt"), "of no use");
  writeFileSync(join(folder, "words", "high", "broken.wav"), "no sound");
  await openWith(page, "sounds");
  await page.getByLabel("Folder of examples").setInputFiles(join(folder, "words"));
  await expect(card(page, "low").locator(".take")).toHaveCount(3);
  await expect(card(page, "high").locator(".take")).toHaveCount(3);
  await expect(page.getByText("broken.wav is not a sound")).toBeVisible();
  await expect(page.getByText("1 other file left out.")).toBeVisible();
  await train(page, "my task");
});

test("recordings that are dropped are answered, or examples of the label that they are dropped on", async ({
  page,
}) => {
  await openWith(page, "sounds");
  await addLabel(page, "high");
  const transfer = await page.evaluateHandle(
    (bytes) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "dropped.wav", { type: "audio/wav" }));
      return data;
    },
    [...wav(tone(HIGH, 0.4))],
  );
  for (const type of ["dragenter", "dragover", "drop"]) {
    await card(page, "high").dispatchEvent(type, { dataTransfer: transfer });
  }
  await expect(card(page, "high").locator(".take")).toHaveCount(1);
  await addFiles(page, "high", highs);
  await addFiles(page, "background", [room]);
  await train(page, "high or not");
  await dropFiles(page, [{ name: "asked.wav", bytes: wav(tone(HIGH, 0.4, 5)) }]);
  await expect(page.getByTestId("verdict")).toHaveText("high");
});

test("a take can be heard, is warned of where it is too loud, and can be deleted", async ({
  page,
}) => {
  await openWith(page, "sounds");
  await addLabel(page, "loud");
  const loud = tone(LOW, 0.5).map((value) => value * 9);
  await addFiles(page, "loud", [sound("loud.wav", wav(loud)), ...highs.slice(0, 1)]);
  await expect(card(page, "loud").locator(".take")).toHaveCount(2);
  await expect(card(page, "loud").getByText("Too loud", { exact: false })).toHaveCount(1);
  await card(page, "loud").getByRole("button", { name: "Play loud, loud.wav" }).click();
  await card(page, "loud").getByRole("button", { name: "Delete loud, loud.wav" }).click();
  await expect(card(page, "loud").locator(".take")).toHaveCount(1);
  await expect(card(page, "loud").getByText("Too loud", { exact: false })).toHaveCount(0);
});

test("a label is renamed, and an empty one removed", async ({ page }) => {
  await openWith(page, "sounds");
  await addLabel(page, "yes");
  await page.getByLabel("Label yes").fill("yeah");
  await page.getByLabel("Label yes").blur();
  await expect(card(page, "yeah")).toBeVisible();
  await page.getByRole("button", { name: "Remove yeah" }).click();
  await expect(card(page, "yeah")).toBeHidden();
});

test("a correction at a later visit changes the task that was wrong", async ({ page }) => {
  await openWith(page, "sounds");
  await teach(page);
  page.on("dialog", (dialog) => dialog.accept());
  await page.reload();
  await expect(taskSelect(page)).toHaveValue("pitch");
  await page.getByRole("slider", { name: /Detect from/ }).fill("0.5");
  await page.getByRole("checkbox", { name: "Listen live" }).check();
  const detected = page.getByRole("list", { name: "Detected" }).getByRole("listitem");
  await expect(detected.first()).toContainText("low");
  await page.getByRole("checkbox", { name: "Listen live" }).uncheck();
  await detected.last().getByRole("button", { name: "Wrong?" }).click();
  await detected.last().getByRole("button", { name: "background", exact: true }).click();
  await expect(page.getByRole("checkbox", { name: "Go on from “pitch”" })).toBeChecked();
  await expect(page.getByText("It knows “high”, “low”", { exact: false })).toBeVisible();
  await expect(page.getByRole("radio", { name: "LoRA" })).toHaveCount(0);
  await train(page, "pitch 2");
  await expect(page.getByRole("complementary", { name: "Adapter" })).toContainText(
    "background, high, low",
  );
});
