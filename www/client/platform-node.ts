/**
 * What `platform.ts` does, for Node.js: the worker is a thread, and an address may be a path.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker as Thread, type Transferable as ThreadTransferable } from "node:worker_threads";
import type { Cancel, Reply, Request } from "./protocol.js";
import type { WorkerLike, WorkerTrouble } from "./remote.js";

export const START_AGAIN = "start the process again";

export function startWorker(): WorkerLike {
  return new NodeWorker(new URL("./worker-node.js", import.meta.url));
}

export function startFrom(script: string | URL): WorkerLike {
  return new NodeWorker(absolute(script));
}

/** A path is seen from the folder that the process was started in. */
export function absolute(url: string | URL): URL {
  // `C:\models` is a path, though `C:` could be a scheme.
  const isPath = typeof url === "string" && (!URL.canParse(url) || /^[a-z]:[\\/]/i.test(url));
  return isPath ? pathToFileURL(url) : new URL(url);
}

/** A thread with a browser worker's manners. It keeps the process running only while a call waits for it. */
class NodeWorker implements WorkerLike {
  readonly #thread: Thread;
  readonly #waiting = new Set<number>();

  constructor(script: URL) {
    this.#thread = new Thread(fileURLToPath(script));
    this.#thread.on("message", (reply: Reply) => {
      // A worker that is in a team stays in it, and nobody waits for that to end.
      const isOver = reply.type !== "event" || reply.event === "ready";
      if (isOver) this.#waiting.delete(reply.id);
      if (this.#waiting.size === 0) this.#thread.unref();
    });
  }

  postMessage(message: Request | Cancel, transfer: Transferable[]): void {
    this.#thread.postMessage(message, transfer as unknown as ThreadTransferable[]);
    if ("cancel" in message) return;
    this.#waiting.add(message.id);
    this.#thread.ref();
  }

  addEventListener(
    type: "message" | "messageerror",
    listener: (event: MessageEvent<Reply>) => void,
  ): void;
  addEventListener(type: "error", listener: (event: WorkerTrouble) => void): void;
  addEventListener(
    type: "message" | "messageerror" | "error",
    listener: (event: MessageEvent<Reply> & WorkerTrouble) => void,
  ): void {
    const tell = (event: object) => listener(event as MessageEvent<Reply> & WorkerTrouble);
    if (type !== "error") {
      this.#thread.on(type, (data: unknown) => tell({ data }));
      return;
    }
    this.#thread.on("error", (error: unknown) => {
      tell({ message: error instanceof Error ? error.message : String(error) });
    });
    this.#thread.on("exit", (code) => tell({ message: `its thread ended with code ${code}` }));
  }

  terminate(): void {
    void this.#thread.terminate();
  }
}
