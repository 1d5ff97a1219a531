import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acquireNow } from "../locks.js";
import { Store } from "../store.js";
import type { AdapterFiles } from "../types.js";
import { FakeCaches, FakeLocks } from "./fake-caches.js";
import { FAULTS, NEW, OLD, OTHER, ROOT, text, WRITES } from "./store-cases.js";

let caches: FakeCaches;
const open = () => Store.open("adapters", caches as unknown as CacheStorage);

beforeEach(() => {
  caches = new FakeCaches();
});
afterEach(() => vi.unstubAllGlobals());

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: { code?: string }) => error.code ?? String(error),
  );
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** The same numbers from 0 to 1 in every run (a linear congruential generator). */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  next(): number {
    this.#state = (this.#state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return this.#state / 2 ** 32;
  }
}

describe.each(Object.entries(WRITES))("%s", (_, { before, after, act }) => {
  it.each(Object.entries(FAULTS))(
    "is whole or not there after %s at any write",
    async (_, fault) => {
      let at = 1;
      for (let reached = true; reached; at += 1) {
        caches = new FakeCaches();
        const store = await open();
        await store.put("b", OTHER);
        if (before) await store.put("a", before);
        const { writes } = caches;
        let met = false;
        const inject = fault(at + writes);
        caches.fault = (write, kind) => {
          const found = inject(write, kind);
          met ||= found !== undefined || write === at + writes;
          return found;
        };
        const code = await codeOf(act(store));
        reached = met;

        // Another visit.
        caches.revive();
        const later = await open();
        for (const swept of [false, true]) {
          if (swept) await later.sweep();
          const found = await later.get("a");
          if (code === "none") expect(found).toEqual(after);
          else expect([before, after]).toContainEqual(found);
          expect(await later.list()).toEqual(found ? ["a", "b"] : ["b"]);
          expect(await later.get("b")).toEqual(OTHER);
        }
        const found = await later.get("a");
        // Each folder has its files and one record.
        const count = (files: AdapterFiles | undefined) => files && Object.keys(files).length + 1;
        expect(caches.urls).toHaveLength((count(OTHER) ?? 0) + (count(found) ?? 0));
        // What was cut off is no hindrance.
        await later.put("a", NEW);
        expect(await later.get("a")).toEqual(NEW);
        await later.remove("a");
        expect(await later.list()).toEqual(["b"]);
      }
      expect(at).toBeGreaterThan(4);
    },
  );
});

describe("A folder that is kept already", () => {
  it("is not written again, but noted as used", async () => {
    const store = await open();
    await store.put("a", OLD);
    const before = caches.urls;
    caches.writes = 0;
    await store.put("a", { ...OLD });
    await vi.waitFor(() => expect(caches.urls).toHaveLength(before.length + 1));
    expect(caches.writes).toBe(1);
    expect(caches.urls).toEqual([...before, `${ROOT}a/used/at`]);
  });

  it("is written where a file is another, is missing, is new, or was damaged", async () => {
    const store = await open();
    const changed = [{ ...OLD, only: text("p") }, NEW, { ...NEW, more: text("m") }];
    for (const files of changed) {
      await store.put("a", OLD);
      await store.put("a", files);
      expect(await store.get("a")).toEqual(files);
    }
    await store.put("a", OLD);
    const kept = caches.content("graftlet-adapters", "/a/");
    kept[0] = (kept[0] as number) ^ 1;
    await store.put("a", OLD);
    expect(await store.get("a")).toEqual(OLD);
  });
});

