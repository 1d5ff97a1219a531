use serde_json::{Value, json};

use super::output::outln;
use super::rows::Found;
use crate::error::Result;
use crate::head::Evaluation;
use crate::input::text::Text;
use crate::train::{HardRow, Report, Suspect};

/// Rows of each list that are shown.
const SHOWN: usize = 5;

/// Longest text that is shown, in characters.
const WIDTH: usize = 80;

/// What a run came to, with what was left out of the rows, and each row that it names with its text and its
/// line in the file. `train` and `dev` are the rows that its data was made of.
pub(super) fn json(report: &Report, train: &Found, dev: &Found) -> Value {
    let mut value = json!(report);
    let place = |value: &mut Value, found: &Found, row: usize| {
        value["line"] = json!(found.lines.get(row));
        value["text"] = json!(
            found
                .rows
                .get(row)
                .map(|row| row.input.text().map(|text| &text.first))
        );
    };
    for (index, hard) in report.hardest.iter().enumerate() {
        place(&mut value["hardest"][index], dev, hard.row);
    }
    for (index, suspect) in report.suspects.iter().enumerate() {
        let found = if suspect.held_out { dev } else { train };
        place(&mut value["suspects"][index], found, suspect.row);
    }
    value["skipped"] = json!(train.skipped);
    value
}

/// What a run came to, in words.
pub(super) fn print(report: &Report, train: &Found, dev: &Found) -> Result<()> {
    if report.dev_rows == 0 {
        outln!("no row was held out; on the new rows, after learning them:")?;
    }
    for (name, score) in &report.evaluation.scores {
        outln!("{name:<24} {score:>9.4}")?;
    }
    print_labels(&report.evaluation)?;
    if let (Some(before), Some(after)) = (report.calibration_error_before, report.calibration_error)
    {
        let temperature = report.temperature.unwrap_or(1.0);
        if after < before {
            outln!("calibration error {before:.4}, with temperature {temperature:.3} {after:.4}")?;
        } else {
            outln!("calibration error {before:.4}")?;
        }
    }
    if let Some(threshold) = report.reject_threshold {
        outln!("rejected below a score of {threshold:.4}")?;
    }
    if report.truncated > 0 {
        outln!(
            "{} texts were cut to what the backbone reads",
            report.truncated
        )?;
    }
    if !report.hardest.is_empty() {
        outln!(
            "{}",
            match report.dev_rows {
                0 => "hardest rows:",
                _ => "hardest held-out rows:",
            }
        )?;
    }
    for HardRow {
        row,
        label,
        answer,
        loss,
    } in report.hardest.iter().take(SHOWN)
    {
        let text = shown(dev, *row);
        outln!(
            "  line {}: {label}, answered {answer} (loss {loss:.2}): {text}",
            line(dev, *row)
        )?;
    }
    if !report.suspects.is_empty() {
        outln!("labels that may be wrong:")?;
    }
    for Suspect {
        row,
        held_out,
        label,
        rival,
        rival_score,
        ..
    } in report.suspects.iter().take(SHOWN)
    {
        let found = if *held_out { dev } else { train };
        let text = shown(found, *row);
        outln!(
            "  line {}: {label}, rather {rival} ({rival_score:.2}): {text}",
            line(found, *row)
        )?;
    }
    Ok(())
}

/// The line in which a row begins.
fn line(found: &Found, row: usize) -> usize {
    found.lines.get(row).copied().unwrap_or_default()
}

fn shown(found: &Found, row: usize) -> String {
    let Some(Text { first, second }) = found.rows.get(row).and_then(|row| row.input.text()) else {
        return String::new();
    };
    let whole = second
        .as_ref()
        .map_or(first.clone(), |second| format!("{first} / {second}"));
    if whole.chars().count() <= WIDTH {
        return whole;
    }
    let start: String = whole.chars().take(WIDTH - 1).collect();
    format!("{start}…")
}

/// A line for each label, or kind of span; nothing where there are none.
pub(super) fn print_labels(evaluation: &Evaluation) -> Result<()> {
    if evaluation.per_label.is_empty() {
        return Ok(());
    }
    outln!(
        "{:<24} {:>9} {:>9} {:>9} {:>7}",
        "label",
        "precision",
        "recall",
        "f1",
        "rows"
    )?;
    for label in &evaluation.per_label {
        outln!(
            "{:<24} {:>9.4} {:>9.4} {:>9.4} {:>7}",
            label.label,
            label.precision,
            label.recall,
            label.f1,
            label.rows
        )?;
    }
    Ok(())
}
