/**
 * Places in the text, each with its label written beside it: colour only helps.
 */
import type { Span, SpansForm } from "graftlet";
import { lastWordOf, piecesOf } from "../../format/marked.js";
import { counted, probability } from "../../format/units.js";

/** Labels take these tints in order of appearance in the answer. */
const TINTS = 6;

export function SpansView({ result, texts }: { result: SpansForm; texts: readonly string[] }) {
  const labels = [...new Set(result.spans.map(({ label }) => label))].sort();
  return (
    <>
      <p class="verdict-words" data-testid="verdict">
        {result.spans.length === 0
          ? "Nothing found"
          : `${counted(result.spans.length, "place")} found`}
      </p>
      {texts.map((text, index) => {
        const own = result.spans.filter(({ second }) => second === index > 0);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a pair's texts may be equal, and do not move
          <p key={index} class="marked">
            {piecesOf(text, own).map(({ text: piece, span }, at) =>
              span ? (
                <mark key={span.start} class={`span tint-${labels.indexOf(span.label) % TINTS}`}>
                  <Labelled piece={piece} span={span} />
                </mark>
              ) : (
                // biome-ignore lint/suspicious/noArrayIndexKey: pieces are parts of one text in order
                <span key={`between-${at}`}>{piece}</span>
              ),
            )}
          </p>
        );
      })}
    </>
  );
}

/** A place with its label, which stays on the line of the place's last word. */
function Labelled({ piece, span }: { piece: string; span: Span }) {
  const [before, last] = lastWordOf(piece);
  return (
    <>
      {before}
      <span class="span-end">
        {last}{" "}
        <span class="span-label">
          {span.label}
          <span class="visually-hidden">, {probability(span.score)}</span>
        </span>
      </span>
    </>
  );
}
