use std::sync::Arc;

use super::check_length;
use crate::error::Result;
use crate::input::Frames;
use crate::model::{Anatomy, ConvolutionNorm, ConvolutionPlan, Frozen, Hook, LinearSite, NormSite};
use crate::model::{Place, SoundStemPlan, States};
use crate::ops::{FrozenLinear, LayerNorm, Window, add, beside, columns, unfold};
use crate::tensor::{Buffer, Tensor};

/// The stem of an encoder of sounds: convolutions over the frames, and positions.
pub(in crate::model) struct SoundStem {
    convolutions: Vec<Convolution>,
    positions: Positions,
    norm: Option<LayerNorm>,
    projection: Option<FrozenLinear>,
    /// Behind the positions.
    entry: Option<LayerNorm>,
    /// Most steps of a sequence.
    limit: usize,
    width: usize,
}

/// What tells positions apart.
enum Positions {
    /// `[positions, hidden size]`
    Table(Vec<f32>),
    /// Of the states themselves.
    Convolution(Convolution),
}

/// A convolution, as a product for each group of its outputs.
struct Convolution {
    plan: ConvolutionPlan,
    groups: Vec<FrozenLinear>,
    norm: Option<LayerNorm>,
}

impl Convolution {
    /// The convolution of this number.
    ///
    /// # Errors
    /// The place of what is not there.
    fn build(
        index: usize,
        plan: ConvolutionPlan,
        frozen: &Frozen,
    ) -> std::result::Result<Self, Place> {
        let groups = frozen.convolutions.get(&index).cloned();
        Ok(Self {
            plan,
            groups: groups.ok_or(Place::Convolution(index))?,
            norm: frozen.convolution_norms.get(&index).cloned(),
        })
    }

    /// `x`: `[frames, channels]` to `[outputs, out]`. `lengths` are the frames and outputs of each sequence.
    fn forward(&self, x: &Tensor, lengths: &[[usize; 2]]) -> Tensor {
        let ConvolutionPlan {
            kernel,
            stride,
            padding,
            ..
        } = self.plan;
        let window = Window {
            kernel,
            stride,
            padding,
        };
        let own = x.dims2().1 / self.groups.len().max(1);
        let groups = self.groups.iter().enumerate();
        let outputs = groups.map(|(group, layer)| match self.groups.len() {
            1 => layer.forward(&unfold(x, lengths, window)),
            _ => layer.forward(&unfold(&columns(x, group * own, own), lengths, window)),
        });
        let Some(mut y) = outputs.reduce(|all, own| beside(&all, &own)) else {
            return x.clone();
        };
        if let Some(norm) = &self.norm {
            y = match self.plan.norm {
                ConvolutionNorm::None => y,
                ConvolutionNorm::Channels => norm.forward(&y),
                ConvolutionNorm::Time => normalised_over_time(y, lengths, norm),
            };
        }
        self.plan.activation.forward(y)
    }
}

impl SoundStem {
    /// # Errors
    /// The place of a convolution that is not there.
    pub(super) fn build(
        anatomy: &Anatomy,
        plan: &SoundStemPlan,
        frozen: &Frozen,
    ) -> std::result::Result<Self, Place> {
        let layers = plan.convolutions.iter().enumerate();
        let convolutions = layers.map(|(index, &plan)| Convolution::build(index, plan, frozen));
        Ok(Self {
            convolutions: convolutions.collect::<std::result::Result<_, Place>>()?,
            positions: match plan.positions {
                None => Positions::Table(sinusoids(anatomy.max_tokens, anatomy.hidden_size)),
                Some(own) => {
                    let index = plan.convolutions.len();
                    Positions::Convolution(Convolution::build(index, own, frozen)?)
                }
            },
            norm: frozen.norm(NormSite::Embedding).cloned(),
            projection: frozen.linear(LinearSite::EMBEDDING_PROJECTION).cloned(),
            entry: frozen.norm(NormSite::Entry).cloned(),
            limit: anatomy.max_tokens,
            width: anatomy.embedding_size,
        })
    }

    /// Numbers of a state.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// States of sounds, whose first steps have this position.
    pub(super) fn frames(
        &self,
        sounds: &[Frames],
        starts: &Arc<[usize]>,
        first_position: usize,
        hook: &dyn Hook,
    ) -> Result<States> {
        check_length(starts, first_position, self.limit)?;
        let lengths: Vec<usize> = sounds.iter().map(Frames::frames).collect();
        let values: Vec<&[f32]> = sounds.iter().map(|sound| &sound.values[..]).collect();
        let width = sounds.first().map_or(0, |sound| sound.width);
        let mut x = Tensor::new(values.concat(), &[lengths.iter().sum(), width]);
        let mut lengths: Vec<[usize; 2]> = lengths.into_iter().map(|length| [0, length]).collect();
        for convolution in &self.convolutions {
            for [frames, outputs] in &mut lengths {
                (*frames, *outputs) = (*outputs, convolution.plan.output(*outputs));
            }
            x = convolution.forward(&x, &lengths);
        }
        if let Some(norm) = &self.norm {
            x = hook.norm(NormSite::Embedding, &x, norm);
        }
        if let Positions::Table(positions) = &self.positions {
            let mut places = Buffer::uninitialised(x.len());
            for (bounds, to) in starts
                .windows(2)
                .zip(split(&mut places, starts, self.width))
            {
                let first = first_position * self.width;
                let count = (bounds[1] - bounds[0]) * self.width;
                to.copy_from_slice(&positions[first..first + count]);
            }
            x = add(x, &Tensor::new(places, &[starts[sounds.len()], self.width]));
        }
        Ok(States {
            x,
            starts: Arc::clone(starts),
        })
    }

