/**
 * The engine's two builds: the better one that the browser runs is loaded, only that one, and the page says which.
 */
import type { Page } from "@playwright/test";
import { amend } from "./amend.js";
import { expect, openPage, test } from "./page.js";

/** The wasm files that were asked for, without the hash in their names. */
function modulesAsked(page: Page): string[] {
  const modules: string[] = [];
  page.context().on("request", (request) => {
    const [name] = /graftlet_[a-z0-9]+(?=[-.].*wasm$)/.exec(request.url()) ?? [];
    if (name) modules.push(name);
  });
  return modules;
}

/** What `WebAssembly.validate` says in the page's workers, given the browser's own answer. */
async function browserValidates(page: Page, answer: string): Promise<void> {
  const stub = `const own = WebAssembly.validate; WebAssembly.validate = (module) => ${answer};`;
  await page.route("**/worker-*.js", (route) => amend(route, (text) => `{ ${stub} }\n${text}`));
}

test("the page runs the relaxed build here and says so", { tag: "@core" }, async ({ page }) => {
  const modules = modulesAsked(page);
  await openPage(page);
  const backbone = page.getByRole("region", { name: "Backbone" });
  await expect(backbone).toContainText(/(relaxed-simd|dot) kernels/);
  // Every worker that computes loads the module.
  expect([...new Set(modules)]).toEqual(["graftlet_relaxed"]);
});

test("a browser without relaxed SIMD gets the other build", { tag: "@core" }, async ({ page }) => {
  // f32x4.relaxed_madd is the one instruction of three operands that is asked about.
  await browserValidates(page, "own(module) && !String(module).includes('253,133,2')");
  const modules = modulesAsked(page);
  await openPage(page);
  const backbone = page.getByRole("region", { name: "Backbone" });
  await expect(backbone).toContainText("simd128");
  expect([...new Set(modules)]).toEqual(["graftlet_simd128"]);
});

test("a browser without SIMD is told what to do, and nothing is fetched", async ({ page }) => {
  await browserValidates(page, "false");
  const modules = modulesAsked(page);
  await page.goto("./");
  const alert = page.getByRole("region", { name: "Backbone" }).getByRole("alert");
  await expect(alert).toContainText("This browser has no WebAssembly SIMD");
  await expect(alert).toContainText("Firefox from 114");
  await expect(page.getByRole("button", { name: "Try again" })).toHaveCount(0);
  expect(modules).toEqual([]);
});
