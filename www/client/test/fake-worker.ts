/**
 * A worker without a thread: the real host and the fake engine behind a message channel, so that messages are cloned and
 * come later as they do for real.
 */
import type { EngineModule } from "../engine.js";
import { serve } from "../host.js";
import type { Network } from "../network.js";
import type { WorkerLike } from "../remote.js";
import { Store, type StoreName } from "../store.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { EMPTY_WASM, emptyNetwork } from "./fake-network.js";

export class FakeWorker implements WorkerLike {
  /** Every worker that a test started, in order. */
  static started: FakeWorker[] = [];
  /** What the browser keeps. */
  static caches = new FakeCaches();
  terminated = false;
  readonly #page: MessagePort;
  readonly #errorListeners: ((event: { message?: string }) => void)[] = [];

  constructor(module: EngineModule = fake, network: Network = emptyNetwork()) {
    const { port1, port2 } = new MessageChannel();
    this.#page = port1;
    serve(port2, module, EMPTY_WASM, { network }, (what) => this.#openStore(what));
    port1.start();
    port2.start();
    FakeWorker.started.push(this);
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    this.#page.postMessage(message, transfer);
  }

  addEventListener(
    type: "message" | "messageerror" | "error",
    listener: (event: never) => void,
  ): void {
    if (type === "error") this.#errorListeners.push(listener as never);
    else if (type === "message")
      this.#page.addEventListener("message", (event) => {
        if (!this.terminated) listener(event as never);
      });
  }

  terminate(): void {
    this.terminated = true;
    this.#page.close();
  }

  /** The stores, to which nothing is done any more once the worker is terminated. */
  async #openStore(what: StoreName): Promise<Store> {
    const mortal = <T extends object>(whole: T): T =>
      new Proxy(whole, {
        get: (_, key) => {
          if (this.terminated) return () => new Promise<never>(() => {});
          const value = Reflect.get(whole, key);
          return typeof value === "function" ? value.bind(whole) : value;
        },
      });
    const open = async (name: string) => mortal(await FakeWorker.caches.open(name));
    return Store.open(what, { open } as unknown as CacheStorage);
  }

  /** As if the script had thrown outside of any request. */
  crash(message: string): void {
    for (const listener of this.#errorListeners) listener({ message });
  }
}
