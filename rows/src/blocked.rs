//! Why rows cannot be used for training, in a sentence that also says what to do.

use crate::classes::Counts;
use crate::findings::{FindingKind, RowFindings, cut, thousands};
use crate::inspect::Choice;
use crate::problem::Problem;
use crate::table::Table;

/// Most classes that are learned; the engine refuses more.
const MOST_CLASSES: usize = 10_000;

pub(crate) fn blocked_by(
    table: &Table,
    choice: &Choice,
    usable: usize,
    classes: &Counts<'_>,
    by_size: &[u32],
    found: &RowFindings,
) -> Option<String> {
    let columns = &choice.columns;
    if table.is_empty() {
        return Some("There are no rows here: add at least two for each class.".into());
    }
    let many = |kind: FindingKind| found.count(kind) * 2 >= table.len();
    let names = &table.source().columns;
    if many(FindingKind::TextObject) {
        return Some(object(table, columns.text));
    }
    let name = match (columns.label, &columns.label_columns[..]) {
        (Some(label), _) => names.get(label).cloned().unwrap_or_default(),
        (None, [first, ..]) => names.get(*first).cloned().unwrap_or_default(),
        (None, []) => {
            return Some(
                "No column holds labels: choose the one that says what each text is, or add it to the file.".into(),
            );
        }
    };
    if let Some(label) = columns.label {
        if !table.any_filled(label) {
            return Some(format!(
                "No row has a label in “{name}”: choose another column, or fill it in."
            ));
        }
        if many(FindingKind::LabelObject) {
            return Some(object(table, label));
        }
    }
    if many(FindingKind::TagsAreNumbers) {
        return Some(format!(
            "“{name}” holds numbers in place of tags: write the name of each tag, such as “B-PER”."
        ));
    }
    let has_classes = matches!(
        choice.problem,
        Problem::SingleLabel | Problem::MultiLabel | Problem::TokenClassification
    );
    if has_classes && by_size.len() > MOST_CLASSES {
        return Some(format!(
            "“{name}” has {} different labels, and at most {} are learned: choose the column that says what each text is.",
            thousands(by_size.len()),
            thousands(MOST_CLASSES)
        ));
    }
    match choice.problem {
        Problem::SingleLabel => {
            blocked_classes(&name, usable, classes, by_size, choice.reject.as_deref())
        }
        Problem::MultiLabel if usable < 2 => {
            Some("Fewer than two rows are left: check the chosen columns.".into())
        }
        Problem::MultiLabel if by_size.is_empty() => Some(format!(
            "No row has a label in “{name}”: choose another column."
        )),
        Problem::Regression if usable < 2 => Some(format!(
            "Fewer than two rows have a number in “{name}”: choose another column, or what its labels are."
        )),
        Problem::Ranking if columns.text2.is_none() => Some(
            "A comparison needs two texts in each row: choose the column of the second text."
                .into(),
        ),
        Problem::Ranking if usable < 2 => Some(format!(
            "Fewer than two rows say in “{name}” which text is better: write “first” or “second”, 1 or 2, or the difference of two scores."
        )),
        Problem::TokenClassification if columns.text2.is_some() => {
            Some("Words with tags are single texts: choose “none” as the second text.".into())
        }
        Problem::TokenClassification if usable < 2 => Some(format!(
            "Fewer than two rows have one tag for each word in “{name}”: choose another column, or what its labels are."
        )),
        Problem::TokenClassification if words_in_rows(table, columns.text) => Some(format!(
            "Each row is one word with its tag, and sentences are needed: write them as CoNLL, a word and its tag a line and an empty line between sentences, or as lists of words and tags; “{}” holds single words.",
            names.get(columns.text).cloned().unwrap_or_default()
        )),
        Problem::TokenClassification if by_size.is_empty() => {
            Some("No word has a tag that begins a span (“B-…”): there is nothing to learn.".into())
        }
        _ => None,
    }
}

/// Rows that are looked at, and fewest of which anything is said.
const SAMPLE: usize = 500;
const FEWEST: usize = 10;

/// Whether every row is a single word: a sentence was written over many rows.
fn words_in_rows(table: &Table, text: usize) -> bool {
    let mut cursor = table.cursor();
    let mut rows = table.sample(SAMPLE);
    table.len() >= FEWEST
        && rows.all(|row| {
            let cell = cursor.row(row).get(text);
            cell.is_none_or(|cell| cell.shown().split_whitespace().nth(1).is_none())
        })
}

/// A column of objects, by name and with what is in it.
fn object(table: &Table, column: usize) -> String {
    let names = &table.source().columns;
    let name = names.get(column).cloned().unwrap_or_default();
    let mut cursor = table.cursor();
    let example = cursor
        .row(0)
        .get(column)
        .map(|cell| cut(&cell.shown()))
        .unwrap_or_default();
    let begins = format!("{name}.");
    let inner = names.iter().find(|other| other.starts_with(&begins));
    let remedy = inner.map_or_else(
        || "write a name, or a list of names".to_owned(),
        |inner| format!("choose a column within it, such as “{inner}”"),
    );
    format!("“{name}” holds objects, such as {example}: {remedy}.")
}

fn blocked_classes(
    name: &str,
    usable: usize,
    classes: &Counts<'_>,
    by_size: &[u32],
    reject: Option<&str>,
) -> Option<String> {
    if usable == 0 {
        return Some(
            "No row has both a text and a label that comes twice: check the chosen columns.".into(),
        );
    }
    let labels = by_size.iter().map(|&number| classes.name(number));
    let mut real = labels.filter(|label| Some(*label) != reject);
    let Some(only) = real.next() else {
        return Some(format!(
            "Every row has the label “{}”, which stands for none of the classes.",
            cut(reject.unwrap_or_default())
        ));
    };
    if real.next().is_none() {
        return Some(format!(
            "Every row has the label “{}”: telling apart needs rows of at least two classes.",
            cut(only)
        ));
    }
    if by_size.len() > (usable / 2).max(50) {
        return Some(format!(
            "“{name}” has {} different values, hardly any of them twice: choose the column that holds the class, or what its labels are.",
            thousands(by_size.len())
        ));
    }
    None
}
