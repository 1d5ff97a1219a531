use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Dataset;

use crate::head::Group;
use crate::order::sorted_by;

/// Groups of rows that a number is spread over, from small to large.
const BANDS: usize = 10;

impl Dataset {
    /// Holds out `share` of each stratum, at least one row and not all of them (so none of a
    /// stratum of one row). The same seed gives
    /// the same split. Returns what is left to learn from, and what was held out.
    #[must_use]
    pub fn split(self, share: f64, seed: u64) -> (Self, Self) {
        let mut held = vec![false; self.len()];
        let groups = self.groups();
        for rows in shuffled(&self, &groups, seed) {
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss
            )]
            let count = (rows.len() as f64 * share).round() as usize;
            let most = rows.len() - 1;
            let count = count.clamp(1.min(most), most);
            let out = rows[..count].iter().flat_map(|row| &groups[row]);
            out.for_each(|&row| held[row] = true);
        }
        let (out, kept): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&row| held[row]);
        (self.select(&kept), self.select(&out))
    }

    /// Splits the rows into `count` folds, each stratum spread over all of them. The same seed gives
    /// the same folds. Returns the numbers of each one's rows, in ascending order.
    #[must_use]
    pub fn folds(&self, count: usize, seed: u64) -> Vec<Vec<usize>> {
        let mut folds = vec![Vec::new(); count.max(1)];
        // one after the other over all strata, so that no fold is larger by more than a row
        let groups = self.groups();
        let rows = shuffled(self, &groups, seed).into_iter().flatten();
        for (place, row) in rows.enumerate() {
            folds[place % count.max(1)].extend_from_slice(&groups[&row]);
        }
        folds.iter_mut().for_each(|fold| fold.sort_unstable());
        folds
    }

    /// The rows of each group, by the first of them.
    fn groups(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut first = BTreeMap::new();
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in 0..self.len() {
            let first = *first.entry(self.group(row)).or_insert(row);
            groups.entry(first).or_default().push(row);
        }
        groups
    }

    /// Rows that are alike: of one label; of several labels or tags, those with the same rarest one; of a
    /// number, those of about the same.
    pub(super) fn strata(&self) -> Vec<Vec<usize>> {
        let rows = 0..self.len();
        let (mut keys, mut sets, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.clone() {
            match self.scheme().problem.group(self.target(row), self.labels()) {
                Group::Label(label) => keys.push(label),
                Group::Rarest(labels) => sets.push(labels),
                Group::Amount(amount) => amounts.push(amount),
            }
        }
        if !sets.is_empty() {
            keys = rarest(sets);
        } else if !amounts.is_empty() {
            let order = sorted_by(rows.clone().collect(), |&row| f64::from(amounts[row]));
            keys = vec![None; amounts.len()];
            for (rank, &row) in order.iter().enumerate() {
                keys[row] = Some(rank * BANDS / amounts.len());
            }
        }
        let mut strata: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for row in rows {
            strata.entry(keys[row]).or_default().push(row);
        }
        strata.into_values().collect()
    }
}

/// The first row of each group of each stratum, in random order.
fn shuffled(data: &Dataset, groups: &BTreeMap<usize, Vec<usize>>, seed: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut strata = data.strata();
    for rows in &mut strata {
        rows.retain(|row| groups.contains_key(row));
        rows.shuffle(&mut rng);
    }
    strata.retain(|rows| !rows.is_empty());
    strata
}

/// For each row the one of its labels that the fewest rows have.
fn rarest(labels: Vec<Vec<usize>>) -> Vec<Option<usize>> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    labels
        .iter()
        .flatten()
        .for_each(|&label| *counts.entry(label).or_default() += 1);
    let rarest = |labels: &Vec<usize>| labels.iter().copied().min_by_key(|label| counts[label]);
    labels.iter().map(rarest).collect()
}
