/**
 * Builds the examples from the package's tarball, and clicks through each in Chromium.
 *
 *   node scripts/examples.mjs TARBALL [light] [NAME…]     light ones take tools from www/node_modules, the others install
 */
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const root = resolve(www, "..");
const [tarball, ...rest] = process.argv.slice(2);
const light = rest[0] === "light";
const names = light ? rest.slice(1) : rest;

const SPAM = "free entry win cash txt now";
/** A busy machine is no failure. */
const PATIENCE = 120_000;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Every example: builds itself in `folder` and says "spam" to spam. */
const EXAMPLES = {
  html: { light: true, run: html },
  node: { light: true, run: node },
  extension: { light: true, run: extension },
  vite: { light: true, run: (folder) => vite(folder) },
  "vite 7": { from: "vite", run: (folder) => vite(folder, "7.3.8") },
  "vite 6": { from: "vite", run: (folder) => vite(folder, "6.4.6") },
  webpack: { run: webpack },
  next: { run: next },
};

/** The example's files, in a folder of their own. */
function prepared(name, from = name) {
  const folder = join(root, "target/examples", name.replace(" ", ""));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "examples", from), folder, { recursive: true });
  cpSync(tarball, join(folder, "graftlet.tgz"));
  return folder;
}

/** Backbone and adapter below a folder that is served. */
function addModels(folder) {
  for (const path of ["models/minilm-l6", "adapters/sms_spam"]) {
    cpSync(join(www, "public", path), join(folder, path), { recursive: true });
  }
}

/** The tarball's files, as an installation puts them. */
function unpack(folder) {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", folder]);
}

function run(folder, command, ...args) {
  execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

function install(folder, ...more) {
  run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", ...more);
}

async function html(folder) {
  unpack(join(folder, "graftlet"));
  addModels(folder);
  await withServer(folder, clickThrough);
}

async function node(folder) {
  unpack(join(folder, "node_modules/graftlet"));
  addModels(join(folder, "public"));
  const answer = execFileSync(process.execPath, ["main.js", SPAM], {
    cwd: folder,
    encoding: "utf8",
  });
  expectSpam(answer);
}

async function extension(folder) {
  unpack(join(folder, "graftlet"));
  addModels(folder);
  const args = [
    ...CHROMIUM_ARGS,
    `--disable-extensions-except=${folder}`,
    `--load-extension=${folder}`,
  ];
  const context = await chromium.launchPersistentContext("", {
    executablePath: CHROMIUM,
    args,
    ignoreDefaultArgs: ["--disable-extensions"],
  });
  try {
    const worker =
      context.serviceWorkers()[0] ??
      (await context.waitForEvent("serviceworker", { timeout: PATIENCE }));
    const page = await context.newPage();
    await visit(page, new URL("popup.html", worker.url()).href);
  } finally {
    await context.close();
  }
}

/** For development and built. Without a version it is the one that the page itself is built with. */
async function vite(folder, version) {
  let program = join(www, "node_modules/vite/bin/vite.js");
  if (version || !light) {
    install(folder, ...(version ? [`vite@${version}`] : []));
    program = join(folder, "node_modules/vite/bin/vite.js");
  } else {
    unpack(join(folder, "node_modules/graftlet"));
    for (const name of ["react", "react-dom", "scheduler"]) {
      symlinkSync(join(www, "node_modules", name), join(folder, "node_modules", name));
    }
  }
  addModels(join(folder, "public"));
  const port = await freePort();
  const args = [program, "--host", "127.0.0.1", "--port", String(port), "--strictPort"];
  await withProcess(folder, process.execPath, args, `http://127.0.0.1:${port}/`, clickThrough);
  run(folder, process.execPath, program, "build", "--logLevel", "warn");
  await withServer(join(folder, "dist"), clickThrough);
}

async function webpack(folder) {
  install(folder);
  addModels(join(folder, "public"));
  run(folder, "npx", "webpack");
  await withServer(join(folder, "public"), clickThrough);
}

async function next(folder) {
  install(folder);
  addModels(join(folder, "public"));
  process.env.NEXT_TELEMETRY_DISABLED = "1";
  run(folder, "npx", "next", "build");
  const port = await freePort();
  const program = join(folder, "node_modules/next/dist/bin/next");
  const args = [program, "start", "--hostname", "127.0.0.1", "--port", String(port)];
  await withProcess(folder, process.execPath, args, `http://127.0.0.1:${port}/`, async (url) => {
    const rendered = await (await fetch(url)).text();
    if (!rendered.includes("Loading")) throw new Error("the server rendered no form");
    const route = await fetch(`${url}api/classify?text=${encodeURIComponent(SPAM)}`);
    expectSpam(await route.text());
    await clickThrough(url);
  });
}

async function clickThrough(url) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
  try {
    await visit(await browser.newPage(), url);
  } finally {
    await browser.close();
  }
}

async function visit(page, url) {
  const faults = [];
  page.on("pageerror", ({ message }) => faults.push(message));
  page.setDefaultTimeout(PATIENCE);
  await page.goto(url);
  try {
    await page.fill("#text", SPAM);
    await page.click("button:enabled");
    await page.waitForFunction(() =>
      /\d\.\d\d/.test(document.querySelector("#answer").textContent),
    );
  } catch (thrown) {
    const said = await page.textContent("#answer").catch(() => "nothing");
    throw new Error(`${thrown.message}\nThe page says: ${said}\n${faults.join("\n")}`);
  }
  expectSpam(await page.textContent("#answer"));
  if (faults.length > 0) throw new Error(faults.join("\n"));
}

function expectSpam(answer) {
  if (!/\bspam\b/.test(answer)) throw new Error(`the answer is “${answer}” and not spam`);
}

/** A server of files, and nothing else. */
async function withServer(folder, work) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await work(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A server of the example's own. */
async function withProcess(folder, command, args, url, work) {
  const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((done) => child.once("exit", done));
  try {
    await answers(url, child);
    await work(url);
  } finally {
    child.kill();
    await ended;
  }
}

async function answers(url, child) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until && child.exitCode === null) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`nothing answers at ${url}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

let failed = 0;
for (const [name, example] of Object.entries(EXAMPLES)) {
  if (names.length > 0 ? !names.includes(name) : light && !example.light) continue;
  const began = performance.now();
  try {
    await example.run(prepared(name, example.from));
    console.log(
      `examples: ${name}: passed in ${((performance.now() - began) / 1000).toFixed(1)} s`,
    );
  } catch (thrown) {
    failed += 1;
    console.error(`examples: ${name}: FAILED: ${thrown.message}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
