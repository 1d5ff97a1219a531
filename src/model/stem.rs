use std::sync::Arc;

use super::embedding::Rows;
use super::{Anatomy, Embedder, Frozen, Hook, LinearSite, NormSite, Place, States, Table};
use crate::error::{Error, Result};
use crate::input::text::Batch;
use crate::ops::{FrozenLinear, LayerNorm, add};
use crate::tensor::{Buffer, Tensor};

/// The module without which no text can be embedded.
pub(super) const WORDS: Place = Place::Table(Table::Words);

/// What comes before the blocks of a text encoder: the sum of a token's embeddings, a norm, and a linear layer where the
/// embeddings are narrower than the hidden states.
pub(super) struct Stem {
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

/// A stem as one hook sees it.
struct Embedding<'a> {
    stem: &'a Stem,
    hook: &'a dyn Hook,
}

impl Stem {
    /// `None` if there are no words.
    pub(super) fn build(anatomy: &Anatomy, frozen: &Frozen) -> Option<Self> {
        let table = |table| frozen.tables.get(&table).cloned();
        Some(Self {
            words: table(Table::Words)?,
            positions: table(Table::Positions),
            types: table(Table::TokenTypes),
            norm: frozen.norm(NormSite::Embedding).cloned(),
            projection: frozen.linear(LinearSite::EMBEDDING_PROJECTION).cloned(),
            padding: anatomy.stem.padding,
            limit: anatomy.max_tokens,
            width: anatomy.stem.embedding_size,
        })
    }

    /// Row of the first position.
    fn first_row(&self) -> usize {
        self.padding.map_or(0, |padding| padding as usize + 1)
    }

    /// The row of each token in the table of positions. A padding token inside a text is not counted, as in
    /// transformers: it has the row of its own number.
    fn position_rows(&self, batch: &Batch, first_position: usize) -> Vec<u32> {
        let Some(padding) = self.padding else {
            let first = u32::try_from(first_position).unwrap_or(u32::MAX);
            return batch.positions.iter().map(|p| p + first).collect();
        };
        let first = u32::try_from(self.first_row() + first_position).unwrap_or(u32::MAX);
        let mut rows = Vec::with_capacity(batch.tokens());
        for bounds in batch.starts.windows(2) {
            let mut next = first;
            for &id in &batch.ids[bounds[0]..bounds[1]] {
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

impl Embedder for Embedding<'_> {
    fn tokens(&self, batch: &Batch, first_position: usize) -> Result<States> {
        self.stem.tokens(batch, first_position, self.hook)
    }

    fn vectors(&self, x: &Tensor) -> Tensor {
        self.stem.vectors(x, self.hook)
    }
}

impl Stem {
    fn tokens(&self, batch: &Batch, first_position: usize, hook: &dyn Hook) -> Result<States> {
        let longest = batch.starts.windows(2).map(|b| b[1] - b[0]).max();
        let tokens = longest.unwrap_or_default();
        if first_position.saturating_add(tokens) > self.limit {
            return Err(Error::TextTooLong {
                tokens,
                virtual_tokens: first_position,
                limit: self.limit,
            });
        }
        let mut x = Buffer::zeros(batch.tokens() * self.width);
        let rows = self.position_rows(batch, first_position);
        let tables = [
            (Some(&self.words), &batch.ids, "token"),
            (self.positions.as_ref(), &rows, "position"),
            (self.types.as_ref(), &batch.type_ids, "token type"),
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
        let x = Tensor::new(x, &[batch.tokens(), self.width]);
        Ok(States {
            x: self.finish(x, hook),
            starts: batch.starts.clone(),
        })
    }

    fn vectors(&self, x: &Tensor, hook: &dyn Hook) -> Tensor {
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
    pub(super) fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States> {
        let stem = self;
        let States { x, starts } = hook.embeddings(batch, &Embedding { stem, hook })?;
        let Some(projection) = &self.projection else {
            return Ok(States { x, starts });
        };
        let site = LinearSite::EMBEDDING_PROJECTION;
        let x = hook.before_linear(site, x);
        let x = hook.after_linear(site, &x, projection.forward(&x));
        Ok(States { x, starts })
    }
}
