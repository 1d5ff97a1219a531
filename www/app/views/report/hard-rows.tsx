/**
 * The rows held out that are answered worst.
 */
import type { Report } from "../../report/report.js";
import { RowText } from "./row-text.js";
import { useFirst } from "./use-first.js";

const MOST = 5;

export function HardRows({ report }: { report: Report }) {
  const { shown, more } = useFirst(report.hardest, MOST, "rows");
  return (
    <>
      <ul class="row-list">
        {shown.map((row) => (
          <li key={row.number}>
            <RowText row={row} />
            <p class="row-words">
              {row.label === row.answer ? (
                <>
                  Answered <strong>{row.answer || "none"}</strong>, rightly, but hardly
                </>
              ) : (
                <>
                  Is <strong>{row.label || "none"}</strong>, was answered{" "}
                  <strong>{row.answer || "none"}</strong>
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
      {more}
    </>
  );
}
