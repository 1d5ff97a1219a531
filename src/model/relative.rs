use std::sync::Arc;

use super::{Anatomy, Frozen, RelativePositions, Table};
use crate::kernels::RelativeBias;

/// The bias of a model with a table by distances (Raffel et al. 2020), `[buckets, heads]`.
pub(super) fn relative_bias(anatomy: &Anatomy, frozen: &Frozen) -> Option<Arc<RelativeBias>> {
    let plan = anatomy.relative_positions?;
    let table = frozen.tables.get(&Table::RelativePositions)?.dequantized();
    let heads = anatomy.heads;
    let value = |head, distance| table[plan.bucket(distance) * heads + head];
    let farthest = plan.max_distance.min(anatomy.max_tokens);
    Some(Arc::new(RelativeBias::new(heads, farthest, value)))
}

impl RelativePositions {
    /// The bucket of a distance `key - query`: keys in front of the query have the lower half. Near distances have one
    /// each, farther ones share buckets that grow by a constant factor.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn bucket(self, distance: isize) -> usize {
        let half = self.buckets / 2;
        let exact = half / 2;
        let side = if distance > 0 { half } else { 0 };
        let distance = distance.unsigned_abs();
        if distance < exact {
            return side + distance;
        }
        // as the reference implementation rounds it
        let range = (self.max_distance as f64 / exact as f64).ln() as f32;
        let step = (distance as f32 / exact as f32).ln() / range * (half - exact) as f32;
        side + (exact + step as usize).min(half - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets that transformers' `MPNetEncoder.relative_position_bucket` gives.
    #[test]
    fn buckets_are_those_of_the_reference() {
        let plan = RelativePositions {
            buckets: 32,
            max_distance: 128,
        };
        let buckets = [
            0, -1, 1, -7, 7, -8, 8, -11, -12, 12, -16, -31, -32, -127, -128, 500,
        ];
        let expected = [0, 1, 17, 7, 23, 8, 24, 8, 9, 25, 10, 11, 12, 15, 15, 31];
        assert_eq!(buckets.map(|distance| plan.bucket(distance)), expected);
    }
}
