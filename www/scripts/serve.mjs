/**
 * A bare server for the npm package as it lies in ../pkg: an empty page that can import it, and the folders it needs.
 *
 *   node scripts/serve.mjs --port 8081      serves /pkg/, /models/, /adapters/ and /fixtures/
 */
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fileBelow, sendFile } from "./compressed.mjs";

/** Serves folders, and an empty page at /. */
export async function serve(folders, port = 0) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    if (path === "/") {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>graftlet</title><link rel=icon href=data:,>");
      return;
    }
    const [prefix, folder] = Object.entries(folders).find(([name]) => path.startsWith(name)) ?? [];
    const file = prefix && fileBelow(folder, path.slice(prefix.length));
    if (!file) {
      response.statusCode = 404;
      response.end();
      return;
    }
    sendFile(request, response, file);
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
      // Tiny models, recordings and pictures.
      "/fixtures/": at("../../tests/fixtures"),
    },
    Number(values.port),
  );
}
