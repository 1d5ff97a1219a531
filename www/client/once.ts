/** Work that tabs do once for all of them. */
import { GraftletError } from "./errors.js";
import type { Network } from "./network.js";

/** How often another tab's download is looked at. */
const LOOK_MS = 500;
/** Looks without progress after which the other tab is not waited for any more. */
const LOOKS = 60;

/** Does work that another tab may be doing already, after it. One that stands still is not waited for. */
export async function once<T>(
  network: Network,
  signal: AbortSignal | undefined,
  name: string,
  look: () => Promise<number>,
  work: () => Promise<T>,
  onProgress: (length: number) => void = () => {},
): Promise<T> {
  const waiting = new AbortController();
  const stop = () => waiting.abort();
  signal?.addEventListener("abort", stop, { once: true });
  let begun = false;
  const done = new AbortController();
  const following = follow(network, look, done.signal, () => begun, onProgress, stop);
  try {
    return await network.lock(
      `graftlet ${name}`,
      () => {
        begun = true;
        return work();
      },
      waiting.signal,
    );
  } catch (thrown) {
    if (begun) throw thrown;
    if (signal?.aborted) {
      throw new GraftletError("aborted", "Loading of the backbone was cancelled.");
    }
    return await work();
  } finally {
    done.abort();
    await following;
    signal?.removeEventListener("abort", stop);
  }
}

/** While another tab fetches, its progress is this one's too. */
async function follow(
  network: Network,
  look: () => Promise<number>,
  done: AbortSignal,
  begun: () => boolean,
  onProgress: (length: number) => void,
  stop: () => void,
): Promise<void> {
  let highest = 0;
  for (let looks = 0; looks < LOOKS; looks += 1) {
    try {
      await network.sleep(LOOK_MS, done);
    } catch {
      return;
    }
    if (begun()) return;
    const length = await look();
    if (length <= highest) continue;
    highest = length;
    looks = 0;
    if (!done.aborted) onProgress(length);
  }
  stop();
}
