//! The rows of an epoch of a run that has others beside the new ones.

use super::plan::shuffled;
use super::{Dataset, Origin};

/// The rows of an epoch in its order, the first last. Where there are old rows or texts beside the new ones, every batch
/// is half of new rows: all of them once, and some again until the last batch is full. The other half goes on where the
/// last epoch stopped. The rows depend only on these numbers, so a run that was interrupted goes on in the same order.
pub(super) fn epoch_rows(data: &Dataset, batch_size: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let new = data.of_origin(Origin::New);
    if new.len() == data.len() || new.is_empty() {
        return shuffled(data.len(), seed, epoch);
    }
    let is_other = |&row: &usize| data.origin(row) != Origin::New;
    let others: Vec<usize> = (0..data.len()).filter(is_other).collect();
    let half = (batch_size / 2).max(1);
    let count = new.len().div_ceil(half) * half;
    let first = shuffled(new.len(), seed, epoch);
    let new = first.iter().cycle().map(|&row| new[row]);
    let start = epoch * count;
    // each pass over the others has an order of its own
    let passes = start / others.len()..=(start + count) / others.len();
    let order = passes.flat_map(|pass| shuffled(others.len(), seed.wrapping_add(1), pass));
    let order = order.skip(start % others.len());
    new.zip(order)
        .take(count)
        .flat_map(|(new, other)| [new, others[other]])
        .collect()
}
