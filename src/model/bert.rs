mod checkpoint;
pub(super) mod modules;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::embedding::Embedding;
use super::overflow::Overflow;
use super::weights::{Checkpoint, Weights};
use super::{
    Affine, Attention, Backbone, BertConfig, Embedder, Frozen, Hook, Linear, LinearSite, Module,
    Modules, Shape,
};
use super::{States, Sublayer, SublayerSite};
use crate::error::{Error, Result};
use crate::input::text::Batch;
use crate::ops::{Activation, FrozenLinear, LayerNorm, Weight, add};
use crate::tensor::{Buffer, Tensor};
use modules::{EMBEDDING_NORM, POOLER, POSITIONS, TYPES, WORDS};
pub(super) use modules::{MODULES, tensor_shapes};

/// The encoder of BERT (Devlin et al. 2019): embeddings, then blocks of self-attention and
/// feed-forward network, each followed by the sum with its input and a layer norm.
pub struct Bert {
    shape: Shape,
    words: Embedding,
    positions: Embedding,
    types: Embedding,
    embedding_norm: LayerNorm,
    blocks: Vec<Block>,
    pooler: Option<FrozenLinear>,
}

struct Block {
    heads: usize,
    activation: Activation,
    query: FrozenLinear,
    key: FrozenLinear,
    value: FrozenLinear,
    attention_output: FrozenLinear,
    attention_norm: LayerNorm,
    ffn_up: FrozenLinear,
    ffn_down: FrozenLinear,
    ffn_norm: LayerNorm,
}

impl Bert {
    /// [`load_checkpoint`](Self::load_checkpoint) of one safetensors file.
    ///
    /// # Errors
    /// Those of [`load_checkpoint`](Self::load_checkpoint).
    pub fn load(config: &BertConfig, checkpoint: &[u8], fingerprint: &str) -> Result<Self> {
        Self::load_checkpoint(config, &Checkpoint::single(checkpoint), fingerprint)
    }

