/**
 * The scores that an adapter's labels must reach, where a text may have several. They stand in the adapter's side file.
 */
import { signal } from "@preact/signals";
import { readyEngine } from "./engine.js";

/** By adapter and label; an adapter is asked once. */
export const thresholds = signal<ReadonlyMap<string, ReadonlyMap<string, number>>>(new Map());

const asked = new Set<string>();

/** What holds where the side file says nothing. */
export const USUAL_THRESHOLD = 0.5;

interface SideFile {
  labels?: string[];
  problem?: { thresholds?: number[] };
}

/** Reads the thresholds of an adapter that answers several labels. */
export async function readThresholds(name: string): Promise<void> {
  if (asked.has(name)) return;
  asked.add(name);
  const files = await readyEngine().exportAdapter(name);
  const bytes = files["graftlet.json"];
  if (!bytes) return;
  const { labels = [], problem } = JSON.parse(new TextDecoder().decode(bytes)) as SideFile;
  const given = problem?.thresholds ?? [];
  const own = new Map(labels.map((label, i) => [label, given[i] ?? USUAL_THRESHOLD]));
  thresholds.value = new Map(thresholds.value).set(name, own);
}
