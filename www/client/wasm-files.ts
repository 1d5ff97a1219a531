/**
 * The wasm files that stand beside the worker's script, and those that a page names instead.
 */
import type { WasmFiles } from "./loading.js";

/** Length and hash of each wasm file; `scripts/build-package.mjs` puts them in. */
declare const WASM_FILES: Record<"simd128" | "relaxed", { bytes: number; sha256: string }>;

/** The files with their addresses; bundlers take them along where they read these two literals. */
export function wasmFiles(): WasmFiles {
  return {
    simd128: { url: new URL("./graftlet_simd128.wasm", import.meta.url), ...WASM_FILES.simd128 },
    relaxed: { url: new URL("./graftlet_relaxed.wasm", import.meta.url), ...WASM_FILES.relaxed },
  };
}
