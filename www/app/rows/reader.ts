/**
 * What the module that reads rows exports, which is `rows/src/web.rs` in TypeScript.
 */
import type {
  Choice,
  Columns,
  Inspection,
  NamedRow,
  Options,
  Proposal,
  Row,
  Source,
  Texts,
} from "./types.js";

/** The table of one file. What fails throws an `Error` with a `code`. */
export interface Reader {
  open(bytes: Uint8Array, options: Options): Source;
  propose(columns: Columns): Proposal;
  inspect(choice: Choice): Inspection;
  prepare(choice: Choice): Inspection;
  /** The rows that are ready, as bytes that `takeBack` reads. */
  putAway(): Uint8Array<ArrayBuffer>;
  takeBack(kept: Uint8Array): Inspection | null;
  part(from: number, to: number): Row[];
  named(places: Uint32Array): NamedRow[];
  texts(columns: Columns): Texts;
  /** The table in UTF-8, with the delimiter of the file. */
  answered(
    rows: Uint32Array,
    header: readonly string[],
    cells: readonly (readonly string[])[],
  ): Uint8Array<ArrayBuffer>;
}

export interface ReaderModule {
  default(module: { module_or_path: string | BufferSource }): Promise<unknown>;
  Desk: new () => Reader;
}
