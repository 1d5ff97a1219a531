/**
 * Unpacks an archive in a worker of its own, which ends with it.
 */
import * as Comlink from "comlink";
import { WorkerLost, whenLost } from "../rows/lost.js";
import { type ArchiveCode, ArchiveError } from "./archive-error.js";
import type { Archive } from "./unzip.js";
import type { Unzipper } from "./unzip.worker.js";

/** No archive within the limits takes so long, not even on a slow phone. */
const MOST_MS = 30_000;

/** Reads the archive. Throws `ArchiveError`. */
export async function unzipApart(blob: Blob): Promise<Archive> {
  const worker = new Worker(new URL("./unzip.worker.ts", import.meta.url), { type: "module" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const unpacked = await Promise.race([
      Comlink.wrap<Unzipper>(worker).unzip(blob),
      whenLost(worker),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new WorkerLost("it took too long")), MOST_MS);
      }),
    ]);
    if ("archive" in unpacked) return unpacked.archive;
    throw new ArchiveError(unpacked.refused.code as ArchiveCode, unpacked.refused.message);
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ArchiveError(
      "unzip_failed",
      `The archive could not be unpacked (${reason}): unpack it yourself and drop the adapter's folder.`,
    );
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
