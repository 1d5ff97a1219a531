/**
 * Web Locks: what only one tab may do at a time. Where there are none (Node, or a page that is not secure or may not
 * store anything, and so has nothing to share) nothing is held.
 */
import { GraftletError } from "./errors.js";

export type Release = () => void;

/** A lock, or undefined where it was not free within `wait` milliseconds. The caller lets go of it, or its page ends. */
export function acquire(lock: string, wait: number): Promise<Release | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(nothing);
  return new Promise((resolve) => {
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(), wait);
    const hold = () => {
      clearTimeout(timer);
      return new Promise<void>((release) => resolve(release));
    };
    const options = { signal: waiting.signal };
    refusable(() => locks.request(lock, options, hold)).catch(() => {
      clearTimeout(timer);
      resolve(waiting.signal.aborted ? undefined : nothing);
    });
  });
}

/** A lock if it is free now. */
export function acquireNow(lock: string): Promise<Release | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(nothing);
  return new Promise((resolve) => {
    const hold = (held: Lock | null) => {
      if (held) return new Promise<void>((release) => resolve(release));
      resolve(undefined);
      return undefined;
    };
    refusable(() => locks.request(lock, { ifAvailable: true }, hold)).catch(() => resolve(nothing));
  });
}

/** Lets go of a lock that is none. */
const nothing: Release = () => {};

/** A request that is refused at once is a promise that is rejected. */
async function refusable(request: () => Promise<unknown>): Promise<void> {
  await request();
}

const NAME = "graftlet name ";
/** A page that was just closed or loaded again holds its locks for a moment longer. */
const WAIT_MS = 2000;

/** A name that nobody else trains or saves under until it is released. */
export interface Reservation {
  readonly name: string;
  release(): void;
}

/** Reserves a name among all tabs; rejects with `name_in_use`. */
export async function reserve(name: string): Promise<Reservation> {
  const release = await acquire(NAME + name, WAIT_MS);
  if (release) return { name, release };
  throw new GraftletError(
    "name_in_use",
    `“${name}” is being trained or saved in another tab, or by another run here: wait for its end, or choose another name.`,
  );
}

/** Reserves a name if it is free now. */
export async function reserveNow(name: string): Promise<Reservation | undefined> {
  const release = await acquireNow(NAME + name);
  return release && { name, release };
}

/** Whether nobody trains or saves under a name, or stops within a moment. */
export async function isFree(name: string): Promise<boolean> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return true;
  const { held = [] } = await locks.query().catch(() => ({ held: [] }));
  if (!held.some((lock) => lock.name === NAME + name)) return true;
  const release = await acquire(NAME + name, WAIT_MS);
  release?.();
  return release !== undefined;
}
