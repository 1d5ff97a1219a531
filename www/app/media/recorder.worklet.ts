/**
 * Runs on the browser's audio thread: passes the microphone's samples on as they are, some at a time.
 */

/** What the audio thread has, which TypeScript's libraries do not list. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

/** About a twentieth of a second, at the usual rates. */
const SIZE = 2048;

class Recorder extends AudioWorkletProcessor {
  #part = new Float32Array(SIZE);
  #filled = 0;

  process([input]: Float32Array[][]): boolean {
    const [first] = input ?? [];
    if (!input || !first) return true;
    for (let at = 0; at < first.length; at += 1) {
      let sum = 0;
      for (const channel of input) sum += channel[at] ?? 0;
      this.#part[this.#filled] = sum / input.length;
      this.#filled += 1;
      if (this.#filled === SIZE) this.#pass();
    }
    return true;
  }

  #pass(): void {
    this.port.postMessage(this.#part, [this.#part.buffer]);
    this.#part = new Float32Array(SIZE);
    this.#filled = 0;
  }
}

registerProcessor("graftlet-recorder", Recorder);
