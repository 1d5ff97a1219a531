/**
 * Chooses files or a folder of sounds or pictures.
 */
import { useRef } from "preact/hooks";
import type { DroppedFile } from "../../files/drop.js";
import { accepted } from "../../media/files.js";
import { sort } from "../../state/sort.js";

interface Props {
  class: string;
  words: string;
  /** The name of the file field, for those who do not see what it stands beside. */
  label: string;
  folder?: boolean;
  onChoose(files: DroppedFile[]): void;
}

export function FileButton({ class: name, words, label, folder = false, onChoose }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const wanted = sort.value;
  if (wanted === "texts") return null;
  return (
    <>
      <button type="button" class={name} onClick={() => input.current?.click()}>
        {words}
      </button>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label={label}
        multiple
        accept={accepted(wanted)}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={(event) => {
          const field = event.currentTarget;
          const files = [...(field.files ?? [])].map((file) => ({
            path: file.webkitRelativePath || file.name,
            file,
          }));
          field.value = "";
          if (files.length > 0) onChoose(files);
        }}
      />
    </>
  );
}
