/**
 * Labels that are taken for others: a table of all if there are few, the most frequent pairs if there are many.
 */
import { count } from "../../format/units.js";
import { mostConfused } from "../../report/confusion.js";
import { TableHolder } from "./table-holder.js";
import { useFirst } from "./use-first.js";

/** Labels up to which the whole table is shown. */
const MOST_IN_TABLE = 10;
const MOST_PAIRS = 10;

interface Props {
  labels: readonly string[];
  confusion: readonly (readonly number[])[];
}

export function Confusions({ labels, confusion }: Props) {
  return labels.length <= MOST_IN_TABLE ? (
    <Matrix labels={labels} confusion={confusion} />
  ) : (
    <Pairs labels={labels} confusion={confusion} />
  );
}

function Matrix({ labels, confusion }: Props) {
  return (
    <TableHolder label="What is taken for what">
      <table class="report-table confusion">
        <caption>Rows: the label given in the file. Columns: the answer.</caption>
        <thead>
          <tr>
            <td />
            {labels.map((label) => (
              <th key={label} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {confusion.map((row, i) => {
            const all = row.reduce((a, b) => a + b, 0);
            return (
              <tr key={labels[i]}>
                <th scope="row">{labels[i]}</th>
                {row.map((rows, j) => (
                  <td
                    key={labels[j]}
                    class={rows === 0 ? "none" : i === j ? "right" : "wrong"}
                    style={{ "--part": `${(100 * rows) / Math.max(1, all)}%` }}
                  >
                    {count(rows)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableHolder>
  );
}

function Pairs({ labels, confusion }: Props) {
  const pairs = mostConfused(labels, confusion);
  const { shown, more } = useFirst(pairs, MOST_PAIRS, "pairs");
  if (pairs.length === 0) return <p>Every row held out was answered with its own label.</p>;
  return (
    <>
      <TableHolder label="What is taken for what">
        <table class="report-table">
          <thead>
            <tr>
              <th scope="col">Label in the file</th>
              <th scope="col">Answer</th>
              <th scope="col" class="number">
                Rows
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ truth, answer, rows, of }) => (
              <tr key={`${truth}\u0000${answer}`}>
                <td>{truth}</td>
                <td>{answer}</td>
                <td class="number">
                  {count(rows)} of {count(of)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableHolder>
      {more}
    </>
  );
}
