/**
 * The worker script with the tests' double in the wasm's place, for work on the page without a Rust build.
 */
import { serve } from "../host.js";
import { browserNetwork } from "../network.js";
import * as fake from "./fake-engine.js";
import { EMPTY_WASM, emptyNetwork } from "./fake-network.js";

const port = self as unknown as Parameters<typeof serve>[0];
const { fetch } = emptyNetwork();
const network: typeof browserNetwork = {
  ...browserNetwork,
  fetch: (url, init) =>
    /\.wasm$|\/models\//.test(url) ? fetch(url, init) : browserNetwork.fetch(url, init),
};
serve(port, fake, EMPTY_WASM, { network });
