/**
 * A row of the file: its number and what it says.
 */
import type { NamedRow } from "../../rows/types.js";
import { sort } from "../../state/sort.js";
import { mediaParts } from "../media-parts.js";

const MOST_CHARACTERS = 300;

export function RowText({ row: { number, text, text2 } }: { row: NamedRow }) {
  const Media = mediaParts.value;
  if (sort.value !== "texts") return Media && <Media.ExampleText id={number} title={text} />;
  return (
    <p class="row-text">
      <span class="row-number">Row {number}</span> {cut(text)}
      {text2 !== undefined && <span class="row-second"> / {cut(text2)}</span>}
    </p>
  );
}

function cut(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
