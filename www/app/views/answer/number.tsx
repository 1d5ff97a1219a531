/**
 * A number, on its scale where that is known.
 */
import type { NumberForm } from "graftlet";
import { decimal } from "../../format/units.js";
import { scale } from "../../state/tasks.js";

export function NumberView({ result }: { result: NumberForm }) {
  const known = scale.value;
  return (
    <>
      <p class="verdict" data-testid="verdict">
        {decimal(result.value)}
        {known && <span class="verdict-of"> of {decimal(known[1])}</span>}
      </p>
      {known && <Scale least={known[0]} most={known[1]} value={result.value} />}
    </>
  );
}

function Scale({ least, most, value }: { least: number; most: number; value: number }) {
  const part = Math.min(1, Math.max(0, (value - least) / (most - least || 1)));
  return (
    <div class="scale" aria-hidden="true">
      <span class="scale-track">
        <span class="bar-fill" style={{ transform: `scaleX(${part})` }} />
        <span class="scale-mark" style={{ left: `${part * 100}%` }} />
      </span>
      <span class="scale-ends">
        <span>{decimal(least)}</span>
        <span>{decimal(most)}</span>
      </span>
    </div>
  );
}
