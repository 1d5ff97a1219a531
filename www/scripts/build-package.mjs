/**
 * Builds the npm package in ../pkg from client/ and from wasm-bindgen's output in ../target/wasm-pkg.
 *
 *   node scripts/build-package.mjs [--fake-engine]
 *
 * With --fake-engine the tests' double takes the wasm's place: for work on the page without a Rust build.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLED } from "./bundled.mjs";

const www = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const root = resolve(www, "..");
const out = resolve(root, "pkg");
const wasm = resolve(root, "target/wasm-pkg");
const fake = process.argv.includes("--fake-engine");

const glue = fake ? resolve(www, "client/test/fake-engine.ts") : resolve(wasm, "graftlet.js");
if (!existsSync(glue)) {
  console.error(`build-package: ${glue} is missing: run ./build.sh build, which makes it first.`);
  process.exit(1);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

/** @type {import("esbuild").BuildOptions} */
const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  outdir: out,
  legalComments: "none",
  // Whoever bundles it does this again; whoever does not has less to fetch. Line ends stay, for what a debugger shows.
  minifySyntax: true,
  minifyIdentifiers: true,
  minifyWhitespace: true,
  metafile: true,
  logLevel: "warning",
};
/** Bundles, and fails on code of others whose notices `notices.mjs` would leave out. */
async function bundle(options) {
  const { metafile } = await build(options);
  for (const input of Object.keys(metafile.inputs)) {
    const name = input.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1];
    if (name === undefined || BUNDLED.includes(name)) continue;
    throw new Error(`build-package: ${name} is bundled, but scripts/bundled.mjs does not name it.`);
  }
}

/** Node.js has threads and paths where browsers have workers and addresses. */
const forNode = {
  name: "platform of Node.js",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/platform\.js$/ }, () => ({
      path: resolve(www, "client/platform-node.ts"),
    }));
  },
};
/** The hook imports the package as its users do, so that page and hook have one engine between them. */
const packageItself = {
  name: "the package itself",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: "graftlet", external: true }));
  },
};
await bundle({ ...common, entryPoints: [resolve(www, "client/index.ts")] });
await bundle({
  ...common,
  entryPoints: { node: resolve(www, "client/index.ts") },
  platform: "node",
  plugins: [forNode],
});
await bundle({
  ...common,
  entryPoints: [resolve(www, "client/react.ts")],
  external: ["react", "graftlet"],
  plugins: [packageItself],
});

const modules = ["graftlet_simd128.wasm", "graftlet_relaxed.wasm"];
for (const name of modules) {
  if (fake) writeFileSync(resolve(out, name), new Uint8Array());
  else copyFileSync(resolve(wasm, name), resolve(out, name));
}
// The worker knows which wasm files it was built with, and takes no others.
const known = (name) => {
  const content = readFileSync(resolve(out, name));
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { bytes: content.length, sha256 };
};
const engine = {
  ...common,
  alias: { "graftlet-wasm": glue },
  define: {
    WASM_FILES: JSON.stringify({
      simd128: known("graftlet_simd128.wasm"),
      relaxed: known("graftlet_relaxed.wasm"),
    }),
  },
};
await bundle({
  ...engine,
  // The double has no use for a backbone, so its worker needs no files of one.
  entryPoints: { worker: resolve(www, fake ? "client/test/fake-script.ts" : "client/worker.ts") },
});
await bundle({
  ...common,
  entryPoints: [resolve(www, "client/worker-node.ts")],
  platform: "node",
});

execFileSync(
  process.execPath,
  [
    resolve(www, "node_modules/typescript/bin/tsc"),
    "-p",
    resolve(www, "client/tsconfig.package.json"),
  ],
  { stdio: "inherit" },
);
writeFileSync(resolve(out, "worker.d.ts"), "export {};\n");
// What the import of a wasm file gives, each bundler decides for itself.
writeFileSync(resolve(out, "wasm.d.ts"), "declare const file: unknown;\nexport default file;\n");
// Of the others' declarations no public one speaks.
const reachable = reachableFrom(["index.d.ts", "react.d.ts", "worker.d.ts", "wasm.d.ts"]);
for (const name of readdirSync(out)) {
  if (name.endsWith(".d.ts") && !reachable.has(name)) rmSync(resolve(out, name));
}

function reachableFrom(entries) {
  const found = new Set(entries);
  for (const name of found) {
    const text = readFileSync(resolve(out, name), "utf8");
    for (const [, to] of text.matchAll(/(?:from|import\() ?"\.\/([^"]+)\.js"/g))
      found.add(`${to}.d.ts`);
  }
  return found;
}

const cargo = readFileSync(resolve(root, "Cargo.toml"), "utf8");
const field = (name) => cargo.match(new RegExp(`^${name} = "(.*)"$`, "m"))?.[1];
writeFileSync(
  resolve(out, "package.json"),
  `${JSON.stringify(
    {
      name: "graftlet",
      version: field("version"),
      description: field("description"),
      license: field("license"),
      repository: { type: "git", url: `git+${field("repository")}.git` },
      keywords: ["adapter", "lora", "peft", "transformer", "wasm", "text-classification"],
      type: "module",
      exports: {
        ".": { types: "./index.d.ts", node: "./node.js", default: "./index.js" },
        "./react": { types: "./react.d.ts", default: "./react.js" },
        "./worker.js": { types: "./worker.d.ts", default: "./worker.js" },
        ...Object.fromEntries(
          modules.map((name) => [`./${name}`, { types: "./wasm.d.ts", default: `./${name}` }]),
        ),
        "./package.json": "./package.json",
      },
      types: "./index.d.ts",
      sideEffects: false,
      engines: { node: ">=20" },
      peerDependencies: { react: ">=18" },
      peerDependenciesMeta: { react: { optional: true } },
      files: ["*.js", "*.d.ts", "THIRD-PARTY-NOTICES.txt", ...modules],
    },
    null,
    2,
  )}\n`,
);
copyFileSync(resolve(www, "client/README.md"), resolve(out, "README.md"));
const license = resolve(root, "LICENSE");
if (existsSync(license)) copyFileSync(license, resolve(out, "LICENSE"));

for (const name of ["index.js", "worker.js", "node.js", "worker-node.js", "react.js", ...modules]) {
  console.log(`pkg/${name}  ${(statSync(resolve(out, name)).size / 1000).toFixed(1)} kB`);
}
