import { beforeEach, describe, expect, it } from "vitest";
import { chooseBuild } from "../builds.js";
import { GraftletError } from "../errors.js";
import { Graftlet } from "../index.js";
import { wasmSource } from "../wasm-source.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { emptyNetwork } from "./fake-network.js";
import { FakeWorker } from "./fake-worker.js";

const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

function code(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (thrown) {
    return (thrown as GraftletError).code;
  }
}

describe("wasmUrl", () => {
  it("is a folder, a file of either build, or a file of each", () => {
    expect(wasmSource(undefined)).toBeNull();
    expect(wasmSource("https://cdn.test/g/")).toEqual({
      relaxed: "https://cdn.test/g/graftlet_relaxed.wasm",
      simd128: "https://cdn.test/g/graftlet_simd128.wasm",
    });
    const file = "https://cdn.test/assets/graftlet_relaxed-4f2a.wasm";
    expect(wasmSource(new URL(file))).toEqual({ relaxed: file });
    const other = "https://cdn.test/assets/9c1.wasm";
    expect(wasmSource(other)).toEqual({ simd128: other });
    expect(wasmSource({ simd128: other })).toEqual({ simd128: other });
  });

  it("refuses what names no file", () => {
    expect(code(() => wasmSource({}))).toBe("option_invalid");
    expect(code(() => wasmSource("http://"))).toBe("option_invalid");
  });

  it("leaves only the builds that it names", () => {
    expect(chooseBuild(null, ["simd128"])).toBe("simd128");
    expect(code(() => chooseBuild("relaxed", ["simd128"]))).toBe("option_invalid");
  });
});

describe("load", () => {
  beforeEach(() => {
    FakeWorker.started = [];
    FakeWorker.caches = new FakeCaches();
  });

  /** What a load with these options fetches, and gives to the engine. */
  async function loaded(options: Partial<Parameters<typeof Graftlet.load>[0]>) {
    const fetched: string[] = [];
    const given: unknown[] = [];
    const worker = () => {
      const network = emptyNetwork();
      const watched = {
        ...network,
        fetch: (url: string, init: RequestInit) => {
          fetched.push(url);
          return network.fetch(url, init);
        },
      };
      const module: typeof fake = {
        ...fake,
        default: async ({ module_or_path }) => {
          given.push(module_or_path);
          return {};
        },
      };
      return new FakeWorker(module, watched) as unknown as Worker;
    };
    const g = await Graftlet.load({ backbone: "https://graftlet.test/m/", worker, ...options });
    await g.dispose();
    return { wasm: fetched.filter((url) => url.endsWith(".wasm")), given };
  }

  it("fetches the engine from wasmUrl", async () => {
    const { wasm } = await loaded({ wasmUrl: { simd128: "https://cdn.test/s.wasm" } });
    expect(wasm).toEqual(["https://cdn.test/s.wasm"]);
  });

  it("takes a compiled module and fetches none", async () => {
    const { wasm, given } = await loaded({ wasm: new WebAssembly.Module(EMPTY_MODULE) });
    expect(wasm).toEqual([]);
    expect(given[0]).toBeInstanceOf(WebAssembly.Module);
  });

  it("refuses a module that is not compiled", async () => {
    const wasm = EMPTY_MODULE as unknown as WebAssembly.Module;
    await expect(loaded({ wasm })).rejects.toBeInstanceOf(GraftletError);
  });
});
