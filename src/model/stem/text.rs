use std::sync::Arc;

use super::check_length;
use crate::error::{Error, Result};
use crate::input::Tokens;
use crate::model::embedding::Rows;
use crate::model::{
    Anatomy, Frozen, Hook, LinearSite, NormSite, Place, States, Table, TextStemPlan,
};
use crate::ops::{FrozenLinear, LayerNorm, add};
use crate::tensor::{Buffer, Tensor};

/// What comes before the blocks of a text encoder: the sum of a token's embeddings, a norm, and a linear layer where the
/// embeddings are narrower than the hidden states.
pub(in crate::model) struct TextStem {
    words: Arc<Rows>,
    positions: Option<Arc<Rows>>,
    types: Option<Arc<Rows>>,
    norm: Option<LayerNorm>,
    projection: Option<FrozenLinear>,
    padding: Option<u32>,
    /// Most tokens of a sequence.
    limit: usize,
    width: usize,
}

impl TextStem {
    /// # Errors
    /// The place of the words if they are not there.
    pub(super) fn build(
        anatomy: &Anatomy,
        plan: &TextStemPlan,
        frozen: &Frozen,
    ) -> std::result::Result<Self, Place> {
        let table = |table| frozen.tables.get(&table).cloned();
        Ok(Self {
            words: table(Table::Words).ok_or(Place::Table(Table::Words))?,
            positions: table(Table::Positions),
            types: table(Table::TokenTypes),
            norm: frozen.norm(NormSite::Embedding).cloned(),
            projection: frozen.linear(LinearSite::EMBEDDING_PROJECTION).cloned(),
            padding: plan.padding,
            limit: anatomy.max_tokens,
            width: anatomy.embedding_size,
        })
    }

    /// Row of the first position.
    fn first_row(&self) -> usize {
        self.padding.map_or(0, |padding| padding as usize + 1)
    }

    /// The row of each token in the table of positions. A padding token inside a text is not counted, as in
    /// transformers: it has the row of its own number.
    fn position_rows(&self, tokens: &Tokens, starts: &[usize], first_position: usize) -> Vec<u32> {
        let Some(padding) = self.padding else {
            let first = u32::try_from(first_position).unwrap_or(u32::MAX);
            return tokens.positions.iter().map(|p| p + first).collect();
        };
        let first = u32::try_from(self.first_row() + first_position).unwrap_or(u32::MAX);
        let mut rows = Vec::with_capacity(tokens.ids.len());
        for bounds in starts.windows(2) {
            let mut next = first;
            for &id in &tokens.ids[bounds[0]..bounds[1]] {
                if id == padding {
                    rows.push(padding);
                } else {
                    rows.push(next);
                    next += 1;
                }
            }
        }
        rows
    }

    /// What follows the sum of the embeddings.
    fn finish(&self, x: Tensor, hook: &dyn Hook) -> Tensor {
        match &self.norm {
            Some(norm) => hook.norm(NormSite::Embedding, &x, norm),
            None => x,
        }
    }
}

impl TextStem {
    /// Numbers of a state.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// States of tokens, whose first ones have this position.
    pub(super) fn tokens(
        &self,
        tokens: &Tokens,
        starts: &Arc<[usize]>,
        first_position: usize,
        hook: &dyn Hook,
    ) -> Result<States> {
        check_length(starts, first_position, self.limit)?;
        let mut x = Buffer::zeros(tokens.ids.len() * self.width);
        let rows = self.position_rows(tokens, starts, first_position);
        let tables = [
            (Some(&self.words), &tokens.ids, "token"),
            (self.positions.as_ref(), &rows, "position"),
            (self.types.as_ref(), &tokens.type_ids, "token type"),
        ];
        for (table, indices, what) in tables {
            let Some(table) = table else { continue };
            for (&index, row) in indices.iter().zip(x.chunks_exact_mut(self.width)) {
                if index as usize >= table.rows() {
                    return Err(Error::ConfigInvalid {
                        place: "config.json".into(),
                        reason: format!(
                            "the text has {what} {index}, the model only {}",
                            table.rows()
                        ),
                    });
                }
                table.add_row(index as usize, row);
            }
        }
        let x = Tensor::new(x, &[tokens.ids.len(), self.width]);
        Ok(States {
            x: self.finish(x, hook),
            starts: Arc::clone(starts),
        })
    }

    /// States of vectors that stand before a text.
    pub(super) fn vectors(&self, x: &Tensor, hook: &dyn Hook) -> Tensor {
        let (count, width) = x.dims2();
        let mut place = Buffer::zeros(count * width);
        for (position, row) in place.chunks_exact_mut(width).enumerate() {
            if let Some(positions) = &self.positions {
                positions.add_row(self.first_row() + position, row);
            }
            if let Some(types) = &self.types {
                types.add_row(0, row);
            }
        }
        let place = Tensor::new(place, &[count, width]);
        self.finish(add(x.clone(), &place), hook)
    }

    /// What enters the first block.
    pub(super) fn project(&self, states: States, hook: &dyn Hook) -> States {
        let Some(projection) = &self.projection else {
            return states;
        };
        let States { x, starts } = states;
        let site = LinearSite::EMBEDDING_PROJECTION;
        let x = hook.before_linear(site, x);
        let x = hook.after_linear(site, &x, projection.forward(&x));
        States { x, starts }
    }
}
