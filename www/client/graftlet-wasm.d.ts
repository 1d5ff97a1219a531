/** wasm-bindgen's output, which the build puts in place of this name; typed by the contract so that checking needs no build. */
declare module "graftlet-wasm" {
  type Module = import("./engine.js").EngineModule;
  const init: Module["default"];
  export default init;
  export const Engine: Module["Engine"];
  export const Listening: Module["Listening"];
  export const Rows: Module["Rows"];
  export const Store: Module["Store"];
  export const adapterFileNames: Module["adapterFileNames"];
  export const missingModelFiles: Module["missingModelFiles"];
  export const convertModel: Module["convertModel"];
  export const kinds: Module["kinds"];
  export const settleKernels: Module["settleKernels"];
  export const kernels: Module["kernels"];
  export const version: Module["version"];
}
