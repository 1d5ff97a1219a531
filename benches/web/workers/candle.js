/** candle-transformers' BertModel, from ../../candle. */
import init, { Bert } from "/built/candle/candle.js";
import { answer, bytes, time } from "./answer.js";

let bert;

answer({
  async load({ model }) {
    await init();
    const [config, weights] = await Promise.all([
      bytes(`${model}config.json`),
      bytes(`${model}model.safetensors`),
    ]);
    bert = new Bert(new TextDecoder().decode(config), weights);
  },
  forward: (ids, sequences) => bert.forward(ids, sequences),
  timeForward: (times, ids, sequences) => time(() => bert.forward(ids, sequences), times),
});
