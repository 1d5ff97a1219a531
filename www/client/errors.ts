/**
 * The one error class of the package. `code` is stable and meant for programs, `message` is one sentence for people:
 * what failed, where, and what to do.
 */

/**
 * Every code that the engine or the client gives. A download fails with `offline`, `unreachable` (no such host, or it
 * refuses), `connection_lost`, `timed_out`, `not_found`, `not_a_file` (a web page came instead), `length_mismatch`,
 * `checksum_mismatch`, `cors_refused`, `aborted`, or `fetch_failed` for any other answer of the server. What arrives
 * cannot be kept where storage is denied (`storage_unavailable`) or full (`quota_exceeded`).
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
  | "composition_invalid"
  | "config_invalid"
  | "connection_lost"
  | "cors_refused"
  | "disposed"
  | "fetch_failed"
  | "file_invalid"
  | "file_missing"
  | "file_truncated"
  | "head_missing"
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
  | "quota_exceeded"
  | "rows_empty"
  | "rows_unlabelled"
  | "run_broken"
  | "run_unknown"
  | "simd_unsupported"
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
    super(message);
    this.code = code;
  }
}

/** An error as it crosses between page and worker: structured cloning drops an Error's own fields, so `code` would be lost. */
export interface ErrorShape {
  code: ErrorCode;
  message: string;
}

/** Any thrown value as a shape. The engine's errors carry their code; anything else is a fault of ours. */
export function toShape(thrown: unknown): ErrorShape {
  if (thrown instanceof Error) {
    const code = (thrown as { code?: unknown }).code;
    if (thrown.name === "GraftletError" && typeof code === "string") {
      return { code: code as ErrorCode, message: sentence(thrown.message) };
    }
    return { code: "internal", message: `The engine stopped unexpectedly: ${thrown.message}` };
  }
  return { code: "internal", message: `The engine stopped unexpectedly: ${String(thrown)}` };
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
