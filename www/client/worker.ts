/**
 * The worker script. The page starts it once to answer, and once more for every training run.
 */
import init, { Engine, fetchAdapter, kernels, kinds, Rows, Store, version } from "graftlet-wasm";
import { isTrap } from "./errors.js";
import { type HostPort, serve } from "./host.js";

declare const self: DedicatedWorkerGlobalScope;

const port: HostPort = {
  postMessage: (message, transfer) => self.postMessage(message, transfer),
  addEventListener: (type, listener) => self.addEventListener(type, listener),
};
// A trap in the engine's own tasks rejects no call: the page is told by the worker's `error` event.
self.addEventListener("unhandledrejection", ({ reason }) => {
  if (isTrap(reason)) self.reportError(reason);
});
const engine = { default: init, Engine, Rows, Store, fetchAdapter, kinds, kernels, version };
serve(port, engine, {
  simd128: new URL("./graftlet_simd128.wasm", import.meta.url),
  relaxed: new URL("./graftlet_relaxed.wasm", import.meta.url),
});
