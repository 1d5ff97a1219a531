//! Which column is which, guessed from names first and from what the cells look like second.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::labels::{Said, said};
use crate::names;
use crate::options::{Options, Refusal};
use crate::pool::hash;
use crate::table::{Cell, Table};

/// Indices into a table's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Columns {
    /// The text, or the first of a pair.
    pub text: usize,
    /// The second text of a pair.
    #[serde(default)]
    pub text2: Option<usize>,
    /// The label.
    #[serde(default)]
    pub label: Option<usize>,
    /// Columns of zeros and ones, one a label, in place of `label`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_columns: Vec<usize>,
}

/// Cells that guesses go by.
const SAMPLE_CELLS: usize = 20_000;
const SAMPLE_ROWS: usize = 500;

/// Longest mean of a column of labels, in bytes.
const LABEL_LENGTH: f64 = 40.0;

/// What the cells of a column look like.
#[derive(Clone, Debug, Default)]
struct Profile {
    filled: usize,
    distinct: HashSet<u64>,
    length: usize,
    spaced: usize,
    zero_one: usize,
    /// Cells that are numbers.
    numbers: usize,
    /// Cells that are lists or objects.
    values: usize,
    /// Cells that are objects and no form of labels.
    objects: usize,
}

impl Profile {
    #[allow(clippy::cast_precision_loss)]
    fn mean_length(&self) -> f64 {
        self.length as f64 / self.filled.max(1) as f64
    }

    fn recurs(&self) -> bool {
        self.filled > 0
            && self.distinct.len() * 2 <= self.filled
            && self.mean_length() <= LABEL_LENGTH
    }

    /// Whether all cells say the same, which tells no text from another.
    fn is_constant(&self) -> bool {
        self.filled > 1 && self.distinct.len() == 1 && self.values == 0
    }

    fn is_object(&self) -> bool {
        self.filled > 0 && self.objects * 2 > self.filled
    }

    /// Whether cells are numbers only.
    fn is_numbers(&self) -> bool {
        self.filled > 0 && self.numbers == self.filled
    }

    /// Share of the cells that are not those of other rows.
    #[allow(clippy::cast_precision_loss)]
    fn variety(&self) -> f64 {
        self.distinct.len() as f64 / self.filled.max(1) as f64
    }

    fn is_zero_one(&self, rows: usize) -> bool {
        // a few cells may be missing
        self.zero_one == self.filled && self.filled > 0 && self.filled * 10 >= rows * 9
    }
}

