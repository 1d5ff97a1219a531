/**
 * The page's headers: a `<meta>` in index.html, `_headers` beside it, and the preview server.
 */
import type { Plugin } from "vite";
import {
  headersFor,
  META_POLICY,
  REFERRER_POLICY,
  underscoreHeaders,
} from "../scripts/headers.mjs";

export function hosting(): Plugin {
  return {
    name: "graftlet-hosting",
    // Only in the build: the development server injects styles and scripts.
    apply: (_, { command, isPreview }) => command === "build" || isPreview === true,
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: META_POLICY },
        injectTo: "head-prepend",
      },
      {
        tag: "meta",
        attrs: { name: "referrer", content: REFERRER_POLICY },
        injectTo: "head-prepend",
      },
    ],
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "_headers", source: underscoreHeaders() });
    },
    configurePreviewServer(server) {
      server.middlewares.use((request, response, next) => {
        const { pathname } = new URL(request.url ?? "/", "http://localhost");
        for (const [name, value] of Object.entries(headersFor(pathname))) {
          response.setHeader(name, value);
        }
        next();
      });
    },
  };
}
