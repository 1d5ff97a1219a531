// Exit code 0 when every file that FOLDER/manifest.json names is there with the bytes and the SHA-256 it states.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

try {
  const folder = process.argv[2];
  const { files } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const valid =
    files.length > 0 &&
    files.every(({ name, bytes, sha256 }) => {
      const content = readFileSync(join(folder, name));
      return content.length === bytes && createHash("sha256").update(content).digest("hex") === sha256;
    });
  process.exitCode = valid ? 0 : 1;
} catch {
  process.exitCode = 1;
}
