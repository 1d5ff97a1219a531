#!/usr/bin/env node
/**
 * Firefox for Playwright, which starts this program in its place and speaks WebDriver BiDi with it.
 *
 * Everything passes through as it is, with one exception: Playwright sets the media features of every new context, and
 * gives up where the browser does not know that command. Firefox 153 does not, so "unknown command" becomes an empty
 * success there. A Firefox that knows the command answers for itself.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { WebSocket, WebSocketServer } from "ws";

const OPTIONAL = "emulation.setMediaFeaturesOverride";

const firefox = spawn(process.env.FIREFOX || "/usr/bin/firefox-esr", process.argv.slice(2), {
  stdio: ["inherit", "inherit", "pipe"],
});
firefox.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
firefox.on("exit", (code) => process.exit(code ?? 1));

for await (const line of createInterface({ input: firefox.stderr })) {
  const [, address] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
  console.error(address ? `WebDriver BiDi listening on ${await relayTo(address)}` : line);
}

/** The address of a server that passes on to `address`. */
async function relayTo(address) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (client, request) => {
    const browser = new WebSocket(address + request.url, { perMessageDeflate: false });
    const opened = new Promise((resolve) => browser.once("open", resolve));
    const optional = new Set();
    client.on("message", async (data) => {
      const text = data.toString();
      if (text.includes(OPTIONAL)) optional.add(JSON.parse(text).id);
      await opened;
      browser.send(text);
    });
    browser.on("message", (data) => {
      const text = data.toString();
      client.send(text.includes('"unknown command"') ? excused(text, optional) : text);
    });
    browser.on("close", () => client.close());
    browser.on("error", () => client.close());
    client.on("close", () => browser.close());
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return `ws://127.0.0.1:${server.address().port}`;
}

function excused(text, optional) {
  const { id, error } = JSON.parse(text);
  const excuse = error === "unknown command" && optional.delete(id);
  return excuse ? JSON.stringify({ type: "success", id, result: {} }) : text;
}
