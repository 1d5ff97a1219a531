/**
 * An adapter's folder over the network. Its side file `graftlet.json` says which files there are, with their lengths and
 * hashes; of a folder without one all that its library may write is tried, unchecked.
 */
import type { Downloads, Watch } from "./download.js";
import type { EngineModule } from "./engine.js";
import { GraftletError, toShape } from "./errors.js";
import { sha256 } from "./sha256.js";
import type { AdapterFiles } from "./types.js";

const CONFIG = "adapter_config.json";
const FUSION_CONFIG = "adapter_fusion_config.json";
const SIDE_FILE = "graftlet.json";
/** What an adapter's files are called. */
const FILES = /\.(json|safetensors|bin)$/;

/** A file as the side file lists it; of an earlier version's list only the name is known. */
interface Listed {
  name: string;
  bytes?: number;
  sha256?: string;
}

/** Codes of a folder whose files do not belong together: some of them may be old ones from the browser's HTTP cache. */
const MIXED = ["checksum_mismatch", "length_mismatch"];

/** The files of the folder at `base`, an address with a slash at its end. */
export async function fetchAdapter(
  base: string,
  names: EngineModule["adapterFileNames"],
  downloads: Downloads,
  watch: Watch = {},
): Promise<AdapterFiles> {
  const folder = (cache: RequestCache) => new Folder(base, names, downloads, watch, cache);
  try {
    return await folder("default").fetch();
  } catch (thrown) {
    if (!MIXED.includes(toShape(thrown).code)) throw thrown;
    return await folder("reload").fetch();
  }
}

class Folder {
  readonly #base: string;
  readonly #names: EngineModule["adapterFileNames"];
  readonly #downloads: Downloads;
  readonly #watch: Watch;
  readonly #cache: RequestCache;
  #list: Listed[] = [];
  /** Files under way. */
  readonly #files = new Map<string, Promise<Uint8Array>>();

  constructor(
    base: string,
    names: EngineModule["adapterFileNames"],
    downloads: Downloads,
    watch: Watch,
    cache: RequestCache,
  ) {
    this.#base = base;
    this.#names = names;
    this.#downloads = downloads;
    this.#watch = watch;
    this.#cache = cache;
  }

  async fetch(): Promise<AdapterFiles> {
    const files: AdapterFiles = {};
    const side = await this.#sideFile();
    if (side) files[SIDE_FILE] = side;
    // Which of them are of use is known with the configuration, and nearly always all are.
    for (const { name } of this.#list) {
      if (name !== SIDE_FILE && FILES.test(name)) this.#file(name).catch(() => {});
    }
    const [config, content] = await this.#config();
    files[config] = content;
    const names = this.#names(config === CONFIG ? content : undefined);
    const rest = names.filter((name) => !(name in files));
    if (this.#list.length > 0) {
      const listed = rest.filter((name) => this.#listed(name));
      const contents = await Promise.all(listed.map((name) => this.#file(name)));
      for (const [index, name] of listed.entries()) files[name] = contents[index] as Uint8Array;
      return files;
    }
    for (const name of rest) {
      // A `.bin` file stands behind the safetensors file that makes it unnecessary.
      const before = names[names.indexOf(name) - 1];
      if (name.endsWith(".bin") && before !== undefined && before in files) continue;
      const content = await this.#downloads.optional(this.#wanted(name), this.#watch);
      if (content) files[name] = content;
    }
    return files;
  }

  /** The adapter's configuration, or that of a fusion. */
  async #config(): Promise<[string, Uint8Array]> {
    if (!this.#listed(CONFIG) && this.#listed(FUSION_CONFIG)) {
      return [FUSION_CONFIG, await this.#file(FUSION_CONFIG)];
    }
    try {
      return [CONFIG, await this.#file(CONFIG)];
    } catch (thrown) {
      if (!["not_found", "not_a_file"].includes(toShape(thrown).code)) throw thrown;
      const fusion = await this.#downloads.optional(this.#wanted(FUSION_CONFIG), this.#watch);
      if (!fusion) throw thrown;
      return [FUSION_CONFIG, fusion];
    }
  }

  /** The side file, if there is one; it is fetched past the browser's HTTP cache if it is damaged. */
  async #sideFile(): Promise<Uint8Array | undefined> {
    const wanted = this.#wanted(SIDE_FILE);
    let side = await this.#downloads.optional(wanted, this.#watch);
    if (!side) return undefined;
    let read = await readSideFile(side);
    if (read.error) {
      side = await this.#downloads.file({ ...wanted, cache: "reload" }, this.#watch);
      read = await readSideFile(side);
      if (read.error) throw read.error;
    }
    this.#list = read.list;
    return side;
  }

  #file(name: string): Promise<Uint8Array> {
    const known = this.#files.get(name);
    if (known) return known;
    const file = this.#downloads.file(this.#wanted(name), this.#watch);
    this.#files.set(name, file);
    return file;
  }

  #wanted(name: string) {
    const { bytes, sha256 } = this.#listed(name) ?? {};
    const url = `${this.#base}${name}`;
    // The side file's own entry is about the file with zeros in place of its hash.
    if (name === SIDE_FILE) return { url, cache: this.#cache };
    // The hash tells whether a copy in the browser's HTTP cache is still right, so the server is not asked.
    const isKnown = sha256 !== undefined && this.#cache === "default";
    return { url, bytes, sha256, cache: isKnown ? "force-cache" : this.#cache };
  }

  #listed(name: string): Listed | undefined {
    return this.#list.find((file) => file.name === name);
  }
}

/** The list of files. A damaged side file is an error; one that says nothing of files has an empty list. */
async function readSideFile(side: Uint8Array): Promise<{ list: Listed[]; error?: GraftletError }> {
  const damaged = (reason: string) => ({
    list: [],
    error: new GraftletError(
      "checksum_mismatch",
      `The adapter's ${SIDE_FILE} ${reason}: put the folder on the server again, or delete "files" from it if it was changed on purpose.`,
    ),
  });
  let files: unknown;
  const text = new TextDecoder().decode(side);
  try {
    ({ files } = Object(JSON.parse(text)) as { files?: unknown });
  } catch {
    return damaged("is not JSON, or was cut off");
  }
  if (!Array.isArray(files)) return { list: [] };
  // The engine reports what is wrong with an entry.
  const list = (files as unknown[]).flatMap((entry): Listed[] => {
    if (typeof entry === "string") return [{ name: entry }];
    const { name, bytes, sha256 } = Object(entry) as Partial<Listed>;
    if (typeof name !== "string") return [];
    if (!Number.isSafeInteger(bytes) || !/^[0-9a-f]{64}$/.test(String(sha256))) return [{ name }];
    return [{ name, bytes, sha256 } as Listed];
  });
  if (!list.some(({ sha256 }) => sha256)) return { list };
  const own = list.find(({ name }) => name === SIDE_FILE)?.sha256;
  if (own === undefined) return damaged("does not list itself");
  const found = await sha256(new TextEncoder().encode(text.replace(own, "0".repeat(64))));
  return found === own ? { list } : damaged(`has SHA-256 ${found} instead of ${own}`);
}
