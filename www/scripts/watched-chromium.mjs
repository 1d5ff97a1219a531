/**
 * Chromium over a pipe, which is asked for its memory and nothing else. Tools that also listen to the network, such as
 * Playwright, make the renderer keep a copy of each response, up to some hundred megabytes.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";

/** A line of a process's status; 0 of one that has ended. */
function kilobytes(id, name) {
  try {
    const status = readFileSync(`/proc/${id}/status`, "utf8");
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Processor time of a process and its threads; 0 of one that has ended. Linux counts hundredths of a second. */
function processorSeconds(id) {
  try {
    const fields = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

export class WatchedChromium {
  #folder = mkdtempSync(join(tmpdir(), "graftlet-memory-"));
  #process;
  #waiting = new Map();
  #count = 0;
  #rest = "";
  #page;
  /** Sessions of the page's workers. */
  #workers = new Set();

  constructor() {
    const args = [...CHROMIUM_ARGS, `--user-data-dir=${this.#folder}`, "--remote-debugging-pipe"];
    this.#process = spawn(CHROMIUM, args, {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    this.#process.stdio[4].setEncoding("utf8").on("data", (text) => this.#receive(text));
  }

  /** Opens the only page. */
  async open(url) {
    const { targetId } = await this.#send("Target.createTarget", { url });
    const { sessionId } = await this.#send("Target.attachToTarget", { targetId, flatten: true });
    this.#page = sessionId;
    const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
    await this.#send("Target.setAutoAttach", attach, sessionId);
    const isThere = `document.readyState === "complete" && location.href === ${JSON.stringify(url)}`;
    for (;;) {
      if (await this.evaluate(isThere).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The value of an expression in the page; a promise is waited for. */
  evaluate(expression) {
    return this.#evaluate(expression, this.#page);
  }

  /**
   * Bytes after a collection: `wasm` of the largest module, `page` and `worker` of the JavaScript heaps in use, `renderer`
   * of all memory that is the process's own (Linux; else 0).
   */
  async memory() {
    let [wasm, worker] = [0, 0];
    // Twice: what a collection in one realm lets go may be what another holds.
    for (const session of [this.#page, ...this.#workers, this.#page, ...this.#workers]) {
      await this.#send("HeapProfiler.collectGarbage", {}, session);
    }
    for (const session of this.#workers) {
      wasm = Math.max(wasm, await this.#wasm(session));
      worker += await this.#heap(session);
    }
    return { wasm, page: await this.#heap(this.#page), worker, renderer: await this.#renderer() };
  }

  /** From now on the page's process is watched; see `endWatch`. */
  async beginWatch() {
    const { processInfo } = await this.#send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
    const held = (id) => kilobytes(id, "VmRSS");
    const id = renderers.sort((a, b) => held(b) - held(a))[0];
    try {
      // Linux: the highest memory is counted anew.
      writeFileSync(`/proc/${id}/clear_refs`, "5");
    } catch {
      // Not every machine lets one; the most is then that of the process's whole life.
    }
    return { id, seconds: processorSeconds(id), kilobytes: held(id) };
  }

  /** What the process took since: `seconds` of its processor time, and at most so many `megabytes` more than it held. */
  endWatch({ id, seconds, kilobytes: held }) {
    const most = kilobytes(id, "VmHWM");
    return {
      seconds: Math.max(0, processorSeconds(id) - seconds),
      megabytes: Math.max(0, (most - held) / 1024),
    };
  }

  async version() {
    return (await this.#send("Browser.getVersion")).product;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await ended;
    // Processes of the browser that still end may write: what they leave behind is no failure.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }).catch(
      () => {},
    );
  }

  async #heap(session) {
    return (await this.#send("Runtime.getHeapUsage", {}, session)).usedSize;
  }

  /** Finds the module's memory by its class. */
  async #wasm(session) {
    const expression = "WebAssembly.Memory.prototype";
    const { result } = await this.#send("Runtime.evaluate", { expression }, session);
    const prototypeObjectId = result.objectId;
    const { objects } = await this.#send("Runtime.queryObjects", { prototypeObjectId }, session);
    const functionDeclaration =
      "function () { return Math.max(0, ...this.map(({ buffer }) => buffer.byteLength)); }";
    const call = { functionDeclaration, objectId: objects.objectId, returnByValue: true };
    const found = await this.#send("Runtime.callFunctionOn", call, session);
    for (const objectId of [prototypeObjectId, objects.objectId]) {
      await this.#send("Runtime.releaseObject", { objectId }, session);
    }
    return found.result.value;
  }

  async #renderer() {
    const { processInfo } = await this.#send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    const sizes = renderers.map(({ id }) => 1024 * kilobytes(id, "RssAnon"));
    return Math.max(0, ...sizes);
  }

  async #evaluate(expression, session) {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", params, session);
    if (!exceptionDetails) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  #send(method, params = {}, sessionId = undefined) {
    this.#count += 1;
    const id = this.#count;
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { method, resolve, reject }));
  }

  #receive(text) {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const { id, method, params, result, error } of messages.map((one) => JSON.parse(one))) {
      const isWorker = params?.targetInfo?.type === "worker";
      if (method === "Target.attachedToTarget" && isWorker) this.#workers.add(params.sessionId);
      if (method === "Target.detachedFromTarget") this.#workers.delete(params.sessionId);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`${waiting.method}: ${error.message}`));
      else waiting?.resolve(result);
    }
  }
}
