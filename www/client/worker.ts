/**
 * The worker script. The page starts it once to answer, and once more for every training run.
 */
import init, {
  adapterFileNames,
  convertModel,
  Engine,
  kernels,
  kinds,
  Listening,
  missingModelFiles,
  Rows,
  settleKernels,
  version,
} from "graftlet-wasm";
import { isTrap } from "./errors.js";
import { type HostPort, serve } from "./host.js";
import { browserNetwork } from "./network.js";
import { wasmFiles } from "./wasm-files.js";

declare const self: DedicatedWorkerGlobalScope;

const port: HostPort = {
  postMessage: (message, transfer) => self.postMessage(message, transfer),
  addEventListener: (type, listener) => self.addEventListener(type, listener),
};
// A trap in the engine's own tasks rejects no call: the page is told by the worker's `error` event.
self.addEventListener("unhandledrejection", ({ reason }) => {
  if (isTrap(reason)) self.reportError(reason);
});
const engine = {
  default: init,
  Engine,
  Rows,
  Listening,
  adapterFileNames,
  missingModelFiles,
  convertModel,
  kinds,
  settleKernels,
  kernels,
  version,
};
serve(port, engine, wasmFiles(), { network: browserNetwork });
