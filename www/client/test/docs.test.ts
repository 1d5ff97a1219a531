/**
 * The documents' TypeScript and JavaScript agrees with the package's types.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const www = resolve(import.meta.dirname, "../..");
const root = resolve(www, "..");

/** What the examples use and leave to the reader. */
const GIVEN = `
import type { Graftlet as Class, LoadProgress, Row } from "graftlet";
declare global {
  const g: Class;
  const rows: Row[];
  const texts: string[];
  const longText: string;
  const signal: AbortSignal;
  const input: { files: FileList };
  const blob: Blob;
  const bytes: Uint8Array;
  const onProgress: (progress: LoadProgress) => void;
}
`;

/** A block of code: the line of its fence, counted from 1, its language and its text. */
type Block = { line: number; language: string; text: string };

function blocks(markdown: string): Block[] {
  const found: Block[] = [];
  let open: Block | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    if (open && line.startsWith("```")) {
      if (["ts", "tsx", "js", "jsx"].includes(open.language)) found.push(open);
      open = undefined;
    } else if (open) {
      open.text += `${line}\n`;
    } else if (line.startsWith("```")) {
      open = { line: index + 1, language: line.slice(3), text: "" };
    }
  }
  return found;
}

/** What the compiler says of the blocks of documents, with the documents' own names and lines. */
function faults(documents: Record<string, string>): string[] {
  const folder = mkdtempSync(join(tmpdir(), "graftlet-docs-"));
  try {
    mkdirSync(join(folder, "blocks"));
    writeFileSync(join(folder, "blocks/given.d.ts"), GIVEN);
    for (const [name, markdown] of Object.entries(documents)) {
      for (const { line, language, text } of blocks(markdown)) {
        const file = `${name.replaceAll("/", "!")}!${line}.${language}`;
        // a module of its own, whose lines are the document's
        writeFileSync(join(folder, "blocks", file), `export {};${"\n".repeat(line)}${text}`);
      }
    }
    const types = (name: string) => [join(www, "node_modules/@types", name)];
    const config = {
      extends: join(www, "tsconfig.base.json"),
      compilerOptions: {
        lib: ["ES2023", "DOM", "DOM.Iterable"],
        jsx: "react-jsx",
        allowJs: true,
        checkJs: true,
        noImplicitAny: false,
        paths: {
          graftlet: [join(www, "client/index.ts")],
          "graftlet/react": [join(www, "client/react.ts")],
          react: types("react"),
          "react/jsx-runtime": types("react/jsx-runtime.d.ts"),
        },
      },
      include: ["blocks/*"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(www, "node_modules/typescript/bin/tsc");
    const { stdout, status } = spawnSync(
      process.execPath,
      [tsc, "-p", folder, "--pretty", "false"],
      {
        encoding: "utf8",
        cwd: folder,
      },
    );
    const lines = stdout.split("\n").filter((line) => line.includes("error TS"));
    const said = lines.map((line) =>
      line
        .replace(/^blocks\//, "")
        .replace(/!\d+\.[jt]sx?\((\d+),\d+\)/, ":$1")
        .replaceAll("!", "/"),
    );
    expect(status === 0).toBe(said.length === 0);
    return said;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The documents with examples: every one for users of the package. */
function documents(): Record<string, string> {
  const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const names = ["README.md", "www/client/README.md", ...docs.map((name) => `docs/${name}`)];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(root, name), "utf8")]));
}

test("the documents' examples compile", () => {
  const all = documents();
  const count = Object.values(all).flatMap(blocks).length;
  expect(count).toBeGreaterThan(6);
  expect(faults(all)).toEqual([]);
});

test("an example that does not compile is found, by its line", () => {
  const good = 'import { Graftlet } from "graftlet";\nconst g = await Graftlet.load("/m/");\n';
  const markdown = `# Title\n\n\`\`\`ts\n${good}await g.clasify("a");\n\`\`\`\n\n\`\`\`js\nawait g.embed(3);\n\`\`\`\n`;
  const found = faults({ "docs/x.md": markdown });
  expect(found).toHaveLength(2);
  expect(found[0]).toMatch(/^docs\/x\.md:6: error .*clasify/);
  expect(found[1]).toMatch(/^docs\/x\.md:10: error /);
});
