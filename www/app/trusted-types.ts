/**
 * The page's one Trusted Types policy. With `require-trusted-types-for 'script'` browsers refuse plain strings where code
 * is loaded from; the default policy is asked instead and lets through the page's own scripts only.
 *
 * It is the default policy so that `new Worker(new URL("./worker.js", import.meta.url))` can stay as it is, which bundlers
 * look for. Strings of HTML and of code have no rule here and are always refused.
 */

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string | null }): unknown;
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };

/** Whether the page loads this script itself: from its own origin, below its own folder. */
export function isOwnScript(url: string, base: string): boolean {
  try {
    const folder = new URL("./", base);
    const { origin, protocol, pathname } = new URL(url, base);
    return (
      origin === folder.origin &&
      protocol.startsWith("http") &&
      pathname.startsWith(folder.pathname) &&
      pathname.endsWith(".js")
    );
  } catch {
    return false;
  }
}

trustedTypes?.createPolicy("default", {
  // Null is refused, and reported as a violation.
  createScriptURL: (url) => (isOwnScript(url, document.baseURI) ? url : null),
});
