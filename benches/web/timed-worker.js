/**
 * The package's worker as it is, but it says when each part of its work began and ended. `?pkg=` is the package's folder.
 * Times are those of the page's clock, in ms.
 */
const channel = new BroadcastChannel("start times");
const spans = [];

/** Wraps a function so that it leaves a span; `name` may depend on the arguments. */
function timed(target, key, name) {
  const original = target[key];
  target[key] = function (...args) {
    const began = now();
    const ended = () =>
      spans.push([typeof name === "function" ? name(...args) : name, began, now()]);
    const result = original.apply(this, args);
    if (result instanceof Promise) result.then(ended, ended);
    else ended();
    return result;
  };
}

const now = () => performance.timeOrigin + performance.now();
const size = (bytes) => (bytes > 2e5 ? `${(bytes / 1e6).toFixed(1)} MB` : "small files");
const file = (url) =>
  String(url.url ?? url)
    .replace(/[?#].*/, "")
    .split("/")
    .pop();

timed(self, "fetch", (url) => `fetch ${file(url)}`);
timed(Cache.prototype, "match", (key) => `cache match ${file(key)}`);
timed(Cache.prototype, "put", (key) => `cache put ${file(key)}`);
timed(Response.prototype, "arrayBuffer", () => "read a response");
timed(SubtleCrypto.prototype, "digest", (_, content) => `SHA-256 ${size(content.byteLength)}`);
timed(WebAssembly, "compile", "wasm compile");
timed(WebAssembly, "compileStreaming", "wasm compile, streaming");
for (const key of ["instantiate", "instantiateStreaming"]) {
  const original = WebAssembly[key];
  WebAssembly[key] = async (...args) => {
    const began = now();
    const result = await original.apply(WebAssembly, args);
    spans.push([`wasm ${key}`, began, now()]);
    // what wasm-bindgen calls is a property of an object that cannot be changed
    const own = result.instance ?? result;
    const exports = { ...own.exports };
    for (const name of Object.keys(exports)) {
      if (/^(engine|reading|loading)/.test(name)) timed(exports, name, `engine: ${name}`);
    }
    const { prototype } = WebAssembly.Instance;
    const instance = Object.create(prototype, { exports: { value: exports } });
    return result.instance ? { ...result, instance } : instance;
  };
}

const post = self.postMessage.bind(self);
self.postMessage = (message, ...rest) => {
  if (message.type === "hello") spans.push(["worker's script runs", began, now()]);
  if (message.type === "value") channel.postMessage(spans.splice(0));
  post(message, ...rest);
};
const began = now();
const folder = new URL(self.location.href).searchParams.get("pkg");
await import(`${folder}worker.js`);
