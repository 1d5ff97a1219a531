/** A worker's side of the calls that ../page.js makes: one runtime, one thread, nothing else. */

/** Answers `{ id, method, args }` with `{ id, value }` or `{ id, error }`. */
export function answer(methods) {
  self.onmessage = async ({ data: { id, method, args } }) => {
    try {
      self.postMessage({ id, value: await methods[method](...args) });
    } catch (thrown) {
      self.postMessage({ id, error: String(thrown?.stack ?? thrown) });
    }
  };
}

/** Milliseconds that one of `times` runs takes, by this worker's own clock. */
export async function time(run, times) {
  const began = performance.now();
  for (let i = 0; i < times; i++) {
    // a promise costs a runtime that answers at once more than it has to
    const pending = run();
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - began) / times;
}

export async function bytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
