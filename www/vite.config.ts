/**
 * The page: built from app/ into dist/, with the package from ../pkg as any bundler would take it.
 */
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { fileBelow, sendFile } from "./scripts/compressed.mjs";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Nothing from elsewhere, nothing inline. Only in the build: the development server injects styles. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const policy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
      injectTo: "head-prepend",
    },
  ],
};

/** The preview, which is what `./build.sh serve` runs, sends files as good servers do: packed, and in parts. */
const delivery: Plugin = {
  name: "delivery",
  configurePreviewServer(server) {
    const dist = at("dist");
    server.middlewares.use((request, response, next) => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const name = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
      const file = fileBelow(dist, name);
      if (!file) return next();
      for (const [header, value] of Object.entries(server.config.preview.headers)) {
        if (value !== undefined) response.setHeader(header, value);
      }
      sendFile(request, response, file);
    });
  },
};

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
  plugins: [policy, delivery],
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
