//! Rows that are left out because of other rows: repetitions, contradictions, and the only row of a class.

use super::candidates::Candidates;
use crate::findings::{FindingKind, RowFindings};
use crate::pool::hash;

impl Candidates {
    /// Keeps the first of equal rows. Leaves out all rows that give the same text different labels, because any of the
    /// labels may be the wrong one.
    pub(super) fn leave_out_repeats(&mut self, found: &mut RowFindings) {
        let count = self.numbers.len();
        let hash = |row: usize| {
            let first = hash(self.texts.get(row).as_bytes(), 0);
            hash(self.seconds.get(row).as_bytes(), first)
        };
        let same = |a: usize, b: usize| {
            self.texts.get(a) == self.texts.get(b) && self.seconds.get(a) == self.seconds.get(b)
        };
        let mut table: hashbrown::HashTable<u32> = hashbrown::HashTable::new();
        let mut fates = vec![Fate::First; count];
        for row in 0..count {
            let own = u32::try_from(row).unwrap_or(u32::MAX);
            let key = hash(row);
            let first = table.find(key, |&other| same(other as usize, row));
            if let Some(&first) = first {
                fates[row] = Fate::Repeats;
                if self.label_of[first as usize] != self.label_of[row] {
                    fates[first as usize] = Fate::Contradicts;
                }
            } else {
                table.insert_unique(key, own, |&other| hash(other as usize));
            }
        }
        for row in 0..count {
            if fates[row] == Fate::Repeats
                && let Some(&first) = table.find(hash(row), |&other| same(other as usize, row))
                && fates[first as usize] == Fate::Contradicts
            {
                fates[row] = Fate::Contradicts;
            }
        }
        drop(table);
        for (&fate, &number) in fates.iter().zip(&self.numbers) {
            match fate {
                Fate::First => {}
                Fate::Repeats => found.add(FindingKind::Duplicate, number),
                Fate::Contradicts => found.add(FindingKind::Contradiction, number),
            }
        }
        self.keep(|row| fates[row] == Fate::First);
    }

    /// Leaves out the only row of a class: no other row could show whether the class was learned.
    pub(super) fn leave_out_lonely(&mut self, reject: Option<&str>, found: &mut RowFindings) {
        let counts = self.label_counts();
        // with a single class there is a better thing to say than that its row is lonely
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            return;
        }
        let alone: Vec<bool> = counts
            .iter()
            .zip(self.labels.iter())
            .map(|(&count, label)| count == 1 && Some(label) != reject)
            .collect();
        let is_alone: Vec<bool> = self
            .label_of
            .iter()
            .map(|&label| alone[label as usize])
            .collect();
        for (_, &number) in is_alone
            .iter()
            .zip(&self.numbers)
            .filter(|(alone, _)| **alone)
        {
            found.add(FindingKind::ClassOfOne, number);
        }
        self.keep(|row| !is_alone[row]);
    }

    /// Keeps the rows for whose index `is_kept` returns true.
    fn keep(&mut self, is_kept: impl Fn(usize) -> bool) {
        if (0..self.numbers.len()).all(&is_kept) {
            return;
        }
        self.texts.retain(&is_kept);
        if self.seconds.len() > 0 {
            self.seconds.retain(&is_kept);
        }
        for list in [&mut self.label_of, &mut self.numbers] {
            let mut rows = 0..;
            list.retain(|_| rows.next().is_some_and(&is_kept));
        }
        self.shrink();
    }
}

/// What happens to a row whose text may also be the text of other rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No row before it has its text.
    First,
    /// A row before it has its text and label.
    Repeats,
    /// Rows with its text have different labels.
    Contradicts,
}
