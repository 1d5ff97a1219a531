//! What was found at rows, gathered row by row.

use super::phrases::name_rows;
use super::{Finding, FindingKind, KINDS, Severity};

/// Numbers in ascending order, stored as runs: a finding about every row takes no more memory than one about a single
/// row.
#[derive(Clone, Debug, Default)]
struct Runs {
    /// First and last number of each run.
    runs: Vec<(u32, u32)>,
    count: usize,
}

impl Runs {
    fn add(&mut self, number: u32) {
        // objects on one line have one number
        if self.runs.last().is_some_and(|(_, last)| *last == number) {
            return;
        }
        self.count += 1;
        if let Some((_, last)) = self.runs.last_mut()
            && last.checked_add(1) == Some(number)
        {
            *last = number;
            return;
        }
        if self.runs.len() == self.runs.capacity() {
            // lists that double hold three times as much while they grow
            self.runs.reserve_exact(64 + self.runs.len() / 4);
        }
        self.runs.push((number, number));
    }

    fn contains(&self, number: u32) -> bool {
        let behind = self.runs.partition_point(|(_, last)| *last < number);
        self.runs
            .get(behind)
            .is_some_and(|(first, _)| *first <= number)
    }

    /// All numbers after a given one.
    fn after(&self, number: Option<u32>) -> impl Iterator<Item = u32> {
        let behind = number.map_or(0, |number| {
            self.runs.partition_point(|(_, last)| *last <= number)
        });
        let numbers = self.runs[behind..]
            .iter()
            .flat_map(|&(first, last)| first..=last);
        numbers.skip_while(move |found| number.is_some_and(|number| *found <= number))
    }
}

/// What was found at rows, gathered row by row, for each kind in the rows' order.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowFindings {
    found: [Runs; KINDS],
}

impl RowFindings {
    pub(crate) fn add(&mut self, kind: FindingKind, number: u32) {
        self.found[kind as usize].add(number);
    }

    /// Number of rows of which this was found.
    pub(crate) fn count(&self, kind: FindingKind) -> usize {
        self.found[kind as usize].count
    }

    /// The preview's remark on a row, for its first finding.
    pub(crate) fn note(&self, number: u32) -> Option<&'static str> {
        let kinds = FindingKind::all().into_iter();
        let mut kinds = kinds.filter(|kind| self.found[*kind as usize].contains(number));
        kinds.next().map(|kind| kind.words().2)
    }

    /// The first numbers after a given one that have a finding and for which `taken` returns true, in order.
    pub(crate) fn first_after(
        &self,
        number: u32,
        most: usize,
        taken: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut first: Vec<u32> = Vec::new();
        for runs in &self.found {
            first.extend(
                runs.after(Some(number))
                    .filter(|found| taken(*found))
                    .take(most),
            );
        }
        first.sort_unstable();
        first.dedup();
        first.truncate(most);
        first
    }

    /// All findings in order.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        let kinds = FindingKind::all().into_iter();
        let findings = kinds.filter_map(|kind| {
            let runs = std::mem::take(&mut self.found[kind as usize]);
            if runs.count == 0 {
                return None;
            }
            let mut rows = Vec::with_capacity(runs.count);
            rows.extend(runs.after(None));
            let severity = kind.severity();
            let (one, many, _) = kind.words();
            let (said, out) = if rows.len() == 1 {
                (one, ": it is left out")
            } else {
                (many, ": they are left out")
            };
            let out = if severity == Severity::Notice {
                ""
            } else {
                out
            };
            let sentence = format!("{} {said}{out}.", name_rows(&rows));
            Some(Finding {
                kind,
                severity,
                rows,
                sentence,
            })
        });
        findings.collect()
    }
}
