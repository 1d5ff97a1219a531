/**
 * The worker script. The page starts it once to answer, and once more for every training run.
 */
import init, { Engine, fetchAdapter, kinds, Store, version } from "graftlet-wasm";
import { type HostPort, serve } from "./host.js";

declare const self: DedicatedWorkerGlobalScope;

const port: HostPort = {
  postMessage: (message, transfer) => self.postMessage(message, transfer),
  addEventListener: (type, listener) => self.addEventListener(type, listener),
};
const engine = { default: init, Engine, Store, fetchAdapter, kinds, version };
serve(port, engine, new URL("./graftlet_bg.wasm", import.meta.url));
