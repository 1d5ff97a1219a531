//! Statistics of a sample of labels, and the problem that they suggest.

use std::collections::HashSet;

use super::lists::{Ids, Parts};
use super::sides::{SIDES, TIES, is_one_of};
use super::{LABEL_SEPARATOR, Problem};
use crate::json;
use crate::labels::{self, SEPARATORS, Said, said};
use crate::table::Cell;
use crate::tags::is_tag;

/// More distinct whole numbers than this are classes only if each is frequent and they leave few gaps.
const FEW_NUMBERS: usize = 20;

/// Names that data sets give to texts that have none of the other labels.
fn stands_for_none(label: &str) -> bool {
    let plain: String = label.trim().to_lowercase().replace([' ', '_', '-'], "");
    matches!(
        &*plain,
        "oos" | "ood" | "outofscope" | "outofdomain" | "outside" | "noneofthese"
    )
}

/// Statistics of a sample.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) filled: usize,
    pub(super) tagged: usize,
    pub(super) any_span: bool,
    /// Lists of tags as long as the text's words.
    pub(super) fitting: usize,
    pub(super) lists: usize,
    /// Lists with nothing in them.
    pub(super) empty: usize,
    pub(super) items: usize,
    pub(super) longest: usize,
    pub(super) vector: Option<Option<usize>>,
    pub(super) spans: usize,
    pub(super) numbers: HashSet<u64>,
    pub(super) numeric: usize,
    pub(super) whole: bool,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) plain: usize,
    pub(super) separators: [Parts; 4],
    /// Labels that can only say which of two texts is better, and those that say that neither is.
    pub(super) sides: usize,
    pub(super) ties: usize,
    /// Lists whose words are not quoted, and those of several.
    pub(super) bare: usize,
    pub(super) bare_several: usize,
    /// Vectors of zeros and ones that are written as text, their length if it is one, and whether they cannot be
    /// numbers with a decimal comma.
    pub(super) digits: usize,
    pub(super) digits_length: Option<Option<usize>>,
    pub(super) digits_sure: bool,
    pub(super) ids: Ids,
    pub(super) reject: Option<String>,
}

impl Counts {
    pub(super) fn add(&mut self, cell: &Cell<'_>, text: Option<&Cell<'_>>) {
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
    pub(super) fn are_bare(&self) -> bool {
        self.bare_several > 0 && self.bare == self.plain
    }

    /// The length of vectors that are written as text, if all labels are such.
    pub(super) fn digits_length(&self) -> Option<usize> {
        let length = self.digits_length.flatten();
        length.filter(|_| self.digits_sure && self.digits == self.filled)
    }

    pub(super) fn problem(&self, several: bool) -> Problem {
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

    /// Whether the numbers are names of classes and not quantities.
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

    pub(super) fn separator(&self, several: bool) -> char {
        if self.are_bare() || self.ids.are_lists(several) {
            return ',';
        }
        let mut separators = self.separators.iter().zip(SEPARATORS);
        let found = separators.find(|(parts, separator)| parts.are_lists(*separator));
        found.map_or(LABEL_SEPARATOR, |(_, separator)| separator)
    }
}

/// Number of words of a text: the items of a list, or the parts between spaces.
fn word_count(text: &Cell<'_>) -> usize {
    match said(text) {
        Said::List(list) => json::items(list).count(),
        _ => text.shown().split_whitespace().count(),
    }
}
