/** The worker that unpacks archives: what they make it do holds nothing else up. */
import * as Comlink from "comlink";
import { ArchiveError } from "./archive-error.js";
import { type Archive, unzip } from "./unzip.js";

export type Unpacked = { archive: Archive } | { refused: { code: string; message: string } };

const unzipper = {
  async unzip(blob: Blob): Promise<Unpacked> {
    try {
      const archive = await unzip(blob);
      return Comlink.transfer(
        { archive },
        archive.files.map(([, bytes]) => bytes.buffer),
      );
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      // An error's code does not survive the passage between threads.
      return { refused: { code: error.code, message: error.message } };
    }
  },
};

export type Unzipper = typeof unzipper;

Comlink.expose(unzipper);
