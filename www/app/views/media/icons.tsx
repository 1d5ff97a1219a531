/**
 * The few signs of the parts for sounds and pictures. Each stands beside words or in a button that has a name.
 */
import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      {children}
    </svg>
  );
}

export const PlayIcon = () => (
  <Icon>
    <path d="M4 2.500v11l9-5.500Z" />
  </Icon>
);

export const CrossIcon = () => (
  <Icon>
    <path d="m3.500 3.500 9 9m0-9-9 9" class="icon-line" />
  </Icon>
);
