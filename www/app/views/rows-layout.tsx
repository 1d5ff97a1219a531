/**
 * How a file of cells is laid out, for when the reader guessed wrong: what separates cells, and whether the first row
 * names the columns. Formats that say so themselves have nothing to choose.
 */
import type { Options, Source } from "../rows/types.js";
import { Select } from "./select.js";

const DELIMITERS = [
  { value: ",", title: "commas" },
  { value: ";", title: "semicolons" },
  { value: "\t", title: "tabs" },
  { value: "|", title: "bars" },
];

interface Props {
  /** Distinguishes two of these on one page. */
  id: string;
  source: Source;
  told: Options;
  onTell(told: Options): void;
}

export function Layout({ id, source, told, onTell }: Props) {
  const { delimiter, header } = source;
  if (!delimiter) return null;
  const known = DELIMITERS.some(({ value }) => value === delimiter);
  return (
    <>
      <Select
        id={`${id}-delimiter`}
        label="Cells are separated by"
        options={known ? DELIMITERS : [...DELIMITERS, { value: delimiter, title: delimiter }]}
        value={delimiter}
        onChoose={(value) => onTell({ ...told, delimiter: value })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={header}
          onChange={(event) => onTell({ ...told, header: event.currentTarget.checked })}
        />
        First row names the columns
      </label>
    </>
  );
}

/** What the reader has to say about how it read. */
export function Notes({ source: { unclear, notes } }: { source: Source }) {
  const sentences = unclear === null ? notes : [unclear, ...notes];
  if (sentences.length === 0) return null;
  return (
    <div class="notice notes">
      {sentences.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}
