/**
 * What this browser keeps for the page, and how much room there is for it.
 */
import { signal } from "@preact/signals";
import type { StorageReport } from "graftlet";
import { engine, readyEngine } from "./engine.js";

/** Null until the engine is ready. */
export const kept = signal<StorageReport | null>(null);
/** What the browser said when it was asked not to clear it. */
export const persistence = signal<"unasked" | "asking" | "granted" | "refused">("unasked");

export async function refreshKept(): Promise<void> {
  if (engine.value.status !== "ready") return;
  try {
    kept.value = await readyEngine().storage();
  } catch {
    // It is looked at again after the next change.
  }
}

/** Asks the browser to keep it even where the disk runs full. Firefox asks the visitor, and waits for the answer. */
export async function askToPersist(): Promise<void> {
  persistence.value = "asking";
  const granted = await readyEngine()
    .persistStorage()
    .catch(() => false);
  persistence.value = granted ? "granted" : "refused";
  await refreshKept();
}
