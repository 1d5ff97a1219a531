/**
 * What a download needs of the world around it. Tests give another one, so that no test waits or needs luck.
 */
export interface Network {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds since any fixed moment. */
  now(): number;
  /** Resolves after a time; rejects when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** 0 to 1, without 1. */
  random(): number;
  /** False where the browser knows that it has no network. */
  online(): boolean;
  /** The origin of the page; empty where there is none. */
  origin: string;
  /** Where parts and whole files are kept; absent where the browser refuses to keep anything, and null where there is no browser. */
  caches(): CacheStorage | null | undefined;
  /** Runs the work while nobody else of this origin holds the lock; at once where browsers have no locks. */
  lock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export const browserNetwork: Network = {
  fetch: (url, init) => fetch(url, init),
  now: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  },
  random: () => Math.random(),
  online: () => globalThis.navigator?.onLine !== false,
  origin: globalThis.location?.origin ?? "",
  // Not there where the page has no secure context.
  caches: () => globalThis.caches,
  lock(name, work, signal) {
    const { locks } = globalThis.navigator ?? {};
    if (!locks) return work();
    return locks.request(name, signal ? { signal } : {}, work);
  },
};
