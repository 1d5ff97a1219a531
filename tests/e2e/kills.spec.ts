/**
 * The browser is killed in the middle of a save, a training and a download: what was reported kept is there at the next
 * visit. GRAFTLET_KILLS sets how often each is killed; `./build.sh soak` takes more.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type BrowserContext, chromium, expect, type Page, test } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "../../www/scripts/chromium.mjs";
import { exportsOf, home, load, open, ROWS, type Scope, SOURCES } from "./package.js";

const KILLS = Number(process.env.GRAFTLET_KILLS ?? 2);

// A browser that was killed has no trace to give.
test.use({ trace: "off" });
// What was lost once is lost.
test.describe.configure({ retries: 0 });

/** Whatever ends the tests, no browser is left. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach(killGroup));

/** A browser with a folder of its own, whose processes can be killed. */
class Browser {
  readonly #folder: string;
  #process: ChildProcess | undefined;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "graftlet-kept-"));
  }

  async context(): Promise<BrowserContext> {
    const args = [`--user-data-dir=${this.#folder}`, "--remote-debugging-port=0"];
    const more = [...CHROMIUM_ARGS, "about:blank"];
    const started = spawn(CHROMIUM, [...args, ...more], {
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = started;
    running.add(started);
    for await (const line of createInterface({ input: started.stderr })) {
      const [, url] = /listening on (ws:\S+)/.exec(line) ?? [];
      if (!url) continue;
      const browser = await chromium.connectOverCDP(url);
      const [context] = browser.contexts();
      if (context) return context;
    }
    throw new Error("Chromium did not start");
  }

  /** Ends all of its processes at once, as a power cut would. */
  async kill(): Promise<void> {
    const started = this.#process;
    if (started?.pid === undefined) return;
    const ended = new Promise((resolve) => started.once("exit", resolve));
    killGroup(started);
    await ended;
    running.delete(started);
    this.#process = undefined;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  process.kill(-pid, "SIGKILL");
}

/** What the page tells before it is killed. */
async function listen(page: Page): Promise<string[]> {
  const told: string[] = [];
  await page.exposeFunction("told", (what: string) => void told.push(what));
  return told;
}

/** Instants from soon to late, in turn. */
function instant(kill: number, most: number): number {
  return Math.round(most * (0.05 + 0.95 * ((kill * 0.618034) % 1)));
}

test("an adapter that is written over when the browser is killed is the old one or the new one", async () => {
  test.setTimeout(60_000 + 60_000 * KILLS);
  const browser = new Browser();
  try {
    let page = await open(await browser.context());
    const exports = await exportsOf(page);
    await page.evaluate(async (sources) => {
      const { g } = window as unknown as Scope;
      await g.addAdapter("mine", `/adapters/${sources[0]}/`, { persist: true });
      await g.addAdapter("other", `/adapters/${sources[0]}/`, { persist: true });
    }, SOURCES);
    let last = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const told = await listen(page);
      void page
        .evaluate(
          async ([sources, from]) => {
            const { g, told } = window as unknown as Scope;
            for (let n = from + 1; ; n += 1) {
              await g.addAdapter("mine", `/adapters/${sources[n % 3]}/`, { persist: true });
              // Heard before the next one is begun, however busy the machine is.
              await told(String(n));
            }
          },
          [SOURCES, last] as const,
        )
        .catch(() => {});
      await page.waitForTimeout(300 + instant(kill, 600));
      // Every other time only the page's own process.
      if (kill % 2 === 0) await browser.kill();
      else await crash(page);
      const reported = Number(told.at(-1) ?? last);

      page = await open(kill % 2 === 0 ? await browser.context() : page.context());
      const found = await page.evaluate(async () => {
        const { g } = window as unknown as Scope;
        const saved = await g.saved();
        await g.restore("other");
        await g.restore("mine");
        const files = Object.entries(await g.exportAdapter("mine")).sort();
        return { saved, files: JSON.stringify(files) };
      });
      expect(found.saved).toEqual(["mine", "other"]);
      const version = exports.indexOf(found.files);
      expect([reported % 3, (reported + 1) % 3]).toContain(version);
      last = version === reported % 3 ? reported : reported + 1;
    }
    console.log(`${KILLS} kills, ${last} versions written`);
  } finally {
    await browser.remove();
  }
});

/** Ends the page's process at once. */
async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  // Neither the command's answer nor the event is sure to come from a process that is gone.
  const gone = page.waitForEvent("crash", { timeout: 5000 }).catch(() => {});
  session.send("Page.crash").catch(() => {});
  await gone;
  await Promise.race([page.close(), new Promise((resolve) => setTimeout(resolve, 5000))]);
}

test("a training that is under way when the browser is killed goes on, or is over", async () => {
  test.setTimeout(60_000 + 60_000 * KILLS);
  const browser = new Browser();
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const page = await open(await browser.context());
      const told = await listen(page);
      void page
        .evaluate(
          async ([rows, name]) => {
            const { g, told } = window as unknown as Scope;
            const options = { name, kind: "lora", epochs: 3, batchSize: 4 };
            for await (const event of g.train(options, rows)) {
              told(event.type);
            }
            told("over");
          },
          [ROWS, `run ${kill}`] as const,
        )
        .catch(() => {});
      // Before anything was told, or soon after a step, an evaluation or the end.
      const awaited = [undefined, "eval", "step", "done"][kill % 4];
      if (awaited) await expect.poll(() => told, { timeout: 120_000 }).toContain(awaited);
      await page.waitForTimeout(instant(kill, awaited ? 300 : 2000));
      await browser.kill();

      const later = await open(await browser.context());
      const { runs, saved, last } = await later.evaluate(async (name) => {
        const { g } = window as unknown as Scope;
        const runs = await g.interrupted();
        const saved = await g.saved();
        for (const name of saved) await g.restore(name);
        let last = "";
        if (runs.some((run) => run.name === name))
          for await (const event of g.continueTraining(name)) last = event.type;
        if (last === "done") await g.restore(name);
        return { runs, saved, last };
      }, `run ${kill}`);
      expect(runs.every((run) => run.broken === undefined)).toBe(true);
      const isThere = saved.includes(`run ${kill}`);
      if (told.includes("done")) expect(isThere).toBe(true);
      if (told.includes("eval")) expect(isThere || runs.length === 1).toBe(true);
      if (told.includes("over")) expect(runs).toEqual([]);
      if (runs.length > 0) expect(last).toBe("done");
      console.log(
        `killed after ${told.at(-1) ?? "nothing"}: ${isThere ? "saved" : `${runs.length} run`}`,
      );
      await browser.kill();
    }
  } finally {
    await browser.remove();
  }
});

test("a download that is killed is fetched again, and is then kept", async () => {
  test.setTimeout(60_000 + 60_000 * KILLS);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const browser = new Browser();
    try {
      const page = await (await browser.context()).newPage();
      await page.goto(home);
      void page.evaluate(load).catch(() => {});
      await page.waitForTimeout(instant(kill, 1200));
      await browser.kill();
      const context = await browser.context();
      await open(context);
      await context.route("**/models/**", (route) => route.abort());
      const later = await open(context);
      const report = await later.evaluate(() => (window as unknown as Scope).g.storage());
      expect(report.backboneKept).toBe(true);
    } finally {
      await browser.remove();
    }
  }
});
