/**
 * An HTTP server that does what it is told to do wrong, and otherwise does all right: ETags, Range, If-Range.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface Exchange {
  path: string;
  request: IncomingMessage;
  response: ServerResponse;
  content: Buffer;
  /** How many requests of the path came before. */
  earlier: number;
  /** Resolves when the client has read so many bytes of the path's content, in all of its requests. */
  hasRead(bytes: number): Promise<void>;
  /** Stands still until the client goes away. */
  stall(): void;
}

export type Fault = (exchange: Exchange) => void | Promise<void>;

/** Serves a file as a good server does. */
export interface Manners {
  headers?: Record<string, string>;
  etag?: string | null;
  lastModified?: boolean;
  ranges?: boolean;
  type?: string;
}

const TYPES: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

export class FaultServer {
  readonly files = new Map<string, Buffer>();
  /** The paths that something is wrong with. */
  readonly faults = new Map<string, Fault>();
  /** What was asked for. */
  readonly requests: {
    path: string;
    method: string | undefined;
    range: string | undefined;
    ifRange: string | undefined;
  }[] = [];
  /** Told again and again while a request stands still. */
  onStall: () => void = () => {};
  /** Bytes of each path that the client has read. */
  readonly read = new Map<string, number>();
  readonly #server: Server;
  #closed = false;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<FaultServer> {
    const server = new FaultServer();
    await new Promise<void>((done) => server.#server.listen(0, "127.0.0.1", done));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  requestsOf(path: string) {
    return this.requests.filter((request) => request.path === path);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? "", "http://x").pathname;
    const content = this.files.get(path);
    const earlier = this.requestsOf(path).length;
    const { range, "if-range": ifRange } = request.headers;
    const { method } = request;
    this.requests.push({ path, method, range, ifRange: ifRange as string | undefined });
    response.on("error", () => {});
    if (!content) {
      response.writeHead(404).end();
      return;
    }
    const hasRead = async (bytes: number) => {
      while (!this.#closed && (this.read.get(path) ?? 0) < bytes) {
        await new Promise((done) => setTimeout(done, 1));
      }
    };
    const stall = () => {
      const telling = setInterval(() => this.onStall(), 20);
      response.on("close", () => clearInterval(telling));
    };
    const exchange = { path, request, response, content, earlier, hasRead, stall };
    const fault = this.faults.get(path);
    if (fault) void fault(exchange);
    else send(exchange);
  }
}

/** The ETag of a good server. */
export function etagOf(content: Buffer): string {
  return `"${createHash("sha1").update(content).digest("hex")}"`;
}

/** Sends a file, or the part of it that is asked for. */
export function send(
  { path, request, response, content }: Exchange,
  { etag = etagOf(content), lastModified = false, ranges = true, type, headers = {} }: Manners = {},
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const date = "Mon, 01 Jan 2024 00:00:00 GMT";
  if (etag !== null) response.setHeader("etag", etag);
  if (lastModified) response.setHeader("last-modified", date);
  const extension = path.split(".").at(-1) ?? "";
  response.setHeader("content-type", type ?? TYPES[extension] ?? "application/octet-stream");
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const condition = request.headers["if-range"];
  const matches =
    condition === undefined || condition === etag || (lastModified && condition === date);
  if (from === undefined || !ranges || !matches) {
    response.setHeader("content-length", content.length);
    response.end(content);
    return;
  }
  const start = Number(from);
  if (start >= content.length) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    return;
  }
  response.statusCode = 206;
  const last = content.length - 1;
  response.setHeader("content-range", `bytes ${start}-${last}/${content.length}`);
  response.setHeader("content-length", content.length - start);
  response.end(content.subarray(start));
}

/** Sends the first `share` of what is asked for, then does something else. */
export function sendPart(
  exchange: Exchange,
  share: number,
  then: (response: ServerResponse) => void,
  manners: Manners = {},
): void {
  const { response, content } = exchange;
  const [, from = "0"] = /^bytes=(\d+)-$/.exec(exchange.request.headers.range ?? "") ?? [];
  const already = Number(from);
  const end = Math.ceil(already + (content.length - already) * share);
  const whole = response.end.bind(response);
  // Headers as for all of it, and less of it.
  response.end = ((body?: Buffer) => {
    if (response.statusCode === 416 || !body) return whole();
    const sent = content.length - body.length;
    response.write(body.subarray(0, end - sent));
    void exchange.hasRead(end).then(() => then(response));
    return response;
  }) as typeof response.end;
  send(exchange, manners);
}

/** Sends a file packed, whose length nobody says. */
export function sendPacked({ path, response, content }: Exchange): void {
  const type = path.endsWith(".json") ? "application/json" : "application/octet-stream";
  response.writeHead(200, { "content-type": type, "content-encoding": "gzip" });
  response.end(gzipSync(content));
}

/** Sends something else than the file. */
export function sendOther(
  { response }: Exchange,
  content: Buffer | string,
  type = "application/octet-stream",
): void {
  response.writeHead(200, {
    "content-type": type,
    "content-length": Buffer.byteLength(content),
  });
  response.end(content);
}
