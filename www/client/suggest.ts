/** Compares kinds of adapters on rows, in a worker of its own. */
import { GraftletError } from "./errors.js";
import type { Hired } from "./hired.js";
import type { LoadCall } from "./protocol.js";
import { allParts, checkSorts, type RunRows, readBy } from "./rows.js";
import type { SuggestEvent, Suggestion, SuggestOptions } from "./types.js";

export interface Comparison {
  rows: RunRows;
  options: SuggestOptions;
  signal: AbortSignal | undefined;
  onProgress: ((event: SuggestEvent) => void) | undefined;
  load: LoadCall;
  hired: Hired;
}

export async function suggestKind({
  rows,
  options,
  signal,
  onProgress,
  load,
  hired,
}: Comparison): Promise<Suggestion> {
  const aborted = new GraftletError("aborted", "The comparison was cancelled.");
  if (signal?.aborted) throw aborted;
  checkSorts(rows);
  const worker = hired.hire();
  const abort = () => worker.end(aborted);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await worker.call("load", load);
    const read = readBy(worker);
    for await (const lines of allParts(rows, read)) await worker.call("addRows", [lines]);
    return await worker.call("suggest", [options], onProgress);
  } finally {
    signal?.removeEventListener("abort", abort);
    hired.retire(worker);
  }
}
