//! The rows of an epoch of a run that has others beside the new ones.

use super::plan::shuffled;
use super::{Dataset, Origin};

/// How many rows of an epoch are new ones where others are beside them.
fn new_rows(new: usize, batch_size: usize) -> usize {
    let half = (batch_size / 2).max(1);
    new.div_ceil(half) * half
}

/// The number of [`epoch_rows`].
pub(super) fn epoch_length(data: &Dataset, rows: &[usize], batch_size: usize) -> usize {
    let is_new = |row: &&usize| data.origin(**row) == Origin::New;
    let new = rows.iter().filter(is_new).count();
    match new == 0 || new == rows.len() {
        true => rows.len(),
        false => 2 * new_rows(new, batch_size),
    }
}

/// Of `rows`, those of an epoch in its order, the first last. Where there are old rows or texts beside the new ones, every batch
/// is half of new rows: all of them once, and some again until the last batch is full. The other half goes on where the
/// last epoch stopped. The rows depend only on these numbers, so a run that was interrupted goes on in the same order.
pub(super) fn epoch_rows(
    data: &Dataset,
    rows: &[usize],
    batch_size: usize,
    seed: u64,
    epoch: usize,
) -> Vec<usize> {
    let is_new = |row: &usize| data.origin(*row) == Origin::New;
    let (new, others): (Vec<usize>, Vec<usize>) = rows.iter().copied().partition(is_new);
    if new.is_empty() || others.is_empty() {
        let order = shuffled(rows.len(), seed, epoch);
        return order.into_iter().map(|place| rows[place]).collect();
    }
    let count = new_rows(new.len(), batch_size);
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
