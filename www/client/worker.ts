/**
 * The worker script. The page starts it once to answer, and once more for every training run.
 */
import init, { adapterFileNames, Engine, kernels, kinds, Rows, version } from "graftlet-wasm";
import { isTrap } from "./errors.js";
import { type HostPort, serve } from "./host.js";
import { browserNetwork } from "./network.js";

declare const self: DedicatedWorkerGlobalScope;
/** Length and hash of each wasm file; `scripts/build-package.mjs` puts them in. */
declare const WASM_FILES: Record<"simd128" | "relaxed", { bytes: number; sha256: string }>;

const port: HostPort = {
  postMessage: (message, transfer) => self.postMessage(message, transfer),
  addEventListener: (type, listener) => self.addEventListener(type, listener),
};
// A trap in the engine's own tasks rejects no call: the page is told by the worker's `error` event.
self.addEventListener("unhandledrejection", ({ reason }) => {
  if (isTrap(reason)) self.reportError(reason);
});
const engine = { default: init, Engine, Rows, adapterFileNames, kinds, kernels, version };
const simd128 = new URL("./graftlet_simd128.wasm", import.meta.url);
const relaxed = new URL("./graftlet_relaxed.wasm", import.meta.url);
const wasmFiles = {
  simd128: { url: simd128, ...WASM_FILES.simd128 },
  relaxed: { url: relaxed, ...WASM_FILES.relaxed },
};
serve(port, engine, wasmFiles, { network: browserNetwork });
