/**
 * What was dropped or chosen: rows, or adapters.
 */
import type { DroppedFile } from "./drop.js";
import { CONFIG, partsOf } from "./paths.js";
import { isPackedRows, isRowFile } from "./row-files.js";
import type { Archive } from "./unzip.js";
import { adapterFolders, type Folder } from "./zip.js";

export type Dropped = { type: "rows"; file: File } | { type: "adapters"; folders: Folder[] };

const ZIP = /\.zip$/i;

/** Loose files of a drop: as much as an archive may hold. */
const MOST_BYTES = 100_000_000;

/** Reads the files; `unzip` unpacks an archive. Throws an Error with a sentence when nothing can be made of them. */
export async function readDropped(
  dropped: readonly DroppedFile[],
  unzip: (archive: Blob) => Promise<Archive>,
): Promise<Dropped> {
  const [first] = dropped;
  if (!first) throw new Error("Nothing was dropped that can be read.");
  const configs = dropped.filter(({ path }) => partsOf(path).at(-1) === CONFIG);
  if (configs.length === 0) {
    const rows = dropped.find(({ file }) => isRowFile(file.name));
    if (rows) return { type: "rows", file: rows.file };
  }
  const files: [string, Uint8Array][] = [];
  const others: string[] = [];
  let fallback = "adapter";
  for (const { path, file } of dropped.filter(({ file }) => ZIP.test(file.name))) {
    fallback = file.name.replace(ZIP, "");
    const archive = await unzip(file);
    // Paths stay apart, as two archives may hold files of one name.
    const apart = (inner: string) => (dropped.length > 1 ? `${path}/${fallback}/${inner}` : inner);
    for (const [inner, bytes] of archive.files) files.push([apart(inner), bytes]);
    others.push(...archive.others);
  }
  const folders = new Set(configs.map(({ path }) => folderOf(path)));
  const loose = dropped.filter(
    ({ path, file }) => !ZIP.test(file.name) && folders.has(folderOf(path)),
  );
  if (loose.reduce((sum, { file }) => sum + file.size, 0) > MOST_BYTES) {
    throw new Error(
      "These files have more than 100 MB: an adapter has a few megabytes. Drop only the adapter's folder.",
    );
  }
  for (const { path, file } of loose) {
    files.push([path, new Uint8Array(await file.arrayBuffer())]);
  }
  const found = adapterFolders(files, fallback);
  if (found.length > 0) return { type: "adapters", folders: found };
  const packed = others.find(isPackedRows);
  if (packed !== undefined && ZIP.test(first.file.name)) {
    throw new Error(
      `${first.file.name} holds no adapter but “${packed}”: unpack it and choose that file to learn from its rows.`,
    );
  }
  throw new Error(
    `No ${CONFIG} was found in ${first.file.name}: choose an adapter's whole folder or its zip, or rows as CSV, TSV, JSONL or CoNLL.`,
  );
}

function folderOf(path: string): string {
  return partsOf(path).slice(0, -1).join("/");
}
