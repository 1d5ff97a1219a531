/**
 * A folder as callers give it: its URL, or its files.
 */
import { GraftletError } from "./errors.js";
import { folderUrl } from "./folder-url.js";
import type { BackboneSource } from "./graftlet.js";
import type { GivenFolder } from "./protocol.js";

/** Whether it is a folder rather than options. */
export function isFolder(value: unknown): boolean {
  if (typeof value === "string" || value instanceof URL || isList(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  const contents = Object.entries(value);
  return contents.length > 0 && contents.every(([, content]) => isContent(content));
}

/** Files of an input element, of a drop, or in an array. */
export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (typeof FileList === "function" && value instanceof FileList);
}

/** What a file's content may be given as. */
export function isContent(value: unknown): value is Blob | Uint8Array {
  return value instanceof Uint8Array || value instanceof Blob;
}

/** As the worker takes it. A blob is not copied on its way there. */
export function sourceOf(given: BackboneSource): string | GivenFolder {
  if (typeof given === "string" || given instanceof URL) return folderUrl(given);
  const entries: [string, Blob | Uint8Array][] = isList(given)
    ? Array.from(given as ArrayLike<File>, (file) => [file.webkitRelativePath || file.name, file])
    : Object.entries(given);
  const paths = entries.map(([path]) =>
    path.split("/").filter((part) => part !== "" && part !== "."),
  );
  const folders = commonFolders(paths);
  const files: GivenFolder["files"] = {};
  for (const [index, [, content]] of entries.entries()) {
    const name = (paths[index] ?? []).slice(folders.length).join("/");
    // What tools keep for themselves, such as the folder of git.
    if (name === "" || name.startsWith(".")) continue;
    if (Object.hasOwn(files, name)) {
      throw new GraftletError(
        "option_invalid",
        `Two of the files are called “${name.slice(0, 100)}”: give the folder itself, or files by their paths in it, such as “1_Pooling/config.json”.`,
      );
    }
    files[name] =
      content instanceof Blob ? content : new Blob([content as Uint8Array<ArrayBuffer>]);
  }
  if (Object.keys(files).length === 0) {
    throw new GraftletError(
      "option_invalid",
      "The backbone's folder has no files: give those of a model, config.json and model.safetensors among them.",
    );
  }
  return { path: folders.join("/"), files };
}

/** The folders that all files are in. */
function commonFolders(paths: readonly string[][]): string[] {
  const [first = []] = paths;
  let depth = first.length - 1;
  for (const path of paths) {
    depth = Math.min(depth, path.length - 1);
    while (depth > 0 && first.slice(0, depth).join("/") !== path.slice(0, depth).join("/")) {
      depth -= 1;
    }
  }
  return first.slice(0, Math.max(0, depth));
}
