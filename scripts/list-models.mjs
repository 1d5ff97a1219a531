// Writes www/public/models.json, the list of the models that the page offers: those whose folders are complete.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const models = join(import.meta.dirname, "../www/public/models");
const KNOWN = [
  { folder: "minilm-l6", title: "all-MiniLM-L6-v2", about: "English", reads: "texts" },
  { folder: "e5-small", title: "multilingual-e5-small", about: "a hundred languages", reads: "texts" },
  { folder: "whisper-tiny-en", title: "whisper-tiny.en", about: "sounds and spoken words", reads: "sounds" },
  { folder: "dinov2-small", title: "DINOv2-small", about: "pictures", reads: "pictures" },
];

const list = KNOWN.flatMap((known) => {
  const manifest = join(models, known.folder, "manifest.json");
  if (!existsSync(manifest)) return [];
  const { files } = JSON.parse(readFileSync(manifest, "utf8"));
  return [{ ...known, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }];
});
writeFileSync(join(models, "../models.json"), `${JSON.stringify({ models: list }, null, 2)}\n`);
