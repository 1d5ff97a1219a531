/** The package's worker as it is, but with every reply it also tells how large its wasm memory has become. */
import "./memory-hook.js";
import "/pkg/worker.js";
