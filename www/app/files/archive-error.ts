/** What is wrong with an archive that was dropped or chosen. */
export type ArchiveCode =
  | "archive_checksum"
  | "archive_damaged"
  | "archive_encrypted"
  | "archive_expands"
  | "archive_overlapping"
  | "archive_paths"
  | "archive_too_large"
  | "archive_too_many_files"
  | "archive_unsupported"
  | "unzip_failed";

/** Why an archive is refused: a stable code, and a sentence that says what to do. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
  readonly code: ArchiveCode;

  constructor(code: ArchiveCode, message: string) {
    super(message);
    this.code = code;
  }
}
