/**
 * An adapter's folder as a zip, and the adapter folders among files with paths. What people drop is rarely the bare
 * folder: archives carry a folder around it, several adapters, and what the operating system adds.
 */

import { zipSync } from "fflate";
import type { AdapterFiles } from "graftlet";
import { CONFIG, isAside, partsOf } from "./paths.js";

export interface Folder {
  /** Name of the folder, or of the archive where there is none. */
  name: string;
  files: AdapterFiles;
}

/** Puts the files into one folder, which is what unpacking should give. */
export function zipFolder({ name, files }: Folder): Uint8Array {
  const folder = safeName(name);
  return zipSync(
    Object.fromEntries(Object.entries(files).map(([file, bytes]) => [`${folder}/${file}`, bytes])),
    // One fixed time: the same adapter gives the same archive.
    { level: 6, mtime: new Date("2000-01-01T00:00:00Z") },
  );
}

/** The adapter folders among files with paths: every directory with an `adapter_config.json`. */
export function adapterFolders(
  files: Iterable<readonly [path: string, bytes: Uint8Array]>,
  fallback: string,
): Folder[] {
  const folders = new Map<string, Map<string, Uint8Array>>();
  for (const [path, bytes] of files) {
    const parts = partsOf(path);
    const file = parts.pop();
    if (!file || isAside(path)) continue;
    const directory = parts.join("/");
    const folder = folders.get(directory) ?? new Map<string, Uint8Array>();
    folders.set(directory, folder.set(file, bytes));
  }
  return [...folders]
    .filter(([, folder]) => folder.has(CONFIG))
    .map(([directory, folder]) => ({
      name: directory.split("/").at(-1) || fallback,
      // Defined one by one: a file may be called `__proto__`.
      files: Object.fromEntries(folder) as AdapterFiles,
    }));
}

/** A name that every file system takes. */
export function safeName(name: string): string {
  return (
    name
      .normalize("NFC")
      .replace(/[^\p{L}\p{N}._ -]+/gu, "-")
      .replace(/^[.\s-]+|[.\s-]+$/g, "")
      .slice(0, 80) || "adapter"
  );
}
