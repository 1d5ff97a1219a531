//! What the labels of a column say, guessed from how they look.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::columns::{Columns, zero_or_one};
use crate::json;
use crate::labels::{self, SEPARATORS, Said, said};
use crate::names;
use crate::pool::hash;
use crate::table::{Cell, Table};
use crate::tags::is_tag;

/// Between the labels of a text that has several.
pub const LABEL_SEPARATOR: char = '|';

/// What labels say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// One of several classes.
    #[default]
    SingleLabel,
    /// Any number of several classes.
    MultiLabel,
    /// A number.
    Regression,
    /// A tag for each word.
    TokenClassification,
    /// Which of two texts is better.
    Ranking,
}

impl Problem {
    const ALL: [(Self, &'static str); 5] = [
        (Self::SingleLabel, "single_label"),
        (Self::MultiLabel, "multi_label"),
        (Self::Regression, "regression"),
        (Self::TokenClassification, "token_classification"),
        (Self::Ranking, "ranking"),
    ];

    /// As choices and proposals write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let own = Self::ALL.iter().find(|(problem, _)| *problem == self);
        own.map_or("", |(_, name)| name)
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let own = Self::ALL.iter().find(|(_, own)| *own == name);
        own.map(|(problem, _)| *problem)
    }
}

/// Words that say which of two texts is better, and nothing else.
const SIDES: [&str; 6] = ["first", "second", "left", "right", "text1", "text2"];

/// Words that say so too, but may be names of classes.
const OTHER_SIDES: [&str; 3] = ["a", "b", "text"];

/// Words that say that neither is.
const TIES: [&str; 5] = ["tie", "equal", "same", "both", "neither"];

fn is_one_of(label: &str, words: &[&str]) -> bool {
    words
        .iter()
        .any(|word| word.eq_ignore_ascii_case(label.trim()))
}

/// Whether a word says which of two texts is better.
pub(crate) fn says_which(label: &str) -> bool {
    is_one_of(label, &SIDES) || is_one_of(label, &OTHER_SIDES) || is_one_of(label, &TIES)
}

/// What labels seem to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The problem.
    pub problem: Problem,
    /// The label that stands for none of the others, if there seems to be one.
    pub reject: Option<String>,
}

/// Rows that guesses go by.
const SAMPLE: usize = 2000;

/// More whole numbers than this are classes only if they come often and leave few gaps.
const FEW_NUMBERS: usize = 20;

/// Longest name of a class in a list with commas, in bytes.
const LONGEST_PART: usize = 40;

/// Names that data sets give to texts that have none of the other labels.
fn stands_for_none(label: &str) -> bool {
    let plain: String = label.trim().to_lowercase().replace([' ', '_', '-'], "");
    matches!(
        &*plain,
        "oos" | "ood" | "outofscope" | "outofdomain" | "outside" | "noneofthese"
    )
}

/// How the labels of a column are written, from rows all over the file.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// What they seem to say.
    pub(crate) problem: Problem,
    /// What stands between several labels in one text.
    pub(crate) separator: char,
    /// Whether labels are lists whose words are not quoted.
    pub(crate) bare: bool,
    /// Length of the vectors of zeros and ones, if all lists are such.
    pub(crate) vector: Option<usize>,
    /// Whether tags are those of spans.
    pub(crate) span_tags: bool,
    /// The label that seems to stand for none of the others.
    pub(crate) reject: Option<String>,
}

/// What was counted of a sample.
#[derive(Default)]
struct Counts {
    filled: usize,
    tagged: usize,
    any_span: bool,
    /// Lists of tags as long as the text's words.
    fitting: usize,
    lists: usize,
    /// Lists with nothing in them.
    empty: usize,
    items: usize,
    longest: usize,
    vector: Option<Option<usize>>,
    spans: usize,
    numbers: HashSet<u64>,
    numeric: usize,
    whole: bool,
    least: f64,
    most: f64,
    plain: usize,
    separators: [Parts; 4],
    /// Labels that can only say which of two texts is better, and those that say that neither is.
    sides: usize,
    ties: usize,
    /// Lists whose words are not quoted, and those of several.
    bare: usize,
    bare_several: usize,
    /// Vectors of zeros and ones that are written as text, their length if it is one, and whether they cannot be
    /// numbers with a decimal comma.
    digits: usize,
    digits_length: Option<Option<usize>>,
    digits_sure: bool,
    ids: Ids,
    reject: Option<String>,
}

