import { gzipSync } from "node:zlib";
import {
  type Exchange,
  type Fault,
  send,
  sendOther,
  sendPacked,
  sendPart,
} from "./fault-server.js";

import { HTML, type World } from "./fault-world.js";

export const FILES = {
  manifest: "/m/manifest.json",
  "a small file of the backbone": "/m/config.json",
  "the backbone's weights": "/m/model.safetensors",
  wasm: "/e.wasm",
  "the side file": "/a/graftlet.json",
  "the adapter's configuration": "/a/adapter_config.json",
  "the adapter's weights": "/a/adapter_model.safetensors",
};
export type FileName = keyof typeof FILES;

/** The first requests go wrong, all later ones do not. */
export const first =
  (times: number, fault: Fault): Fault =>
  (exchange) =>
    exchange.earlier < times ? fault(exchange) : send(exchange);
export const close = (exchange: { destroy(): void }) => exchange.destroy();
/** What a browser's HTTP cache would give: the wrong thing, unless it is passed by. */
export const unlessReloaded =
  (fault: Fault): Fault =>
  (exchange) =>
    exchange.request.headers["cache-control"] === "no-cache" ? send(exchange) : fault(exchange);
export const flipped = ({ content }: Exchange): Buffer => {
  const other = Buffer.from(content);
  const middle = Math.floor(content.length / 2);
  other[middle] = (other[middle] ?? 0) ^ 4;
  return other;
};
export const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  ({ response }) =>
    void response.writeHead(code, headers).end();

export interface Case {
  fault?: Fault;
  network?: (world: World, path: string) => void;
  /** "whole", or the error's code. */
  comes: string;
  /** Of files that nothing else vouches for. */
  of?: Partial<Record<FileName, string>>;
  /** True where next to nothing may come twice. */
  resumes?: boolean;
}

/** There is no way to tell that a side file is missing; the files are then unchecked, as those of both libraries are. */
export const OPTIONAL = { "the side file": "whole" };
/** Without a manifest the folder may be a model's as a hub has it, and then it must have a tokenizer. */
export const ABSENT = { ...OPTIONAL, manifest: "file_missing" };
export const UNVOUCHED = { manifest: "config_invalid", "the side file": "checksum_mismatch" };

