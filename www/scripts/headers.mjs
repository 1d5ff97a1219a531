/**
 * The response headers that the page is served with: the one table from which the preview server, the `<meta>` in
 * index.html and the files in ../hosting are made. docs/hosting.md says what each header is for.
 */

/** Everything is forbidden but what is named here. */
const POLICY = {
  "default-src": ["'none'"],
  // The engine is WebAssembly, which needs a permission of its own; evaluating strings stays forbidden.
  "script-src": ["'self'", "'wasm-unsafe-eval'"],
  "worker-src": ["'self'"],
  "style-src": ["'self'"],
  "font-src": ["'self'"],
  "img-src": ["'self'"],
  "connect-src": ["'self'"],
  "manifest-src": ["'self'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
  "frame-ancestors": ["'none'"],
  // The one Trusted Types policy is in app/trusted-types.ts.
  "require-trusted-types-for": ["'script'"],
  "trusted-types": ["default"],
};

/** What browsers ignore in a `<meta>`. */
const HEADER_ONLY = ["frame-ancestors"];

/** Devices that the page uses when the visitor says so, for models of sounds and of pictures. The browser asks as well. */
const OWN_POWERS = ["camera", "microphone"];

/** Devices and powers that the page never uses. */
const POWERS = [
  "accelerometer",
  "autoplay",
  "display-capture",
  "encrypted-media",
  "fullscreen",
  "geolocation",
  "gyroscope",
  "hid",
  "magnetometer",
  "midi",
  "payment",
  "picture-in-picture",
  "publickey-credentials-get",
  "screen-wake-lock",
  "serial",
  "usb",
  "xr-spatial-tracking",
];

const policyText = (entries) =>
  entries.map(([name, sources]) => `${name} ${sources.join(" ")}`).join("; ");

/** The policy as a header has it. */
export const CONTENT_SECURITY_POLICY = policyText(Object.entries(POLICY));

/** The policy as a `<meta>` may have it, for hosts that send no headers of one's own, such as GitHub Pages. */
export const META_POLICY = policyText(
  Object.entries(POLICY).filter(([name]) => !HEADER_ONLY.includes(name)),
);

export const REFERRER_POLICY = "no-referrer";

/** Sent with every file. */
const SAFETY = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": REFERRER_POLICY,
  "Permissions-Policy": [
    ...OWN_POWERS.map((power) => `${power}=(self)`),
    ...POWERS.map((power) => `${power}=()`),
  ].join(", "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Files under these paths have a hash of their content in their name, so they never change. */
const HASHED = "/assets/";

/** Path prefixes with the headers of the files under them; a longer prefix stands later and wins. */
export const RULES = [
  { prefix: "/", headers: { ...SAFETY, "Cache-Control": "no-cache" } },
  {
    prefix: HASHED,
    headers: { ...SAFETY, "Cache-Control": "public, max-age=31536000, immutable" },
  },
];

/** The headers of one file, by its path from the site's root. */
export function headersFor(path) {
  return RULES.findLast(({ prefix }) => path.startsWith(prefix))?.headers ?? {};
}

const WRITTEN = "Written by `npm run hosting` from www/scripts/headers.mjs: change that file.";

/** Netlify's and Cloudflare Pages' file; it lies in the published folder. */
export function underscoreHeaders() {
  // Both services add up the headers of all rules that match, so a header may stand in one rule only. Without a
  // Cache-Control of ours both let browsers ask again each time, which is what files without a hash need.
  const rules = RULES.map(({ prefix, headers }, index) => {
    const shared = index === 0 ? {} : SAFETY;
    const lines = Object.entries(headers)
      .filter(([name]) => !(name in shared) && !(index === 0 && name === "Cache-Control"))
      .map(([name, value]) => `  ${name}: ${value}`);
    return `${prefix}*\n${lines.join("\n")}\n`;
  });
  return `# ${WRITTEN}\n${rules.join("\n")}`;
}

/** Lines for nginx's `server` block. */
export function nginx() {
  const blocks = RULES.map(({ prefix, headers }) => {
    const lines = Object.entries(headers).map(
      ([name, value]) => `    add_header ${name} "${value}" always;`,
    );
    return `location ${prefix} {\n${lines.join("\n")}\n}\n`;
  });
  return [
    `# ${WRITTEN}`,
    "# Include this file in a `server` block whose `root` is the folder www/dist.",
    "# nginx drops inherited headers where a block adds its own, so each block has all of them.",
    "types {",
    "    application/wasm wasm;",
    "    application/manifest+json webmanifest;",
    "}",
    "include mime.types;",
    "# Takes the .br files that lie beside the originals; needs the module ngx_brotli.",
    "# brotli_static on;",
    "",
    blocks.join("\n"),
  ].join("\n");
}

/** A site for Caddy. */
export function caddyfile() {
  const blocks = RULES.map(({ headers }, index) => {
    const lines = Object.entries(headers).map(([name, value]) => `\t\t${name} "${value}"`);
    return `\theader @rule${index} {\n${lines.join("\n")}\n\t}\n`;
  });
  const matchers = RULES.map(({ prefix }, index) => {
    const later = RULES.slice(index + 1).map((rule) => `${rule.prefix}*`);
    const not = later.length > 0 ? `\n\t\tnot path ${later.join(" ")}` : "";
    return `\t@rule${index} {\n\t\tpath ${prefix}*${not}\n\t}\n`;
  });
  return [
    `# ${WRITTEN}`,
    "# Put your domain in place of `example.org`, and the folder www/dist after `root *`.",
    "example.org {",
    "\troot * /srv/graftlet",
    "\tencode zstd gzip",
    "\tfile_server {\n\t\tprecompressed br\n\t}",
    ...matchers,
    ...blocks,
    "}",
    "",
  ].join("\n");
}

/** The files of ../hosting, by name. */
export const FILES = {
  _headers: underscoreHeaders,
  "nginx.conf": nginx,
  Caddyfile: caddyfile,
};
