/**
 * Files as servers send them: packed with Brotli where the browser takes it and it is worth it, with an ETag, and in parts
 * where parts are asked for. Both servers of this folder use it: the bare one and Vite's preview.
 */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { extname, resolve, sep } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
/** What is packed well. Weights are not: 16-bit floats and 8-bit integers are close to random. */
const PACKED = new Set([".css", ".html", ".js", ".json", ".md", ".svg", ".wasm", ".webmanifest"]);
/** Packs the wasm module into 0.96 MB in .4 s. At its best Brotli comes to .83 MB, and takes 8 s. */
const QUALITY = 5;

/** Files by path, as they were when they were last read. */
const kept = new Map();

function read(path) {
  const { mtimeMs, size } = statSync(path);
  const known = kept.get(path);
  if (known?.mtimeMs === mtimeMs && known.size === size) return known;
  const content = readFileSync(path);
  const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
  const file = { mtimeMs, size, content, etag, brotli: undefined };
  kept.set(path, file);
  return file;
}

function packed(file) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: QUALITY, [BROTLI_PARAM_SIZE_HINT]: file.size };
  file.brotli ??= brotliCompressSync(file.content, { params });
  return file.brotli;
}

/** The file that a path names below a folder; nothing for a path that leads elsewhere. `%2e` and the like are decoded. */
export function fileBelow(folder, path) {
  let name;
  try {
    name = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (name.includes("\0")) return undefined;
  const file = resolve(folder, `./${name}`);
  const isBelow = file.startsWith(resolve(folder) + sep);
  return isBelow && statSync(file, { throwIfNoEntry: false })?.isFile() ? file : undefined;
}

/** Answers a GET or HEAD request with a file that is there. */
export function sendFile(request, response, path) {
  const file = read(path);
  const { content, etag } = file;
  const extension = extname(path);
  const { headers } = request;
  const send = (status, body) => {
    response.statusCode = status;
    response.setHeader("content-length", body.length);
    response.end(request.method === "HEAD" ? undefined : body);
  };
  response.setHeader("content-type", TYPES[extension] ?? "application/octet-stream");
  if (!response.hasHeader("cache-control")) response.setHeader("cache-control", "no-cache");
  response.setHeader("accept-ranges", "bytes");
  if (PACKED.has(extension)) response.setHeader("vary", "accept-encoding");
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  if (from !== undefined && (headers["if-range"] ?? etag) === etag) {
    const start = Number(from);
    const end = Math.min(to === "" ? content.length : Number(to) + 1, content.length);
    response.setHeader("etag", etag);
    response.setHeader(
      "content-range",
      start < end ? `bytes ${start}-${end - 1}/${content.length}` : `bytes */${content.length}`,
    );
    send(start < end ? 206 : 416, content.subarray(start, Math.max(start, end)));
    return;
  }
  // What is packed is another thing than the file, and has another ETag.
  const takesBrotli = /\bbr\b/.test(headers["accept-encoding"] ?? "");
  const isPacked = PACKED.has(extension) && takesBrotli && content.length > 1000;
  const tag = isPacked ? `${etag.slice(0, -1)}-br"` : etag;
  response.setHeader("etag", tag);
  if (headers["if-none-match"] === tag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  if (isPacked) response.setHeader("content-encoding", "br");
  send(200, isPacked ? packed(file) : content);
}
