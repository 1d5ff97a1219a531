/** Words in a stream of sound, on the page's side. */
import { media } from "./check-media.js";
import { checked } from "./check-values.js";
import { GraftletError } from "./errors.js";
import type { Caller } from "./remote.js";
import type { Detection, Listening, ListenOptions, Samples, Score } from "./types.js";

let listeners = 0;

/** Listens with a loaded adapter, by default the active one. */
export function listen(options: ListenOptions, main: Caller): Listening {
  return new Listener(options, main);
}

class Listener implements Listening {
  readonly #main: Caller;
  readonly #id = listeners++;
  readonly #settings: Omit<ListenOptions, "with">;
  #name: string | Promise<string> | undefined;
  /** Seconds that were pushed, and those that the worker's stream began after: it begins anew where the engine had stopped. */
  #pushed = 0;
  #before = 0;
  #ended = false;
  scores: readonly Score[] = [];

  constructor({ with: name, ...settings }: ListenOptions, main: Caller) {
    this.#name = name;
    this.#settings = settings;
    this.#main = main;
  }

  async push(samples: Float32Array, rate: number): Promise<Detection[]> {
    if (this.#ended) throw ended();
    // Copied now: a microphone fills the same buffer again.
    const given = checked({ samples, rate }, "the sound", (value) =>
      media("sounds")(value, "The sound"),
    ) as Samples;
    const before = this.#pushed;
    this.#pushed += given.samples.length / given.rate;
    return this.#hear(given, before);
  }

  async end(): Promise<Detection[]> {
    if (this.#ended) return [];
    this.#ended = true;
    return this.#pushed === 0 ? [] : this.#hear(null, this.#pushed);
  }

  async #hear(given: Samples | null, before: number): Promise<Detection[]> {
    this.#name ??= this.#active();
    // A name that is known is not waited for, so that the pieces arrive in their order.
    const name = typeof this.#name === "string" ? this.#name : await this.#name;
    const heard = await this.#main.call("hear", [this.#id, name, this.#settings, given]);
    if (heard.isNew) this.#before = before;
    this.scores = heard.scores;
    const later = (time: number) => time + this.#before;
    return heard.found.map(({ start, end, at, ...word }) => ({
      ...word,
      start: later(start),
      end: later(end),
      at: later(at),
    }));
  }

  /** The active adapter, asked for once. */
  async #active(): Promise<string> {
    const active = await this.#main.call("active", []);
    if (typeof active !== "string") {
      throw new GraftletError(
        active === null ? "adapter_not_in_use" : "composition_invalid",
        "Only one adapter can listen: name it, `listen({ with: name })`, or make it the active one.",
      );
    }
    this.#name = active;
    return active;
  }
}

function ended(): GraftletError {
  return new GraftletError("disposed", "This listening has ended: call listen() again.");
}
