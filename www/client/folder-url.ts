/**
 * The address of a folder, as callers give it.
 */
import { GraftletError } from "./errors.js";
import { absolute } from "./platform.js";

/** Absolute, and with the slash at the end that makes file names resolve inside the folder. */
export function folderUrl(url: string | URL): string {
  const folder = urlOf(url, "a folder");
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder.href;
}

/** Absolute; `what` it is of stands in the error. */
export function urlOf(url: string | URL, what: string): URL {
  try {
    return new URL(absolute(url));
  } catch {
    const given = String(url).slice(0, 100);
    throw new GraftletError("option_invalid", `“${given}” is no URL: give that of ${what}.`);
  }
}
