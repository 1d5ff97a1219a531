/**
 * Tiny models that read sounds and pictures, and the moves of a visitor who teaches them. The models have learned nothing:
 * what the tests look at is the page.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect } from "./page.js";

const root = join(__dirname, "../..");
/** A picture of stripes, upright or level, as a BMP file. */
export function stripes(upright: boolean, seed: number, side = 32): Buffer {
  const bytes = Buffer.alloc(54 + 3 * side * side);
  bytes.write("BM", 0);
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(side, 18);
  bytes.writeInt32LE(side, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const light = ((upright ? x : y) + seed) % 8 < 4;
      bytes.fill(light ? 220 - seed : 30 + seed, 54 + 3 * (y * side + x), 57 + 3 * (y * side + x));
    }
  }
  return bytes;
}

export type Sort = "sounds" | "pictures";

const TINY = {
  sounds: { folder: "tiny-sounds", from: "sounds/whisper" },
  pictures: { folder: "tiny-pictures", from: "pictures/vit" },
} satisfies Record<Sort, { folder: string; from: string }>;

const LIST = {
  models: [
    { folder: "minilm-l6", title: "texts", about: "a test", reads: "texts", bytes: 24_000_000 },
    { folder: "tiny-sounds", title: "sounds", about: "a test", reads: "sounds", bytes: 60_000 },
    {
      folder: "tiny-pictures",
      title: "pictures",
      about: "a test",
      reads: "pictures",
      bytes: 60_000,
    },
  ],
};

/** Of the fixture of pictures: whatever is given is made as small as the model reads. */
const PREPROCESSOR = {
  image_processor_type: "ViTImageProcessor",
  do_resize: true,
  size: { height: 12, width: 12 },
  resample: 2,
  do_rescale: true,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

const converted = new Map<Sort, string>();

/** The folder of a tiny model, converted by the command line. */
export function tinyModel(sort: Sort): string {
  const known = converted.get(sort);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), "graftlet-tiny-"));
  const from = join(folder, "from");
  cpSync(join(root, "tests/fixtures", TINY[sort].from), from, { recursive: true });
  if (sort === "pictures") {
    writeFileSync(join(from, "preprocessor_config.json"), JSON.stringify(PREPROCESSOR));
  }
  const to = join(folder, "to");
  const given = ["convert", "--from", from, "--to", to, "--dtype", "f32", "--name", `tiny/${sort}`];
  execFileSync(join(root, "target/release/graftlet"), given, { stdio: "pipe" });
  converted.set(sort, to);
  return to;
}

/** Offers the tiny models beside the usual one. */
export async function offerModels(page: Page): Promise<void> {
  await page.route("**/models.json", (route) => route.fulfill({ json: LIST }));
  for (const sort of ["sounds", "pictures"] as const) {
    const { folder } = TINY[sort];
    await page.route(`**/models/${folder}/**`, (route) => {
      const name = new URL(route.request().url()).pathname.split("/").at(-1) ?? "";
      return route.fulfill({ path: join(tinyModel(sort), name) });
    });
    await page.route(`**/adapters/${folder}/index.json`, (route) =>
      route.fulfill({ json: { adapters: [] } }),
    );
  }
}

/** Opens the page with the tiny model of that sort. */
export async function openWith(page: Page, sort: Sort): Promise<void> {
  await offerModels(page);
  await page.addInitScript((folder) => {
    // Of an empty page Firefox gives none.
    if (location.protocol.startsWith("http")) localStorage.setItem("graftlet.model", folder);
  }, TINY[sort].folder);
  await page.goto("./");
  await expect(page.getByText("is ready", { exact: false }).first()).toBeVisible();
}

/** The card of a label. */
export const card = (page: Page, label: string) =>
  page.getByRole("article", { name: label, exact: true });

export async function addLabel(page: Page, label: string): Promise<void> {
  await page.getByLabel(/^A (word or a sound|thing)$/).fill(label);
  await page.getByRole("button", { name: "Add the label" }).click();
  await expect(card(page, label)).toBeVisible();
}

/** Chooses files for a label. */
export async function addFiles(
  page: Page,
  label: string,
  files: readonly { name: string; mimeType: string; buffer: Buffer }[],
): Promise<void> {
  await page.getByLabel(`Files for ${label}`).setInputFiles([...files]);
}

/** Trains a head on the examples and waits until its task is chosen. */
export async function train(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name of the task").fill(name);
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByText(`“${name}” is ready.`)).toBeVisible();
}
