//! What a run computes next, cut into shares for its workers.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Share;
use super::learner::EVALUATION_TOKENS;
use super::trainer::{Phase, Trainer};
use crate::input::runs;

impl Trainer {
    /// What is to be computed next, as at most `workers` shares of about the same size; none once the run
    /// is over. The same call gives the same shares until [`apply`](Self::apply).
    #[must_use]
    pub fn plan(&self, workers: usize) -> Vec<Share> {
        let workers = workers.max(1);
        let data = &self.learner.data;
        match &self.phase {
            Phase::Contrast(known) => {
                let rows = self.contrastive_rows();
                let step = self.step;
                let parts = parts(&rows, workers, |&row| data.length(row));
                let Some((_, gradient)) = known else {
                    let rows = |part: &[usize]| part.to_vec();
                    return match parts[..] {
                        [part] => vec![Share::Contrast {
                            step,
                            rows: rows(part),
                        }],
                        _ => { parts.into_iter() }
                            .map(|part| Share::Encode {
                                step,
                                rows: rows(part),
                            })
                            .collect(),
                    };
                };
                let width = gradient.len() / rows.len();
                let mut rest = &gradient[..];
                let pull = |part: &[usize]| {
                    let (own, others) = rest.split_at(part.len() * width);
                    rest = others;
                    Share::Pull {
                        step,
                        rows: part.to_vec(),
                        gradient: own.to_vec(),
                    }
                };
                parts.into_iter().map(pull).collect()
            }
            Phase::Read { next, .. } => {
                let rest = &self.pass().learn[*next..];
                let rows = |rows: &[usize]| Share::Read {
                    rows: rows.to_vec(),
                };
                self.answered(rest, workers).map(rows).collect()
            }
            // The worker that leads fits the head alone.
            Phase::Fit(_) => Vec::new(),
            Phase::Train(rows) => {
                let rows = &rows[rows.len() - self.next_rows(rows)..];
                let weight = self.learner.weight(rows);
                let shares = parts(rows, workers, |&row| data.length(row));
                let learn = |rows: &[usize]| Share::Learn {
                    step: self.step,
                    rows: rows.to_vec(),
                    weight,
                };
                shares.into_iter().map(learn).collect()
            }
            Phase::Evaluate { next, .. } => {
                let rest = &self.pass().judge[*next..];
                let rows = |rows: &[usize]| Share::Judge {
                    rows: rows.to_vec(),
                };
                self.answered(rest, workers).map(rows).collect()
            }
            Phase::Done => Vec::new(),
        }
    }

    /// The next rows that are only read, in a part a worker.
    fn answered<'a>(
        &self,
        rest: &'a [usize],
        workers: usize,
    ) -> impl Iterator<Item = &'a [usize]> + use<'a> {
        let length = |&row: &usize| self.learner.data.length(row);
        let rows = runs(rest, EVALUATION_TOKENS * workers, length).next();
        parts(rows.unwrap_or_default(), workers, length).into_iter()
    }

    /// Number of rows of the next step.
    pub(super) fn next_rows(&self, rows: &[usize]) -> usize {
        self.resolved.step_rows().min(rows.len())
    }
}

/// The rows of an epoch in its order, the first last. It hangs on nothing but these numbers, so a run that
/// was interrupted goes on in the same order.
pub(super) fn shuffled(rows: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1));
    rng.set_stream(epoch as u64);
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut rng);
    order
}

/// Cuts rows into `count` parts of about the same length, or one a row where there are fewer. So the number of
/// parts alone says how they were cut.
fn parts<T>(rows: &[T], count: usize, length: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let total: usize = rows.iter().map(&length).sum();
    let mut parts = Vec::with_capacity(count);
    let (mut start, mut seen) = (0, 0);
    for (index, row) in rows.iter().enumerate() {
        seen += length(row);
        let (rows_left, parts_left) = (rows.len() - index, count - parts.len());
        let must_cut = rows_left <= parts_left || rows_left == 1;
        if must_cut || seen * count >= total * (parts.len() + 1) {
            parts.push(&rows[start..=index]);
            start = index + 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_hold_every_row_once() {
        let lengths = |rows: &[usize], count| -> Vec<Vec<usize>> {
            let parts = parts(rows, count, |&length| length);
            parts.into_iter().map(<[usize]>::to_vec).collect()
        };
        assert_eq!(lengths(&[5, 5, 5, 5], 2), [[5, 5], [5, 5]]);
        assert_eq!(lengths(&[1, 1, 18, 2], 2), [vec![1, 1, 18], vec![2]]);
        assert_eq!(lengths(&[1, 1, 18], 3), [[1], [1], [18]]);
        assert_eq!(lengths(&[3, 3], 5), [[3], [3]]);
        assert!(lengths(&[], 2).is_empty());
        assert_eq!(lengths(&[7, 1, 1], 1), [[7, 1, 1]]);
    }

    #[test]
    fn an_epoch_has_its_own_order() {
        let sorted = |mut rows: Vec<usize>| {
            rows.sort_unstable();
            rows
        };
        let first = shuffled(50, 3, 0);
        assert_ne!(first, shuffled(50, 3, 1));
        assert_ne!(first, shuffled(50, 4, 0));
        assert_eq!(first, shuffled(50, 3, 0));
        assert_eq!(sorted(first), (0..50).collect::<Vec<_>>());
    }
}
