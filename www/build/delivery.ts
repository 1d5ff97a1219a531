/**
 * The preview, which is what `./build.sh serve` runs, sends files as good servers do: packed, and in parts.
 */
import type { Plugin } from "vite";
import { fileBelow, sendFile } from "../scripts/compressed.mjs";

export function delivery(dist: string): Plugin {
  return {
    name: "delivery",
    configurePreviewServer(server) {
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
}
