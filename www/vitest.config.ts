/**
 * Unit tests of the client and of the page's logic; they need neither a build nor a browser.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: { graftlet: fileURLToPath(new URL("./client/index.ts", import.meta.url)) },
  },
  test: { include: ["client/test/*.test.ts", "app/test/*.test.ts"], environment: "node" },
});
