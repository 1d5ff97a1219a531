use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::block::{At, Block};
use super::checkpoint::Checkpoint;
use super::overflow::Overflow;
use super::pooler::pool;
use super::stem::Stem;
use super::weight_norm::{WEIGHT_NORM, lengths_of};
use super::weights::Weights;
use super::{Affine, Anatomy, Backbone, Frozen, Hook, LinearSite, ModulePlan, NormSite, Place};
use super::{Portion, Shape, States, Waiting};
use crate::error::Result;
use crate::input::Batch;
use crate::ops::Weight;
use crate::tensor::Tensor;
use crate::tensor_file::{FloatType, TensorFileWriter};

/// The frozen encoder of any family: a stem, blocks, and perhaps a norm and a pooler behind them.
pub struct Encoder {
    shape: Shape,
    stem: Stem,
    blocks: Vec<Block>,
}

impl Encoder {
    /// [`load_checkpoint`](Self::load_checkpoint) of one safetensors file.
    ///
    /// # Errors
    /// Those of [`load_checkpoint`](Self::load_checkpoint).
    pub fn load(anatomy: &Anatomy, checkpoint: &[u8], fingerprint: &str) -> Result<Self> {
        Self::load_checkpoint(anatomy, &Checkpoint::single(checkpoint), fingerprint)
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
        anatomy: &Anatomy,
        checkpoint: &Checkpoint<'_>,
        fingerprint: &str,
    ) -> Result<Self> {
        let weights = Weights::new(checkpoint, anatomy)?;
        let mut frozen = Frozen::default();
        for module in weights.modules() {
            weights.build(module, &mut frozen)?;
        }
        Self::of_modules(anatomy, &weights, frozen, fingerprint)
    }

    /// The encoder of modules that were built.
    pub(super) fn of_modules(
        anatomy: &Anatomy,
        weights: &Weights<'_>,
        frozen: Frozen,
        fingerprint: &str,
    ) -> Result<Self> {
        let parameters = weights.modules().map(ModulePlan::parameters).sum();
        let missing = |place| weights.missing(&anatomy.path(place));
        let stem = Stem::build(anatomy, &frozen).map_err(missing)?;
        let blocks = Block::build_all(anatomy, &frozen).map_err(missing)?;
        let pooler =
            frozen.linears.contains_key(&LinearSite::POOLER) || !frozen.attending.is_empty();
        Ok(Self {
            shape: Shape {
                pooler,
                parameters,
                fingerprint: fingerprint.to_owned(),
                frozen,
                ..Shape::of(Arc::new(anatomy.clone()))
            },
            stem,
            blocks,
        })
    }
}

impl Backbone for Encoder {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States> {
        self.stem.embed(batch, hook)
    }

    fn run_portion<'a>(
        &'a self,
        mut states: States,
        layers: Range<usize>,
        hook: &'a dyn Hook,
        portion: Option<&'a Portion<'a>>,
    ) -> Waiting<'a, States> {
        Box::pin(async move {
            let lowest = hook.lowest_layer().unwrap_or(usize::MAX);
            let (tokens, _) = states.x.dims2();
            let is_end = layers.end == self.blocks.len() && !layers.is_empty();
            // what is frozen is finite: only an adapter can change that
            let overflow = (lowest < layers.end).then(|| Overflow::of(tokens));
            for layer in layers {
                let at = At {
                    layer,
                    hook,
                    portion,
                    overflow: overflow.as_ref().filter(|_| layer >= lowest),
                };
                states.x = self.blocks[layer]
                    .forward(&at, states.x, &states.starts)
                    .await;
            }
            if is_end && let Some(norm) = self.shape.frozen.norm(NormSite::Final) {
                states.x = hook.norm(NormSite::Final, &states.x, norm);
            }
            if let Some(overflow) = overflow {
                states.x = overflow.mark(states.x, &states.starts);
            }
            states
        })
    }

    fn pool(&self, states: &States, hook: &dyn Hook) -> Tensor {
        match pool(&self.shape, states, hook) {
            Some(vectors) => vectors,
            None => unreachable!("this checkpoint has no pooler"),
        }
    }

    fn checkpoint(
        &self,
        change: &mut dyn FnMut(Place, &mut Affine) -> Result<()>,
    ) -> Result<Vec<u8>> {
        let mut writer = TensorFileWriter::default();
        let frozen = &self.shape.frozen;
        for module in self.shape.anatomy.modules() {
            let Some(mut weights) = frozen.affine(module.place) else {
                continue;
            };
            change(module.place, &mut weights)?;
            let shape = &module.shape;
            if module.weight_norm
                && let Some(&taps) = shape.last()
            {
                let [lengths, directions] =
                    WEIGHT_NORM[0].map(|ending| format!("{}{ending}", module.path));
                let own = lengths_of(&weights.weight, taps);
                writer.floats(&lengths, &[1, 1, taps], &own, FloatType::F32);
                writer.floats(&directions, shape, &weights.weight, FloatType::F32);
            } else {
                let name = module.weight_name();
                writer.floats(&name, shape, &weights.weight, FloatType::F32);
            }
            if module.bias {
                let name = module.bias_name();
                writer.floats(&name, &module.shape[..1], &weights.bias, FloatType::F32);
            }
        }
        writer.finish("pt")
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let frozen = &self.shape.frozen;
        for table in frozen.tables.values() {
            table.visit_bytes(&mut |bytes| hash.update(bytes));
        }
        let mut floats = |data: &[f32]| data.iter().for_each(|x| hash.update(x.to_le_bytes()));
        frozen
            .scales
            .values()
            .for_each(|scale| floats(scale.data()));
        for norm in frozen
            .norms
            .values()
            .chain(frozen.convolution_norms.values())
        {
            floats(norm.gamma());
            floats(norm.beta());
        }
        let convolutions = frozen.convolutions.values().flatten();
        let linears = frozen.linears.values().chain(convolutions);
        for linear in linears.chain(frozen.attending.values()) {
            match linear.weight() {
                Weight::F32(weight) => floats(weight.panels()),
                Weight::Int8(weight) => {
                    floats(weight.scales());
                    // However they lie in memory, which differs between processors.
                    let codes = weight.unpack().into_iter().map(f32::from);
                    floats(&codes.collect::<Vec<_>>());
                }
            }
            floats(linear.bias().unwrap_or_default());
        }
        hex::encode(hash.finalize())
    }
}
