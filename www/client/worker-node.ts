/**
 * The worker script for Node.js: gives a thread what `worker.js` uses of a browser's worker, and runs it. Files are read
 * from the disk or over the network; nothing is kept, as there is no browser to keep it.
 */
import { readFile, stat } from "node:fs/promises";
import { parentPort } from "node:worker_threads";

const thread = parentPort;
if (!thread) {
  throw new Error("graftlet: worker-node.js is no module to import; import graftlet instead.");
}

const fetchOverNetwork = globalThis.fetch;
Object.assign(globalThis, {
  self: globalThis,
  postMessage: (message: unknown, transfer: never) => thread.postMessage(message, transfer),
  // Other events, such as errors, end the thread, which the other side hears of.
  addEventListener(type: string, listener: (event: { data: unknown }) => void) {
    if (type === "message") thread.on("message", (data) => listener({ data }));
  },
  fetch: (url: string, init: RequestInit) =>
    url.startsWith("file:")
      ? read(new URL(url), init.method === "HEAD")
      : fetchOverNetwork(url, init),
});
// Node.js 20 may have an experimental one in memory, which would hold the backbone twice.
Object.defineProperty(globalThis, "caches", { value: null });

/** A file as a server would send it, or only what it would say of it. */
async function read(url: URL, isHead: boolean): Promise<Response> {
  try {
    if (!isHead) return new Response(new Uint8Array(await readFile(url)));
    const about = await stat(url);
    if (!about.isFile()) return new Response(null, { status: 404 });
    return new Response(null, { headers: { "content-length": String(about.size) } });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const status = ["ENOENT", "ENOTDIR", "EISDIR"].includes(code ?? "") ? 404 : 403;
    return new Response(null, { status });
  }
}

const script = "./worker.js";
await import(script);
