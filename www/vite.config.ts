/**
 * The page: built from app/ into dist/, with the package from ../pkg as any bundler would take it.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { delivery } from "./build/delivery.js";
import { hosting } from "./build/hosting.js";
import { offline } from "./build/offline.js";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: at("app"),
  base: "./",
  publicDir: at("public"),
  // A file that is not there is a 404, not the page once more.
  appType: "mpa",
  resolve: {
    alias: {
      "graftlet-rows": at("../target/rows-pkg"),
      graftlet: at("../pkg/index.js"),
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [hosting(), offline(at("app/offline/worker.ts")), delivery(at("dist"))],
  worker: { format: "es" },
  build: {
    outDir: at("dist"),
    emptyOutDir: true,
    target: "es2023",
    // A worker and a wasm file must stay files of their own: the policy has no place for data URLs of them.
    assetsInlineLimit: 0,
    // The polyfill is an inline script's worth of code for browsers that cannot run the engine anyway.
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    port: 8080,
    fs: { allow: [at("."), at("../pkg"), at("../target/rows-pkg")] },
  },
  preview: { host: "127.0.0.1", port: 8080 },
});
