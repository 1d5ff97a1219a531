/**
 * `manifest.json` of a converted backbone: which files there are, and how to know that they arrived whole. The engine reads
 * the rest of it.
 */
import { GraftletError } from "./errors.js";

export interface ManifestFile {
  name: string;
  bytes: number;
  /** In hexadecimal. */
  sha256: string;
}

export const MANIFEST = "manifest.json";

/** A wasm memory has 4 GB, and the files need a place in it beside the engine. */
const MOST_BYTES = 2 ** 31;
const MOST_FILES = 64;

/** Whether it is a backbone's manifest, broken or not. Other programs have a file of that name too. */
export function isOurs(json: Uint8Array): boolean {
  try {
    const manifest: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
    const fields = Object(manifest) as object;
    return "files" in fields || "fingerprint" in fields;
  } catch {
    return true;
  }
}

/** The files that a manifest lists. */
export function readManifest(json: Uint8Array): ManifestFile[] {
  const invalid = (reason: string) =>
    new GraftletError(
      "config_invalid",
      `The backbone's ${MANIFEST} cannot be used: ${reason}. Convert the backbone again, or check what the server sends.`,
    );
  let manifest: unknown;
  try {
    manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    throw invalid("it is not JSON, or was cut off");
  }
  const { format, files } = Object(manifest) as { format?: unknown; files?: unknown };
  if (format !== 1) {
    throw invalid(`its format is ${told(format)}, and this version of graftlet reads 1`);
  }
  if (!Array.isArray(files)) throw invalid(`its "files" is ${told(files)} instead of a list`);
  if (files.length > MOST_FILES) throw invalid(`it lists ${files.length} files`);
  const names = new Set<string>();
  let sum = 0;
  for (const entry of files as unknown[]) {
    const { name, bytes, sha256 } = Object(entry) as Partial<ManifestFile>;
    // Names are joined to the folder's address and must not lead out of it.
    if (typeof name !== "string" || !isPlainName(name)) {
      throw invalid(`${told(name)} is no plain file name`);
    }
    if (names.has(name)) throw invalid(`it lists ${told(name)} twice`);
    if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) {
      throw invalid(`the length of ${told(name)} is ${told(bytes)}`);
    }
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
      throw invalid(`the SHA-256 of ${told(name)} is ${told(sha256)}`);
    }
    names.add(name);
    sum += bytes as number;
  }
  if (sum > MOST_BYTES) throw invalid(`its files are to have ${sum} bytes, too many for a browser`);
  return files as ManifestFile[];
}

function isPlainName(name: string): boolean {
  const isOdd = (character: string) => character < " " || "\x7f/\\:?#%".includes(character);
  const isDots = name === "." || name === "..";
  return name !== "" && name.length <= 200 && !isDots && ![...name].some(isOdd);
}

/** A value as a sentence shows it. */
function told(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
