/**
 * How the kinds compared from which one was chosen.
 */
import type { Suggestion } from "graftlet";
import { metricName, score } from "../../format/units.js";
import { titleOf } from "../../state/plan.js";
import { TableHolder } from "./table-holder.js";

export function Comparison({ suggestion }: { suggestion: Suggestion }) {
  const { choice, metric, candidates } = suggestion;
  return (
    <>
      <TableHolder label="How the kinds compared">
        <table class="report-table">
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col" class="number">
                {metricName(metric)}
              </th>
              <th scope="col" class="number">
                Beside a head alone
              </th>
            </tr>
          </thead>
          <tbody>
            {candidates.map(({ kind, mean, gain, error }) => (
              <tr key={kind}>
                <th scope="row">
                  {titleOf(kind)}
                  {kind === choice && <strong> (chosen)</strong>}
                </th>
                <td class="number">{score(mean)}</td>
                <td class="number">
                  {gain === 0 && error === 0
                    ? "–"
                    : `${gain < 0 ? "−" : "+"}${score(Math.abs(gain))} ± ${score(error)}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableHolder>
      <p class="hint">
        Each was trained five times, each time on four fifths of the rows, and judged on the fifth
        part. A larger kind is taken only where it is better by more than chance.
      </p>
    </>
  );
}
