/** Compiles and instantiates a module of wasm-bindgen's. */
import { bytes } from "./workers/answer.js";

self.onmessage = async ({ data: { glue, wasm, salt } }) => {
  const { default: init } = await import(glue);
  const file = await bytes(wasm);
  // A custom section of its own makes it a module that the browser has not compiled before.
  const salted = new Uint8Array(file.length + 5);
  salted.set(file);
  salted.set([0, 3, 1, 0x73, salt & 0x7f], file.length);
  const began = performance.now();
  const module = await WebAssembly.compile(salted);
  const compiled = performance.now();
  await init({ module_or_path: module });
  const ready = performance.now();
  self.postMessage({ compile: compiled - began, instantiate: ready - compiled });
};
