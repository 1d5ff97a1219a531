/**
 * The service worker: built last, when all that it names is written.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { build } from "esbuild";
import type { Plugin } from "vite";
import type { Build } from "../app/offline/build.js";

/** Not files of the page: hosts read them, or they are other forms of its files. */
const ASIDE = /^_headers$|\.(br|gz|map)$|^sw\.js$|^THIRD-PARTY-NOTICES/;
/** The engine keeps the backbone itself. */
const BACKBONE = /^models\//;
/** Kept once they were asked for: adapters (not the lists of them), letters of other scripts, and icons of the installed page. */
const LATER = /^adapters\/.+\/(?!index\.json$)|-latin-ext-|\.png$/;
const HASHED = /^assets\//;

export function offline(entry: string): Plugin {
  let folder = "";
  return {
    name: "graftlet-offline",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        await build({
          entryPoints: [entry],
          outfile: join(folder, "sw.js"),
          bundle: true,
          format: "iife",
          target: "es2022",
          minify: true,
          legalComments: "none",
          define: {
            BUILD: JSON.stringify(listOf(folder)),
            "process.env.NODE_ENV": '"production"',
          },
          logLevel: "warning",
        });
      },
    },
  };
}

function listOf(folder: string): Build {
  const first: Build["first"] = [];
  const later: Build["later"] = [];
  const all = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => file.split(sep).join("/"))
    .filter((file) => statSync(join(folder, file)).isFile())
    .filter((file) => !ASIDE.test(file) && !BACKBONE.test(file))
    .sort();
  for (const url of files) {
    const hash = createHash("sha256").update(readFileSync(join(folder, url)));
    const sha256 = hash.digest();
    all.update(url).update(sha256);
    if (LATER.test(url)) later.push({ url, sha256: sha256.toString("hex") });
    else {
      first.push({
        url,
        revision: HASHED.test(url) ? null : sha256.toString("hex").slice(0, 16),
        integrity: `sha256-${sha256.toString("base64")}`,
      });
    }
  }
  return { version: all.digest("hex").slice(0, 12), first, later };
}
