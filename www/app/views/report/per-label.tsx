/**
 * How well each label is found.
 */
import type { LabelScore } from "graftlet";
import { count, score } from "../../format/units.js";
import { TableHolder } from "./table-holder.js";
import { useFirst } from "./use-first.js";

/** Of more labels than this, the worst stand first and the rest behind a button. */
const MOST = 12;

export function PerLabel({ scores }: { scores: readonly LabelScore[] }) {
  const sorted = scores.toSorted((a, b) => a.f1 - b.f1 || b.rows - a.rows);
  const { shown, more } = useFirst(sorted, MOST, "labels");
  return (
    <>
      <TableHolder label="How well each label is found">
        <table class="report-table">
          <thead>
            <tr>
              <th scope="col">Label</th>
              <th scope="col" class="number">
                Precision
              </th>
              <th scope="col" class="number">
                Recall
              </th>
              <th scope="col" class="number">
                F1
              </th>
              <th scope="col" class="number">
                Held out
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ label, precision, recall, f1, rows }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="number">{score(precision)}</td>
                <td class="number">{score(recall)}</td>
                <td class="number">{score(f1)}</td>
                <td class="number">{count(rows)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableHolder>
      {more}
      <p class="hint">
        Precision: how much of what was given the label has it. Recall: how much of what has it was
        given it. The weakest stand first.
      </p>
    </>
  );
}
