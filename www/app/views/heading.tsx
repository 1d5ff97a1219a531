/**
 * Headings that take the focus when the page turns to what they head: without it the focus would fall to the top of the
 * page whenever the button that was pressed is gone.
 */
import { signal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

interface Arrival {
  id: string;
  /** Whether the heading is scrolled to as well. */
  scroll: boolean;
}

const arrival = signal<Arrival | null>(null);

/** Turns to a heading, at once or when it is drawn. */
export function arriveAt(id: string, scroll = true): void {
  arrival.value = { id, scroll };
}

/** Turns to a heading unless the visitor is busy elsewhere: for what ends by itself. */
export function arriveFrom(part: string, id: string): void {
  const focused = document.activeElement;
  const elsewhere = focused && focused !== document.body && !focused.closest(part);
  if (!elsewhere) arriveAt(id, false);
}

interface Props {
  id: string;
  level?: "h2" | "h3";
  class?: string;
  children: ComponentChildren;
}

export function Heading({ id, level: Level = "h3", class: name, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useSignalEffect(() => {
    const wanted = arrival.value;
    if (wanted?.id !== id) return;
    arrival.value = null;
    // Once all parts of the page are drawn: focusing asks for the layout, and that of half a page may be too short for
    // where the window is.
    requestAnimationFrame(() => {
      heading.current?.focus({ preventScroll: true });
      if (wanted.scroll) heading.current?.scrollIntoView({ block: "start" });
    });
  });
  return (
    <Level ref={heading} id={id} class={name ? `arrival ${name}` : "arrival"} tabIndex={-1}>
      {children}
    </Level>
  );
}
