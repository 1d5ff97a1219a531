/**
 * Unit tests of the client and of the page's logic. They need no browser, and of what is built only the module that reads
 * rows, in ../target/rows-pkg.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "graftlet-rows": at("../target/rows-pkg"),
      graftlet: at("./client/index.ts"),
    },
  },
  test: {
    include: ["client/test/*.test.ts", "app/test/*.test.ts"],
    environment: "node",
    // A busy machine is no failure.
    testTimeout: 30_000,
  },
});
