/** Words in a stream of sound, in the worker. */
import type { Engine, EngineModule, Hearing } from "./engine.js";
import type { Handlers } from "./host.js";

export function listeningHandlers(
  module: EngineModule,
  engine: () => Engine,
): Pick<Handlers, "hear"> {
  const streams = new Map<number, Hearing>();
  return {
    hear(_, id, name, settings, given) {
      let stream = streams.get(id);
      const isNew = stream === undefined;
      stream ??= new module.Listening(engine(), name, settings);
      streams.set(id, stream);
      const found =
        given === null ? stream.end(engine()) : stream.push(engine(), given.samples, given.rate);
      const labels = stream.labels();
      const scores = Array.from(stream.scores(), (score, at) => ({
        label: labels[at] as string,
        score,
      }));
      if (given === null) {
        streams.delete(id);
        stream.free();
      }
      return { found, scores, isNew };
    },
  };
}
