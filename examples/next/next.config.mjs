export default {
  // On the server Node.js loads the package itself, with the worker and the wasm files beside it.
  serverExternalPackages: ["graftlet"],
};
