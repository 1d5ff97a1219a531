import { fileURLToPath } from "node:url";

// The worker and its wasm files need no rule: webpack 5 reads `new Worker(new URL(…, import.meta.url))`.
export default {
  mode: "production",
  entry: "./src/main.js",
  output: {
    path: fileURLToPath(new URL("public/bundle", import.meta.url)),
    publicPath: "auto",
    clean: true,
  },
};
