/**
 * Reads the adapters of a zip archive. Archives come from anywhere, so nothing in one is believed: sizes are checked
 * before memory is taken for them, files are unpacked as a stream that ends where it passes its own size, and each is
 * checked against its CRC-32.
 */
import type { Entry, FileEntry, Reader } from "@zip.js/zip.js";
import * as zip from "@zip.js/zip.js/lib/zip-core-reader.js";
import { ArchiveError } from "./archive-error.js";
import { CONFIG, isAside, partsOf } from "./paths.js";

/** What an archive may ask for. Adapters have a few files of a few megabytes. */
export interface Limits {
  /** Bytes of the archive, and of the files that are unpacked from it. */
  bytes: number;
  /** Entries, folders included. */
  entries: number;
  /** Unpacked bytes for one packed byte, of files over `smallFile`. */
  ratio: number;
  smallFile: number;
}

export const LIMITS: Limits = {
  bytes: 100_000_000,
  entries: 5000,
  ratio: 200,
  smallFile: 1_000_000,
};

/** Stored and deflated. */
const METHODS = [0, 8];

export interface Archive {
  /** Files of folders that hold an adapter, with their paths. */
  files: [path: string, bytes: Uint8Array<ArrayBuffer>][];
  /** Paths of the other files, which are not unpacked. */
  others: string[];
}

/** Reads the archive. Throws `ArchiveError`. */
export async function unzip(archive: Blob, limits: Limits = LIMITS): Promise<Archive> {
  if (archive.size > limits.bytes) throw tooLarge(limits);
  try {
    const entries = await entriesOf(archive, limits);
    const folders = new Set(entries.filter(isConfig).map(({ filename }) => folderOf(filename)));
    const wanted = entries.filter(({ filename }) => folders.has(folderOf(filename)));
    checkSizes(wanted, limits);
    const files: Archive["files"] = [];
    for (const entry of wanted) files.push([entry.filename, await unpack(entry)]);
    const others = entries.filter((entry) => !wanted.includes(entry));
    return { files, others: others.map(({ filename }) => filename) };
  } catch (error) {
    throw error instanceof ArchiveError ? error : translated(error);
  }
}

async function entriesOf(archive: Blob, limits: Limits): Promise<FileEntry[]> {
  const reader = new zip.ZipReader(readerOf(archive), {
    useWebWorkers: false,
    checkCrc32: true,
    checkOverlappingEntry: true,
    checkLocalDirectory: true,
  });
  const found: FileEntry[] = [];
  const paths = new Set<string>();
  let count = 0;
  for await (const entry of reader.getEntriesGenerator()) {
    count += 1;
    if (count > limits.entries) {
      throw new ArchiveError(
        "archive_too_many_files",
        `This archive has more than ${limits.entries} files: an adapter has a few. Pack only the adapter's folder.`,
      );
    }
    if (!isFile(entry)) continue;
    const path = partsOf(entry.filename).join("/");
    if (path === "" || hasControls(path)) throw badPath();
    // Two files of one path: which of them counts is for each program to guess.
    if (paths.has(path)) throw badPath();
    paths.add(path);
    if (!isAside(path)) found.push(entry);
  }
  return found;
}

function isFile(entry: Entry): entry is FileEntry {
  return !entry.directory;
}

function isConfig({ filename }: FileEntry): boolean {
  return partsOf(filename).at(-1) === CONFIG;
}

function folderOf(path: string): string {
  return partsOf(path).slice(0, -1).join("/");
}

function hasControls(path: string): boolean {
  return /\p{Cc}/u.test(path);
}

/** Checks what the archive says of its files, before any is unpacked. */
function checkSizes(entries: readonly FileEntry[], limits: Limits): void {
  let total = 0;
  for (const { compressedSize, uncompressedSize, compressionMethod, encrypted } of entries) {
    if (encrypted) throw locked();
    if (!METHODS.includes(compressionMethod)) throw unknownMethod();
    total += uncompressedSize;
    if (!(total <= limits.bytes)) throw tooLarge(limits);
    if (uncompressedSize > limits.smallFile && uncompressedSize > limits.ratio * compressedSize) {
      throw new ArchiveError(
        "archive_expands",
        `A file of this archive unpacks to over ${limits.ratio} times its size, which weights never do: it is refused.`,
      );
    }
  }
}

/** Unpacks one file. Memory is taken for the size that the archive gave and that was checked. */
async function unpack(entry: FileEntry): Promise<Uint8Array<ArrayBuffer>> {
  const content = new Uint8Array(entry.uncompressedSize);
  let at = 0;
  const writable = new WritableStream<Uint8Array>({
    write(chunk) {
      if (at + chunk.length > content.length) throw damaged();
      content.set(chunk, at);
      at += chunk.length;
    },
  });
  await entry.getData(writable);
  if (at !== content.length) throw damaged();
  return content;
}

/** The blob as the library reads it, piece by piece. Its own reader of blobs comes with all that writes archives. */
function readerOf(blob: Blob): Reader<Blob> {
  const reader: Pick<Reader<Blob>, "size" | "readUint8Array"> & {
    createReadable(part?: { offset?: number; size?: number }): ReadableStream;
  } = {
    size: blob.size,
    readUint8Array: async (offset: number, length: number) =>
      new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    createReadable: ({ offset = 0, size = blob.size } = {}) =>
      blob.slice(offset, offset + size).stream(),
  };
  return reader as Reader<Blob>;
}

/** The library's errors as this page's. */
function translated(error: unknown): ArchiveError {
  const message = error instanceof Error ? error.message : String(error);
  switch (message) {
    case zip.ERR_INVALID_CRC32:
      return new ArchiveError(
        "archive_checksum",
        "A file of this archive does not match its checksum: it was damaged on its way. Download it again.",
      );
    case zip.ERR_ENCRYPTED:
    case zip.ERR_ENCRYPTED_CENTRAL_DIRECTORY:
    case zip.ERR_UNSUPPORTED_ENCRYPTION:
      return locked();
    case zip.ERR_UNSUPPORTED_COMPRESSION:
      return unknownMethod();
    case zip.ERR_SPLIT_ZIP_FILE:
      return new ArchiveError(
        "archive_unsupported",
        "This is one part of a split archive: join its parts into one zip.",
      );
    case zip.ERR_OVERLAPPING_ENTRY:
    case zip.ERR_AMBIGUOUS_ARCHIVE:
      return new ArchiveError(
        "archive_overlapping",
        "Files of this archive overlap or are described in two ways, as in no archive that was packed in good faith: it is refused.",
      );
    case zip.ERR_UNSAFE_FILENAME:
      return badPath();
    default:
      return damaged();
  }
}

function damaged(): ArchiveError {
  return new ArchiveError(
    "archive_damaged",
    "This zip cannot be unpacked: it is damaged or incomplete. Download it again.",
  );
}

function unknownMethod(): ArchiveError {
  return new ArchiveError(
    "archive_unsupported",
    "This archive is packed in a way that browsers do not know: pack it as a plain zip (“deflate”).",
  );
}

function locked(): ArchiveError {
  return new ArchiveError(
    "archive_encrypted",
    "This archive is locked by a password: unpack it first, then drop the adapter's folder.",
  );
}

function badPath(): ArchiveError {
  return new ArchiveError(
    "archive_paths",
    "A file of this archive has a path that leads out of it, is empty, or is there twice: it is refused.",
  );
}

function tooLarge(limits: Limits): ArchiveError {
  return new ArchiveError(
    "archive_too_large",
    `This archive holds more than ${limits.bytes / 1e6} MB: an adapter has a few megabytes. Pack only the adapter's folder.`,
  );
}
