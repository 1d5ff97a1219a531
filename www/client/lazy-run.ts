import type { TrainRun } from "./types.js";

/** A run that is not begun before its first event is asked for: what is wrong with it is thrown there. */
export function lazily(begin: () => TrainRun): TrainRun {
  let begun: TrainRun | undefined;
  const run = () => {
    begun ??= begin();
    return begun;
  };
  return {
    next: async () => run().next(),
    return: async (value) => run().return(value),
    throw: async (error) => run().throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
    pause: async () => run().pause(),
    resume: async () => run().resume(),
    cancel: async () => run().cancel(),
  };
}
