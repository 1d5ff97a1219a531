/**
 * The option `wasmUrl`: where the wasm files are, as the worker takes it.
 */
import { BUILDS } from "./builds.js";
import { GraftletError } from "./errors.js";
import { urlOf } from "./folder-url.js";
import type { LoadOptions } from "./graftlet.js";
import type { WasmSource } from "./protocol.js";

/** Bundlers put a hash behind a file's name; that of one file says which build it is of. */
export function wasmSource(given: LoadOptions["wasmUrl"]): WasmSource | null {
  if (given === undefined) return null;
  if (typeof given === "string" || given instanceof URL) {
    const url = urlOf(given, "the wasm files");
    if (!url.pathname.endsWith("/")) {
      return { [/relaxed/.test(url.pathname) ? "relaxed" : "simd128"]: url.href };
    }
    return Object.fromEntries(
      BUILDS.map((build) => [build, new URL(`graftlet_${build}.wasm`, url).href]),
    );
  }
  const named = BUILDS.flatMap((build) => {
    const url = given[build];
    return url === undefined ? [] : [[build, urlOf(url, `the ${build} build`).href]];
  });
  if (named.length > 0) return Object.fromEntries(named);
  throw new GraftletError(
    "option_invalid",
    "wasmUrl names no file: give the URL of a folder or a file, or { simd128, relaxed }.",
  );
}
