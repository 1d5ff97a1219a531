/**
 * The engine as a model of sounds or pictures is asked and taught.
 */
import type { Answer } from "graftlet";
import type { Samples } from "../../media/sound.js";
import { readyEngine } from "../engine.js";

export type Sound = Blob | AudioBuffer | Samples;
export type Picture = Blob | ImageBitmap | ImageData;
export interface SoundRow {
  sound: Sound;
  label: string;
}
export interface PictureRow {
  picture: Picture;
  label: string;
}

export interface MediaEngine {
  classify(input: Sound | Picture, options: { with: string }): Promise<Answer>;
}

export function mediaEngine(): MediaEngine {
  return readyEngine() as unknown as MediaEngine;
}
