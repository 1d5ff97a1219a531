/**
 * The page's side of the service worker: starts it, and tells when a new version of the page is ready.
 */
import { signal } from "@preact/signals";
import type { ToWorker } from "./messages.js";

/** `ready`: a new version can be taken now. `elsewhere`: another tab took it. */
export const update = signal<"none" | "ready" | "elsewhere">("none");

/** A tab that stays open asks for a new version at most this often. */
const ASK_EVERY_MS = 60 * 60 * 1000;

let waiting: ServiceWorker | null = null;
let asked = false;

const container = import.meta.env.PROD
  ? (navigator.serviceWorker as ServiceWorkerContainer | undefined)
  : undefined;
/** Whether this tab was opened without a service worker, which is its first visit. */
const first = !container?.controller;

// From the start: another tab may take a new version while this one still loads.
let controlled = !first;
container?.addEventListener("controllerchange", () => {
  if (asked) location.reload();
  else if (controlled) update.value = "elsewhere";
  controlled = true;
});

/**
 * Starts the service worker. Browsers that have none, or refuse it, show the page as ever. `folders` tells which adapters
 * were fetched before it could see that.
 */
export async function followVersions(folders: () => Iterable<string>): Promise<void> {
  if (!container) return;
  try {
    const registration = await container.register(new URL("sw.js", document.baseURI), {
      updateViaCache: "none",
    });
    const look = () => {
      // The first worker of all is no new version.
      if (!registration.waiting || !registration.active) return;
      waiting = registration.waiting;
      if (update.value === "none") update.value = "ready";
    };
    look();
    registration.addEventListener("updatefound", () => {
      registration.installing?.addEventListener("statechange", look);
    });
    let last = Date.now();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible" || Date.now() - last < ASK_EVERY_MS) return;
      last = Date.now();
      void registration.update().catch(() => {});
    });
    if (first) {
      const { active } = await container.ready;
      active?.postMessage({ keep: [...folders()] } satisfies ToWorker);
    }
  } catch {
    // Without it the page needs a network, and nothing else changes.
  }
}

/** Takes the new version and reloads. */
export function takeUpdate(): void {
  if (update.value === "elsewhere" || !waiting) {
    location.reload();
    return;
  }
  asked = true;
  waiting.postMessage({ takeOver: true } satisfies ToWorker);
}
