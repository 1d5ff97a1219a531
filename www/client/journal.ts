/**
 * What a worker has been given: enough to bring another to the same state. The bytes are blobs, which the browser keeps
 * outside of the page's memory.
 */
import { membersOf } from "./members.js";
import type { Calls, KeptFiles, Method } from "./protocol.js";
import type { Remote } from "./remote.js";
import type { AdapterFiles, Composition } from "./types.js";

/** A folder with this file is a fusion, which needs the adapters that it is of as they were when it was loaded. */
const FUSION_CONFIG = "adapter_fusion_config.json";

interface Entry {
  name: string;
  files: KeptFiles;
  /** False once it was removed or replaced. */
  loaded: boolean;
}

/** Calls that tell the files of an adapter which they have loaded. */
export const LOADING: readonly Method[] = ["addAdapter", "compose", "restore"];

export class Journal {
  /** In the order in which they were loaded. */
  #entries: Entry[] = [];
  #active: Composition | null = null;

  /** Names of what is loaded. */
  names(): string[] {
    return this.#entries.filter(({ loaded }) => loaded).map(({ name }) => name);
  }

  /** Takes in that a call has been answered; `files` are those that it told of. */
  note<M extends Method>(method: M, args: Parameters<Calls[M]>, files?: KeptFiles): void {
    const [first] = args as unknown[];
    if (method === "use") this.#active = first as Composition | null;
    if (method === "removeAdapter") {
      this.#unload(first as string);
      // As in the engine: what the active composition is made of is gone.
      const names = this.#active === null ? [] : membersOf(this.#active).names;
      if (names.includes(first as string)) this.#active = null;
    }
    if (!files) return;
    this.#unload(first as string);
    this.#entries.push({ name: first as string, files, loaded: true });
  }

  /** Loads everything into another worker. `lose` is told what cannot be loaded, which is then forgotten. */
  async replay(worker: Remote, lose: (name: string, thrown: unknown) => void): Promise<void> {
    const entries = [...this.#entries];
    for (const entry of entries) {
      const { name, files } = entry;
      try {
        await worker.call("addAdapter", [name, await bytesOf(files), false]);
      } catch (thrown) {
        this.#entries = this.#entries.filter((other) => other !== entry);
        if (entry.loaded) lose(name, thrown);
        // It has stopped this worker too: the next one does without it.
        if (worker.ended) return;
      }
    }
    const loaded = new Set(this.names());
    const gone = new Set(entries.map(({ name }) => name).filter((name) => !loaded.has(name)));
    for (const name of gone) await worker.call("removeAdapter", [name]).catch(() => {});
    if (this.#active === null) return;
    try {
      await worker.call("use", [this.#active]);
    } catch (thrown) {
      this.#active = null;
      lose("the active composition", thrown);
    }
  }

  #unload(name: string): void {
    for (const entry of this.#entries) if (entry.name === name) entry.loaded = false;
    // What is not loaded any more may still be part of a fusion that came after it.
    const fusion = this.#entries.findLastIndex((e) => e.loaded && FUSION_CONFIG in e.files);
    this.#entries = this.#entries.filter((entry, at) => entry.loaded || at < fusion);
  }
}

async function bytesOf(files: KeptFiles): Promise<AdapterFiles> {
  const read = Object.entries(files).map(
    async ([name, blob]) => [name, new Uint8Array(await blob.arrayBuffer())] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}
