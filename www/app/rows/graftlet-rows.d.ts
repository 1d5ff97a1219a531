/** wasm-bindgen's output, which the build puts in place of this name; typed by the contract so that checking needs no build. */
declare module "graftlet-rows/graftlet_rows.js" {
  type Module = import("./reader.js").ReaderModule;
  const init: Module["default"];
  export default init;
  export const Desk: Module["Desk"];
}

declare module "graftlet-rows/graftlet_rows_bg.wasm?url" {
  const url: string;
  export default url;
}
