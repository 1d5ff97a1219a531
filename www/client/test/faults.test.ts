import { afterEach, describe, expect, it } from "vitest";
import { toShape } from "../errors.js";
import type { FakeCaches } from "./fake-caches.js";
import { CASES, close, FILES, type FileName } from "./fault-cases.js";
import { sendPart } from "./fault-server.js";
import { backbone, hash, WASM, World } from "./fault-world.js";

const rows = Object.entries(CASES).flatMap(([fault, row]) =>
  (Object.keys(FILES) as FileName[]).map((file) => ({ file, fault, row })),
);

let worlds: World[] = [];
async function world(): Promise<World> {
  const started = await World.start();
  worlds.push(started);
  return started;
}
afterEach(async () => {
  const all = worlds;
  worlds = [];
  await Promise.all(all.map(({ server }) => server.close()));
});

/** What a visit comes to: "whole" if every file is right, else the code; `wrong` must never be. */
async function outcome(world: World, path: string): Promise<string> {
  try {
    const came = await world.visit(path);
    const all = [...came].every(([name, content]) => {
      const right = world.server.files.get(name);
      return right !== undefined && content.equals(right);
    });
    return all && came.size > 1 ? "whole" : "wrong";
  } catch (thrown) {
    const { code, message } = toShape(thrown);
    expect(message.length).toBeLessThan(400);
    return code;
  }
}

describe("a file that", () => {
  it("is worth a table", () => expect(rows.length).toBeGreaterThanOrEqual(120));

  it.each(rows)("$fault: $file", async ({ file, fault, row }) => {
    const path = FILES[file];
    const here = await world();
    const { server } = here;
    if (row.fault) server.faults.set(path, row.fault);
    row.network?.(here, path);
    expect(await outcome(here, path), fault).toBe(row.of?.[file] ?? row.comes);
    if (row.resumes) {
      const size = server.files.get(path)?.length ?? 0;
      expect(server.read.get(path)).toBeLessThanOrEqual(size * 1.01);
    }
    // Everything is well again, and so is the next load.
    server.faults.clear();
    here.before = () => undefined;
    here.online = true;
    expect(await outcome(here, path)).toBe("whole");
    if (!path.startsWith("/a/")) {
      expect(here.notices()).toEqual([]);
      expect(here.kept.keys("graftlet-parts")).toEqual([]);
      server.read.clear();
      expect(await outcome(here, path)).toBe("whole");
      expect(server.read.get("/m/model.safetensors")).toBeUndefined();
    }
  });
});

describe("the next visit", () => {
  it.each(["/m/model.safetensors", "/e.wasm"])("goes on with a part of %s", async (path) => {
    const here = await world();
    const { server } = here;
    server.faults.set(path, (x) =>
      x.earlier === 0 ? sendPart(x, 0.7, close) : void x.response.destroy(),
    );
    expect(await outcome(here, path)).toBe("connection_lost");
    server.faults.clear();
    expect(await outcome(here, path)).toBe("whole");
    const size = server.files.get(path)?.length ?? 0;
    expect(server.read.get(path)).toBeLessThanOrEqual(size * 1.01);
    expect(server.requestsOf(path).at(-1)?.ifRange).toBeDefined();
  });

  it("goes on after a tab that was closed in the middle", async () => {
    const here = await world();
    const { server } = here;
    const path = "/m/model.safetensors";
    const size = server.files.get(path)?.length ?? 0;
    // A closed tab does nothing at its end: only what it had written until then is there.
    server.faults.set(path, (x) => sendPart(x, 0.7, () => {}));
    void here.load().catch(() => {});
    const kept = () => here.kept.keys("graftlet-parts").length;
    const least = Math.floor((size * 0.7) / 2 / 32_768);
    while (kept() < least) await new Promise((done) => setTimeout(done, 1));
    const tab = await World.start();
    worlds.push(tab);
    for (const [name, cache] of here.kept.caches) tab.kept.caches.set(name, new Map(cache));
    // Keys are addresses of the backbone and hashes of its parts; these need no address.
    expect(await outcome(tab, path)).toBe("whole");
    const range = Number(tab.server.requestsOf(path)[0]?.range?.replace(/\D/g, ""));
    // Parts are of 32 KB or more as they come, and of a two-hundredth of a larger file.
    expect(range).toBeGreaterThanOrEqual(least * 32_768);
  });

  it("does not trust parts that were damaged", async () => {
    const here = await world();
    const path = "/m/model.safetensors";
    here.server.faults.set(path, (x) =>
      x.earlier === 0 ? sendPart(x, 0.7, close) : void x.response.destroy(),
    );
    expect(await outcome(here, path)).toBe("connection_lost");
    const [part] = here.kept.caches.get("graftlet-parts")?.values() ?? [];
    if (part) part[5] = (part[5] ?? 0) ^ 1;
    here.server.faults.clear();
    expect(await outcome(here, path)).toBe("whole");
  });

  it("does not trust kept files that were damaged", async () => {
    const here = await world();
    expect(await outcome(here, "/m/")).toBe("whole");
    const content = here.kept.content("graftlet-backbone", "model.safetensors");
    content[77] = (content[77] ?? 0) ^ 1;
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.server.requestsOf("/m/model.safetensors")).toHaveLength(2);
  });
});

