/** The runtimes that are measured side by side, and how each one's worker is started. */

/** What a page would load: the converted backbone, and the checkpoint itself. */
const MODELS = { int8: "/models/minilm-l6/", f32: "/checkpoint/" };

/** `{ runtime, variant, script, load }`; `load` is what the worker's `load` is called with. */
export const RUNTIMES = [
  ...["int8", "f32"].flatMap((dtype) =>
    ["simd128", "relaxed"].map((build) => ({
      runtime: "graftlet",
      variant: `${dtype} ${build}`,
      script: "graftlet",
      load: { build, model: MODELS[dtype] },
    })),
  ),
  {
    runtime: "onnxruntime-web",
    variant: "fp32",
    script: "ort",
    load: { model: "/built/onnx/fp32.onnx" },
  },
  {
    runtime: "onnxruntime-web",
    variant: "q8",
    script: "ort",
    load: { model: "/built/onnx/q8.onnx" },
  },
  { runtime: "candle", variant: "f32", script: "candle", load: { model: MODELS.f32 } },
];

/** The kernels alone, without a backbone. */
export const KERNELS = ["simd128", "relaxed"].map((build) => ({
  runtime: "graftlet",
  variant: build,
  script: "graftlet",
  load: { build },
}));

/** A worker and the calls that wait for it. */
export class Runtime {
  #worker;
  #waiting = new Map();
  #loaded;

  constructor(description) {
    Object.assign(this, description);
  }

  /** Starts the worker, the first time, and waits until it is ready. */
  ready() {
    this.#loaded ??= this.#start();
    return this.#loaded;
  }

  #start() {
    this.#worker = new Worker(new URL(`workers/${this.script}.js`, import.meta.url), {
      type: "module",
    });
    this.#worker.onmessage = ({ data: { id, value, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(value);
      else reject(new Error(`${this.runtime} ${this.variant}: ${error}`));
    };
    this.#worker.onerror = ({ message }) => {
      const error = new Error(`${this.runtime} ${this.variant}: its worker failed (${message})`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    return this.#post("load", [this.load]);
  }

  async call(method, ...args) {
    await this.ready();
    return this.#post(method, args);
  }

  #post(method, args) {
    return new Promise((resolve, reject) => {
      const id = performance.now() + Math.random();
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  end() {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#loaded = undefined;
  }
}
