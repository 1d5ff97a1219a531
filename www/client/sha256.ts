/**
 * SHA-256 in hexadecimal. Browsers have it, but not on pages that are served over plain HTTP, where a library takes its
 * place.
 */
import { sha256 as inJavaScript } from "@noble/hashes/sha2.js";

export async function sha256(content: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  const digest = subtle
    ? new Uint8Array(await subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>))
    : inJavaScript(content);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
