/** What Playwright starts as Firefox: a program that stands between the two. */
import { fileURLToPath } from "node:url";

export const FIREFOX = fileURLToPath(new URL("firefox-bidi.mjs", import.meta.url));

export const FIREFOX_PREFERENCES = {};
