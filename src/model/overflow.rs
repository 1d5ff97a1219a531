use std::cell::RefCell;

use crate::kernels::all_finite;
use crate::ops::add;
use crate::tensor::Tensor;

/// The tokens of a pass that have had a value that is not finite. An adapter can cause one, with weights or a scale that
/// are too large. The kernels need not pass NaN on: the softmax and the rounding of activations turn it into ordinary
/// numbers, so it is looked for where it arises.
pub(super) struct Overflow {
    tokens: RefCell<Vec<bool>>,
}

impl Overflow {
    /// For a pass over that many tokens.
    pub(super) fn of(tokens: usize) -> Self {
        Self {
            tokens: RefCell::new(vec![false; tokens]),
        }
    }

    /// Looks at a tensor of the pass: `[tokens, width]`.
    pub(super) fn watch(&self, x: &Tensor) {
        if all_finite(x.data()) {
            return;
        }
        let (rows, width) = x.dims2();
        let mut tokens = self.tokens.borrow_mut();
        if rows == tokens.len() {
            for (row, token) in x.data().chunks_exact(width).zip(tokens.iter_mut()) {
                *token |= !all_finite(row);
            }
        }
    }

    /// Last hidden states `[tokens, hidden size]`, with NaN for every sequence that had such a token.
    pub(super) fn mark(self, x: Tensor, starts: &[usize]) -> Tensor {
        let tokens = self.tokens.into_inner();
        if !tokens.contains(&true) {
            return x;
        }
        let (rows, width) = x.dims2();
        let mut marks = vec![0.0; rows * width];
        for bounds in starts.windows(2) {
            if tokens[bounds[0]..bounds[1]].contains(&true) {
                marks[bounds[0] * width..bounds[1] * width].fill(f32::NAN);
            }
        }
        add(x, &Tensor::new(marks, &[rows, width]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sequence_with_the_value_is_marked() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let overflow = Overflow::of(4);
            overflow.watch(&Tensor::new(vec![1e38; 8], &[4, 2]));
            let mut data = vec![3e38; 8];
            data[5] = value;
            overflow.watch(&Tensor::new(data, &[4, 2]));
            let x = Tensor::new((0u8..8).map(f32::from).collect::<Vec<_>>(), &[4, 2]);
            let marked = overflow.mark(x, &[0, 2, 4]);
            assert_eq!(&marked.data()[..4], &[0.0, 1.0, 2.0, 3.0]);
            assert!(marked.data()[4..].iter().all(|x| x.is_nan()));
        }
    }
}
