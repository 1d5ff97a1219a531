import { GraftletError } from "./errors.js";

/** The content of a file, which may be gone from the disk. */
export async function bytesOfFile(file: Blob, place: string): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer();
  } catch (thrown) {
    throw new GraftletError(
      "io",
      `${place} is a file that cannot be read (${(thrown as Error).message}): choose it again.`,
    );
  }
}