/// Whole numbers with commas between them: numbers with a decimal comma, or lists of the numbers of classes.
#[derive(Default)]
struct Ids {
    /// Those without a comma.
    alone: HashSet<u64>,
    alone_count: usize,
    /// What stands behind the comma of those that could be a number.
    behind: HashSet<u64>,
    lists: usize,
    /// Those with several commas.
    long: usize,
    /// Whether a text was seen that is no such list.
    other: bool,
}

impl Ids {
    fn add(&mut self, label: &str) {
        let Some((_, behind)) = label.split_once(',') else {
            match label.parse() {
                Ok(id) => {
                    self.alone.insert(id);
                    self.alone_count += 1;
                }
                Err(_) => self.other = true,
            }
            return;
        };
        let mut last = None;
        for part in label.split(',').map(str::trim) {
            let is_plain = part == "0" || !part.starts_with(['0', '+']);
            let id = part.parse::<u64>().ok().filter(|_| is_plain);
            // programs write the numbers of classes in order
            if id.is_none() || id <= last {
                self.other = true;
                return;
            }
            last = id;
        }
        self.lists += 1;
        self.long += usize::from(behind.contains(','));
        self.behind.extend(behind.trim().parse::<u64>());
    }

    /// Whether they are lists. Numbers with a decimal comma are not all in order, and what stands behind their commas does
    /// not also come alone. `several` is whether the column's name says that a text has several labels.
    fn are_lists(&self, several: bool) -> bool {
        let known = self.behind.len() > 1 && self.behind.is_subset(&self.alone);
        !self.other
            && self.lists > 0
            && (self.long > 0 || several || known && self.lists < self.alone_count)
    }
}

/// Parts of labels between one separator.
#[derive(Default)]
struct Parts {
    /// Labels of more than one part.
    several: usize,
    total: usize,
    longest: usize,
    /// For each part whether it comes alone, and the last label it is a part of and how many.
    seen: HashMap<u64, Part>,
}

#[derive(Default)]
struct Part {
    alone: bool,
    whole: u64,
    wholes: usize,
    listed: bool,
}

impl Form {
    /// Looks at the labels of the columns.
    pub(crate) fn of(table: &Table, columns: &Columns) -> Self {
        if columns.label.is_none() && !columns.label_columns.is_empty() {
            return Self::of_columns(table, &columns.label_columns);
        }
        let mut counts = Counts {
            whole: true,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            ..Counts::default()
        };
        let mut cursor = table.cursor();
        if let Some(label) = columns.label {
            for row in table.sample(SAMPLE) {
                let cells = cursor.row(row);
                let text = columns
                    .text2
                    .is_none()
                    .then(|| cells.get(columns.text))
                    .flatten();
                if let Some(cell) = cells.get(label) {
                    counts.add(cell, text);
                }
            }
        }
        let name = columns
            .label
            .and_then(|label| table.source().columns.get(label));
        let several = name.is_some_and(|name| names::says_several(name));
        let problem = if columns.text2.is_some()
            && counts.sides > 0
            && counts.sides + counts.ties == counts.filled
        {
            Problem::Ranking
        } else {
            counts.problem(several)
        };
        let vector = match counts.digits_length() {
            Some(length) => Some(length),
            None => counts.vector.flatten(),
        };
        Self {
            problem,
            separator: counts.separator(several),
            bare: counts.are_bare(),
            vector: vector.filter(|_| counts.lists + counts.digits == counts.filled),
            span_tags: counts.any_span || counts.fitting == 0,
            reject: counts
                .reject
                .take()
                .filter(|_| problem == Problem::SingleLabel),
        }
    }