describe("reads", () => {
  it("while another tab writes over and over give one version, never a mixture", async () => {
    const version = (n: number): AdapterFiles =>
      Object.fromEntries(["x", "y", "z"].map((file) => [file, text(`${file} ${n}`)]));
    vi.stubGlobal("navigator", { locks: new FakeLocks() });
    const store = await open();
    const other = await open();
    await store.put("a", version(0));
    // Operations of the two take turns at random.
    const random = new Random(7);
    caches.meanwhile = async () => {
      for (let turns = random.next() * 4; turns >= 1; turns -= 1) await nextTurn();
    };
    let written = 0;
    let reading = true;
    const writing = (async () => {
      while (reading) {
        await other.put("a", version(written + 1));
        written += 1;
        for (let turns = random.next() * 40; turns >= 1; turns -= 1) await nextTurn();
      }
    })();
    for (let i = 0; i < 300; i += 1) {
      const from = written;
      const files = await store.get("a");
      const seen = Number(new TextDecoder().decode(files?.x).split(" ")[1]);
      expect(files).toEqual(version(seen));
      expect(seen).toBeGreaterThanOrEqual(from);
      expect(await store.getFile("a", "z")).toBeDefined();
      expect(await store.list()).toEqual(["a"]);
    }
    reading = false;
    await writing;
    expect(written).toBeGreaterThan(50);
  });

  it("while another tab removes give all or nothing", async () => {
    for (let at = 1; at < 12; at += 1) {
      caches = new FakeCaches();
      const store = await open();
      await store.put("a", OLD);
      const other = await open();
      let operations = 0;
      caches.meanwhile = async () => {
        operations += 1;
        if (operations === at) await other.remove("a");
      };
      expect([OLD, undefined]).toContainEqual(await store.get("a"));
    }
  });

  it("of a damaged folder say which, and disturb no other", async () => {
    const spoilt = {
      gone: (entries: Map<string, Uint8Array>, key: string) => entries.delete(key),
      empty: (entries: Map<string, Uint8Array>, key: string) => entries.set(key, text("")),
      "cut off": (entries: Map<string, Uint8Array>, key: string) =>
        entries.set(key, (entries.get(key) ?? text("")).slice(0, -1)),
      changed: (entries: Map<string, Uint8Array>, key: string) => {
        const content = entries.get(key)?.slice() ?? text("");
        content[0] = (content[0] ?? 0) ^ 1;
        entries.set(key, content);
      },
    };
    for (const [how, spoil] of Object.entries(spoilt)) {
      for (let file = 0; file < 4; file += 1) {
        caches = new FakeCaches();
        const store = await open();
        await store.put("b", OTHER);
        await store.put("a", OLD);
        const entries = caches.entries("graftlet-adapters");
        const key = [...entries.keys()].filter((url) => url.startsWith(`${ROOT}a/`))[file] ?? "";
        spoil(entries, key);
        await store.sweep();
        const isRecord = key.endsWith("record.json");
        // A record that is gone or empty was never written to its end.
        if (isRecord && (how === "gone" || how === "empty")) {
          expect(await store.get("a")).toBeUndefined();
        } else {
          const failure = store.get("a");
          expect(await codeOf(failure), `${how} ${key}`).toMatch(
            isRecord ? /file_invalid/ : /file_missing|file_truncated|checksum_mismatch/,
          );
          await expect(failure).rejects.toThrow("“a” is damaged");
          expect(await store.list()).toEqual(["a", "b"]);
        }
        expect(await store.get("b")).toEqual(OTHER);
        await store.remove("a");
        expect(await store.list()).toEqual(["b"]);
        await store.put("a", NEW);
        expect(await store.get("a")).toEqual(NEW);
      }
    }
  });

  it("fall back to the version before where the newest is damaged", async () => {
    const store = await open();
    await store.put("a", OLD);
    const kept = new Map(caches.entries("graftlet-adapters"));
    await store.put("a", NEW);
    const entries = caches.entries("graftlet-adapters");
    for (const [url, content] of kept) entries.set(url, content);
    const newest = [...entries.keys()].find((url) => /\/2-\w+\/1$/.test(url)) ?? "";
    entries.delete(newest);
    expect(await store.get("a")).toEqual(OLD);
    await store.sweep();
    expect(await store.get("a")).toEqual(OLD);
    expect(entries.size).toBe(4);
  });
});

describe("what an earlier version kept", () => {
  const keep = async (name: string, files: AdapterFiles) => {
    await caches.open("graftlet-adapters");
    const entries = caches.entries("graftlet-adapters");
    const folder = `${ROOT}${encodeURIComponent(name)}/`;
    for (const [file, content] of Object.entries(files)) {
      entries.set(folder + encodeURIComponent(file), content);
    }
    entries.set(`${folder}files.json`, text(JSON.stringify(Object.keys(files))));
  };

  it("is read, written over, added to and removed", async () => {
    await keep("café / 50 %?", { ...OLD, "b c": text("") });
    await keep("added to", OLD);
    await keep("control\u0007", OLD);
    const store = await open();
    await store.sweep();
    expect(await store.list()).toEqual(["added to", "café / 50 %?", "control\u0007"]);
    expect(await store.get("café / 50 %?")).toEqual({ ...OLD, "b c": text("") });
    expect(await store.get("control\u0007")).toEqual(OLD);
    await store.put("café / 50 %?", NEW);
    await store.putFiles("added to", NEW);
    await store.remove("control\u0007");
    await store.sweep();
    expect(await store.get("café / 50 %?")).toEqual(NEW);
    expect(await store.get("added to")).toEqual({ ...OLD, ...NEW });
    expect(await store.list()).toEqual(["added to", "café / 50 %?"]);
    // Three files and a record, two and a record.
    expect(caches.urls).toHaveLength(4 + 3);
  });

  it("and left behind is swept, under names that are none as well", async () => {
    await keep("whole", OLD);
    const entries = caches.entries("graftlet-adapters");
    for (const key of ["half/weights", "files.json", "/files.json", "%/x", "name"]) {
      entries.set(ROOT + key, text("x"));
    }
    entries.set("https://graftlet.invalid/files.json", text("x"));
    const store = await open();
    await store.sweep();
    expect(await store.get("whole")).toEqual(OLD);
    expect(caches.urls).toHaveLength(4);
  });
});

