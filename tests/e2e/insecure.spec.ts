/**
 * A page that is served over plain HTTP from another machine. The browser keeps nothing there and computes no hashes, and
 * the package works all the same.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import { FaultServer, sendOther } from "../../www/client/test/fault-server.js";
import { CHROMIUM, CHROMIUM_ARGS } from "../../www/scripts/chromium.mjs";

const ROOT = join(__dirname, "../..");
const HOST = "graftlet.test";

test.use({
  launchOptions: {
    executablePath: CHROMIUM,
    args: [...CHROMIUM_ARGS, `--host-resolver-rules=MAP ${HOST} 127.0.0.1`],
  },
});

test("hashes are checked, and it is told that nothing is kept", async ({ page }) => {
  const server = await FaultServer.start();
  for (const [prefix, folder] of [
    ["/pkg/", "pkg"],
    ["/models/minilm-l6/", "www/public/models/minilm-l6"],
  ] as const) {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      server.files.set(prefix + entry.name, readFileSync(join(ROOT, folder, entry.name)));
    }
  }
  server.files.set("/index.html", Buffer.from("<!doctype html><link rel=icon href=data:,>"));
  const home = server.origin.replace("127.0.0.1", HOST);
  const visit = async () => {
    await page.goto(`${home}/index.html`);
    return await page.evaluate(async () => {
      const notices: Package.LoadNotice[] = [];
      const path = "/pkg/index.js";
      const { Graftlet } = (await import(path)) as typeof Package;
      const code = await Graftlet.load({
        backbone: "/models/minilm-l6/",
        onNotice: (notice) => notices.push(notice),
      }).then(
        () => "whole",
        (error: Package.GraftletError) => error.code,
      );
      return { secure: isSecureContext, code, notices };
    });
  };
  expect(await visit()).toMatchObject({
    secure: false,
    code: "whole",
    notices: [{ about: "cache", code: "storage_unavailable" }],
  });
  server.faults.set("/models/minilm-l6/tokenizer.json", (exchange) => {
    const other = Buffer.from(exchange.content);
    other[99] = (other[99] ?? 0) ^ 1;
    sendOther(exchange, other);
  });
  expect((await visit()).code).toBe("checksum_mismatch");
  await server.close();
});
