/** Writes ../hosting: the page's headers as the settings of several servers. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FILES } from "./headers.mjs";

const folder = fileURLToPath(new URL("../../hosting/", import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries(FILES)) writeFileSync(folder + name, content());
