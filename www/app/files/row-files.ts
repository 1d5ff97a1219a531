/** How the names of files with rows end, for a file chooser. */
export const ROW_FILES = ".csv,.tsv,.tab,.txt,.json,.jsonl,.ndjson,.conll,.iob,.bio";

export function isRowFile(name: string): boolean {
  return ROW_FILES.split(",").some((ending) => name.toLowerCase().endsWith(ending));
}
