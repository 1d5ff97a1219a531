/**
 * Computes a call's texts some windows at a time. Between two steps the worker takes up what has arrived meanwhile: that
 * nobody waits for the call any more, or a call that is shorter.
 */
import type { Reading } from "./engine.js";
import { GraftletError, isTrap } from "./errors.js";
import type { Emit } from "./host.js";
import type { ReadEvent } from "./protocol.js";

/** The result of the reading, which is freed. */
export async function readAll<T>(reading: Reading<T>, emit: Emit<ReadEvent>): Promise<T> {
  try {
    while (reading.step()) {
      emit({ share: reading.share() });
      await turn();
      if (emit.signal.aborted) throw new GraftletError("aborted", "The call was cancelled.");
    }
  } catch (thrown) {
    // What a trap has left cannot be freed.
    if (!isTrap(thrown)) reading.free();
    throw thrown;
  }
  return finished(reading);
}

/** The result of a reading all of whose steps are done; the reading is freed. */
export function finished<T>(reading: Reading<T>): T {
  try {
    const found = reading.finish();
    reading.free();
    return found;
  } catch (thrown) {
    if (!isTrap(thrown)) reading.free();
    throw thrown;
  }
}

/** Resolves when the messages that have arrived are taken up. A timer would wait for four milliseconds. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
