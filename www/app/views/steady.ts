/**
 * Keeps what is on show where it is when a panel above it changes its height: the end of a run puts another task into the
 * panel for asking while the visitor looks at the panel for teaching. Browsers do this by themselves only where the part
 * that they hold on to stays, and some do not do it at all (`overflow-anchor` is off for that).
 */
import { useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { busy } from "../state/run-state.js";

/** Follows the panels of these classes. */
export function useSteady(...panels: readonly string[]): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the panels stay the same
  useEffect(() => {
    const heights = new Map<Element, number>();
    const observer = new ResizeObserver((entries) => {
      let by = 0;
      for (const { target } of entries) {
        const { bottom, height } = target.getBoundingClientRect();
        const grown = height - (heights.get(target) ?? height);
        heights.set(target, height);
        // Its lower edge was above the window before.
        if (bottom - grown <= 0) by += grown;
      }
      if (by !== 0) scrollBy({ top: by, behavior: "instant" });
    });
    for (const panel of panels) {
      const element = document.querySelector(`.${panel}`);
      if (element) observer.observe(element);
    }
    return () => observer.disconnect();
  }, []);
}

/** Keeps a panel of this class at least as high as it was when a run began, until the visitor does something after it. */
export function useHeldWhileBusy(panel: string): void {
  useSignalEffect(() => {
    const element = document.querySelector<HTMLElement>(`.${panel}`);
    if (!element || !busy.value) return;
    element.style.minHeight = `${element.getBoundingClientRect().height}px`;
    const release = () => {
      if (busy.peek()) return;
      element.style.minHeight = "";
      for (const type of ["pointerdown", "keydown"]) removeEventListener(type, release);
    };
    for (const type of ["pointerdown", "keydown"]) addEventListener(type, release);
  });
}
