use std::sync::Arc;

use crate::input::PictureSequence;
use crate::model::embedding::Rows;
use crate::model::{Anatomy, Frozen, Hook, NormSite, PictureStemPlan, Place, States, Table};
use crate::ops::{FrozenLinear, LayerNorm};
use crate::tensor::{Buffer, Tensor};

/// The stem of an encoder of pictures: a product for each patch, states before them, and learnt positions.
pub(in crate::model) struct PictureStem {
    patches: FrozenLinear,
    /// The states before the patches, with their positions, `[leading, hidden size]`.
    leading: Vec<f32>,
    /// Of the patches that the model was trained with, `[grid · grid, hidden size]`.
    positions: Vec<f32>,
    grid: usize,
    norm: Option<LayerNorm>,
    width: usize,
}

impl PictureStem {
    /// # Errors
    /// The place of a module that is not there.
    pub(super) fn build(
        anatomy: &Anatomy,
        plan: &PictureStemPlan,
        frozen: &Frozen,
    ) -> std::result::Result<Self, Place> {
        let table = |table| {
            let rows = frozen.tables.get(&table);
            rows.map(|rows| Rows::dequantized(rows))
                .ok_or(Place::Table(table))
        };
        let width = anatomy.hidden_size;
        let mut leading = Vec::new();
        for &own in &plan.leading {
            leading.extend(table(own)?);
        }
        let all = table(Table::Positions)?;
        let (first, positions) = all.split_at(leading.len());
        leading
            .iter_mut()
            .zip(first)
            .for_each(|(x, place)| *x += place);
        Ok(Self {
            patches: frozen
                .convolutions
                .get(&0)
                .and_then(|groups| groups.first().cloned())
                .ok_or(Place::Convolution(0))?,
            leading,
            positions: positions.to_vec(),
            grid: plan.grid,
            norm: frozen.norm(NormSite::Embedding).cloned(),
            width,
        })
    }

    /// Numbers of a state.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// States of pictures.
    pub(super) fn pictures(
        &self,
        pictures: &[PictureSequence],
        starts: &Arc<[usize]>,
        hook: &dyn Hook,
    ) -> States {
        let numbers: Vec<f32> = pictures.iter().flat_map(PictureSequence::values).collect();
        let inputs = self.patches.weight().in_features();
        let count = numbers.len() / inputs;
        let patches = self
            .patches
            .forward(&Tensor::new(numbers, &[count, inputs]));
        let mut x = Buffer::uninitialised(starts[pictures.len()] * self.width);
        let (mut rest, mut patches) = (&mut x[..], patches.data());
        for picture in pictures {
            let (leading, others) = rest.split_at_mut(self.leading.len());
            leading.copy_from_slice(&self.leading);
            let [rows, columns] = picture.grid();
            let positions = self.positions_for(rows, columns);
            let (own, others) = others.split_at_mut(positions.len());
            let (from, left) = patches.split_at(positions.len());
            for ((x, patch), place) in own.iter_mut().zip(from).zip(&positions) {
                *x = patch + place;
            }
            (rest, patches) = (others, left);
        }
        let x = Tensor::new(x, &[starts[pictures.len()], self.width]);
        States {
            x: self.vectors(x, hook),
            starts: Arc::clone(starts),
        }
    }

    /// States of what stands before or among the patches. Nothing is added to them that says where they are.
    pub(super) fn vectors(&self, x: Tensor, hook: &dyn Hook) -> Tensor {
        match &self.norm {
            Some(norm) => hook.norm(NormSite::Embedding, &x, norm),
            None => x,
        }
    }

    /// Positions of a grid of patches, `[rows · columns, hidden size]`: those of the training, or cubic interpolations between
    /// them as PyTorch has them (Keys 1981 with a = -0.75, the corners of the pictures on each other, the border repeated).
    fn positions_for(&self, rows: usize, columns: usize) -> Vec<f32> {
        if (rows, columns) == (self.grid, self.grid) {
            return self.positions.clone();
        }
        let (down, across) = (taps(self.grid, rows), taps(self.grid, columns));
        let mut positions = vec![0.0; rows * columns * self.width];
        let mut places = positions.chunks_exact_mut(self.width);
        for row in &down {
            for column in &across {
                let Some(place) = places.next() else { continue };
                for &(y, weight_y) in row {
                    for &(x, weight_x) in column {
                        let at = (y * self.grid + x) * self.width;
                        let from = &self.positions[at..at + self.width];
                        let weight = weight_y * weight_x;
                        place
                            .iter_mut()
                            .zip(from)
                            .for_each(|(to, from)| *to += weight * from);
                    }
                }
            }
        }
        positions
    }
}

/// For each of `to` places the four of `from` that it lies between, and their weights.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn taps(from: usize, to: usize) -> Vec<[(usize, f32); 4]> {
    const A: f64 = -0.75;
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let of = |index: usize| {
        let place = (index as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let (first, t) = (place.floor(), place - place.floor());
        let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
        let mut tap = 0.0;
        weights.map(|weight| {
            let at = (first - 1.0 + tap).clamp(0.0, from as f64 - 1.0) as usize;
            tap += 1.0;
            (at, weight as f32)
        })
    };
    (0..to).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_of_the_same_size_are_the_places_themselves() {
        for (index, taps) in taps(4, 4).into_iter().enumerate() {
            let own: f32 = { taps.iter() }
                .filter(|(at, _)| *at == index)
                .map(|(_, weight)| weight)
                .sum();
            assert!((own - 1.0).abs() < 1e-6, "{taps:?}");
        }
    }

    #[test]
    fn weights_sum_to_one() {
        for (from, to) in [(16, 7), (3, 8), (1, 5)] {
            for taps in taps(from, to) {
                let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-6);
                assert!(taps.iter().all(|(at, _)| *at < from));
            }
        }
    }
}
