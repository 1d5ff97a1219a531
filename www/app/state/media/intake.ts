/**
 * Files of sound or pictures that are dropped or chosen: examples of a label, or questions.
 */
import { batch, signal } from "@preact/signals";
import type { DroppedFile } from "../../files/drop.js";
import { counted } from "../../format/units.js";
import { checkPicture, decodeSound } from "../../media/decode.js";
import { type Found, labelled } from "../../media/files.js";
import { cutIntoSeconds, secondsOf } from "../../media/sound.js";
import { sentenceOf } from "../engine.js";
import { proposeName } from "../plan.js";
import { sort } from "../sort.js";
import { askFiles } from "./asking.js";
import { addPicture, addSound, BACKGROUND } from "./examples.js";

/** How far files are read; null while none are. */
export const reading = signal<{ done: number; total: number } | null>(null);
/** Files that could not be taken, each with the reason. */
export const leftOut = signal<readonly string[]>([]);

/** A recording of a background that is longer is cut. */
const LONG_SECONDS = 1.5;

/**
 * Takes files in. Those of a folder are examples of its name, and loose ones of `label`; without a label they are questions.
 */
export async function takeMedia(
  files: readonly DroppedFile[],
  label: string | null = null,
): Promise<"learned" | "asked" | "refused"> {
  const wanted = sort.value;
  if (wanted === "texts") return "refused";
  leftOut.value = [];
  const { found, others } = labelled(wanted, files);
  if (found.length === 0) {
    const what =
      wanted === "sounds"
        ? "no recording (WAV, MP3, Ogg, FLAC, M4A)"
        : "no picture (JPEG, PNG, WebP, GIF)";
    leftOut.value = [`There is ${what} among the files: choose others.`];
    return "refused";
  }
  const loose = found.filter((entry) => entry.label === null);
  if (label === null && loose.length === found.length) {
    await askFiles(loose.map(({ file }) => file));
    return "asked";
  }
  await learnFrom(
    found.filter((entry) => entry.label !== null || label !== null),
    label,
  );
  if (others > 0) {
    leftOut.value = [...leftOut.value, `${counted(others, "other file")} left out.`];
  }
  return "learned";
}

async function learnFrom(found: readonly Found[], label: string | null): Promise<void> {
  proposeName();
  for (const [done, { file, label: own }] of found.entries()) {
    reading.value = { done, total: found.length };
    try {
      await enter(file, label ?? own ?? "");
    } catch (error) {
      leftOut.value = [...leftOut.value, sentenceOf(error)];
    }
  }
  reading.value = null;
}

async function enter(file: File, label: string): Promise<void> {
  if (sort.value === "pictures") {
    await checkPicture(file);
    addPicture(label, file, file.name);
    return;
  }
  const sound = await decodeSound(file);
  if (label !== BACKGROUND || secondsOf(sound) <= LONG_SECONDS) {
    addSound(label, sound, file.name, file);
    return;
  }
  batch(() => {
    for (const piece of cutIntoSeconds(sound)) addSound(label, piece, file.name);
  });
}
