//! Floor 0: a small f32 tensor with reverse-mode differentiation.
//!
//! Values are row-major, contiguous and immutable; an operation that may change its argument takes
//! it by value and reuses the memory when nobody else holds it. What an operation must remember for
//! the backward pass lives in the graph ([`Tensor::result`]), and nothing else does: a frozen layer
//! remembers no activation at all.

mod buffer;
mod graph;

pub use buffer::Buffer;
pub use graph::{Gradients, Inputs};

use std::sync::Arc;

use graph::Node;

/// An f32 array of any number of axes; most are `[rows, width]`.
///
/// Cloning shares the values.
#[derive(Clone)]
pub struct Tensor {
    values: Arc<Values>,
    node: Option<Arc<Node>>,
}

/// A tensor's place in the graph, without its values.
pub struct Handle(Option<Arc<Node>>);

impl From<&Tensor> for Handle {
    fn from(tensor: &Tensor) -> Self {
        tensor.handle()
    }
}

struct Values {
    data: Buffer,
    shape: Vec<usize>,
}

impl Tensor {
    /// A constant.
    ///
    /// # Panics
    /// If the shape asks for another number of elements.
    pub fn new(data: impl Into<Buffer>, shape: &[usize]) -> Self {
        let (data, shape) = (data.into(), shape.to_vec());
        assert_eq!(data.len(), shape.iter().product::<usize>(), "{shape:?}");
        Self {
            values: Arc::new(Values { data, shape }),
            node: None,
        }
    }

