/**
 * The memory of wasm modules that a page's workers start, for whoever measures it or takes it away.
 */

/**
 * Puts this in front of the scripts at `pattern`, and `more` behind it: each worker keeps its module's memory where a
 * debugger finds it.
 */
export async function exposeMemory(page, pattern, more = "") {
  await page.route(pattern, async (route) => {
    try {
      const response = await route.fetch();
      await route.fulfill({ response, body: `(${hook})();${more}${await response.text()}` });
    } catch (error) {
      // A worker may ask for its script when the page is closed already.
      if (!/closed|ended|disposed/i.test(String(error))) throw error;
    }
  });
}

/** Bytes of each worker's module; a worker that has started none has 0. Throws if no worker has started one. */
export async function wasmBytes(page) {
  const sizes = await Promise.all(page.workers().map((worker) => worker.evaluate(bytes)));
  if (!sizes.some((size) => size > 0)) throw new Error("no worker has the memory of a wasm module");
  return sizes;
}

/** Runs in the worker. */
function bytes() {
  return globalThis.wasmMemory?.buffer.byteLength ?? 0;
}

/** Runs in the worker before its script. */
function hook() {
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...args) => {
      const result = await original.apply(WebAssembly, args);
      const { exports } = result.instance ?? result;
      if (exports?.memory) globalThis.wasmMemory = exports.memory;
      return result;
    };
  }
}
