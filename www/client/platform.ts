/**
 * What browsers and Node.js do each in their own way. The build for Node.js has `platform-node.ts` in this file's place.
 */
import type { WorkerLike } from "./remote.js";

/** What may help where an engine has failed. */
export const START_AGAIN = "reload the page";

/** Starts the package's worker script. */
export function startWorker(): WorkerLike {
  const own = import.meta.url;
  // Vite 6 and 7 copy a package's modules into this folder when they serve for development, and not its other files.
  const copied = own.lastIndexOf("/node_modules/.vite/deps");
  if (copied >= 0) return startFrom(`${own.slice(0, copied)}/node_modules/graftlet/worker.js`);
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/**
 * Starts the worker script at another address. Browsers start workers from the page's own origin only, so a script of
 * another one is imported by a script of this one.
 */
export function startFrom(script: string | URL): WorkerLike {
  const { href, origin } = absolute(script);
  if (origin === globalThis.location?.origin) return new Worker(href, { type: "module" });
  const code = new Blob([`import ${JSON.stringify(href)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(code), { type: "module" });
}

/** An address as seen from the page; throws what `new URL` throws. */
export function absolute(url: string | URL): URL {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
}