describe("names", () => {
  it.each([
    ["", "empty"],
    ["  \t", "empty"],
    [".", "folder"],
    ["..", "folder"],
    ["a\u0000b", "control"],
    ["a\nb", "control"],
    ["a\u001b[31m", "control"],
    ["a\u2028b", "line break"],
    ["a\ud800b", "half"],
    ["a".repeat(201), "201 characters"],
    [7 as unknown as string, "number"],
    [null as unknown as string, "null"],
  ])("%j is refused", async (name, says) => {
    const store = await open();
    expect(await codeOf(store.put(name, NEW))).toBe("name_invalid");
    expect(await codeOf(store.putFiles(name, NEW))).toBe("name_invalid");
    await expect(store.put(name, NEW)).rejects.toThrow(says);
    expect(caches.urls).toEqual([]);
  });

  it.each([
    "...",
    "a/b",
    "../x",
    "50 %",
    "%2e",
    "%2e%2e",
    "?",
    "#",
    "__proto__",
    "used",
    "👋",
    "a".repeat(200),
  ])("%j is kept apart from others", async (name) => {
    const store = await open();
    await store.put("x", OTHER);
    const files = { ...NEW, "record.json": text("r"), "..": text("d"), ["__proto__"]: text("p") };
    await store.put(name, files);
    expect(await store.get(name)).toEqual(files);
    expect(await store.getFile(name, "..")).toEqual(text("d"));
    expect(await store.list()).toEqual([name, "x"].sort((a, b) => a.localeCompare(b)));
    await store.remove(name);
    expect(await store.list()).toEqual(["x"]);
    expect(await store.get("x")).toEqual(OTHER);
  });
});

describe("two tabs", () => {
  beforeEach(() => vi.stubGlobal("navigator", { locks: new FakeLocks() }));

  it("that write one folder at once write one after the other", async () => {
    const stores = await Promise.all([open(), open()]);
    await stores[0]?.put("a", OLD);
    const added = Array.from({ length: 6 }, (_, i) => ({ [`file ${i}`]: text(String(i)) }));
    await Promise.all(added.map((files, i) => stores[i % 2]?.putFiles("a", files)));
    expect(await stores[0]?.get("a")).toEqual(Object.assign({}, OLD, ...added));
  });

  it("do not sweep what the other is writing", async () => {
    const [store, other] = await Promise.all([open(), open()]);
    const draft = await store.begin("a");
    await draft.fill(NEW);
    await other.sweep();
    await draft.publish();
    expect(await other.get("a")).toEqual(NEW);
    // Whoever gives up lets go.
    const given = await store.begin("a");
    await given.discard();
    const free = await acquireNow("graftlet store adapters a");
    expect(free).toBeDefined();
    free?.();
  });
});

describe("uses", () => {
  it("are listed with the least recent first, and outlive nothing", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const store = await open();
      for (const [day, name] of ["one", "two", "three"].entries()) {
        vi.setSystemTime(Date.UTC(2026, 0, day + 1));
        await store.put(name, OLD);
      }
      vi.setSystemTime(Date.UTC(2026, 0, 9));
      await store.use("one");
      const uses = await store.uses();
      expect(uses.map(({ name }) => name)).toEqual(["two", "three", "one"]);
      const bytes = 10 + 11 + 1;
      expect(uses[2]).toMatchObject({ bytes, usedAt: Date.UTC(2026, 0, 9) });
      await store.remove("one");
      expect(caches.urls.filter((url) => url.includes("/one/"))).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a browser that keeps nothing", () => {
  it("is told with the reason", async () => {
    const denied = { open: () => Promise.reject(new DOMException("denied", "SecurityError")) };
    expect(await codeOf(Store.open("adapters", denied as unknown as CacheStorage))).toBe(
      "storage_unavailable",
    );
    await expect(Store.open("adapters")).rejects.toThrow("https");
    const get = () => {
      throw new DOMException("Cache storage is disabled", "SecurityError");
    };
    Object.defineProperty(globalThis, "caches", { get, configurable: true });
    try {
      const opening = Store.open("adapters");
      expect(await codeOf(opening)).toBe("storage_unavailable");
      await expect(opening).rejects.toThrow("Cache storage is disabled");
    } finally {
      Reflect.deleteProperty(globalThis, "caches");
    }
  });
});
