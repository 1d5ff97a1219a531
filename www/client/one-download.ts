/**
 * One download of a backbone for all tabs: while one of them fetches it, the others wait and show its progress, and
 * then take it from the browser's cache.
 */
import { acquire, acquireNow } from "./locks.js";
import { open } from "./tabs.js";

export interface DownloadProgress {
  file: string;
  loaded: number;
  total: number;
}

/** Longest silence of the tab that downloads before another one goes ahead by itself. */
const SILENCE_MS = 20_000;

/** Runs `load` when no other tab loads the backbone at `url`. */
export async function oneDownload<T>(
  url: string,
  emit: (at: DownloadProgress) => void,
  load: (emit: (at: DownloadProgress) => void) => Promise<T>,
): Promise<T> {
  const lock = `graftlet backbone ${url}`;
  const channel = open(lock);
  try {
    const release = (await acquireNow(lock)) ?? (await turn(lock, channel, emit));
    try {
      return await load((at) => {
        emit(at);
        channel?.postMessage(at);
      });
    } finally {
      release?.();
    }
  } finally {
    channel?.close();
  }
}

/** Waits for the lock as long as whoever has it says something. */
async function turn(
  lock: string,
  channel: BroadcastChannel | undefined,
  emit: (at: DownloadProgress) => void,
) {
  let heard = Date.now();
  const hear = ({ data }: MessageEvent<DownloadProgress>) => {
    heard = Date.now();
    emit(data);
  };
  channel?.addEventListener("message", hear);
  try {
    for (;;) {
      const left = heard + SILENCE_MS - Date.now();
      if (left <= 0) return undefined;
      const release = await acquire(lock, left);
      if (release) return release;
    }
  } finally {
    channel?.removeEventListener("message", hear);
  }
}
