/** The wasm module, compiled while its bytes arrive. */

export class StreamedModule {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #compiled: Promise<WebAssembly.Module | undefined> = Promise.resolve(undefined);
  #length = 0;

  constructor() {
    if (typeof WebAssembly.compileStreaming !== "function") return;
    const bytes = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    const headers = { "content-type": "application/wasm" };
    const compiled = WebAssembly.compileStreaming(new Response(bytes, { headers }));
    // What is wrong with it is found once more by whoever compiles the whole.
    this.#compiled = compiled.catch(() => undefined);
  }

  /** Bytes of the file from `from` on. A download that begins again gives up what was compiled. */
  take(bytes: Uint8Array, from: number): void {
    if (from !== this.#length) {
      this.#controller?.error(new Error("The download began again."));
      this.#controller = undefined;
    }
    this.#length = from + bytes.length;
    this.#controller?.enqueue(bytes);
  }

  /** The module, once the whole file has arrived and was compared with its hash; nothing if it must be compiled anew. */
  async finish(): Promise<WebAssembly.Module | undefined> {
    if (!this.#controller) return undefined;
    this.#controller.close();
    this.#controller = undefined;
    return await this.#compiled;
  }
}
