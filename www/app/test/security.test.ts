import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FILES, headersFor, META_POLICY, RULES } from "../../scripts/headers.mjs";
import { isOwnScript } from "../trusted-types.js";

describe("the headers", () => {
  it("are in the files for servers as the table has them", () => {
    for (const [name, content] of Object.entries(FILES)) {
      const file = new URL(`../../../hosting/${name}`, import.meta.url);
      expect(readFileSync(file, "utf8"), `${name}: run npm run hosting`).toBe(content());
    }
  });

  it("allow nothing that is not named", () => {
    for (const { headers } of RULES) {
      const policy = headers["Content-Security-Policy"] ?? "";
      expect(policy).toMatch(/^default-src 'none';/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|\*|https?:|data:|blob:/);
    }
    expect(META_POLICY).not.toContain("frame-ancestors");
  });

  it("let browsers keep only what has a hash in its name", () => {
    expect(headersFor("/assets/index-abc.js")["Cache-Control"]).toContain("immutable");
    for (const path of ["/", "/index.html", "/sw.js", "/adapters/index.json", "/assetsX/a.js"]) {
      expect(headersFor(path)["Cache-Control"]).toBe("no-cache");
    }
  });
});

describe("isOwnScript", () => {
  const base = "https://example.org/graftlet/index.html?x";
  it("takes scripts below the page's folder", () => {
    for (const url of ["https://example.org/graftlet/assets/worker-1.js", "sw.js", "./a.js?v=2"]) {
      expect(isOwnScript(url, base), url).toBe(true);
    }
  });
  it("takes nothing else", () => {
    for (const url of [
      "https://evil.example/graftlet/assets/worker.js",
      "https://example.org/other/worker.js",
      "https://example.org/graftlet/../worker.js",
      "https://example.org:8443/graftlet/worker.js",
      "http://example.org/graftlet/worker.js",
      "//evil.example/graftlet/worker.js",
      "blob:https://example.org/graftlet/worker.js",
      "data:text/javascript,postMessage(1).js",
      "javascript:alert(1)//.js",
      "adapters/mine/weights.safetensors",
      "https://[",
    ]) {
      expect(isOwnScript(url, base), url).toBe(false);
    }
  });
});
