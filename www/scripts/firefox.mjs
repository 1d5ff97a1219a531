/** What Playwright starts as Firefox: a program that stands between the two. */
import { fileURLToPath } from "node:url";

export const FIREFOX = fileURLToPath(new URL("firefox-bidi.mjs", import.meta.url));

/** Firefox asks its user whether a page may keep data for good, and waits. Here it is told to allow it. */
export const FIREFOX_PREFERENCES = {
  "dom.storageManager.prompt.testing": true,
  "dom.storageManager.prompt.testing.allow": true,
};
