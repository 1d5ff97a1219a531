/** onnxruntime-web on its CPU provider, one thread. */
import * as ort from "/built/ort/ort.js";
import { answer, time } from "./answer.js";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { mjs: "/built/ort/glue.js", wasm: "/built/ort/ort.wasm" };

let session;

function feeds(ids, sequences) {
  const tensor = (data) => new ort.Tensor("int64", data, [sequences, ids.length / sequences]);
  return {
    input_ids: tensor(BigInt64Array.from(ids, BigInt)),
    attention_mask: tensor(new BigInt64Array(ids.length).fill(1n)),
    token_type_ids: tensor(new BigInt64Array(ids.length)),
  };
}

answer({
  async load({ model }) {
    session = await ort.InferenceSession.create(model, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    });
  },
  async forward(ids, sequences) {
    const { last_hidden_state: states } = await session.run(feeds(ids, sequences));
    return states.data;
  },
  timeForward(times, ids, sequences) {
    const inputs = feeds(ids, sequences);
    return time(() => session.run(inputs), times);
  },
});
