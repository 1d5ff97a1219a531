/**
 * A worker without a thread: the real host and the fake engine behind a message channel, so that messages are cloned and
 * come later as they do for real.
 */
import type { EngineModule } from "../engine.js";
import { serve } from "../host.js";
import type { WorkerLike } from "../remote.js";
import * as fake from "./fake-engine.js";

export class FakeWorker implements WorkerLike {
  /** Every worker that a test started, in order. */
  static started: FakeWorker[] = [];
  terminated = false;
  readonly #page: MessagePort;
  readonly #errorListeners: ((event: { message?: string }) => void)[] = [];

  constructor(module: EngineModule = fake) {
    const { port1, port2 } = new MessageChannel();
    this.#page = port1;
    serve(port2, this.#mortal(module), {
      simd128: new URL("https://graftlet.test/graftlet_simd128.wasm"),
      relaxed: new URL("https://graftlet.test/graftlet_relaxed.wasm"),
    });
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

  /** The module, which does nothing any more to what is kept once the worker is terminated. */
  #mortal(module: EngineModule): EngineModule {
    const open = async (what: "adapters" | "runs") => {
      const store = await module.Store.open(what);
      return new Proxy(store, {
        get: (_, method: keyof typeof store) => {
          if (this.terminated) return () => new Promise<never>(() => {});
          const value = store[method];
          return typeof value === "function" ? value.bind(store) : value;
        },
      });
    };
    return { ...module, Store: { open } };
  }

  /** As if the script had thrown outside of any request. */
  crash(message: string): void {
    for (const listener of this.#errorListeners) listener({ message });
  }
}
