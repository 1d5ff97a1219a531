/**
 * A report as files: JSON for programs, CSV with one fact a line for spreadsheets.
 */
import { mostConfused } from "./confusion.js";
import type { Report } from "./report.js";

export function reportJson(report: Report): string {
  const { engine, ...rest } = report;
  const { hardest: _, suspects: __, ...numbers } = engine;
  return `${JSON.stringify({ ...rest, ...numbers }, null, 2)}\n`;
}

const HEADER = ["part", "row", "label", "answer", "measure", "value", "text", "second text"];

export function* reportRows(report: Report): Generator<(string | number)[]> {
  const { engine } = report;
  const { scores, perLabel, confusion } = engine.evaluation;
  yield HEADER;
  const measures = Object.entries({
    ...scores,
    baseline: report.baseline,
    calibration_error_before: engine.calibrationErrorBefore,
    calibration_error: engine.calibrationError,
    train_rows: engine.trainRows,
    held_out_rows: engine.devRows,
  });
  for (const [measure, value] of measures) {
    if (value != null) yield ["run", "", "", "", measure, value, "", ""];
  }
  for (const { kind, mean } of report.suggestion?.candidates ?? []) {
    yield ["comparison", "", "", kind, report.suggestion?.metric ?? "", mean, "", ""];
  }
  for (const { label, precision, recall, f1, rows } of perLabel) {
    for (const [measure, value] of Object.entries({ precision, recall, f1, rows })) {
      yield ["label", "", label, "", measure, value, "", ""];
    }
  }
  const labels = perLabel.map(({ label }) => label);
  for (const { truth, answer, rows } of mostConfused(labels, confusion ?? [])) {
    yield ["confusion", "", truth, answer, "rows", rows, "", ""];
  }
  for (const { number, label, answer, loss, text, text2 } of report.hardest) {
    yield ["hard", number, label, answer, "loss", loss, text, text2 ?? ""];
  }
  for (const { number, label, rival, rivalScore, text, text2 } of report.suspects) {
    yield ["doubtful label", number, label, rival, "score", rivalScore, text, text2 ?? ""];
  }
  for (const { kind, severity, rows } of report.findings) {
    if (severity === "notice") continue;
    for (const number of rows) yield ["left out", number, "", "", kind, "", "", ""];
  }
}
