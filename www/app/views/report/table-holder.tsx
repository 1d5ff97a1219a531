/**
 * A table that scrolls sideways where it is wider than the page.
 */
import type { ComponentChildren } from "preact";

export function TableHolder({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="table-holder" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