    /// One column a label: several labels, or one where every row has exactly one.
    fn of_columns(table: &Table, columns: &[usize]) -> Self {
        let mut cursor = table.cursor();
        let mut always_one = true;
        for row in table.sample(SAMPLE) {
            let cells = cursor.row(row);
            let of = |column: &usize| {
                cells
                    .get(*column)
                    .and_then(|cell| zero_or_one(&cell.shown()))
            };
            always_one &= columns.iter().filter_map(of).filter(|one| *one).count() == 1;
        }
        Self {
            problem: if always_one {
                Problem::SingleLabel
            } else {
                Problem::MultiLabel
            },
            separator: LABEL_SEPARATOR,
            bare: false,
            vector: None,
            span_tags: true,
            reject: None,
        }
    }

    /// Words with their tags.
    pub(crate) fn of_tags(span_tags: bool) -> Self {
        Self {
            problem: Problem::TokenClassification,
            separator: LABEL_SEPARATOR,
            bare: false,
            vector: None,
            span_tags,
            reject: None,
        }
    }

    /// The problem and the label that stands for none of the others.
    pub(crate) fn proposal(self) -> Proposal {
        Proposal {
            problem: self.problem,
            reject: self.reject,
        }
    }
}

/// Number of words of a text: items of a list, or what stands between spaces.
fn word_count(text: &Cell<'_>) -> usize {
    match said(text) {
        Said::List(list) => json::items(list).count(),
        _ => text.shown().split_whitespace().count(),
    }
}

impl Counts {
    fn add(&mut self, cell: &Cell<'_>, text: Option<&Cell<'_>>) {
        match said(cell) {
            Said::Missing => {}
            Said::Object => self.filled += 1,
            Said::Spans(_) => {
                self.filled += 1;
                self.spans += 1;
            }
            Said::List(list) => {
                self.filled += 1;
                self.lists += 1;
                let count = json::items(list).count();
                self.empty += usize::from(count == 0);
                self.items += count;
                self.longest = self.longest.max(count);
                let vector = labels::vector_length(list);
                let before = *self.vector.get_or_insert(vector);
                self.vector = Some(before.filter(|_| vector == before));
                if count > 0
                    && text.is_some_and(|text| matches!(said(text), Said::List(_)) || count > 1)
                    && text.map(word_count) == Some(count)
                {
                    let all_tags = labels::words(list).all(|tag| is_tag(&tag));
                    let tokens = text.is_some_and(|text| matches!(said(text), Said::List(_)));
                    self.any_span |= all_tags && labels::words(list).any(|tag| tag != "O");
                    self.fitting += usize::from(all_tags || tokens);
                }
            }
            Said::Plain(label) => {
                self.filled += 1;
                self.plain += 1;
                self.add_plain(&label, text);
            }
        }
    }

    fn add_plain(&mut self, label: &str, text: Option<&Cell<'_>>) {
        self.sides += usize::from(is_one_of(label, &SIDES));
        self.ties += usize::from(is_one_of(label, &TIES));
        if self.reject.is_none() && stands_for_none(label) {
            self.reject = Some(label.trim().to_owned());
        }
        if text.is_some()
            && let Some(mut tags) = labels::tags(label, is_tag)
        {
            let count = tags.clone().count();
            self.tagged += usize::from(text.map(word_count) == Some(count));
            self.any_span |= tags.any(|tag| tag != "O");
        }
        if let Some(number) = labels::number(label) {
            self.numeric += 1;
            self.whole &= number.fract() == 0.0;
            self.least = self.least.min(number);
            self.most = self.most.max(number);
            self.numbers.insert(number.to_bits());
        }
        if let Some(digits) = labels::digits(label) {
            self.digits += 1;
            let length = digits.clone().count();
            let before = *self.digits_length.get_or_insert(Some(length));
            self.digits_length = Some(before.filter(|before| *before == length));
            self.digits_sure |= length > 2 || label.contains(' ') || digits.last() == Some(true);
        }
        self.ids.add(label);
        if let Some(inner) = labels::bare_list(label) {
            self.bare += 1;
            self.bare_several += usize::from(inner.contains(','));
        }
        for (parts, separator) in self.separators.iter_mut().zip(SEPARATORS) {
            parts.add(label, separator);
        }
    }