    /// States of vectors that stand before a sound.
    pub(super) fn vectors(&self, x: &Tensor) -> Tensor {
        let Positions::Table(positions) = &self.positions else {
            return x.clone();
        };
        let (count, width) = x.dims2();
        let places = positions[..count * width].to_vec();
        add(x.clone(), &Tensor::new(places, &[count, width]))
    }

    /// What enters the first block.
    pub(super) fn project(&self, states: States, hook: &dyn Hook) -> States {
        let States { mut x, starts } = states;
        if let Some(projection) = &self.projection {
            let site = LinearSite::EMBEDDING_PROJECTION;
            x = hook.before_linear(site, x);
            x = hook.after_linear(site, &x, projection.forward(&x));
        }
        if let Positions::Convolution(convolution) = &self.positions {
            let lengths = starts.windows(2).map(|b| [b[1] - b[0]; 2]);
            let places = convolution.forward(&x, &lengths.collect::<Vec<_>>());
            x = add(x, &places);
        }
        if let Some(norm) = &self.entry {
            x = hook.norm(NormSite::Entry, &x, norm);
        }
        States { x, starts }
    }
}

/// `x`: `[outputs, channels]`, each channel of each sequence normalised over its outputs (Wu and He 2018, with as many groups
/// as channels). It is for what no adapter changes: there is no backward pass.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn normalised_over_time(x: Tensor, lengths: &[[usize; 2]], norm: &LayerNorm) -> Tensor {
    let (outputs, channels) = x.dims2();
    let mut y = x.into_buffer();
    let mut rest = &mut y[..];
    for [_, count] in lengths {
        let (own, others) = rest.split_at_mut(count * channels);
        rest = others;
        let mean_of = |own: &[f32], of: &dyn Fn(usize, f32) -> f64| {
            let mut sums = vec![0f64; channels];
            for row in own.chunks_exact(channels) {
                let columns = sums.iter_mut().zip(row).enumerate();
                columns.for_each(|(channel, (sum, &x))| *sum += of(channel, x));
            }
            sums.iter_mut().for_each(|sum| *sum /= *count as f64);
            sums
        };
        let means = mean_of(own, &|_, x| f64::from(x));
        let variances = mean_of(own, &|channel, x| (f64::from(x) - means[channel]).powi(2));
        let scales = variances.iter().zip(norm.gamma());
        let scales: Vec<f64> = scales
            .map(|(variance, &gamma)| {
                f64::from(gamma) / (variance + f64::from(norm.epsilon())).sqrt()
            })
            .collect();
        for row in own.chunks_exact_mut(channels) {
            for (channel, x) in row.iter_mut().enumerate() {
                let scaled = (f64::from(*x) - means[channel]) * scales[channel];
                *x = (scaled + f64::from(norm.beta()[channel])) as f32;
            }
        }
    }
    Tensor::new(y, &[outputs, channels])
}

/// The rows of each sequence.
fn split<'a>(x: &'a mut [f32], starts: &[usize], width: usize) -> Vec<&'a mut [f32]> {
    let mut rest = x;
    let lengths = starts.windows(2).map(|bounds| bounds[1] - bounds[0]);
    let rows = lengths.map(|length| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut(length * width);
        rest = others;
        own
    });
    rows.collect()
}

/// Positions as Whisper has them, `[positions, width]`: sines of the position at falling frequencies, and then cosines.
/// The arithmetic is in 32 bits, as the checkpoints were made by.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn sinusoids(positions: usize, width: usize) -> Vec<f32> {
    let half = width / 2;
    let step = (10_000f64.ln() / (half.max(2) - 1) as f64) as f32;
    let frequency = |index: usize| f64::from(-step * index as f32).exp() as f32;
    let frequencies: Vec<f32> = (0..half).map(frequency).collect();
    let mut table = Vec::with_capacity(positions * width);
    for position in 0..positions {
        let angles = frequencies
            .iter()
            .map(|own| f64::from(position as f32 * own));
        table.extend(angles.clone().map(|angle| angle.sin() as f32));
        table.extend(angles.map(|angle| angle.cos() as f32));
        table.resize((position + 1) * width, 0.0);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_sines_and_cosines() {
        let table = sinusoids(3, 4);
        let near = |at: usize, value: f64| assert!((f64::from(table[at]) - value).abs() < 1e-6);
        near(0, 0.0);
        near(2, 1.0);
        near(4, 1f64.sin());
        near(5, 1e-4f64.sin());
        near(8 + 2, 2f64.cos());
    }
}
