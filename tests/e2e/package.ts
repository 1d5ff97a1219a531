/**
 * The npm package in a page, for the tests of what the browser keeps.
 */
import type { BrowserContext, Page } from "@playwright/test";
import type * as Package from "../../www/client/index.js";

export const home = `http://127.0.0.1:${process.env.GRAFTLET_E2E_PACKAGE_PORT}/`;
/** What is written over one another, so that a mixture, or a version that was lost, shows. */
export const SOURCES = ["trec", "sst2", "sms_spam"];

export interface Scope {
  g: Package.Graftlet;
  told: (what: string) => Promise<void>;
  run: Package.TrainRun;
  changes: Package.Change[];
}

export const ROWS: Package.Row[] = [
  "parcel",
  "invoice",
  "refund",
  "order",
  "letter",
  "ticket",
].flatMap((subject) => [
  { text: `Where is my ${subject}?`, label: "question" },
  { text: `Send me the ${subject} now.`, label: "request" },
  { text: `Thank you for the ${subject}!`, label: "thanks" },
]);

/** A page with the package and the backbone. */
export async function open(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(home);
  await page.evaluate(load);
  return page;
}

export async function load(): Promise<void> {
  const path = "/pkg/index.js";
  const { Graftlet } = (await import(path)) as typeof Package;
  const g = await Graftlet.load({ backbone: "/models/minilm-l6" });
  const changes: Package.Change[] = [];
  g.onChange((change) => changes.push(change));
  Object.assign(window, { g, changes });
}

/** The exports of the sources, as the engine writes them. */
export function exportsOf(page: Page): Promise<string[]> {
  return page.evaluate(async (sources) => {
    const { g } = window as unknown as Scope;
    const found: string[] = [];
    for (const source of sources) {
      await g.addAdapter("mine", `/adapters/${source}/`);
      found.push(JSON.stringify(Object.entries(await g.exportAdapter("mine")).sort()));
    }
    return found;
  }, SOURCES);
}

/** As where site data is blocked: the property throws, and locks are refused. */
export const DENIED = `
  const denied = () => { throw new DOMException("Cache storage is disabled.", "SecurityError"); };
  Object.defineProperty(globalThis, "caches", { get: denied });
  LockManager.prototype.request = async () => denied();
  LockManager.prototype.query = async () => denied();
`;
