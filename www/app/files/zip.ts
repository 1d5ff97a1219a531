/**
 * An adapter's folder as a zip, and back. What people drop is rarely the bare folder: archives carry a folder around it,
 * several adapters, and what the operating system adds.
 */

import { unzipSync, zipSync } from "fflate";
import type { AdapterFiles } from "graftlet";

/** The file that both libraries' folders have. */
export const CONFIG = "adapter_config.json";

/** Unpacked size at which an archive is refused before it is unpacked: adapters are a few megabytes. */
const MOST_BYTES = 300_000_000;

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

/** All files of an archive by path. Throws an Error with a sentence when it is none, or is too large. */
export function unzip(bytes: Uint8Array): AdapterFiles {
  let total = 0;
  try {
    return unzipSync(bytes, {
      filter(file) {
        total += file.originalSize;
        if (total > MOST_BYTES) throw new RangeError();
        return !file.name.endsWith("/");
      },
    });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new Error("This archive unpacks to more than 300 MB: an adapter has a few megabytes.");
    }
    throw new Error("This zip cannot be unpacked: it is damaged or incomplete. Download it again.");
  }
}

/** The adapter folders among files with paths: every directory with an `adapter_config.json`. */
export function adapterFolders(files: AdapterFiles, fallback: string): Folder[] {
  const folders = new Map<string, AdapterFiles>();
  for (const [path, bytes] of Object.entries(files)) {
    const parts = path.replaceAll("\\", "/").split("/").filter(Boolean);
    const file = parts.pop();
    if (!file || file.startsWith(".") || parts.includes("__MACOSX")) continue;
    const directory = parts.join("/");
    const folder = folders.get(directory);
    if (folder) folder[file] = bytes;
    else folders.set(directory, { [file]: bytes });
  }
  return [...folders]
    .filter(([, folder]) => CONFIG in folder)
    .map(([directory, folder]) => ({
      name: directory.split("/").at(-1) || fallback,
      files: folder,
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