/// Whether a cell of a column of zeros and ones says that its label holds.
pub(crate) fn zero_or_one(cell: &str) -> Option<bool> {
    match cell.trim() {
        "1" | "1.0" | "1." | "true" | "True" | "TRUE" => Some(true),
        "0" | "0.0" | "0." | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The columns that the options name, and the likeliest for what they do not; why that may be wrong.
///
/// # Errors
/// [`Refusal`] if there is no column that the options name.
pub(crate) fn guess(
    table: &Table,
    options: &Options,
) -> Result<(Columns, Option<String>), Refusal> {
    let named = |wanted: Option<&String>, option: &str| {
        wanted
            .map(|wanted| table.column(wanted, option))
            .transpose()
    };
    let text = named(options.text_column.as_ref(), "--text-column")?;
    let text2 = named(options.text2_column.as_ref(), "--text2-column")?;
    let label = match &options.label_column {
        Some(wanted) if !table.is_conll() => Some(table.label_columns(wanted)?),
        _ => None,
    };
    Ok(Guess::new(table).columns(text, text2, label))
}

struct Guess<'a> {
    names: &'a [String],
    profiles: Vec<Profile>,
    rows: usize,
    has_header: bool,
}

impl<'a> Guess<'a> {
    fn new(table: &'a Table) -> Self {
        let names = &table.source().columns;
        let mut profiles = vec![Profile::default(); names.len()];
        let most = SAMPLE_ROWS.min(SAMPLE_CELLS / names.len().max(1)).max(2);
        let mut cursor = table.cursor();
        let mut rows = 0;
        for row in table.sample(most) {
            rows += 1;
            for (profile, cell) in profiles.iter_mut().zip(cursor.row(row)) {
                let Cell::Text(cell) = cell else {
                    let raw = cell.shown();
                    profile.filled += usize::from(!raw.is_empty());
                    profile.length += raw.len();
                    profile.distinct.insert(hash(raw.as_bytes(), 0));
                    profile.zero_one += usize::from(zero_or_one(&raw).is_some());
                    profile.values += 1;
                    profile.objects += usize::from(said(cell) == Said::Object);
                    continue;
                };
                let cell = cell.trim();
                if cell.is_empty() {
                    continue;
                }
                profile.filled += 1;
                profile.length += cell.len();
                profile.distinct.insert(hash(cell.as_bytes(), 0));
                profile.spaced += usize::from(cell.contains(' '));
                profile.zero_one += usize::from(zero_or_one(cell).is_some());
                profile.numbers += usize::from(cell.parse::<f64>().is_ok());
            }
        }
        Self {
            names,
            profiles,
            rows,
            has_header: table.source().header,
        }
    }

    fn columns(
        &self,
        text: Option<usize>,
        text2: Option<usize>,
        label: Option<Vec<usize>>,
    ) -> (Columns, Option<String>) {
        let mut unclear = None;
        let is_taken = |column: usize| Some(column) == text || Some(column) == text2;
        let (mut label, mut label_columns) = match label {
            Some(columns) if columns.len() == 1 => (columns.first().copied(), Vec::new()),
            Some(columns) => (None, columns),
            None => (self.named_label(&is_taken), Vec::new()),
        };
        let (first, second) = self.named_texts(label, &label_columns);
        if label.is_none() && label_columns.is_empty() {
            let is_text = |column: usize| {
                is_taken(column)
                    || (text.is_none() && (first == Some(column) || second == Some(column)))
            };
            (label, label_columns) = self.found_label(&is_text, &mut unclear);
        }
        let is_label = |column: usize| label == Some(column) || label_columns.contains(&column);
        let chosen = text.or(first);
        let text2 = text2.or(second.filter(|_| text.is_none() || text == first));
        let found = chosen.unwrap_or_else(|| {
            self.longest(
                &|column| is_label(column) || text2 == Some(column),
                &mut unclear,
            )
        });
        if label == Some(found) {
            label = None;
        }
        let columns = Columns {
            text: found,
            text2: text2.filter(|&second| second != found),
            label,
            label_columns,
        };
        (columns, unclear)
    }

    /// Last part of a path, and how deep it is.
    fn leaf(&self, column: usize) -> (&str, usize) {
        let name = self.names[column].as_str();
        let leaf = name.rsplit('.').next().unwrap_or(name);
        (leaf, name.matches('.').count())
    }

    fn named_label(&self, is_taken: &impl Fn(usize) -> bool) -> Option<usize> {
        let seconds = self.seconds();
        let columns =
            (0..self.names.len()).filter(|&column| !is_taken(column) && !seconds.contains(&column));
        let ranked = columns.filter_map(|column| {
            let (leaf, depth) = self.leaf(column);
            let profile = &self.profiles[column];
            let rank = names::label_rank(leaf)?;
            let is_weak = rank == names::WEAKEST_LABEL;
            let odd = (profile.is_constant(), is_weak, profile.is_object());
            Some((odd, depth, rank, column))
        });
        ranked.min().map(|(.., column)| column)
    }

    /// Columns that are the second text of another.
    fn seconds(&self) -> Vec<usize> {
        let columns = 0..self.names.len().min(200);
        columns.filter_map(|column| self.second(column)).collect()
    }

    fn second(&self, first: usize) -> Option<usize> {
        let seconds = names::second_of(self.leaf(first).0);
        let mut columns = 0..self.names.len();
        columns.find(|&column| {
            column != first
                && seconds
                    .iter()
                    .any(|second| names::is(self.leaf(column).0, second))
        })
    }

    /// The text by its name, and the second of a pair.
    fn named_texts(
        &self,
        label: Option<usize>,
        labels: &[usize],
    ) -> (Option<usize>, Option<usize>) {
        let is_free = |column: &usize| label != Some(*column) && !labels.contains(column);
        let mut columns = (0..self.names.len().min(200)).filter(is_free);
        let pair = columns.find_map(|column| {
            let second = self.second(column).filter(is_free)?;
            Some((column, second))
        });
        if let Some((first, second)) = pair {
            return (Some(first), Some(second));
        }
        let columns = (0..self.names.len()).filter(is_free);
        let ranked = columns.filter_map(|column| {
            let (leaf, depth) = self.leaf(column);
            let profile = &self.profiles[column];
            let empty = profile.filled == 0 && self.rows > 0;
            let odd = (empty, profile.is_numbers() && self.rows > 1);
            Some((odd, depth, names::text_rank(leaf)?, column))
        });
        (ranked.min().map(|(.., column)| column), None)
    }

    /// The label by what the cells look like: few distinct, short values that come again. As labels tend to stand at the
    /// end the last such column is taken. Several columns of zeros and ones are one a label.
    fn found_label(
        &self,
        is_text: &impl Fn(usize) -> bool,
        unclear: &mut Option<String>,
    ) -> (Option<usize>, Vec<usize>) {
        let free = |column: &usize| !is_text(*column) && !names::is_id(&self.names[*column]);
        let columns = || (0..self.names.len()).filter(free);
        let flags: Vec<usize> = columns()
            .filter(|&column| self.has_header && self.profiles[column].is_zero_one(self.rows))
            .collect();
        let recurring: Vec<usize> = columns()
            .filter(|&column| {
                let profile = &self.profiles[column];
                profile.recurs() && profile.distinct.len() > 1 && !profile.is_object()
            })
            .collect();
        if flags.len() > 1 {
            let others: Vec<usize> = recurring
                .into_iter()
                .filter(|column| !flags.contains(column))
                .collect();
            if let Some(other) = others.last() {
                *unclear = Some(format!(
                    "“{}” could hold the labels, and so could the {} columns of zeros and ones.",
                    self.names[*other],
                    flags.len()
                ));
            }
            return (None, flags);
        }
        if recurring.len() > 1 {
            let names: Vec<&str> = recurring
                .iter()
                .map(|&column| self.names[column].as_str())
                .collect();
            *unclear = Some(format!(
                "{} could each hold the labels.",
                crate::findings::name_labels(&names)
            ));
        }
        (recurring.last().copied(), Vec::new())
    }

    /// The column with the longest cells.
    fn longest(&self, is_other: &impl Fn(usize) -> bool, unclear: &mut Option<String>) -> usize {
        let columns = (0..self.names.len()).filter(|&column| !is_other(column));
        let mut by_length: Vec<(f64, usize)> = columns
            .map(|column| {
                let profile = &self.profiles[column];
                let numbers =
                    names::is_id(&self.names[column]) || profile.numbers == profile.filled;
                // dates and names of places come again, texts do not
                let length = profile.mean_length() * profile.variety();
                (if numbers { 0.0 } else { length }, column)
            })
            .collect();
        by_length.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let is_prose = |column: usize| {
            let profile = &self.profiles[column];
            profile.spaced * 2 > profile.filled && profile.filled > 0
        };
        if let [(first, one), (second, other), ..] = by_length[..]
            && second * 2.0 > first
            && is_prose(one)
            && is_prose(other)
        {
            let (one, other) = (one.min(other), one.max(other));
            unclear.get_or_insert_with(|| {
                format!(
                    "“{}” and “{}” could each hold the texts.",
                    self.names[one], self.names[other]
                )
            });
        }
        by_length.first().map_or(0, |(_, column)| *column)
    }
}
