/**
 * A bare server for the npm package as it lies in ../pkg: an empty page that can import it, and the folders it needs.
 *
 *   node scripts/serve.mjs --port 8081      serves /pkg/, /models/ and /adapters/
 */
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** Serves folders, and an empty page at /. */
export async function serve(folders, port = 0) {
  const types = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    if (path === "/") {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>graftlet</title><link rel=icon href=data:,>");
      return;
    }
    const [prefix, folder] = Object.entries(folders).find(([name]) => path.startsWith(name)) ?? [];
    const file = prefix && resolve(folder, path.slice(prefix.length));
    if (!file?.startsWith(resolve(folder)) || !existsSync(file)) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8081" } } });
  const at = (path) => fileURLToPath(new URL(path, import.meta.url));
  await serve(
    {
      "/pkg/": at("../../pkg"),
      "/models/": at("../public/models"),
      "/adapters/": at("../public/adapters"),
    },
    Number(values.port),
  );
}
