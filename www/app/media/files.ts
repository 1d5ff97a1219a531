/**
 * Files of sound or pictures, and the labels that their folders give them.
 */
import type { DroppedFile } from "../files/drop.js";
import { isAside, partsOf } from "../files/paths.js";

export type MediaSort = "sounds" | "pictures";

/** Endings that browsers read at least partly; what one cannot read it says by itself. */
const ENDINGS: Record<MediaSort, readonly string[]> = {
  sounds: ["wav", "mp3", "ogg", "oga", "opus", "flac", "m4a", "aac", "webm", "weba", "aif", "aiff"],
  pictures: ["jpg", "jpeg", "png", "webp", "gif", "bmp", "avif"],
};

/** For a file chooser. */
export function accepted(sort: MediaSort): string {
  const kind = sort === "sounds" ? "audio/*" : "image/*";
  return [kind, ...ENDINGS[sort].map((ending) => `.${ending}`)].join(",");
}

/** True of a file of that sort, by its type or else by its name. */
export function isMedia(sort: MediaSort, { name, type }: File): boolean {
  if (type.startsWith(sort === "sounds" ? "audio/" : "image/")) return true;
  return ENDINGS[sort].some((ending) => name.toLowerCase().endsWith(`.${ending}`));
}

export interface Found {
  file: File;
  /** The name of the folder that it lies in; null of a loose file. */
  label: string | null;
}

/** The files of that sort, each with its label, and how many others there were. */
export function labelled(
  sort: MediaSort,
  files: readonly DroppedFile[],
): { found: Found[]; others: number } {
  const seen = files.filter(({ path }) => !isAside(path));
  const found = seen
    .filter(({ file }) => isMedia(sort, file))
    .map(({ path, file }) => ({ file, label: partsOf(path).at(-2) ?? null }));
  return { found, others: seen.length - found.length };
}
