//! What a table contains when it is read in a chosen way.

mod candidates;
mod label;
mod leave_out;
mod preview;
mod tagged_words;

use std::collections::BTreeMap;

use candidates::Candidates;
use preview::preview;
use serde::{Deserialize, Serialize};

use crate::blocked::blocked_by;
use crate::classes::{ClassCount, Counts};
use crate::columns::Columns;
use crate::findings::{Finding, FindingKind, name_some};
use crate::merge::{self, Mergeable};
use crate::problem::Problem;
use crate::rows::Rows;
use crate::table::{Cell, Table};

/// How a table is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Which column is which.
    pub columns: Columns,
    /// What the labels say.
    pub problem: Problem,
    /// The label for texts that have none of the other labels; only for problems with one label per text.
    #[serde(default)]
    pub reject: Option<String>,
    /// Labels corrected by hand, by row number; null removes the row.
    #[serde(default)]
    pub corrections: BTreeMap<u32, Option<String>>,
    /// Whether labels that differ only in case or spaces are merged.
    #[serde(default)]
    pub merge: bool,
    /// Whether the rows are for evaluation and not for training. Then repeated and contradictory rows, and classes with
    /// a single row, are kept.
    #[serde(default)]
    pub judged: bool,
}

/// A row as the preview shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Its number in the file.
    pub number: u32,
    /// The start of its text.
    pub text: String,
    /// The start of its second text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text2: Option<String>,
    /// Its label as the file has it.
    pub label: String,
    /// What was found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// What is in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// What the labels are read as.
    pub problem: Problem,
    /// Rows that would be trained on.
    pub usable: usize,
    /// Their classes (for tags, the kinds of spans), largest first; empty for numbers.
    pub classes: Vec<ClassCount>,
    /// The range of numbers.
    pub range: Option<Range>,
    /// What is odd, with row numbers.
    pub findings: Vec<Finding>,
    /// Why training cannot start.
    pub blocked: Option<String>,
    /// The first rows, followed by the first rows with findings.
    pub preview: Vec<PreviewRow>,
    /// Labels that differ only in case or spaces, including those that were merged.
    pub mergeable: Vec<Mergeable>,
}

/// An inspection and the rows to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// What was found.
    pub inspection: Inspection,
    /// The rows.
    pub rows: Rows,
    /// The number of each of `rows` in the file.
    pub numbers: Vec<u32>,
}

/// A class with fewer rows than this gets a notice: it is hard to learn.
const FEW_ROWS: u32 = 5;

pub(crate) fn inspect(table: &Table, choice: &Choice) -> Looked {
    let problem = choice.problem;
    let mut found = table.faults().clone();
    let form = table.form(&choice.columns);
    let mut candidates = Candidates::read(table, choice, &form, &mut found);
    let mut notices = Vec::new();
    if form.vector.is_some() && matches!(problem, Problem::SingleLabel | Problem::MultiLabel) {
        notices.push(Finding::notice(
            FindingKind::VectorNames,
            "Labels are lists of zeros and ones without names: they are called “label_0”, “label_1” and so on.".into(),
        ));
    }
    let mergeable = candidates.rename(choice);
    notices.splice(0..0, merge::findings(&mergeable, choice.merge));
    if !choice.judged {
        candidates.leave_out_repeats(&mut found);
        if problem == Problem::SingleLabel {
            candidates.leave_out_lonely(choice.reject.as_deref(), &mut found);
        }
    }
    let counts = Counts::of(&candidates.labels, candidates.label_counts(), problem);
    let by_size = counts.by_size();
    let usable = candidates.numbers.len();
    let blocked = blocked_by(table, choice, usable, &counts, &by_size, &found);
    let preview = preview(table, choice, &found);
    if !choice.judged && !matches!(problem, Problem::Regression | Problem::Ranking) {
        let mut about = about_classes(&counts, &by_size);
        about.append(&mut notices);
        notices = about;
    }
    let mut findings = found.into_findings();
    findings.append(&mut notices);
    let inspection = Inspection {
        problem,
        usable,
        classes: counts.listed(&by_size),
        range: (problem == Problem::Regression)
            .then(|| candidates.range())
            .flatten(),
        findings,
        blocked,
        preview,
        mergeable,
    };
    Looked {
        inspection,
        rows: Rows {
            texts: candidates.texts,
            seconds: candidates.seconds,
            labels: candidates.labels.into_pool(),
            label_of: candidates.label_of,
        },
        numbers: candidates.numbers,
    }
}

pub(crate) fn texts(table: &Table, columns: &Columns) -> (Rows, Vec<u32>) {
    let (mut rows, mut places) = (Rows::default(), Vec::new());
    rows.labels.push("");
    let mut cursor = table.cursor();
    for row in 0..table.len() {
        let cells = cursor.row(row);
        let shown = |column: usize| cells.get(column).map(Cell::shown).unwrap_or_default();
        let text = shown(columns.text);
        let second = columns.text2.map(shown);
        if text.trim().is_empty()
            || second
                .as_ref()
                .is_some_and(|second| second.trim().is_empty())
        {
            continue;
        }
        rows.texts.push(text.trim());
        if let Some(second) = second {
            rows.seconds.push(second.trim());
        }
        rows.label_of.push(0);
        places.push(u32::try_from(row).unwrap_or(u32::MAX));
    }
    (rows, places)
}

/// Notices about classes of the file whose rows were all left out, and about classes with few rows.
fn about_classes(classes: &Counts<'_>, by_size: &[u32]) -> Vec<Finding> {
    let empty = classes.empty();
    let small = || {
        by_size
            .iter()
            .filter(|&&number| classes.rows(number) < FEW_ROWS)
    };
    let mut findings = Vec::new();
    if !empty.is_empty() {
        let names = name_some(
            empty.iter().map(|&number| classes.name(number)),
            empty.len(),
        );
        let sentence = if empty.len() == 1 {
            format!("The class {names} has no row left: it is not learned.")
        } else {
            format!("The classes {names} have no row left: they are not learned.")
        };
        findings.push(Finding::notice(FindingKind::ClassEmpty, sentence));
    }
    let count = small().count();
    if count > 0 {
        let names = name_some(small().map(|&number| classes.name(number)), count);
        let have = if count == 1 { "has" } else { "have" };
        findings.push(Finding::notice(
            FindingKind::ClassSmall,
            format!("{names} {have} fewer than {FEW_ROWS} rows: more would help."),
        ));
    }
    findings
}
