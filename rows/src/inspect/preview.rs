//! The rows that the preview shows.

use super::label::common_path;
use super::{Choice, PreviewRow};
use crate::columns::zero_or_one;
use crate::findings::RowFindings;
use crate::problem::Problem;
use crate::table::{Cell, Table};

/// How many rows the preview shows of each sort, and how much of a text.
const PREVIEW_ROWS: usize = 5;

const PREVIEW_CHARACTERS: usize = 240;

pub(super) fn preview(table: &Table, choice: &Choice, found: &RowFindings) -> Vec<PreviewRow> {
    let mut cursor = table.cursor();
    let mut rows = Vec::new();
    let mut flagged = 0;
    let first = table.len().min(PREVIEW_ROWS);
    let mut show = |row: usize| {
        let number = table.number(row);
        let note = found.note(number);
        flagged += usize::from(note.is_some());
        rows.push(preview_row(table, choice, number, cursor.row(row), note));
        flagged
    };
    let mut shown = 0;
    for row in 0..first {
        shown = show(row);
    }
    let last = first.checked_sub(1).map_or(0, |row| table.number(row));
    let further = found.first_after(last, PREVIEW_ROWS, |number| table.row_of(number).is_some());
    for row in further
        .into_iter()
        .filter_map(|number| table.row_of(number))
    {
        if shown >= PREVIEW_ROWS {
            break;
        }
        shown = show(row);
    }
    rows
}

fn preview_row(
    table: &Table,
    choice: &Choice,
    number: u32,
    cells: &[Cell<'_>],
    note: Option<&str>,
) -> PreviewRow {
    let columns = &choice.columns;
    let cut = |text: &str| {
        text.trim()
            .chars()
            .take(PREVIEW_CHARACTERS)
            .collect::<String>()
    };
    let shown = |column: usize| {
        cells
            .get(column)
            .map(|cell| cut(&cell.shown()))
            .unwrap_or_default()
    };
    let tags = choice.problem == Problem::TokenClassification;
    let label = |column: usize| {
        let separator = if tags { " " } else { "|" };
        cells
            .get(column)
            .map(|cell| cut(&cell.joined(separator)))
            .unwrap_or_default()
    };
    let correction = choice.corrections.get(&number).cloned().flatten();
    let names = || {
        let ones = columns
            .label_columns
            .iter()
            .filter(|&&column| zero_or_one(&shown(column)) == Some(true));
        let common = common_path(table, &columns.label_columns);
        let names = ones.filter_map(|&column| table.source().columns.get(column)?.get(common..));
        names.collect::<Vec<_>>().join("|")
    };
    PreviewRow {
        number,
        text: shown(columns.text),
        text2: columns.text2.map(shown),
        label: correction.unwrap_or_else(|| columns.label.map_or_else(names, label)),
        note: note.map(str::to_owned),
    }
}
