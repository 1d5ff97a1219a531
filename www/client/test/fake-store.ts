/**
 * The tests' double of what the browser keeps.
 */
import type { Store } from "../engine.js";
import type { AdapterFiles } from "../types.js";

/** In the Cache API where there is one, so that the page's reload can be tried; else in memory. */
export class FakeStore implements Store {
  static readonly memory = new Map<string, AdapterFiles>();
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  static async open(what: string): Promise<FakeStore> {
    return new FakeStore(what);
  }

  async list(): Promise<string[]> {
    const keys = (await this.#keys()).map((key) => decodeURIComponent(key.split("/")[1] ?? ""));
    return [...new Set(keys)];
  }

  async get(name: string): Promise<AdapterFiles | undefined> {
    const files: AdapterFiles = {};
    for (const key of await this.#keys(name)) {
      const file = decodeURIComponent(key.split("/")[2] ?? "");
      const content = await this.getFile(name, file);
      if (content) files[file] = content;
    }
    return Object.keys(files).length > 0 ? files : undefined;
  }

  async getFile(name: string, file: string): Promise<Uint8Array | undefined> {
    const key = this.#key(name, file);
    if (typeof caches === "undefined") return FakeStore.memory.get(key)?.content;
    const held = await (await caches.open("fake")).match(`/${key}`);
    return held && new Uint8Array(await held.arrayBuffer());
  }

  async put(name: string, files: AdapterFiles): Promise<void> {
    await this.remove(name);
    for (const [file, content] of Object.entries(files)) await this.putFile(name, file, content);
  }

  async putFile(name: string, file: string, content: Uint8Array): Promise<void> {
    const key = this.#key(name, file);
    if (typeof caches === "undefined") FakeStore.memory.set(key, { content });
    else await (await caches.open("fake")).put(`/${key}`, new Response(content as BodyInit));
  }

  async remove(name: string): Promise<void> {
    for (const key of await this.#keys(name)) {
      if (typeof caches === "undefined") FakeStore.memory.delete(key);
      else await (await caches.open("fake")).delete(`/${key}`);
    }
  }

  free(): void {}

  #key(name: string, file: string): string {
    return [this.#what, name, file].map(encodeURIComponent).join("/");
  }

  async #keys(name?: string): Promise<string[]> {
    const all =
      typeof caches === "undefined"
        ? [...FakeStore.memory.keys()]
        : (await (await caches.open("fake")).keys()).map(({ url }) =>
            new URL(url).pathname.slice(1),
          );
    const folder = `${this.#what}/${name === undefined ? "" : `${encodeURIComponent(name)}/`}`;
    return all.filter((key) => key.startsWith(folder));
  }
}
