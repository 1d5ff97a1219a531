/**
 * What the page says of what the browser keeps: tasks of other tabs, runs that cannot be read, storage that is denied.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { unzipSync } from "fflate";
import { amend } from "./amend.js";
import { DENIED } from "./package.js";
import { dropFiles, expect, openPage, planRun, taskSelect, test } from "./page.js";

const GOLDEN = join(__dirname, "../fixtures/goldens/peft_lora_r8_qv");

function dropAdapter(page: Page): Promise<void> {
  const names = readdirSync(GOLDEN).filter((name) => name !== "expected.json");
  return dropFiles(
    page,
    names.map((name) => ({ name, bytes: readFileSync(join(GOLDEN, name)) })),
  );
}

test("tasks that are saved or deleted in one tab come and go in the other", {
  tag: "@core",
}, async ({ page, context }) => {
  await openPage(page);
  const second = await context.newPage();
  await openPage(second);
  await dropAdapter(page);
  await expect(page.getByText("Added “adapter”")).toBeVisible();
  await expect(second.getByText("“adapter” was saved in another tab")).toBeVisible();
  await taskSelect(second).selectOption("adapter");
  await expect(second.locator(".bar")).toHaveCount(3);

  await test.step("are listed with their size and the room there is, and can be asked to stay", async () => {
    const list = page.getByRole("list", { name: "Tasks kept in this browser" });
    await expect(list).toContainText(/“adapter” .*B, last used on/);
    await expect(page.getByTestId("usage")).toContainText("B of");
    await page.getByRole("button", { name: "Ask it to keep them" }).click();
    await expect(
      page.getByText(/The browser (keeps them until you delete them|did not agree)/),
    ).toBeVisible();
  });

  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(second.getByText("“adapter” was deleted in another tab.")).toBeVisible();
  await expect(taskSelect(second)).not.toHaveValue("adapter");
  await expect(second.getByTestId("verdict")).toBeVisible();
});

test("a second tab that wants the name of a run is told when it starts, and disturbs nothing", async ({
  page,
  context,
}) => {
  await openPage(page);
  await planRun(page, "wanted", 3);
  // Ready before the first one begins, which would be over otherwise where pages are opened slowly.
  const second = await context.newPage();
  await openPage(second);
  await planRun(second, "wanted", 2);
  await page.bringToFront();
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByTestId("run-figures")).toContainText("Step", { timeout: 60_000 });
  await second.bringToFront();
  await second.getByRole("button", { name: "Start training" }).click();
  await expect(
    second.getByText("“wanted” is being trained or saved in another tab", { exact: false }),
  ).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("“wanted” is ready.")).toBeVisible({ timeout: 240_000 });
  await expect(second.getByText("There is a task called “wanted” already")).toBeVisible();
  // The first one's rows are still known to its report.
  await page.getByText("The hardest of the rows held out").click();
  await expect(page.locator(".row-text").first()).toContainText(/Row \d+ \S+/);
  await test.step("and nothing of the rows is in localStorage", async () => {
    const stored = await page.evaluate(() => JSON.stringify({ ...localStorage }));
    expect(stored).toContain("wanted");
    expect(stored).not.toContain("example");
    expect(stored).not.toContain("?");
  });
});

test("a run that cannot be read is named, and can be forgotten; a row of before is removed", async ({
  page,
}) => {
  await page.goto("./");
  await page.evaluate(async () => {
    const cache = await caches.open("graftlet-runs");
    const put = (path: string, content: string) =>
      cache.put(`https://graftlet.invalid/runs/${path}`, new Response(content));
    await put("bad/run.json", "{");
    await put("bad/files.json", '["run.json"]');
    const options = { name: "fine", kind: "lora" };
    await put("fine/run.json", JSON.stringify({ options, workers: 1, rows: 3, persist: true }));
    await put("fine/files.json", '["run.json"]');
    await new Promise((resolve) => {
      const opening = indexedDB.open("graftlet.rows", 2);
      opening.onupgradeneeded = () => opening.result.createObjectStore("runs");
      opening.onsuccess = () => {
        const writing = opening.result.transaction("runs", "readwrite");
        for (const name of ["fine", "nobody"])
          writing.objectStore("runs").put(new Uint8Array(3), name);
        writing.oncomplete = () => {
          opening.result.close();
          resolve(undefined);
        };
      };
    });
    const note = { origin: "trained", example: "my secret row", score: 0.5 };
    localStorage.setItem("graftlet.notes", JSON.stringify({ mine: note }));
  });
  await openPage(page);
  const offered = page.getByRole("list", { name: "Interrupted training" });
  await expect(offered).toContainText("Training of “fine” was interrupted");
  await expect(offered).toContainText("the training of “bad” cannot be read");
  // Rows that were put by for a run that is gone go too.
  const putBy = () =>
    page.evaluate(
      () =>
        new Promise((resolve) => {
          const opening = indexedDB.open("graftlet.rows");
          opening.onsuccess = () => {
            const reading = opening.result.transaction("runs").objectStore("runs").getAllKeys();
            reading.onsuccess = () => {
              opening.result.close();
              resolve(reading.result);
            };
          };
        }),
    );
  await expect.poll(putBy).toEqual(["fine"]);
  await offered.getByRole("button", { name: "Forget it" }).click();
  await expect(offered).not.toContainText("bad");
  await expect(offered).toContainText("fine");
  await offered.getByRole("button", { name: "Discard" }).click();
  await expect(offered).toHaveCount(0);
  const notes = await page.evaluate(() => localStorage.getItem("graftlet.notes"));
  expect(JSON.parse(notes ?? "")).toEqual({ mine: { origin: "trained", score: 0.5 } });
});

test("where storage is denied what was trained answers, is said not to be kept, and is downloaded", async ({
  page,
  context,
}) => {
  await context.addInitScript(DENIED);
  await page.route("**/assets/worker-*.js", (route) => amend(route, (text) => DENIED + text));
  await openPage(page);
  await expect(page.getByTestId("backbone-not-kept")).toBeVisible();
  await planRun(page, "fleeting", 1);
  await page.getByRole("button", { name: "Start training" }).click();
  await expect(page.getByText("“fleeting” is ready.")).toBeVisible({ timeout: 240_000 });
  await expect(page.getByText("It stands in the dropdown until this tab is closed")).toBeVisible();
  await expect(page.getByText("“fleeting” answers until this tab is closed")).toBeVisible();
  await expect(taskSelect(page)).toHaveValue("fleeting");
  await expect(page.locator(".bar")).toHaveCount(6);
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download “fleeting”" }).click();
  const archive = unzipSync(readFileSync(await (await downloading).path()));
  expect(Object.keys(archive)).toContain("fleeting/adapter_config.json");
});
