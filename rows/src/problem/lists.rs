//! Labels that are lists: parts between separators, and the numbers of classes.

use std::collections::{HashMap, HashSet};

use super::LABEL_SEPARATOR;
use crate::labels;
use crate::pool::hash;

/// Longest name of a class in a list with commas, in bytes.
const LONGEST_PART: usize = 40;

/// Whole numbers with commas between them: numbers with a decimal comma, or lists of the numbers of classes.
#[derive(Default)]
pub(super) struct Ids {
    /// Those without a comma.
    alone: HashSet<u64>,
    alone_count: usize,
    /// What stands behind the comma of those that could be a number.
    behind: HashSet<u64>,
    lists: usize,
    /// Those with several commas.
    long: usize,
    /// Whether a label was seen that is not such a list.
    other: bool,
}

impl Ids {
    pub(super) fn add(&mut self, label: &str) {
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
    pub(super) fn are_lists(&self, several: bool) -> bool {
        let known = self.behind.len() > 1 && self.behind.is_subset(&self.alone);
        !self.other
            && self.lists > 0
            && (self.long > 0 || several || known && self.lists < self.alone_count)
    }
}

/// Parts of labels between one separator.
#[derive(Default)]
pub(super) struct Parts {
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

impl Parts {
    pub(super) fn add(&mut self, label: &str, separator: char) {
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

    /// Whether labels are lists, that is, whether their parts repeat. A comma or semicolon may be part of a name, as in
    /// “Paris, France”, so most of the parts must also occur alone, or in several lists.
    pub(super) fn are_lists(&self, separator: char) -> bool {
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
