//! The classes of labels, and how many rows (of tags, how many spans) each has.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::labels::parts;
use crate::pool::Names;
use crate::problem::{LABEL_SEPARATOR, Problem};

/// A class, or a kind of span, and how many rows or spans it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Its name.
    pub label: String,
    /// Rows of the class; of tags, spans of the kind.
    pub rows: usize,
}

/// Most classes that are listed.
pub(crate) const MOST_LISTED: usize = 10_000;

/// Counts of classes. Classes of labels that no row has any more are there with no rows.
#[derive(Debug)]
pub(crate) struct Counts<'a> {
    names: Cow<'a, Names>,
    /// Rows of each name.
    rows: Vec<u32>,
}

impl<'a> Counts<'a> {
    /// The classes of labels, and of how many rows each label is.
    pub(crate) fn of(labels: &'a Names, rows: Vec<u32>, problem: Problem) -> Self {
        if labels.iter().all(|label| is_class(label, problem)) {
            let names = Cow::Borrowed(labels);
            return Self { names, rows };
        }
        let mut counts = Counter {
            names: Names::default(),
            rows: Vec::with_capacity(labels.len()),
        };
        for (label, rows) in labels.iter().zip(rows) {
            for_each_class(label, problem, |class| counts.add(class, rows));
        }
        Self {
            names: Cow::Owned(counts.names),
            rows: counts.rows,
        }
    }

    /// The name of a class.
    pub(crate) fn name(&self, number: u32) -> &str {
        self.names.get(number)
    }

    /// How many rows a class has.
    pub(crate) fn rows(&self, number: u32) -> u32 {
        self.rows.get(number as usize).copied().unwrap_or_default()
    }

    /// The numbers of classes with rows, in the order in which they came.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.rows)
            .filter_map(|(number, &rows)| (rows > 0).then_some(number))
    }

    /// The names of classes with rows.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers().map(|number| self.name(number))
    }

    /// The numbers of classes without rows, by name.
    pub(crate) fn empty(&self) -> Vec<u32> {
        let all = (0..).zip(&self.rows);
        let mut numbers: Vec<u32> = all
            .filter_map(|(number, &rows)| (rows == 0).then_some(number))
            .collect();
        numbers.sort_unstable_by(|&a, &b| self.name(a).cmp(self.name(b)));
        numbers
    }

    /// The numbers of classes with rows, largest first.
    pub(crate) fn by_size(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.numbers().collect();
        numbers.sort_unstable_by(|&a, &b| {
            let size = self.rows(b).cmp(&self.rows(a));
            size.then_with(|| self.name(a).cmp(self.name(b)))
        });
        numbers
    }

    /// The largest classes.
    pub(crate) fn listed(&self, by_size: &[u32]) -> Vec<ClassCount> {
        let count = |&number: &u32| ClassCount {
            label: self.name(number).to_owned(),
            rows: self.rows(number) as usize,
        };
        by_size.iter().take(MOST_LISTED).map(count).collect()
    }
}

/// Whether a label is the name of one class as it stands.
fn is_class(label: &str, problem: Problem) -> bool {
    match problem {
        Problem::SingleLabel => true,
        Problem::MultiLabel => parts(label, LABEL_SEPARATOR).eq([label]),
        Problem::Regression | Problem::TokenClassification | Problem::Ranking => false,
    }
}

/// Counts while labels are read.
struct Counter {
    names: Names,
    rows: Vec<u32>,
}

impl Counter {
    fn add(&mut self, class: &str, rows: u32) {
        let number = self.names.number(class) as usize;
        if number == self.rows.len() {
            self.rows.push(0);
        }
        if let Some(count) = self.rows.get_mut(number) {
            *count += rows;
        }
    }
}

/// Calls with each class of a label: of several labels each, of tags the kind of each span.
fn for_each_class(label: &str, problem: Problem, mut take: impl FnMut(&str)) {
    match problem {
        Problem::SingleLabel => take(label),
        Problem::MultiLabel => parts(label, LABEL_SEPARATOR).for_each(take),
        Problem::Regression | Problem::Ranking => {}
        Problem::TokenClassification => {
            for tag in label.split(' ') {
                match tag.split_once('-') {
                    Some(("B", kind)) => take(kind),
                    Some(("I", _)) => {}
                    // tags of no spans, as of parts of speech
                    _ if tag != "O" && !tag.is_empty() => take(tag),
                    _ => {}
                }
            }
        }
    }
}

/// A label with each class replaced by what `rename` says.
pub(crate) fn renamed(
    label: &str,
    problem: Problem,
    rename: impl Fn(&str) -> Option<String>,
) -> String {
    let new = |class: &str| rename(class).unwrap_or_else(|| class.to_owned());
    match problem {
        Problem::SingleLabel => new(label),
        Problem::Regression | Problem::Ranking => label.to_owned(),
        Problem::MultiLabel => {
            let mut names: Vec<String> = Vec::new();
            for name in parts(label, LABEL_SEPARATOR).map(new) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names.join("|")
        }
        Problem::TokenClassification => {
            let tags = label.split(' ').map(|tag| match tag.split_once('-') {
                Some((prefix @ ("B" | "I"), kind)) => format!("{prefix}-{}", new(kind)),
                _ if tag == "O" => tag.to_owned(),
                _ => new(tag),
            });
            tags.collect::<Vec<_>>().join(" ")
        }
    }
}
