import { afterEach, describe, expect, it, vi } from "vitest";
import { PatientWorker } from "../patient-worker.js";
import { START_AGAIN } from "../platform.js";
import type { Cancel, Reply, Request } from "../protocol.js";
import type { WorkerLike } from "../remote.js";
import { Remote } from "../remote.js";
import { type FakeNetwork, fakeNetwork } from "./fake-network.js";

const SCRIPT = "https://graftlet.test/assets/worker-1a2b.js";
const REQUEST: Request = { id: 0, method: "kinds", args: [] };

/** A worker whose script does what the test says. */
class Scripted implements WorkerLike {
  readonly posted: (Request | Cancel)[] = [];
  ended = false;
  #onMessage: (event: MessageEvent<Reply>) => void = () => {};
  #onError: (event: { message?: string }) => void = () => {};

  postMessage(message: Request | Cancel): void {
    this.posted.push(message);
  }

  addEventListener(
    type: "message" | "messageerror" | "error",
    listener: (event: never) => void,
  ): void {
    if (type === "message") this.#onMessage = listener as never;
    if (type === "error") this.#onError = listener as never;
  }

  terminate(): void {
    this.ended = true;
  }

  say(reply: Reply): void {
    this.#onMessage({ data: reply } as MessageEvent<Reply>);
  }

  fail(message?: string): void {
    this.#onError(message === undefined ? {} : { message });
  }
}

/** What the n-th worker does; those without a script run. */
type Script = (worker: Scripted) => void;

function start(scripts: Script[], network: FakeNetwork = served(200)) {
  const spawned: Scripted[] = [];
  const spawn = () => {
    const worker = new Scripted();
    const script = scripts[spawned.push(worker) - 1] ?? runs;
    if (script === throws) throw new Error("a policy forbids it");
    setTimeout(() => script(worker));
    return worker;
  };
  const limits = { attempts: 3, backoffMs: 1, startMs: 200 };
  return { worker: new PatientWorker(spawn, network, limits), spawned };
}

const runs: Script = (worker) => worker.say({ id: -1, type: "hello" });
const comesNot: Script = (worker) => worker.fail();
const breaks: Script = (worker) => worker.fail("SyntaxError: Unexpected token");
const standsStill: Script = () => {};
const throws: Script = () => {};

/** A server that answers a request for the script so. */
function served(status: number, type = "text/javascript", body = "run()"): FakeNetwork {
  return fakeNetwork(async () => new Response(body, { status, headers: { "content-type": type } }));
}

function known(): void {
  vi.spyOn(performance, "getEntriesByType").mockImplementation(
    () => [{ name: SCRIPT, startTime: performance.now() }] as PerformanceEntryList,
  );
}

/** The code that a call is rejected with, or what was posted in the end. */
async function outcome({ worker, spawned }: ReturnType<typeof start>): Promise<string> {
  const call = new Remote(worker, START_AGAIN).call("kinds", []);
  const rejected = call.then(
    () => "answered",
    ({ code }) => String(code),
  );
  const posted = (async () => {
    while (spawned.every((one) => one.posted.length === 0)) {
      await new Promise((done) => setTimeout(done, 1));
    }
    return "runs";
  })();
  return await Promise.race([rejected, posted]);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a worker's script", () => {
  it.each([
    ["comes", [], 200, "runs", 1],
    ["does not come once", [comesNot], 200, "runs", 2],
    ["does not come twice", [comesNot, comesNot], 200, "runs", 3],
    ["never comes", [comesNot, comesNot, comesNot], 200, "worker_failed", 3],
    ["is damaged in the HTTP cache", [breaks], 200, "runs", 2],
    ["is damaged on the server", [breaks, breaks, breaks], 200, "worker_failed", 3],
    ["stands still once", [standsStill], 200, "runs", 2],
    ["stands still for ever", [standsStill, standsStill, standsStill], 200, "timed_out", 3],
    ["is not there", [comesNot], 404, "not_found", 1],
    ["is not given out", [comesNot, comesNot, comesNot], 403, "fetch_failed", 3],
    ["cannot be started", [throws], 200, "worker_failed", 1],
  ] as const)("that %s", async (_, scripts, status, comes, workers) => {
    known();
    const started = start([...scripts], served(status));
    expect(await outcome(started)).toBe(comes);
    expect(started.spawned).toHaveLength(workers);
    const ended = started.spawned.filter((worker) => worker.ended).length;
    // The last one runs, or was never made.
    expect(ended).toBe(comes === "runs" || scripts[0] === throws ? workers - 1 : workers);
  });

  it("that is a web page is none", async () => {
    known();
    const page = served(200, "text/html", "<!doctype html>");
    expect(await outcome(start([comesNot], page))).toBe("not_a_file");
  });

  it("that is asked for without a network", async () => {
    const network = { ...served(200), online: () => false };
    expect(await outcome(start([comesNot], network))).toBe("offline");
  });

  it("whose server cannot be reached", async () => {
    known();
    const network = fakeNetwork(async () => {
      throw new TypeError("Failed to fetch");
    });
    const scripts = [comesNot, comesNot, comesNot];
    expect(await outcome(start(scripts, { ...network, sleep: async () => {} }))).toMatch(
      /unreachable|timed_out/,
    );
  });

  it("is fetched past the HTTP cache before the next attempt", async () => {
    known();
    const asked: (RequestCache | undefined)[] = [];
    const network = served(200);
    const watched = {
      ...network,
      fetch: (url: string, init: RequestInit) => {
        if (url === SCRIPT) asked.push(init.cache);
        return network.fetch(url, init);
      },
    };
    await outcome(start([breaks], watched));
    expect(asked).toEqual(["reload"]);
  });

  it("gets what was posted before it ran, in order", async () => {
    const { worker, spawned } = start([comesNot]);
    for (const id of [0, 1, 2]) worker.postMessage({ ...REQUEST, id }, []);
    while (spawned[1]?.posted.length !== 3) await new Promise((done) => setTimeout(done, 1));
    expect(spawned[1]?.posted.map(({ id }) => id)).toEqual([0, 1, 2]);
  });

  it("is not tried again once nobody wants it", async () => {
    const { worker, spawned } = start([comesNot, comesNot]);
    worker.terminate();
    await new Promise((done) => setTimeout(done, 50));
    expect(spawned).toHaveLength(1);
  });

  it("that fails while it runs tells so", async () => {
    const { worker, spawned } = start([runs]);
    const failure = new Remote(worker, START_AGAIN).call("kinds", []);
    while (spawned[0]?.posted.length !== 1) await new Promise((done) => setTimeout(done, 1));
    spawned[0]?.fail("boom");
    await expect(failure).rejects.toMatchObject({ code: "worker_failed" });
  });
});
