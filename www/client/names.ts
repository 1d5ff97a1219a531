/**
 * The names of adapters and runs. A name is part of an address in the browser's storage and of a lock, and it is shown.
 */
import { GraftletError } from "./errors.js";

/** Longest name, in UTF-16 units. */
export const LONGEST_NAME = 200;

/** Refuses what cannot be a name, with code `name_invalid`. */
export function checkName(name: unknown): asserts name is string {
  const reason = reasonAgainst(name);
  if (reason !== undefined) {
    throw new GraftletError("name_invalid", `The name ${reason}: choose another name.`);
  }
}

function reasonAgainst(name: unknown): string | undefined {
  if (typeof name !== "string")
    return `is of type ${name === null ? "null" : typeof name}, not text`;
  if (name.trim() === "") return "is empty";
  // In an address these two mean the folder itself and the one above it.
  if (name === "." || name === "..") return `“${name}” stands for a folder`;
  if (name.length > LONGEST_NAME) {
    return `has ${name.length} characters, more than ${LONGEST_NAME}`;
  }
  if (/\p{Cc}|[\u2028\u2029]/u.test(name)) return "has a control character or a line break in it";
  if (/\p{Cs}/u.test(name)) return "has half of a character in it (a lone surrogate)";
  return undefined;
}
