/**
 * The page's one camera, for those parts of the page that want it; it is closed when none does, or when the page is left.
 */
import { signal } from "@preact/signals";
import { type Camera, openCamera } from "../../media/camera.js";
import { sentenceOf } from "../engine.js";

export type CameraUser = "asking" | "teaching";

/** The open camera, or null. */
export const camera = signal<Camera | null>(null);
export const cameraTrouble = signal<string | null>(null);
export const cameraUsers = signal<ReadonlySet<CameraUser>>(new Set());

const AWAY =
  "The camera was switched off while the page was in the background. Switch it on again.";

let opening: Promise<void> | undefined;

export async function startCamera(user: CameraUser): Promise<void> {
  cameraTrouble.value = null;
  cameraUsers.value = new Set([...cameraUsers.value, user]);
  opening ??= start().finally(() => {
    opening = undefined;
  });
  await opening;
}

export function leaveCamera(user: CameraUser): void {
  cameraUsers.value = new Set([...cameraUsers.value].filter((other) => other !== user));
  if (cameraUsers.value.size === 0) close();
}

async function start(): Promise<void> {
  if (camera.value) return;
  try {
    const opened = await openCamera((error) => {
      cameraTrouble.value = sentenceOf(error);
      end();
    });
    camera.value = opened;
    document.addEventListener("visibilitychange", hidden);
    // While it opened, everyone may have left, or the page may have gone to the background.
    if (cameraUsers.value.size === 0) close();
    hidden();
  } catch (error) {
    cameraTrouble.value = sentenceOf(error);
    end();
  }
}

function hidden(): void {
  if (document.visibilityState !== "hidden") return;
  close();
  end();
  cameraTrouble.value = AWAY;
}

function close(): void {
  camera.value?.close();
  camera.value = null;
  document.removeEventListener("visibilitychange", hidden);
}

function end(): void {
  camera.value = null;
  cameraUsers.value = new Set();
  document.removeEventListener("visibilitychange", hidden);
}
