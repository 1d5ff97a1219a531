/**
 * The end-to-end suite: the built page in Debian's Chromium, and its core in Debian's Firefox.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./scripts/chromium.mjs";
import { fakeDevices } from "./scripts/fake-devices.mjs";
import { FIREFOX, FIREFOX_PREFERENCES } from "./scripts/firefox.mjs";

// Playwright reads this file in each of its processes: the first one's choice is handed down.
process.env.GRAFTLET_E2E_PORT ??= freePort();
process.env.GRAFTLET_E2E_PACKAGE_PORT ??= freePort();
const url = `http://127.0.0.1:${process.env.GRAFTLET_E2E_PORT}/`;
const www = fileURLToPath(new URL(".", import.meta.url));

/** Tests with a microphone and a camera, which are files. */
const DEVICES = /media-[a-z]+\.spec\.ts$/;

export default defineConfig({
  testDir: "../tests/e2e",
  outputDir: fileURLToPath(new URL("../test-results", import.meta.url)),
  // Training takes both cores of a small machine: tests side by side would only slow each other down.
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 60_000 },
  forbidOnly: Boolean(process.env.CI),
  // A machine that is shared stands still for seconds now and then. A test that needs its second try is told as "flaky".
  retries: 1,
  reporter: [["list"]],
  use: {
    baseURL: url,
    viewport: { width: 1280, height: 900 },
    // Tests stand between the page and its server, where a service worker would stand as well: its own tests allow it.
    serviceWorkers: "block",
    trace: "on-first-retry",
  },
  projects: [
    {
      name: "chromium",
      testIgnore: DEVICES,
      use: { launchOptions: { executablePath: CHROMIUM, args: CHROMIUM_ARGS } },
    },
    {
      name: "devices",
      testMatch: DEVICES,
      use: {
        launchOptions: { executablePath: CHROMIUM, args: [...CHROMIUM_ARGS, ...deviceArgs()] },
      },
    },
    {
      name: "firefox",
      testIgnore: DEVICES,
      // What a browser can differ in. The rest is the same code, and Chromium runs it.
      grep: /@core/,
      // Under load the connection to this browser is lost now and then while it changes processes.
      retries: 2,
      use: {
        browserName: "firefox",
        // A Firefox as it is published, over WebDriver BiDi, and not the one that Playwright patches.
        channel: "moz-firefox",
        launchOptions: { executablePath: FIREFOX, firefoxUserPrefs: FIREFOX_PREFERENCES },
      },
    },
  ],
  webServer: [
    {
      command: `npm run preview -- --strictPort --port ${process.env.GRAFTLET_E2E_PORT}`,
      cwd: www,
      url,
      reuseExistingServer: false,
    },
    {
      command: `node scripts/serve.mjs --port ${process.env.GRAFTLET_E2E_PACKAGE_PORT}`,
      cwd: www,
      url: `http://127.0.0.1:${process.env.GRAFTLET_E2E_PACKAGE_PORT}/`,
      reuseExistingServer: false,
    },
  ],
});

function deviceArgs(): string[] {
  const { sound, video } = fakeDevices();
  return [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-audio-capture=${sound}`,
    `--use-file-for-fake-video-capture=${video}`,
  ];
}

function freePort(): string {
  const script =
    "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})";
  return execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).trim();
}
