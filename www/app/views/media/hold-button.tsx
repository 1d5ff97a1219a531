/**
 * A button to press once or to hold: it begins when it is pressed, and ends when it is released after being held, or
 * when it is pressed again.
 */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

/** A press of this length is a hold. */
const HOLD_MS = 400;

interface Props {
  class: string;
  active: boolean;
  disabled?: boolean;
  /** Whether it must be held: then every release ends it. */
  hold?: boolean;
  label?: string;
  onBegin(): void;
  onEnd(): void;
  children: ComponentChildren;
}

export function HoldButton({ active, hold, label, onBegin, onEnd, children, ...rest }: Props) {
  const pressed = useRef(0);
  const press = (event: PointerEvent) => {
    if (event.button !== 0) return;
    if (active) {
      onEnd();
      return;
    }
    pressed.current = performance.now();
    const release = () => {
      for (const type of ["pointerup", "pointercancel"]) removeEventListener(type, release);
      if (hold || performance.now() - pressed.current > HOLD_MS) onEnd();
    };
    // Anywhere: whoever holds it may leave it meanwhile.
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, release);
    onBegin();
  };
  return (
    <button
      {...rest}
      type="button"
      aria-pressed={active}
      aria-label={label}
      onPointerDown={press}
      onContextMenu={(event) => event.preventDefault()}
      onClick={(event) => {
        // Of a pointer all is done already; the keyboard presses once to begin and once to end.
        if (event.detail !== 0) return;
        if (active) onEnd();
        else onBegin();
      }}
    >
      {children}
    </button>
  );
}
