/**
 * The squares of a picture without which the answer is less sure.
 */
import type { Answer } from "graftlet";
import { covered, falls } from "../../media/occlusion.js";
import { readyEngine } from "../engine.js";

export interface Mattered {
  /** How far the score fell with each square covered; row by row. */
  falls: number[];
  /** The score of the whole picture. */
  whole: number;
}

/** The side of the picture that is covered: more than models read. */
const SIDE = 256;

/** Covers each square in turn and answers what is left; `done` tells how many were. */
export async function mattering(
  picture: Blob,
  task: string,
  label: string,
  whole: number,
  done: (share: number) => void,
): Promise<Mattered> {
  const pixels = await pixelsOf(picture);
  const scores: number[] = [];
  const copies = [...covered(pixels)];
  for (const [at, { data, width, height }] of copies.entries()) {
    const part = new ImageData(new Uint8ClampedArray(data), width, height);
    scores.push(scoreOf(await readyEngine().classify(part, { with: task }), label));
    done((at + 1) / copies.length);
  }
  return { falls: falls(whole, scores), whole };
}

function scoreOf(answer: Answer, label: string): number {
  if (answer.form !== "label" && answer.form !== "labels") return 0;
  return answer.scores.find((entry) => entry.label === label)?.score ?? 0;
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
