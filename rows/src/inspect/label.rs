//! Reads the label of a row.

use super::Choice;
use super::tagged_words::read_tags;
use crate::columns::zero_or_one;
use crate::findings::FindingKind;
use crate::labels::{self, MOST_LABELS, Said, said};
use crate::problem::{Form, LABEL_SEPARATOR, Problem, says_which};
use crate::table::{Cell, Format, Table};

/// A label as the engine takes it.
#[derive(Default)]
pub(super) struct Label {
    pub(super) label: String,
    /// The text's words, where they have tags.
    pub(super) words: Option<String>,
    pub(super) split: bool,
    pub(super) overlap: bool,
}

impl Label {
    fn of(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }
}

/// The label that columns of zeros and ones give.
pub(super) fn flags(
    table: &Table,
    choice: &Choice,
    cells: &[Cell<'_>],
) -> Result<Label, FindingKind> {
    let columns = &choice.columns.label_columns;
    if columns.is_empty() {
        return if choice.problem == Problem::MultiLabel {
            Ok(Label::default())
        } else {
            Err(FindingKind::LabelMissing)
        };
    }
    let mut names = Vec::new();
    for &column in columns {
        let shown = cells.get(column).map(Cell::shown).unwrap_or_default();
        match zero_or_one(&shown) {
            Some(true) => names.extend(table.source().columns.get(column)),
            Some(false) => {}
            None if shown.trim().is_empty() => return Err(FindingKind::LabelMissing),
            None => return Err(FindingKind::LabelObject),
        }
    }
    let common = common_path(table, columns);
    let names: Vec<&str> = names
        .into_iter()
        .map(|name| name.get(common..).unwrap_or(name).trim())
        .collect();
    match choice.problem {
        Problem::SingleLabel => match names[..] {
            [name] => Ok(Label::of(name)),
            _ => Err(FindingKind::SeveralLabels),
        },
        Problem::MultiLabel => joined(names.into_iter()).map(Label::of),
        Problem::Regression => Err(FindingKind::NotANumber),
        Problem::TokenClassification => Err(FindingKind::TagsUnlikeWords),
        Problem::Ranking => Err(FindingKind::NotWhich),
    }
}

/// Length of the path that the label columns have in common: members of the same object are named by their keys.
pub(super) fn common_path(table: &Table, columns: &[usize]) -> usize {
    let names = &table.source().columns;
    let path = |&column: &usize| {
        let name = names.get(column)?;
        name.rfind('.').map(|at| &name[..=at])
    };
    let first = columns.first().and_then(path).unwrap_or_default();
    let same = matches!(table.source().format, Format::Json | Format::Jsonl)
        && columns.iter().all(|column| path(column) == Some(first));
    if same { first.len() } else { 0 }
}

/// Labels joined by the separator, each once.
fn joined<'a>(labels: impl Iterator<Item = &'a str>) -> Result<String, FindingKind> {
    let mut all: Vec<&str> = Vec::new();
    for label in labels {
        if label.contains(LABEL_SEPARATOR) {
            return Err(FindingKind::LabelHasBar);
        }
        if all.len() == MOST_LABELS {
            return Err(FindingKind::LabelObject);
        }
        if !all.contains(&label) {
            all.push(label);
        }
    }
    Ok(all.join("|"))
}

pub(super) fn read_label(
    cell: &Cell<'_>,
    text: &Cell<'_>,
    problem: Problem,
    form: &Form,
) -> Result<Label, FindingKind> {
    let said = said(cell);
    // a text with any number of labels may have none
    if said == Said::Missing && problem != Problem::MultiLabel {
        return Err(FindingKind::LabelMissing);
    }
    let vector = |list: &str| {
        let ones = labels::words(list)
            .enumerate()
            .filter(|(_, one)| zero_or_one(one) == Some(true));
        ones.map(|(index, _)| format!("label_{index}"))
            .take(MOST_LABELS)
            .collect::<Vec<_>>()
    };
    match problem {
        Problem::SingleLabel => match said {
            Said::Plain(label) => Ok(Label::of(label)),
            Said::List(list) => {
                let names = if form.vector.is_some() {
                    vector(list)
                } else {
                    labels::words(list)
                        .take(2)
                        .map(|word| word.trim().to_owned())
                        .collect()
                };
                match &names[..] {
                    [name] if !name.is_empty() => Ok(Label::of(name.clone())),
                    [] if form.vector.is_none() => Err(FindingKind::LabelMissing),
                    _ => Err(FindingKind::SeveralLabels),
                }
            }
            _ => Err(FindingKind::LabelObject),
        },
        Problem::MultiLabel => match said {
            Said::Missing => Ok(Label::default()),
            Said::Plain(label) if form.vector.is_some() && labels::digits(&label).is_some() => {
                let ones = labels::digits(&label).into_iter().flatten().enumerate();
                let ones = ones.filter(|(_, one)| *one).take(MOST_LABELS);
                let names: Vec<String> = ones.map(|(index, _)| format!("label_{index}")).collect();
                joined(names.iter().map(String::as_str)).map(Label::of)
            }
            Said::Plain(label) => {
                let bare = labels::bare_list(&label).filter(|_| form.bare);
                let label = bare.unwrap_or(&label);
                joined(labels::parts(label, form.separator)).map(Label::of)
            }
            Said::List(list) if form.vector.is_some() => {
                joined(vector(list).iter().map(String::as_str)).map(Label::of)
            }
            Said::List(list) => {
                let words: Vec<String> = labels::words(list)
                    .take(MOST_LABELS + 1)
                    .map(|word| word.trim().to_owned())
                    .collect();
                joined(
                    words
                        .iter()
                        .map(String::as_str)
                        .filter(|word| !word.is_empty()),
                )
                .map(Label::of)
            }
            _ => Err(FindingKind::LabelObject),
        },
        Problem::Regression => {
            let number = match said {
                Said::Plain(label) => labels::number(&label),
                _ => None,
            };
            number
                .map(|number| Label::of(number.to_string()))
                .ok_or(FindingKind::NotANumber)
        }
        Problem::TokenClassification => read_tags(said, text, form),
        Problem::Ranking => match said {
            Said::Plain(label) if says_which(&label) => Ok(Label::of(label.trim().to_lowercase())),
            Said::Plain(label) => labels::number(&label)
                .map(|number| Label::of(number.to_string()))
                .ok_or(FindingKind::NotWhich),
            _ => Err(FindingKind::NotWhich),
        },
    }
}
