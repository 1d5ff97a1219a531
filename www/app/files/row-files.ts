/** Endings of files whose rows can be read. */
const READ = ".csv,.tsv,.tab,.txt,.json,.jsonl,.ndjson,.conll,.conllu,.iob,.bio";

/** Endings of tables that the reader names and refuses, with what to do instead. */
const REFUSED = ".xlsx,.xls,.xlsm,.ods,.numbers,.parquet,.arrow,.feather";

/** Further files that people take for tables; the reader says what they are. */
const MISTAKEN = ".html,.htm,.gz,.bz2,.xz,.zst,.7z,.rar,.tar,.pkl,.npy,.db,.sqlite,.pdf,.docx";

/** Endings by which rows are known inside an archive: not those that much else has as well. */
const PACKED = ".csv,.tsv,.tab,.jsonl,.ndjson,.conll,.conllu,.iob,.bio";

/** How the names of files with rows end, for a file chooser. */
export const ROW_FILES = `${READ},${REFUSED}`;

/** True of a file that the reader of rows is to look at. */
export function isRowFile(name: string): boolean {
  return endsIn(name, `${READ},${REFUSED},${MISTAKEN}`);
}

/** True of a file of an archive that would be rows outside of it. */
export function isPackedRows(path: string): boolean {
  const aside = path.split("/").some((part) => part === "__MACOSX" || part.startsWith("."));
  return !aside && endsIn(path, PACKED);
}

function endsIn(name: string, endings: string): boolean {
  return endings.split(",").some((ending) => name.toLowerCase().endsWith(ending));
}