export const CASES: Record<string, Case> = {
  "is cut once": {
    fault: first(1, (x) => sendPart(x, 0.4, close)),
    comes: "whole",
    resumes: true,
  },
  "is cut again and again": {
    fault: first(4, (x) => sendPart(x, 0.5, close)),
    comes: "whole",
    resumes: true,
  },
  "is cut by a server that has dates only": {
    fault: first(1, (x) => sendPart(x, 0.4, close, { etag: null, lastModified: true })),
    comes: "whole",
  },
  "is cut by a server without ETag or date": {
    fault: (x) =>
      x.earlier === 0 ? sendPart(x, 0.4, close, { etag: null }) : send(x, { etag: null }),
    comes: "whole",
  },
  "is cut by a server with weak ETags": {
    fault: (x) =>
      x.earlier === 0 ? sendPart(x, 0.4, close, { etag: 'W/"1"' }) : send(x, { etag: 'W/"1"' }),
    comes: "whole",
  },
  "is cut by a server without Range": {
    fault: (x) => (x.earlier === 0 ? sendPart(x, 0.4, close) : send(x, { ranges: false })),
    comes: "whole",
  },
  "is cut, and has another ETag afterwards": {
    fault: (x) => (x.earlier === 0 ? sendPart(x, 0.4, close, { etag: '"old"' }) : send(x)),
    comes: "whole",
  },
  "is cut without a word": {
    fault: first(1, ({ response, content }) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(content.subarray(0, content.length / 2));
    }),
    comes: "whole",
    of: { manifest: "whole", "the side file": "whole" },
  },
  "is cut before its first byte": {
    fault: first(2, ({ response }) => void response.destroy()),
    comes: "whole",
    resumes: true,
  },
  "is always cut before its first byte": {
    fault: ({ response }) => void response.destroy(),
    comes: "unreachable",
  },
  "is always cut at its middle, without Range": {
    fault: (x) => sendPart(x, 0.5, close, { ranges: false, etag: null }),
    comes: "connection_lost",
  },
  "stalls once": {
    fault: first(1, (x) => sendPart(x, 0.4, x.stall)),
    comes: "whole",
    resumes: true,
  },
  "stalls before it says anything": { fault: first(1, (x) => x.stall()), comes: "whole" },
  "stalls for ever": { fault: (x) => x.stall(), comes: "timed_out" },
  "is not there": { fault: status(404), comes: "not_found", of: ABSENT },
  "is gone": { fault: status(410), comes: "not_found", of: ABSENT },
  "is a web page": {
    fault: (x) => sendOther(x, HTML, "text/html; charset=utf-8"),
    comes: "not_a_file",
    of: ABSENT,
  },
  "is a web page that says it is none": {
    fault: (x) => sendOther(x, HTML),
    comes: "length_mismatch",
    of: ABSENT,
  },
  "is a web page in the HTTP cache": {
    fault: unlessReloaded((x) => sendOther(x, HTML, "text/html")),
    comes: "whole",
  },
  "is shorter than listed": {
    fault: (x) => sendOther(x, x.content.subarray(0, x.content.length - 9)),
    comes: "length_mismatch",
    of: UNVOUCHED,
  },
  "is shorter than listed, of no said length": {
    fault: ({ response, content }) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(content.subarray(0, content.length - 9));
    },
    comes: "connection_lost",
    of: UNVOUCHED,
  },
  "is longer than listed": {
    fault: (x) => sendOther(x, Buffer.concat([x.content, Buffer.from("more")])),
    comes: "length_mismatch",
    of: UNVOUCHED,
  },
  "is empty": {
    fault: (x) => sendOther(x, ""),
    comes: "length_mismatch",
    of: UNVOUCHED,
  },
  "is shorter in the HTTP cache": {
    fault: unlessReloaded((x) => sendOther(x, x.content.subarray(0, 10))),
    comes: "whole",
  },
  "has a flipped bit": {
    fault: (x) => sendOther(x, flipped(x)),
    comes: "checksum_mismatch",
  },
  "has a flipped bit in the HTTP cache": {
    fault: unlessReloaded((x) => sendOther(x, flipped(x))),
    comes: "whole",
  },
  "is refused": {
    network: (world, path) => {
      world.before = (url, init) =>
        url.endsWith(path) ? fetch("http://127.0.0.1:9/", init) : undefined;
    },
    comes: "unreachable",
  },
  "fails with 500": { fault: status(500), comes: "fetch_failed" },
  "fails with 403": { fault: status(403), comes: "fetch_failed" },
  "is overloaded for a while": {
    fault: first(2, status(503, { "retry-after": "0" })),
    comes: "whole",
  },
  "is limited for a while": { fault: first(1, status(429)), comes: "whole" },
  "comes in drops": {
    fault: async (x) => {
      const { response, content } = x;
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const size = Math.ceil(content.length / 20);
      for (let at = 0; at < content.length; at += size) {
        response.write(content.subarray(at, at + size));
        await x.hasRead(Math.min(content.length, at + size));
      }
      response.end();
    },
    comes: "whole",
    resumes: true,
  },
  "is packed, without a length": { fault: sendPacked, comes: "whole", resumes: true },
  "is led elsewhere": {
    fault: ({ path, response, content, ...x }) => {
      if (x.request.url?.includes("?moved")) send({ path, response, content, ...x });
      else response.writeHead(302, { location: `${path}?moved` }).end();
    },
    comes: "whole",
    resumes: true,
  },
  "is led in a circle": {
    fault: ({ path, response }) => void response.writeHead(302, { location: path }).end(),
    comes: "unreachable",
  },
  "is asked for without a network": {
    network: (world, path) => {
      world.online = false;
      world.before = (url) =>
        url.endsWith(path) ? Promise.reject(new TypeError("Failed to fetch")) : undefined;
    },
    comes: "offline",
  },
  "is on a server that lets nobody read": {
    network: (world, path) => {
      world.before = (url, { mode }) => {
        if (!url.endsWith(path)) return undefined;
        return mode === "no-cors"
          ? Promise.resolve({ type: "opaque" } as Response)
          : Promise.reject(new TypeError("Failed to fetch"));
      };
    },
    comes: "cors_refused",
  },
  "goes on from another byte than asked for": {
    fault: (x) => {
      if (x.earlier === 0) return sendPart(x, 0.4, close);
      if (x.request.headers.range === undefined) return send(x);
      x.response.writeHead(206, { "content-range": `bytes 0-9/${x.content.length}` });
      x.response.end(x.content.subarray(0, 10));
      return undefined;
    },
    comes: "whole",
  },
  "is packed in its second part": {
    fault: (x) => {
      const { request, response, content } = x;
      if (x.earlier === 0) return sendPart(x, 0.4, close);
      if (request.headers.range === undefined) return send(x);
      const start = Number(request.headers.range.replace(/\D/g, ""));
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      response.writeHead(206, { "content-range": range, "content-encoding": "gzip" });
      response.end(gzipSync(content).subarray(start));
      return undefined;
    },
    comes: "whole",
  },
  "breaks at every part": {
    fault: (x) => {
      if (x.request.headers.range === undefined) {
        return x.earlier === 0 ? sendPart(x, 0.4, close) : send(x);
      }
      const start = Number(x.request.headers.range.replace(/\D/g, ""));
      const { length } = x.content;
      x.response.writeHead(206, { "content-range": `bytes ${start}-${length - 1}/${length}` });
      x.response.flushHeaders();
      setTimeout(() => x.response.destroy(), 5);
      return undefined;
    },
    comes: "whole",
  },
  "has no such range any more": {
    fault: (x) => {
      if (x.earlier === 0) return sendPart(x, 0.4, close);
      if (x.request.headers.range === undefined) return send(x);
      x.response.writeHead(416).end();
      return undefined;
    },
    comes: "whole",
  },
};
