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
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
  sourcemap: "linked",
  sourcesContent: true,
  legalComments: "none",
  logLevel: "warning",
};
await build({ ...common, entryPoints: [resolve(www, "client/index.ts")] });

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
await build({
  ...common,
  // The double has no use for a backbone, so its worker needs no files of one.
  entryPoints: { worker: resolve(www, fake ? "client/test/fake-script.ts" : "client/worker.ts") },
  alias: { "graftlet-wasm": glue },
  define: {
    WASM_FILES: JSON.stringify({
      simd128: known("graftlet_simd128.wasm"),
      relaxed: known("graftlet_relaxed.wasm"),
    }),
  },
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
      exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
      types: "./index.d.ts",
      // worker.js acts when it is loaded; everything else can be shaken out.
      sideEffects: ["./worker.js"],
      files: ["*.js", "*.js.map", "*.d.ts", "THIRD-PARTY-NOTICES.txt", ...modules],
    },
    null,
    2,
  )}\n`,
);
copyFileSync(resolve(www, "client/README.md"), resolve(out, "README.md"));
const license = resolve(root, "LICENSE");
if (existsSync(license)) copyFileSync(license, resolve(out, "LICENSE"));

for (const name of ["index.js", "worker.js", ...modules]) {
  console.log(`pkg/${name}  ${(statSync(resolve(out, name)).size / 1000).toFixed(1)} kB`);
}