    /// Whether all texts are lists whose words are not quoted.
    fn are_bare(&self) -> bool {
        self.bare_several > 0 && self.bare == self.plain
    }

    /// The length of vectors that are written as text, if all labels are such.
    fn digits_length(&self) -> Option<usize> {
        let length = self.digits_length.flatten();
        length.filter(|_| self.digits_sure && self.digits == self.filled)
    }

    fn problem(&self, several: bool) -> Problem {
        if self.filled == 0 {
            return Problem::SingleLabel;
        }
        let most = |count: usize, share: usize| count * 100 >= share * self.filled;
        let tagged = self.tagged + self.fitting;
        // an empty list is a text without spans
        if self.spans > 0 && most(self.spans + self.empty, 80) {
            return Problem::TokenClassification;
        }
        if most(tagged, 80) && (self.any_span || self.fitting > 0) {
            return Problem::TokenClassification;
        }
        if self.are_bare() || self.digits_length().is_some() || self.ids.are_lists(several) {
            return Problem::MultiLabel;
        }
        if most(self.numeric, 95) {
            return if self.are_classes() {
                Problem::SingleLabel
            } else {
                Problem::Regression
            };
        }
        if self.lists > 0 && self.lists >= self.plain {
            let single = self.longest <= 1 && self.items == self.lists;
            return if single {
                Problem::SingleLabel
            } else {
                Problem::MultiLabel
            };
        }
        let mut separators = self.separators.iter().zip(SEPARATORS);
        let lists = separators.any(|(parts, separator)| parts.are_lists(separator));
        if lists {
            Problem::MultiLabel
        } else {
            Problem::SingleLabel
        }
    }

    /// Whether numbers are names of classes rather than amounts.
    fn are_classes(&self) -> bool {
        let distinct = self.numbers.len();
        #[allow(clippy::cast_precision_loss)]
        let dense = distinct * 5 <= self.numeric
            && (0.0..=1.0).contains(&self.least)
            && self.most < 2.0 * distinct as f64;
        // of many numbers half must come again
        let recur = self.numeric < 8 || distinct * 2 <= self.numeric;
        self.whole && (recur && distinct <= FEW_NUMBERS || dense)
    }

    fn separator(&self, several: bool) -> char {
        if self.are_bare() || self.ids.are_lists(several) {
            return ',';
        }
        let mut separators = self.separators.iter().zip(SEPARATORS);
        let found = separators.find(|(parts, separator)| parts.are_lists(*separator));
        found.map_or(LABEL_SEPARATOR, |(_, separator)| separator)
    }
}

impl Parts {
    fn add(&mut self, label: &str, separator: char) {
        let count = labels::parts(label, separator)
            .take(labels::MOST_LABELS)
            .count();
        self.several += usize::from(count > 1);
        let whole = hash(label.as_bytes(), 0);
        for part in labels::parts(label, separator).take(labels::MOST_LABELS) {
            self.total += 1;
            self.longest = self.longest.max(part.len());
            let seen = self.seen.entry(hash(part.as_bytes(), 0)).or_default();
            seen.alone |= count == 1;
            seen.listed |= count > 1;
            seen.wholes += usize::from(seen.whole != whole);
            seen.whole = whole;
        }
    }

    /// Whether labels are lists: their parts come again. A comma or semicolon may be part of a name, as in “Paris, France”:
    /// most of the parts must come alone as well, or in several lists.
    fn are_lists(&self, separator: char) -> bool {
        let recur = self.several > 0 && self.seen.len() * 2 <= self.total;
        if separator == LABEL_SEPARATOR || !recur {
            return recur;
        }
        let listed = self.seen.values().filter(|part| part.listed);
        let free = listed
            .clone()
            .filter(|part| part.alone || part.wholes > 2)
            .count();
        self.longest <= LONGEST_PART && free * 3 > listed.count() * 2
    }
}
