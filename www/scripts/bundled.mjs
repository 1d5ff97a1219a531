/** npm packages whose code is in the package's scripts, so that their licences go along with it. */
export const BUNDLED = ["@noble/hashes"];
