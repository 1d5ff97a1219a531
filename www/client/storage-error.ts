/**
 * What the Cache API throws, as an error of ours: a full disk has a code of its own.
 */
import { GraftletError } from "./errors.js";

/** The sentences say what it means for what was to be kept. */
export function refusal(
  thrown: unknown,
  full: string,
  denied: (reason: string) => string,
): GraftletError {
  const { name, message } =
    thrown instanceof Error ? thrown : { name: "", message: String(thrown) };
  return name === "QuotaExceededError"
    ? new GraftletError("quota_exceeded", full)
    : new GraftletError("storage_unavailable", denied(message || name));
}