    /// A variable: [`backward`](Self::backward) gives its gradient.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn variable(data: impl Into<Buffer>, shape: &[usize]) -> Self {
        Self::new(data, shape).tracked()
    }

    /// The result of an operation. `remember` is called only if a gradient with respect to an input
    /// is wanted, and returns the operation's backward: given the gradient of the result, it
    /// [gives](Inputs::give) each wanted input its own.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn result<B>(
        data: Buffer,
        shape: &[usize],
        inputs: impl IntoIterator<Item = impl Into<Handle>>,
        remember: impl FnOnce() -> B,
    ) -> Self
    where
        B: Fn(Buffer, &mut Inputs<'_>) + Send + Sync + 'static,
    {
        let mut result = Self::new(data, shape);
        let parents: Vec<_> = inputs.into_iter().map(|input| input.into().0).collect();
        if parents.iter().any(Option::is_some) {
            result.node = Some(Node::of(parents, Box::new(remember())));
        }
        result
    }

    /// The same values as a variable of their own.
    #[must_use]
    pub fn tracked(&self) -> Self {
        Self {
            values: Arc::clone(&self.values),
            node: Some(Node::leaf()),
        }
    }

    /// The same values as a constant.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            values: Arc::clone(&self.values),
            node: None,
        }
    }

    /// Whether the value depends on a variable.
    #[must_use]
    pub fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    /// The tensor's place in the graph without its values: what an operation that consumes its
    /// argument gives to [`result`](Self::result).
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.node.clone())
    }

    /// Length of each axis, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.values.shape
    }

    /// Rows and width of a matrix.
    ///
    /// # Panics
    /// If there are not two axes.
    #[must_use]
    pub fn dims2(&self) -> (usize, usize) {
        assert_eq!(self.shape().len(), 2, "a matrix is needed");
        (self.shape()[0], self.shape()[1])
    }

    /// The elements, row by row.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.values.data
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data().len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data().is_empty()
    }

    /// The rows of a matrix.
    ///
    /// # Panics
    /// If there are not two axes.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        let (_, width) = self.dims2();
        self.data().chunks_exact(width.max(1))
    }

    /// The values, without a copy if nobody else holds them.
    #[must_use]
    pub fn into_buffer(self) -> Buffer {
        match Arc::try_unwrap(self.values) {
            Ok(values) => values.data,
            Err(shared) => Buffer::copy_of(&shared.data),
        }
    }

    /// Lets `change` write to the values; they are copied first if anybody else holds them.
    ///
    /// For an optimizer: the tensor must be a variable or a constant, not the result of tracked
    /// operations, whose backward could no longer be right.
    pub fn update(&mut self, change: impl FnOnce(&mut [f32])) {
        if Arc::get_mut(&mut self.values).is_none() {
            self.values = Arc::new(Values {
                data: Buffer::copy_of(&self.values.data),
                shape: self.values.shape.clone(),
            });
        }
        if let Some(values) = Arc::get_mut(&mut self.values) {
            change(&mut values.data);
        }
    }

    /// Gradients of the single element of this tensor with respect to all variables it depends on.
    ///
    /// # Panics
    /// If there is not one element.
    #[must_use]
    pub fn backward(self) -> Gradients {
        self.backward_from(&[1.0])
    }

    /// Gradients of `Σ weights ∘ self`: the vector-Jacobian product.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    pub fn backward_from(self, weights: &[f32]) -> Gradients {
        assert_eq!(self.len(), weights.len());
        let Self { values, node } = self;
        drop(values);
        graph::backward(node, Buffer::copy_of(weights))
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tracked = if self.is_tracked() { ", tracked" } else { "" };
        write!(f, "Tensor({:?}{tracked})", self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Element by element, `a * b`.
    fn times(a: &Tensor, b: &Tensor) -> Tensor {
        let product = |a: &Tensor, b: &[f32]| -> Buffer {
            let pairs = a.data().iter().zip(b);
            pairs.map(|(a, b)| a * b).collect::<Vec<_>>().into()
        };
        Tensor::result(product(a, b.data()), a.shape(), [a, b], || {
            let (a, b) = (a.detach(), b.detach());
            move |dy, inputs: &mut Inputs<'_>| {
                if inputs.wants(0) {
                    inputs.give(0, product(&b, &dy));
                }
                if inputs.wants(1) {
                    inputs.give(1, product(&a, &dy));
                }
            }
        })
    }

    #[test]
    fn gradients_of_every_path_are_added_up() {
        let x = Tensor::variable(vec![3.0, -2.0], &[2]);
        let c = Tensor::new(vec![5.0, 7.0], &[2]);
        let square = times(&x, &x);
        let cube = times(&square, &x);
        let y = times(&cube, &c);
        let gradients = y.backward_from(&[1.0, 10.0]);
        // 3 c x²
        assert_eq!(gradients.get(&x), Some(&[135.0, 840.0][..]));
        assert_eq!(gradients.get(&c), None);
    }

    #[test]
    fn constants_make_no_graph() {
        let c = Tensor::new(vec![1.0], &[1]);
        let y = times(&c, &c);
        assert!(!y.is_tracked());
        assert!(y.backward().get(&c).is_none());
    }

    #[test]
    fn what_is_remembered_is_dropped_as_the_backward_pass_goes() {
        let mut x = Tensor::variable(vec![2.0], &[1]);
        let y = times(&x, &x);
        let gradients = y.backward();
        assert_eq!(gradients.get(&x), Some(&[4.0][..]));
        let before = x.data().as_ptr();
        x.update(|data| data[0] = 1.0);
        assert_eq!(before, x.data().as_ptr(), "nothing else holds the values");
        let other = x.clone();
        x.update(|data| data[0] = 5.0);
        assert_eq!((x.data(), other.data()), (&[5.0][..], &[1.0][..]));
    }

    #[test]
    fn a_long_chain_neither_overflows_the_stack_nor_is_kept() {
        let x = Tensor::variable(vec![1.0], &[1]);
        let one = Tensor::new(vec![1.0], &[1]);
        let mut y = x.clone();
        for _ in 0..100_000 {
            y = times(&y, &one);
        }
        assert_eq!(y.backward().get(&x), Some(&[1.0][..]));
        let mut unused = x;
        for _ in 0..100_000 {
            unused = times(&unused, &one);
        }
        drop(unused);
    }
}
