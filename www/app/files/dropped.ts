/**
 * What was dropped or chosen: rows to learn from, or adapters.
 */
import type { AdapterFiles } from "graftlet";
import type { DroppedFile } from "./drop.js";
import { isPackedRows, isRowFile } from "./row-files.js";
import { adapterFolders, CONFIG, type Folder, unzip } from "./zip.js";

export type Dropped = { type: "rows"; file: File } | { type: "adapters"; folders: Folder[] };

const ZIP = /\.zip$/i;

/** Reads the files. Throws an Error with a sentence when nothing can be made of them. */
export async function readDropped(dropped: readonly DroppedFile[]): Promise<Dropped> {
  const [first] = dropped;
  if (!first) throw new Error("Nothing was dropped that can be read.");
  const isConfig = ({ path }: DroppedFile) => path.split("/").at(-1) === CONFIG;
  if (!dropped.some(isConfig)) {
    const rows = dropped.find(({ file }) => isRowFile(file.name));
    if (rows) return { type: "rows", file: rows.file };
  }
  const files: AdapterFiles = {};
  let fallback = "adapter";
  for (const { path, file } of dropped) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (ZIP.test(file.name)) {
      fallback = file.name.replace(ZIP, "");
      // Paths stay apart, as two archives may hold files of one name.
      for (const [inner, content] of Object.entries(unzip(bytes))) {
        files[dropped.length > 1 ? `${fallback}/${inner}` : inner] = content;
      }
    } else files[path] = bytes;
  }
  const folders = adapterFolders(files, fallback);
  if (folders.length === 0) {
    const packed = Object.keys(files).find(isPackedRows);
    if (packed !== undefined && ZIP.test(first.file.name)) {
      throw new Error(
        `${first.file.name} holds no adapter but “${packed}”: unpack it and choose that file to learn from its rows.`,
      );
    }
    throw new Error(
      `No ${CONFIG} was found in ${first.file.name}: choose an adapter's whole folder or its zip, or rows as CSV, TSV, JSONL or CoNLL.`,
    );
  }
  return { type: "adapters", folders };
}
