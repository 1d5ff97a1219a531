/**
 * The report of a finished run: how it compares with a constant answer, where it errs, which rows to look at.
 */
import { PROBLEMS } from "graftlet";
import type { ComponentChildren } from "preact";
import { download } from "../../files/download.js";
import { writeCsv } from "../../format/csv.js";
import { count, counted, metricName, score, share } from "../../format/units.js";
import { reportJson, reportRows } from "../../report/export.js";
import type { Report } from "../../report/report.js";
import { titleOf } from "../../state/plan.js";
import type { Run } from "../../state/run-state.js";
import { Comparison } from "./comparison.js";
import { Confusions } from "./confusions.js";
import { HardRows } from "./hard-rows.js";
import { PerLabel } from "./per-label.js";
import { Suspects } from "./suspects.js";

type Done = Extract<Run, { status: "done" }>;

export function ReportView({ done }: { done: Done }) {
  const { report } = done;
  const { evaluation } = report.engine;
  const left = report.findings.filter(({ severity }) => severity === "left_out");
  const leftOut = new Set(left.flatMap(({ rows }) => rows)).size;
  return (
    <section class="report" aria-labelledby="report-title">
      <div class="report-head">
        <h3 id="report-title">How good it is</h3>
        <div class="actions">
          <button type="button" class="link" onClick={() => save(done.name, report, "json")}>
            Report as JSON
          </button>
          <button type="button" class="link" onClick={() => save(done.name, report, "csv")}>
            as CSV
          </button>
        </div>
      </div>
      <Headline report={report} />
      {report.suspects.length > 0 && (
        <Part title={`${counted(report.suspects.length, "label")} that may be wrong`} open>
          <Suspects report={report} source={done.source} />
        </Part>
      )}
      {report.suggestion && (
        <Part title={`Why ${titleOf(report.suggestion.choice)} was chosen`}>
          <Comparison suggestion={report.suggestion} />
        </Part>
      )}
      {evaluation.perLabel.length > 0 && (
        <Part title={PROBLEMS[report.problem].reads === "tokens" ? "By kind of place" : "By label"}>
          <PerLabel scores={evaluation.perLabel} />
        </Part>
      )}
      {evaluation.confusion && evaluation.confusion.length > 0 && (
        <Part title="What is taken for what">
          <Confusions
            labels={evaluation.perLabel.map(({ label }) => label)}
            confusion={evaluation.confusion}
          />
        </Part>
      )}
      {report.hardest.length > 0 && (
        <Part title="The hardest of the rows held out">
          <HardRows report={report} />
        </Part>
      )}
      {left.length > 0 && (
        <Part title={`${counted(leftOut, "row")} left out`}>
          <ul class="report-list">
            {left.map(({ kind, sentence }) => (
              <li key={kind}>{sentence}</li>
            ))}
          </ul>
        </Part>
      )}
    </section>
  );
}

function Part({
  title,
  open = false,
  children,
}: {
  title: string;
  open?: boolean;
  children: ComponentChildren;
}) {
  return (
    <details class="report-part" open={open}>
      <summary>{title}</summary>
      <div class="report-body">{children}</div>
    </details>
  );
}

function Headline({ report: { engine, baseline, problem } }: { report: Report }) {
  const { calibrationErrorBefore, calibrationError, evaluation, metric, devRows } = engine;
  const others = Object.entries(evaluation.scores).filter(([name]) => name !== metric);
  return (
    <div class="headline">
      <p>
        <span class="headline-score" data-testid="report-score">
          {score(engine.score)}
        </span>{" "}
        {metricName(metric)} on {counted(devRows, "row")} it had not seen
      </p>
      {baseline !== null && (
        <p data-testid="baseline">
          <span class="headline-score faint">{score(baseline)}</span> {PROBLEMS[problem].baseline}
        </p>
      )}
      {others.length > 0 && (
        <p class="figures">
          {others.map(([name, value]) => `${metricName(name)} ${score(value)}`).join(" · ")}
        </p>
      )}
      <Calibration before={calibrationErrorBefore} after={calibrationError} />
      {engine.rejectThreshold !== undefined && (
        <p class="figures">
          A text whose best label scores under {score(engine.rejectThreshold)} is said to be none of
          them.
        </p>
      )}
      {engine.truncated > 0 && (
        <p class="figures">
          {count(engine.truncated)} {engine.truncated === 1 ? "text was" : "texts were"} longer than
          the backbone reads, and cut.
        </p>
      )}
    </div>
  );
}

/** Praises the adjustment of scores only where it helped. */
function Calibration({ before, after }: { before: number | undefined; after: number | undefined }) {
  if (before === undefined || after === undefined) return null;
  return (
    <p class="figures" data-testid="calibration">
      {after < before
        ? `Its scores were ${share(before)} off how often they are right; adjusted, they are ${share(after)} off.`
        : `Its scores are ${share(before)} off how often they are right; adjusting them did not help, so they stay as they are.`}
    </p>
  );
}

async function save(name: string, report: Report, format: "json" | "csv"): Promise<void> {
  const { safeName } = await import("../../files/zip.js");
  const file = `${safeName(name)} report.${format}`;
  const blob =
    format === "csv"
      ? writeCsv(reportRows(report))
      : new Blob([reportJson(report)], { type: "application/json" });
  download(file, blob);
}
