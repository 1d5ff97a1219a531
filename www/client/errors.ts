/**
 * The one error class of the package. `code` is stable and meant for programs, `message` is one sentence for people:
 * what failed, where, and what to do.
 */

/**
 * Every code that the engine or the client gives. A download fails with `offline`, `unreachable` (no such host, or it
 * refuses), `connection_lost`, `timed_out`, `not_found`, `not_a_file` (a web page came instead), `length_mismatch`,
 * `checksum_mismatch`, `cors_refused`, `aborted`, or `fetch_failed` for any other answer of the server. What arrives
 * cannot be kept where storage is denied (`storage_unavailable`) or full (`quota_exceeded`). A model that is converted
 * fails with `model_unsupported` (another architecture, or a form of weights that is not read), `file_missing`,
 * `file_truncated`, `file_invalid`, `tensor_missing`, or `out_of_memory`.
 */
export type ErrorCode =
  | "aborted"
  | "adapter_format"
  | "adapter_not_in_use"
  | "adapter_unknown"
  | "backbone_mismatch"
  | "checkpoint_mismatch"
  | "checksum_mismatch"
  | "class_too_small"
  | "classes_too_few"
  | "classes_too_many"
  | "composition_invalid"
  | "config_invalid"
  | "connection_lost"
  | "cors_refused"
  | "disposed"
  | "engine_trapped"
  | "fetch_failed"
  | "file_invalid"
  | "file_missing"
  | "file_truncated"
  | "head_missing"
  | "input_unsupported"
  | "internal"
  | "io"
  | "label_unknown"
  | "length_mismatch"
  | "lines_failed"
  | "logits_not_finite"
  | "method_unsupported"
  | "model_unsupported"
  | "name_in_use"
  | "name_invalid"
  | "not_a_file"
  | "not_found"
  | "offline"
  | "option_invalid"
  | "out_of_memory"
  | "picture_invalid"
  | "picture_too_large"
  | "quota_exceeded"
  | "row_unpaired"
  | "rows_empty"
  | "rows_unlabelled"
  | "run_broken"
  | "run_unknown"
  | "simd_unsupported"
  | "sound_empty"
  | "sound_not_finite"
  | "sound_rate"
  | "storage_unavailable"
  | "tensor_missing"
  | "tensor_not_finite"
  | "tensor_shape"
  | "text2_missing"
  | "text2_unexpected"
  | "text_empty"
  | "text_not_utf8"
  | "text_too_long"
  | "timed_out"
  | "unknown_kind"
  | "unreachable"
  | "unsupported_feature"
  | "vector_not_finite"
  | "worker_failed";

/** What every rejected promise of this package is rejected with. */
export class GraftletError extends Error {
  override readonly name = "GraftletError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(printable(message));
    this.code = code;
  }
}

/** Most characters of a message. */
export const LONGEST_MESSAGE = 400;
/** How many of a longer one's last characters stay: they say what to do. */
const END = 150;

/**
 * A message that can be shown anywhere. Control characters and those that change the direction of writing are escaped,
 * for names and values out of files are part of messages. Of a long message the middle is left out.
 */
export function printable(message: string): string {
  // A megabyte of it must not be escaped first.
  const short = shortened(message.slice(0, 4 * LONGEST_MESSAGE) + message.slice(-END));
  const whole = message.length <= 4 * LONGEST_MESSAGE ? message : short;
  const escaped = whole.replace(
    /[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return shortened(escaped);
}

function shortened(message: string): string {
  const characters = [...message];
  if (characters.length <= LONGEST_MESSAGE) return message;
  const beginning = characters.slice(0, LONGEST_MESSAGE - END - 3).join("");
  return `${beginning} … ${characters.slice(-END).join("")}`;
}

/** An error as it crosses between page and worker: structured cloning drops an Error's own fields, so `code` would be lost. */
export interface ErrorShape {
  code: ErrorCode;
  message: string;
}

/** Any thrown value as a shape. The engine's errors carry their code; anything else is a fault of ours. */
export function toShape(thrown: unknown): ErrorShape {
  const code = codeOf(thrown);
  if (code) return { code, message: printable(sentence((thrown as Error).message)) };
  const reason = printable(thrown instanceof Error ? thrown.message : String(thrown));
  if (!isTrap(thrown)) {
    return { code: "internal", message: `The engine could not do this: ${sentence(reason)}` };
  }
  return {
    code: "engine_trapped",
    message: `The engine stopped in this call (${reason}) and is started again: do not repeat the call with the same arguments.`,
  };
}

function codeOf(thrown: unknown): ErrorCode | undefined {
  if (!(thrown instanceof Error) || thrown.name !== "GraftletError") return undefined;
  const { code } = thrown as { code?: unknown };
  return typeof code === "string" ? (code as ErrorCode) : undefined;
}

/**
 * Whether the engine must not be used any more. What it says itself has a code, and browsers and JSON have errors of
 * their own. Anything else, such as a panic, no memory or no stack, may have left an object of the engine half changed.
 */
export function isTrap(thrown: unknown): boolean {
  if (codeOf(thrown) || thrown instanceof SyntaxError) return false;
  return typeof DOMException === "undefined" || !(thrown instanceof DOMException);
}

/**
 * The engine words its errors as command lines do, to stand behind a colon; here they stand alone. A file's name at the
 * beginning keeps its spelling.
 */
function sentence(message: string): string {
  const capital = /^[a-z]+(?=[\s,;]|:\s)/.test(message)
    ? message.charAt(0).toUpperCase() + message.slice(1)
    : message;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** The shape as an error again, on the other side. */
export function fromShape(shape: ErrorShape): GraftletError {
  return new GraftletError(shape.code, shape.message);
}
