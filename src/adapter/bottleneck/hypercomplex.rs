use super::network::{Names, Position};
use crate::adapter::{Collector, Init, Site};
use crate::error::Result;
use crate::ops::{kronecker_sum, products};
use crate::tensor::Tensor;

/// Settings of hypercomplex projections.
///
/// A weight `[out, in]` is the transpose of `Σₛ R[s] ⊗ W[s]` over `n` terms: the rule `R`:
/// `[n, n, n]`, and `W`: `[n, in / n, out / n]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypercomplex {
    /// `n`.
    pub dimension: usize,
    /// Rank of each `W[s]`, a product of two matrices; `None` if it is one matrix.
    pub rank: Option<usize>,
    /// Whether each `R[s]` is a product of a column and a row.
    pub factorised_rule: bool,
    /// Whether all projections have one rule.
    pub shared_rule: bool,
    /// Whether all down-projections have one `W`, and all up-projections one.
    pub shared_weights: bool,
    /// Whether the projections have biases.
    pub bias: bool,
}

impl Default for Hypercomplex {
    fn default() -> Self {
        Self {
            dimension: 4,
            rank: Some(1),
            factorised_rule: false,
            shared_rule: true,
            shared_weights: false,
            bias: true,
        }
    }
}

/// What all projections of an adapter share.
#[derive(Default)]
pub(super) struct Shared {
    rule: Option<Tensor>,
    down: Option<Tensor>,
    up: Option<Tensor>,
}

impl Hypercomplex {
    pub(super) fn divides(&self, features: usize) -> bool {
        self.dimension > 0 && features.is_multiple_of(self.dimension)
    }

    /// Takes what is shared. `size` is the width inside.
    pub(super) fn shared(
        &self,
        hidden: usize,
        size: usize,
        tensors: &mut Collector<'_>,
    ) -> Result<Shared> {
        let mut shared = Shared::default();
        if self.shared_weights {
            shared.down = Some(self.w(Position::Down, Site::Encoder, hidden, size, tensors)?);
            shared.up = Some(self.w(Position::Up, Site::Encoder, size, hidden, tensors)?);
        }
        if self.shared_rule {
            // both projections' own rules have names by position, the shared one that of the first
            shared.rule = Some(self.rule(Position::Down.names(), Site::Encoder, tensors)?);
        }
        Ok(shared)
    }

    /// The weight `[out, in]` of a projection.
    pub(super) fn weight(
        &self,
        position: Position,
        site: Site,
        (input, output): (usize, usize),
        shared: &Shared,
        tensors: &mut Collector<'_>,
    ) -> Result<Tensor> {
        let rule = match &shared.rule {
            Some(rule) => rule.clone(),
            None => self.rule(position.names(), site, tensors)?,
        };
        let w = match (position, &shared.down, &shared.up) {
            (Position::Down, Some(w), _) | (Position::Up, _, Some(w)) => w.clone(),
            _ => self.w(position, site, input, output, tensors)?,
        };
        Ok(kronecker_sum(&rule, &w))
    }

    /// `R`. AdapterHub draws it a hundred times smaller than a unit; with a rule of ordinary size the
    /// first steps of training have gradients of ordinary size.
    #[allow(clippy::cast_precision_loss)]
    fn rule(&self, names: &Names, site: Site, tensors: &mut Collector<'_>) -> Result<Tensor> {
        let n = self.dimension;
        let init = Init::Normal(1.0 / (n as f32));
        if !self.factorised_rule {
            return tensors.get(site, names.rule, &[n, n, n], init);
        }
        let init = Init::Normal(1.0 / (n as f32).sqrt());
        let left = tensors.get(site, names.rule_left, &[n, n, 1], init)?;
        let right = tensors.get(site, names.rule_right, &[n, 1, n], init)?;
        Ok(products(&left, &right))
    }

    /// `W`, zero for an up-projection, so that a fresh adapter changes nothing.
    #[allow(clippy::cast_precision_loss)]
    fn w(
        &self,
        position: Position,
        site: Site,
        input: usize,
        output: usize,
        tensors: &mut Collector<'_>,
    ) -> Result<Tensor> {
        let names = position.names();
        let (n, rows, columns) = (
            self.dimension,
            input / self.dimension,
            output / self.dimension,
        );
        // Glorot and Bengio's deviation
        let glorot = |a: usize, b: usize| Init::Normal((2.0 / (a + b) as f32).sqrt());
        let last = |init| match position {
            Position::Down => init,
            Position::Up => Init::Zeros,
        };
        let Some(rank) = self.rank else {
            let init = last(glorot(rows, columns));
            return tensors.get(site, names.w, &[n, rows, columns], init);
        };
        let left = tensors.get(site, names.w_left, &[n, rows, rank], glorot(rows, rank))?;
        let init = last(glorot(rank, columns));
        let right = tensors.get(site, names.w_right, &[n, rank, columns], init)?;
        Ok(products(&left, &right))
    }
}
