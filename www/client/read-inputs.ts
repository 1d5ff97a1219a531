/** In the worker: recordings and pictures become what the model reads of them, and are kept no longer. */
import type { Engine } from "./engine.js";
import { GraftletError } from "./errors.js";
import { bytesOfFile } from "./file-bytes.js";
import { pixelsOf } from "./pictures.js";
import type { Given, Keep, ReadInput } from "./protocol.js";
import { turn } from "./reading.js";

/** Whether there is anything to read before the engine takes the inputs. */
export function areRead(inputs: readonly Given[]): inputs is readonly ReadInput[] {
  return inputs.every(isRead);
}

/**
 * The inputs as the engine takes them. Errors call the first `place` with the number behind `before`. Stops between two when
 * nobody waits any more.
 */
export async function readInputs(
  engine: Engine,
  inputs: readonly Given[],
  { place, before, keep }: { place: string; before: number; keep: Keep },
  signal: AbortSignal,
): Promise<ReadInput[]> {
  const { reads } = engine.backbone();
  const read: ReadInput[] = [];
  for (const [index, input] of inputs.entries()) {
    if (isRead(input)) {
      read.push(input);
      continue;
    }
    const own = `${place} ${before + index + 1}`;
    const isFile = input instanceof Blob;
    if (isFile && reads === "sounds") {
      read.push(engine.read(new Uint8Array(await bytesOfFile(input, own)), own, keep));
    } else if (isFile || "close" in input) {
      read.push(engine.read(await pixelsOf(input, own), own, keep));
    } else {
      read.push(engine.read(input, own, keep));
    }
    await turn();
    if (signal.aborted) throw new GraftletError("aborted", "The call was cancelled.");
  }
  return read;
}

function isRead(input: Given): input is ReadInput {
  if (typeof input === "string" || input instanceof Uint8Array) return true;
  // A blob has a method of that name.
  return "text" in input && !(input instanceof Blob);
}
