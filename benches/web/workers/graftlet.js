/** graftlet's library, built with the feature `bench`. */
import { answer, bytes, time } from "./answer.js";

let wasm;
let backbone;
let kernels;
let engine;
const runs = new Map();
const attentions = new Map();
const loras = new Map();

async function engineWith(folders) {
  const absolute = (path) => new URL(path, self.location.origin).href;
  const model = absolute("/models/minilm-l6/");
  const { files } = await (await fetch(`${model}manifest.json`)).json();
  const names = ["manifest.json", ...files.map(({ name }) => name)];
  const loaded = wasm.Engine.fromFiles(await filesOf(model, names));
  for (const folder of folders) {
    const card = await (await fetch(`${absolute(folder)}graftlet.json`)).json();
    const listed = card.files.map(({ name }) => name);
    loaded.addAdapter(folder, await filesOf(absolute(folder), listed));
  }
  return loaded;
}

async function filesOf(folder, names) {
  const contents = await Promise.all(names.map((name) => bytes(folder + name)));
  return Object.fromEntries(names.map((name, index) => [name, contents[index]]));
}

/** The URL of a folder's weights: a converted one has a manifest, which names them. */
async function weightsOf(folder) {
  const manifest = await fetch(`${folder}manifest.json`);
  if (!manifest.ok) return `${folder}model.safetensors`;
  const { files } = await manifest.json();
  return folder + files.find(({ name }) => name.endsWith(".safetensors")).name;
}

answer({
  /** `build` is simd128 or relaxed, `model` the URL of a backbone's folder; without one only kernels can be run. */
  async load({ build, model }) {
    wasm = await import(`/built/graftlet-${build}/graftlet.js`);
    await wasm.default({ module_or_path: `/built/graftlet-${build}/graftlet.wasm` });
    if (!model) return;
    const [config, weights] = await Promise.all([
      bytes(`${model}config.json`),
      bytes(await weightsOf(model)),
    ]);
    backbone = new wasm.BenchBackbone(config, weights);
  },
  forward: (ids, sequences) => backbone.forward(ids, sequences),
  timeForward: (times, ids, sequences) => time(() => backbone.forward(ids, sequences), times),

  /** Milliseconds of a training step; the run named `name` goes on from call to call. */
  timeStep(times, { name, ids, rows, batch, lowest, every }) {
    if (!runs.has(name)) runs.set(name, backbone.train(ids, rows, batch, lowest, every));
    let total = 0;
    for (let steps = 0; steps < times; ) {
      const began = performance.now();
      const loss = runs.get(name).step();
      const ms = performance.now() - began;
      // what lies between epochs is no step
      if (loss === undefined) continue;
      total += ms;
      steps++;
    }
    return total / times;
  },

  /** A pass of `count` LoRAs of the layers from `lowest` on: each of its own sequences, or in parallel each of all. */
  timeLoras(times, { ids, sequences, count, lowest, parallel }) {
    const name = `${count} ${lowest}`;
    if (!loras.has(name)) loras.set(name, backbone.loras(count, lowest));
    return time(() => loras.get(name).forward(ids, sequences, parallel), times);
  },

  timeAttention(times, tokens, layers) {
    if (!attentions.has(tokens)) attentions.set(tokens, new wasm.BenchAttention(tokens, layers));
    const attention = attentions.get(tokens);
    return time(() => attention.run(), times);
  },

  /** Microseconds of a switch between two adapters, for whoever is inside the worker. */
  async timeSwap(times, folders) {
    engine ??= await engineWith(folders);
    let active = 0;
    return 1000 * (await time(() => engine.use(folders[active++ % folders.length]), times));
  },

  /**
   * Milliseconds until a head is fitted to vectors `[texts, width]` with their labels, and then, for each of the `changes`, until
   * it is fitted again after a text got another label.
   */
  timeRefit({ vectors, width, labels, count, changes }) {
    const refit = new wasm.BenchRefit(vectors, width, count);
    const fit = () => {
      const began = performance.now();
      refit.fit();
      return performance.now() - began;
    };
    for (const [text, label] of labels.entries()) refit.label(text, label);
    const whole = fit();
    const again = changes.map(([text, label]) => {
      refit.label(text, label);
      return fit();
    });
    refit.free();
    return { whole, again };
  },

  /** `[kernel, shape, variant, unit]` of each kernel benchmark. */
  kernels() {
    kernels ??= new wasm.BenchKernels();
    return kernels.names();
  },
  /** Thousand millions of operations a second. */
  rateKernel(times, index) {
    const began = performance.now();
    const work = kernels.run(index, times);
    return work / (performance.now() - began) / 1e6;
  },

  /** The kernels' variant that is in use. */
  variant: () => wasm.kernels(),

  /** Word pieces of a text, without the special tokens. */
  tokenize: async (tokenizer, text) => wasm.tokenize(await bytes(tokenizer), text),
});
