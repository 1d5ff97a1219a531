/**
 * Files and texts that the page is opened with: by a double click where it is installed, or shared by another program.
 */
import { effect } from "@preact/signals";
import type { DroppedFile } from "../files/drop.js";
import { pickUpShared, SHARED } from "../offline/shared.js";
import { text } from "./answer.js";
import { engine } from "./engine.js";
import { takeIn } from "./intake.js";

interface LaunchQueue {
  setConsumer(consume: (launch: { files?: readonly FileSystemFileHandle[] }) => void): void;
}

/** Takes in what the page was opened with, now and whenever it is opened again. */
export function followLaunches(): void {
  const { launchQueue } = globalThis as { launchQueue?: LaunchQueue };
  launchQueue?.setConsumer(({ files = [] }) => {
    if (files.length > 0) void take(Promise.all(files.map((handle) => handle.getFile())));
  });
  if (!new URLSearchParams(location.search).has(SHARED)) return;
  // A reload must not look for it again.
  history.replaceState(null, "", location.pathname);
  void pickUpShared().then(
    (shared) => {
      if (!shared) return;
      if (shared.text !== "") text.value = shared.text;
      if (shared.files.length > 0) void take(Promise.resolve(shared.files));
    },
    () => {},
  );
}

async function take(files: Promise<readonly File[]>): Promise<void> {
  const [given] = await Promise.all([files, engineSettled()]);
  await takeIn(given.map((file): DroppedFile => ({ path: file.name, file })));
}

/** Adapters can only be added once the engine is there. */
function engineSettled(): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (engine.value.status === "loading") return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}
