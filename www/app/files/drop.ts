/**
 * The files of a drop.
 */

/** A file with its path inside a dropped folder. */
export interface DroppedFile {
  path: string;
  file: File;
}

/** Files of a drop at which it is refused: a folder of adapters has fewer, a home folder more. */
const MOST_FILES = 5000;

/** The files of a drop, those inside dropped folders included. Throws an Error with a sentence where they are too many. */
export async function filesOfDrop(transfer: DataTransfer): Promise<DroppedFile[]> {
  // Entries must be taken before the first await: afterwards the list is empty.
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry());
  const files = [...transfer.files];
  if (entries.length === 0 || entries.some((entry) => entry === null)) {
    return files.map((file) => ({ path: file.name, file }));
  }
  const found: DroppedFile[] = [];
  for (const entry of entries) if (entry) await walk(entry, "", found);
  return found;
}

async function walk(entry: FileSystemEntry, parent: string, found: DroppedFile[]): Promise<void> {
  const path = parent + entry.name;
  if (found.length >= MOST_FILES) {
    throw new Error(
      `What was dropped holds more than ${MOST_FILES} files: drop only the adapter's folder.`,
    );
  }
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives a directory in portions and ends with an empty one.
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return;
    for (const child of portion) await walk(child, `${path}/`, found);
  }
}