    /// Reads the encoder from a checkpoint: f32, f16 or bf16 tensors as a model hub has them, or
    /// the int8 rows with scales that [`convert`](super::convert) writes.
    ///
    /// `fingerprint` is the original checkpoint's [`Checkpoint::fingerprint`].
    ///
    /// # Errors
    /// [`TensorMissing`](crate::Error::TensorMissing),
    /// [`TensorShape`](crate::Error::TensorShape),
    /// [`TensorNotFinite`](crate::Error::TensorNotFinite),
    /// [`ModelUnsupported`](crate::Error::ModelUnsupported) if the tensors are another family's, and those of
    /// [`TensorFile::open`](crate::tensor_file::TensorFile::open).
    pub fn load_checkpoint(
        config: &BertConfig,
        checkpoint: &Checkpoint<'_>,
        fingerprint: &str,
    ) -> Result<Self> {
        let weights = Weights::new(checkpoint)?;
        let (hidden, ffn) = (config.hidden_size, config.intermediate_size);
        let norm = |path: &str| weights.layer_norm(path, hidden, config.layer_norm_eps);
        let blocks = (0..config.num_hidden_layers)
            .map(|layer| {
                let linear = |linear: Linear, input, output| {
                    weights.linear(
                        &MODULES.linear(LinearSite::new(layer, linear)),
                        input,
                        output,
                    )
                };
                let norm = |sublayer: Sublayer| {
                    let path = MODULES.sublayer(SublayerSite { layer, sublayer });
                    norm(&format!("{path}.LayerNorm"))
                };
                Ok(Block {
                    heads: config.num_attention_heads,
                    activation: config.hidden_act,
                    query: linear(Linear::Query, hidden, hidden)?,
                    key: linear(Linear::Key, hidden, hidden)?,
                    value: linear(Linear::Value, hidden, hidden)?,
                    attention_output: linear(Linear::AttentionOutput, hidden, hidden)?,
                    attention_norm: norm(Sublayer::Attention)?,
                    ffn_up: linear(Linear::FfnUp, hidden, ffn)?,
                    ffn_down: linear(Linear::FfnDown, ffn, hidden)?,
                    ffn_norm: norm(Sublayer::Ffn)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let pooler = if weights.contains(&format!("{POOLER}.weight")) {
            Some(weights.linear(POOLER, hidden, hidden)?)
        } else {
            None
        };
        let mut bert = Self {
            words: weights.embedding(WORDS, config.vocab_size, hidden)?,
            positions: weights.embedding(POSITIONS, config.max_position_embeddings, hidden)?,
            types: weights.embedding(TYPES, config.type_vocab_size, hidden)?,
            embedding_norm: norm(EMBEDDING_NORM)?,
            blocks,
            shape: Shape {
                name: config.name.clone(),
                hidden_size: hidden,
                layers: config.num_hidden_layers,
                heads: config.num_attention_heads,
                intermediate_size: ffn,
                max_tokens: config.max_position_embeddings,
                pooler: pooler.is_some(),
                parameters: 0,
                fingerprint: fingerprint.to_owned(),
                frozen: Frozen::default(),
                modules: &MODULES,
            },
            pooler,
        };
        bert.shape.parameters = bert.count_parameters();
        bert.shape.frozen = bert.frozen();
        Ok(bert)
    }

    fn count_parameters(&self) -> usize {
        let linear = |layer: &FrozenLinear| {
            layer.weight().in_features() * layer.weight().out_features()
                + layer.bias().map_or(0, <[f32]>::len)
        };
        let norm = |norm: &LayerNorm| 2 * norm.gamma().len();
        let rows = self.words.rows() + self.positions.rows() + self.types.rows();
        rows * self.shape.hidden_size
            + self.linears().map(linear).sum::<usize>()
            + self.norms().map(norm).sum::<usize>()
    }

    fn frozen(&self) -> Frozen {
        let mut frozen = Frozen {
            embedding_norm: Some(self.embedding_norm.clone()),
            ..Frozen::default()
        };
        for (layer, block) in self.blocks.iter().enumerate() {
            for (linear, weight) in Linear::BLOCK.into_iter().zip(block.linears()) {
                let site = LinearSite::new(layer, linear);
                frozen.linears.insert(site, weight.clone());
            }
            let norms = [&block.attention_norm, &block.ffn_norm];
            for (sublayer, norm) in Sublayer::ALL.into_iter().zip(norms) {
                let site = SublayerSite { layer, sublayer };
                frozen.norms.insert(site, norm.clone());
            }
        }
        if let Some(pooler) = &self.pooler {
            frozen.linears.insert(LinearSite::POOLER, pooler.clone());
        }
        frozen
    }

    fn linears(&self) -> impl Iterator<Item = &FrozenLinear> {
        self.blocks
            .iter()
            .flat_map(Block::linears)
            .chain(&self.pooler)
    }

    fn norms(&self) -> impl Iterator<Item = &LayerNorm> {
        let blocks = self
            .blocks
            .iter()
            .flat_map(|b| [&b.attention_norm, &b.ffn_norm]);
        std::iter::once(&self.embedding_norm).chain(blocks)
    }
}

impl Backbone for Bert {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States> {
        hook.embeddings(batch, self)
    }

    fn run(&self, mut states: States, layers: std::ops::Range<usize>, hook: &dyn Hook) -> States {
        let lowest = hook.lowest_layer().unwrap_or(usize::MAX);
        let (tokens, _) = states.x.dims2();
        // what is frozen is finite: only an adapter can change that
        let overflow = (lowest < layers.end).then(|| Overflow::of(tokens));
        for layer in layers {
            let watched = overflow.as_ref().filter(|_| layer >= lowest);
            let (x, starts) = (states.x, &states.starts);
            states.x = self.blocks[layer].forward(layer, x, starts, hook, watched);
        }
        if let Some(overflow) = overflow {
            states.x = overflow.mark(states.x, &states.starts);
        }
        states
    }

    fn pool(&self, first_tokens: &Tensor, hook: &dyn Hook) -> Tensor {
        let Some(pooler) = &self.pooler else {
            unreachable!("this checkpoint has no pooler");
        };
        let site = LinearSite::POOLER;
        let x = hook.before_linear(site, first_tokens.clone());
        let y = hook.after_linear(site, &x, pooler.forward(&x));
        let (rows, _) = y.dims2();
        let overflow = Overflow::of(rows);
        overflow.watch(&y);
        let each: Vec<usize> = (0..=rows).collect();
        overflow.mark(Activation::Tanh.forward(y), &each)
    }

    fn checkpoint(
        &self,
        change: &mut dyn FnMut(Module, &mut Affine) -> Result<()>,
    ) -> Result<Vec<u8>> {
        checkpoint::write(self, change)
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for table in [&self.words, &self.positions, &self.types] {
            table.visit_bytes(&mut |bytes| hash.update(bytes));
        }
        let mut floats = |data: &[f32]| data.iter().for_each(|x| hash.update(x.to_le_bytes()));
        for norm in self.norms() {
            floats(norm.gamma());
            floats(norm.beta());
        }
        for linear in self.linears() {
            match linear.weight() {
                Weight::F32(weight) => floats(weight.panels()),
                Weight::Int8(weight) => {
                    floats(weight.scales());
                    floats(
                        &weight
                            .panels()
                            .iter()
                            .map(|&q| f32::from(q))
                            .collect::<Vec<_>>(),
                    );
                }
            }
            floats(linear.bias().unwrap_or_default());
        }
        hex::encode(hash.finalize())
    }
}

impl Embedder for Bert {
    fn tokens(&self, batch: &Batch, first_position: usize) -> Result<States> {
        let longest = batch.starts.windows(2).map(|b| b[1] - b[0]).max();
        let tokens = longest.unwrap_or_default();
        if first_position.saturating_add(tokens) > self.positions.rows() {
            return Err(Error::TextTooLong {
                tokens,
                virtual_tokens: first_position,
                limit: self.positions.rows(),
            });
        }
        let hidden = self.shape.hidden_size;
        let mut x = Buffer::zeros(batch.tokens() * hidden);
        let positions: Vec<u32>;
        let positions = match u32::try_from(first_position) {
            Ok(first) if first > 0 => {
                positions = batch.positions.iter().map(|p| p + first).collect();
                &positions
            }
            _ => &batch.positions,
        };
        let tables = [
            (&self.words, &batch.ids, "token"),
            (&self.positions, positions, "position"),
            (&self.types, &batch.type_ids, "token type"),
        ];
        for (table, indices, what) in tables {
            for (&index, row) in indices.iter().zip(x.chunks_exact_mut(hidden)) {
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
        let x = Tensor::new(x, &[batch.tokens(), hidden]);
        Ok(States {
            x: self.embedding_norm.forward(&x),
            starts: batch.starts.clone(),
        })
    }

    fn vectors(&self, x: &Tensor) -> Tensor {
        let (count, hidden) = x.dims2();
        let mut place = Buffer::zeros(count * hidden);
        for (position, row) in place.chunks_exact_mut(hidden).enumerate() {
            self.positions.add_row(position, row);
            self.types.add_row(0, row);
        }
        let place = Tensor::new(place, &[count, hidden]);
        self.embedding_norm.forward(&add(x.clone(), &place))
    }
}

impl Block {
    /// In the order of [`Linear::BLOCK`].
    fn linears(&self) -> [&FrozenLinear; 6] {
        [
            &self.query,
            &self.key,
            &self.value,
            &self.attention_output,
            &self.ffn_up,
            &self.ffn_down,
        ]
    }

    fn forward(
        &self,
        layer: usize,
        x: Tensor,
        starts: &Arc<[usize]>,
        hook: &dyn Hook,
        overflow: Option<&Overflow>,
    ) -> Tensor {
        let watch = |x: &Tensor| {
            if let Some(overflow) = overflow {
                overflow.watch(x);
            }
        };
        let site = |linear| LinearSite::new(layer, linear);
        let half = |sublayer| SublayerSite { layer, sublayer };
        let after = |linear, x: &Tensor, y| hook.after_linear(site(linear), x, y);

        watch(&x);
        let [q, k, v] = self.projections(layer, &x, hook);
        [&q, &k, &v].into_iter().for_each(watch);
        let (heads, starts) = (self.heads, Arc::clone(starts));
        let input = Attention {
            q,
            k,
            v,
            heads,
            starts,
        };
        let h = hook.attention(layer, input);
        let h = hook.before_linear(site(Linear::AttentionOutput), h);
        watch(&h);
        let y = self.attention_output.forward(&h);
        let h = after(Linear::AttentionOutput, &h, y);
        let x = hook.sublayer(half(Sublayer::Attention), h, &x, &self.attention_norm);
        watch(&x);

        let up = site(Linear::FfnUp);
        let h = hook.before_linear(up, x.clone());
        let h = match self.activation {
            Activation::Gelu if !hook.changes_output(up) => self.ffn_up.forward_gelu(&h),
            activation => {
                let y = after(Linear::FfnUp, &h, self.ffn_up.forward(&h));
                watch(&y);
                activation.forward(y)
            }
        };
        let h = hook.before_linear(site(Linear::FfnDown), h);
        watch(&h);
        let y = self.ffn_down.forward(&h);
        let h = after(Linear::FfnDown, &h, y);
        let x = hook.sublayer(half(Sublayer::Ffn), h, &x, &self.ffn_norm);
        watch(&x);
        x
    }

    /// Queries, keys and values. They have one input, unless an adapter gives them different ones.
    fn projections(&self, layer: usize, x: &Tensor, hook: &dyn Hook) -> [Tensor; 3] {
        let [query, key, value] = [Linear::Query, Linear::Key, Linear::Value]
            .map(|linear| LinearSite::new(layer, linear));
        if ![query, key, value]
            .iter()
            .any(|&site| hook.changes_input(site))
        {
            let layers = [&self.query, &self.key, &self.value];
            let project = |x: &Tensor| FrozenLinear::forward_all(layers, x);
            let [q, k, v] = hook.projections(layer, x, &project);
            return [
                hook.after_linear(query, x, q),
                hook.after_linear(key, x, k),
                hook.after_linear(value, x, v),
            ];
        }
        let project = |site, layer: &FrozenLinear| {
            let x = hook.before_linear(site, x.clone());
            hook.after_linear(site, &x, layer.forward(&x))
        };
        [
            project(query, &self.query),
            project(key, &self.key),
            project(value, &self.value),
        ]
    }
}