describe("a backbone's versions", () => {
  const offer = (here: World, seed: number) => {
    for (const [path, content] of backbone(seed)) here.server.files.set(path, content);
  };

  it("follow each other, and the old one goes last", async () => {
    const here = await world();
    await here.load();
    offer(here, 2);
    const seen: boolean[] = [];
    here.kept.onPut = (url) => {
      const old = here.kept.keys("graftlet-backbone").filter((key) => key.includes("sha256="));
      if (url.endsWith("manifest.json")) seen.push(old.length === 4);
    };
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(seen).toEqual([true]);
    expect(here.kept.keys("graftlet-backbone")).toHaveLength(3);
  });

  it("are not lost by an upgrade that is cut off", async () => {
    const here = await world();
    const old = await here.load();
    offer(here, 2);
    here.server.faults.set("/m/model.safetensors", ({ response }) => void response.destroy());
    const came = await here.load();
    expect([...came].map(([path, content]) => [path, hash(content)])).toEqual(
      [...old].map(([path, content]) => [path, hash(content)]),
    );
    expect(here.notices()).toMatchObject([
      ...Array(4).fill({ about: "retry", code: "unreachable" }),
      { about: "backbone", code: "unreachable" },
    ]);
    here.server.faults.clear();
    expect(await outcome(here, "/m/")).toBe("whole");
  });

  it("that do not fit beside each other replace each other", async () => {
    const here = await world();
    await here.load();
    here.kept.room = 900_000;
    offer(here, 2);
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.notices()).toEqual([]);
    here.server.read.clear();
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.server.read.get("/m/model.safetensors")).toBeUndefined();
  });

  it("load from what is kept when the server cannot be reached", async () => {
    const here = await world();
    await here.load();
    here.before = (url, init) =>
      url.includes("/m/") ? fetch("http://127.0.0.1:9/", init) : undefined;
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.notices().at(-1)).toMatchObject({ about: "backbone", code: "unreachable" });
  });

  it("are fetched once by two tabs", async () => {
    const here = await world();
    const network = here.network();
    here.network = () => network;
    await Promise.all([here.load(), here.load()]);
    expect(here.server.requestsOf("/m/model.safetensors")).toHaveLength(1);
  });
});

describe("a browser that keeps nothing", () => {
  it.each([
    ["storage_unavailable", (kept: FakeCaches) => Object.assign(kept, { denied: true })],
    ["quota_exceeded", (kept: FakeCaches) => Object.assign(kept, { room: 100_000 })],
  ])("is told as %s, and loads", async (code, set) => {
    const here = await world();
    set(here.kept);
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.notices()).toMatchObject([{ about: "cache", code }]);
  });
});

describe("a disk that is full", () => {
  const quota = () => new DOMException("Quota exceeded.", "QuotaExceededError");
  const FULL: Record<string, (write: number, at: number) => boolean> = {
    "from then on": (write, at) => write >= at,
    "for once": (write, at) => write === at,
  };
  /** Fills the disk at each write in turn, until one is not reached; answers with how many there were. */
  const atEveryWrite = async (
    isFull: (write: number, at: number) => boolean,
    run: (fill: (here: World) => void) => Promise<void>,
  ): Promise<number> => {
    let at = 1;
    for (let reached = true; reached; at += 1) {
      reached = false;
      await run((here) => {
        let writes = 0;
        here.kept.onPut = () => {
          writes += 1;
          reached ||= writes >= at;
          if (isFull(writes, at)) throw quota();
        };
      });
    }
    return at;
  };
  const hashes = (came: Map<string, Buffer>) =>
    JSON.stringify([...came].map(([path, content]) => [path, hash(content)]).sort());

  it.each(Object.entries(FULL))(
    "%s, at any write of a first download: it loads, and so does the next visit",
    async (_, isFull) => {
      const writes = await atEveryWrite(isFull, async (fill) => {
        const here = await world();
        fill(here);
        expect(await outcome(here, "/m/")).toBe("whole");
        for (const notice of here.notices()) {
          expect(notice).toMatchObject({ about: "cache", code: "quota_exceeded" });
        }
        expect(await outcome(here, "/m/")).toBe("whole");
        here.kept.onPut = () => {};
        expect(await outcome(here, "/m/")).toBe("whole");
      });
      expect(writes).toBeGreaterThan(3);
    },
    120_000,
  );

  it.each(Object.entries(FULL))(
    "%s, at any write of an upgrade: one version or the other is kept whole",
    async (_, isFull) => {
      const writes = await atEveryWrite(isFull, async (fill) => {
        const here = await world();
        const old = hashes(await here.load());
        for (const [path, content] of backbone(2)) here.server.files.set(path, content);
        fill(here);
        expect(await outcome(here, "/m/")).toBe("whole");
        const told = here.notices();
        here.kept.onPut = () => {};
        // Without the server there is only what is kept.
        here.before = (url, init) =>
          url.includes("/m/") ? fetch("http://127.0.0.1:9/", init) : undefined;
        const later = await here.load().then(hashes, (thrown) => toShape(thrown).code);
        here.before = () => undefined;
        const fresh = hashes(await here.load());
        expect(fresh).not.toBe(old);
        // That nothing is kept has been told.
        if (told.length === 0) expect(later).toBe(fresh);
        else expect(told).toMatchObject([{ about: "cache", code: "quota_exceeded" }]);
        expect([old, fresh, "unreachable"]).toContain(later);
      });
      expect(writes).toBeGreaterThan(3);
    },
    120_000,
  );
});

describe("progress", () => {
  it("is one over module and backbone, and counts what is kept at once", async () => {
    const here = await world();
    await here.load();
    const counts = () => here.events.filter((event) => event.type === "download");
    const total = WASM.length + 600_000 + (here.server.files.get("/m/config.json")?.length ?? 0);
    expect(new Set(counts().map((event) => event.total))).toEqual(new Set([total]));
    expect(counts().at(-1)).toMatchObject({ loaded: total, received: total });
    await here.load();
    expect(counts().at(-1)).toMatchObject({ loaded: total, received: WASM.length });
  });
});
