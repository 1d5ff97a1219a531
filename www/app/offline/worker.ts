/**
 * The service worker: with it the page opens and works without a network, once it has been visited.
 *
 * Each version of the page has a cache of its own, which holds all of the version or does not exist. A new version waits
 * until the visitor asks for it or the last tab is closed. Tabs of an older version keep that version's files until they
 * are closed, so no tab ever gets files of two versions.
 *
 * The backbone passes through: the engine keeps it itself, checked against its hash.
 */
import { setCacheNameDetails } from "workbox-core/setCacheNameDetails.js";
import { createHandlerBoundToURL } from "workbox-precaching/createHandlerBoundToURL.js";
import { matchPrecache } from "workbox-precaching/matchPrecache.js";
import { precache } from "workbox-precaching/precache.js";
import { chooseBuild } from "../../client/builds.js";
import type { Build } from "./build.js";
import type { ToWorker } from "./messages.js";
import { SHARE_PATH, takeShared } from "./shared.js";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build (build/offline.ts). */
declare const BUILD: Build;

const PREFIX = "graftlet";
const PRECACHE = `${PREFIX}-precache-v2-${BUILD.version}`;
/** Files that are kept once they were asked for, under the hash of their content. */
const ASKED_FOR = `${PREFIX}-files`;

const scope = new URL(self.registration.scope);
setCacheNameDetails({ prefix: PREFIX, precache: "precache-v2", suffix: BUILD.version });
precache(BUILD.first.filter(({ url }) => !isOtherEngine(url)));
const page = createHandlerBoundToURL("index.html");
const hashes = new Map(
  BUILD.later.map(({ url, sha256 }) => [new URL(url, scope).pathname, sha256]),
);
/** Folders of adapters: which files are not in them is known as well. */
const folders = new Set(
  [...hashes.keys()]
    .filter((path) => path.startsWith(`${scope.pathname}adapters/`))
    .map((path) => path.slice(0, path.lastIndexOf("/") + 1)),
);

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      if ((await tabs()).length <= 1) await dropOldVersions();
      // The tab of a first visit works without a network from now on.
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  const message = event.data as ToWorker;
  if ("takeOver" in message) void self.skipWaiting();
  else event.waitUntil(keepFolders(message.keep));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const path = url.pathname.slice(scope.pathname.length);
  if (request.method === "POST" && path === SHARE_PATH) {
    event.respondWith(takeShared(request, scope));
    return;
  }
  if (request.method !== "GET" || request.headers.has("range")) return;
  if (request.mode === "navigate") {
    if (path !== "" && path !== "index.html") return;
    event.waitUntil(tidy());
    event.respondWith(page({ request, url, event }));
    return;
  }
  const sha256 = hashes.get(url.pathname);
  if (sha256 !== undefined) {
    event.respondWith(askedFor(event, url.pathname, sha256));
  } else if (folders.has(url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1))) {
    // An adapter's optional files are asked for by name. Without a network, too, there are none.
    event.respondWith(new Response(null, { status: 404 }));
  } else if (!path.startsWith("models/")) {
    event.respondWith(ofSomeVersion(request));
  }
});

/** A file of this version, or of the older one that another tab still runs, or else from the network. */
async function ofSomeVersion(request: Request): Promise<Response> {
  // Whoever asks around the browser's cache has reason to.
  if (request.cache === "reload" || request.cache === "no-store") return fetch(request);
  const found = (await matchPrecache(request.url)) ?? (await caches.match(request));
  return found ?? fetch(request);
}

/** A file that is kept once it was asked for: an adapter's, or one of another script. */
async function askedFor(event: FetchEvent, path: string, sha256: string): Promise<Response> {
  const { request } = event;
  const cache = await caches.open(ASKED_FOR);
  const key = `${path}?sha256=${sha256}`;
  if (request.cache !== "reload" && request.cache !== "no-store") {
    const kept = await cache.match(key);
    if (kept) return kept;
  }
  const response = await fetch(request);
  if (response.status === 200) event.waitUntil(keep(cache, key, sha256, response.clone()));
  return response;
}

/** Fetches the files of adapters that were in use before there was a service worker: most often from the browser's cache. */
async function keepFolders(wanted: readonly string[]): Promise<void> {
  const cache = await caches.open(ASKED_FOR);
  const paths = wanted.map((folder) => new URL(folder, scope).pathname);
  for (const [path, sha256] of hashes) {
    if (!paths.some((folder) => path.startsWith(folder))) continue;
    const key = `${path}?sha256=${sha256}`;
    if (await cache.match(key)) continue;
    const response = await fetch(path).catch(() => null);
    if (response?.status === 200) await keep(cache, key, sha256, response);
  }
}

/** Keeps a file in place of its older versions, unless it arrived damaged or is another version's. */
async function keep(cache: Cache, key: string, sha256: string, response: Response): Promise<void> {
  try {
    const content = await response.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== sha256) return;
    await cache.delete(key, { ignoreSearch: true });
    await cache.put(key, new Response(content, { headers: response.headers }));
  } catch {
    // A response that was cut off, or a full disk: the file is fetched again the next time.
  }
}

/** True of the engine's build that this browser does not run. */
function isOtherEngine(url: string): boolean {
  const [, build] = /graftlet_(relaxed|simd128)[^/]*\.wasm$/.exec(url) ?? [];
  if (build === undefined) return false;
  try {
    return build !== chooseBuild(null);
  } catch {
    return true;
  }
}

function tabs(): Promise<readonly Client[]> {
  return self.clients.matchAll({ type: "window", includeUncontrolled: true });
}

/** Drops older versions once no tab can run them: before the only tab opens. */
async function tidy(): Promise<void> {
  if ((await tabs()).length <= 1) await dropOldVersions();
}

async function dropOldVersions(): Promise<void> {
  // A version that waits has its cache already.
  if (self.registration.waiting || self.registration.installing) return;
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(`${PREFIX}-precache`) && name !== PRECACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}
