/**
 * The squares of a picture without which the answer is less sure.
 */
import type { LabelForm } from "graftlet";
import { covered, falls, lead } from "../../media/occlusion.js";
import { readyEngine } from "../engine.js";

export interface Mattered {
  /** How far the label's lead fell with each square covered; row by row. */
  falls: number[];
  /** The label's score without the square that counts most. */
  without: number;
}

/** The side of the picture that is covered: more than models read. */
const SIDE = 256;

/** Covers each square in turn and answers what is left; `done` tells how many were. */
export async function mattering(
  picture: Blob,
  task: string,
  answer: LabelForm,
  done: (share: number) => void,
): Promise<Mattered> {
  const pixels = await pixelsOf(picture);
  const { label } = answer;
  const scores: number[] = [];
  const leads: number[] = [];
  const copies = [...covered(pixels)];
  for (const [at, { data, width, height }] of copies.entries()) {
    const part = new ImageData(new Uint8ClampedArray(data), width, height);
    const found = await readyEngine().classify(part, { with: task });
    if (found.form !== "label") throw new Error("Another task was put in this one’s place.");
    scores.push(found.scores.find((entry) => entry.label === label)?.score ?? 0);
    leads.push(lead(found.scores, label));
    done((at + 1) / copies.length);
  }
  const fallen = falls(lead(answer.scores, label), leads);
  return { falls: fallen, without: scores[fallen.indexOf(Math.max(...fallen))] ?? 0 };
}

async function pixelsOf(picture: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(picture);
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Error("The browser cannot draw the picture.");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
