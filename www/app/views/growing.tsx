/**
 * A text box as high as its text: by style where the browser can (`field-sizing`), else by measuring.
 */
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  id: string;
  class?: string;
  value: string;
  placeholder?: string;
  onInput(value: string): void;
}

export function Growing({ onInput, ...rest }: Props) {
  const box = useRef<HTMLTextAreaElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the value
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [rest.value]);
  return (
    <textarea
      {...rest}
      ref={box}
      rows={2}
      spellcheck={false}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  );
}
