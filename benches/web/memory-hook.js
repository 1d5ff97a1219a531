const channel = new BroadcastChannel("wasm memory");
const memories = [];

for (const name of ["instantiate", "instantiateStreaming"]) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...args) => {
    const result = await original.apply(WebAssembly, args);
    const { exports } = result.instance ?? result;
    memories.push(...Object.values(exports).filter((it) => it instanceof WebAssembly.Memory));
    return result;
  };
}

const post = self.postMessage.bind(self);
self.postMessage = (...args) => {
  channel.postMessage(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0));
  post(...args);
};
