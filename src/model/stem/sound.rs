use std::sync::Arc;

use super::check_length;
use crate::error::Result;
use crate::input::Frames;
use crate::model::{Anatomy, ConvolutionPlan, Frozen, Place, SoundStemPlan, States};
use crate::ops::{FrozenLinear, add};
use crate::tensor::{Buffer, Tensor};

/// The stem of an encoder of sounds: convolutions over the frames, and sinusoidal positions.
pub(in crate::model) struct SoundStem {
    convolutions: Vec<(ConvolutionPlan, FrozenLinear)>,
    /// `[positions, hidden size]`
    positions: Vec<f32>,
    /// Most steps of a sequence.
    limit: usize,
    width: usize,
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
        let convolutions = layers.map(|(index, &plan)| {
            let layer = frozen.convolutions.get(&index).cloned();
            Ok((plan, layer.ok_or(Place::Convolution(index))?))
        });
        Ok(Self {
            convolutions: convolutions.collect::<std::result::Result<_, Place>>()?,
            positions: sinusoids(anatomy.max_tokens, anatomy.hidden_size),
            limit: anatomy.max_tokens,
            width: anatomy.hidden_size,
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
    ) -> Result<States> {
        check_length(starts, first_position, self.limit)?;
        let mut lengths: Vec<usize> = sounds.iter().map(Frames::frames).collect();
        let values: Vec<&[f32]> = sounds.iter().map(|sound| &sound.values[..]).collect();
        let width = sounds.first().map_or(0, |sound| sound.width);
        let mut x = Tensor::new(values.concat(), &[lengths.iter().sum(), width]);
        for (plan, layer) in &self.convolutions {
            x = plan
                .activation
                .forward(layer.forward(&unfold(&x, &lengths, *plan)));
            lengths
                .iter_mut()
                .for_each(|length| *length = plan.output(*length));
        }
        let mut places = Buffer::uninitialised(x.len());
        for (bounds, to) in starts
            .windows(2)
            .zip(split(&mut places, starts, self.width))
        {
            let first = first_position * self.width;
            let count = (bounds[1] - bounds[0]) * self.width;
            to.copy_from_slice(&self.positions[first..first + count]);
        }
        let places = Tensor::new(places, &[starts[sounds.len()], self.width]);
        Ok(States {
            x: add(x, &places),
            starts: Arc::clone(starts),
        })
    }

    /// States of vectors that stand before a sound.
    pub(super) fn vectors(&self, x: &Tensor) -> Tensor {
        let (count, width) = x.dims2();
        let places = self.positions[..count * width].to_vec();
        add(x.clone(), &Tensor::new(places, &[count, width]))
    }
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

/// What each output of a convolution is the product of, `[outputs, channels · kernel]`: of each channel its numbers in
/// successive frames, as a weight `[out, channels, kernel]` has them. Frames outside of a sequence are zeros.
///
/// `x`: `[frames, channels]`, the sequences end to end.
fn unfold(x: &Tensor, lengths: &[usize], plan: ConvolutionPlan) -> Tensor {
    let (_, channels) = x.dims2();
    let ConvolutionPlan {
        kernel,
        stride,
        padding,
        ..
    } = plan;
    let outputs: usize = lengths.iter().map(|&length| plan.output(length)).sum();
    let mut unfolded = Buffer::zeros(outputs * channels * kernel);
    let mut rows = unfolded.chunks_exact_mut(channels * kernel);
    let mut frames = x.data();
    for &length in lengths {
        let (own, others) = frames.split_at(length * channels);
        frames = others;
        for (output, row) in rows.by_ref().take(plan.output(length)).enumerate() {
            for tap in 0..kernel {
                let Some(frame) = (output * stride + tap).checked_sub(padding) else {
                    continue;
                };
                if frame >= length {
                    continue;
                }
                let frame = &own[frame * channels..(frame + 1) * channels];
                for (&value, to) in frame.iter().zip(row[tap..].iter_mut().step_by(kernel)) {
                    *to = value;
                }
            }
        }
    }
    Tensor::new(unfolded, &[outputs, channels * kernel])
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
    use crate::ops::Activation;

    #[test]
    fn unfolded_frames_are_those_that_an_output_sees() {
        let plan = ConvolutionPlan {
            kernel: 3,
            stride: 2,
            padding: 1,
            activation: Activation::Gelu,
        };
        // two sequences of two channels
        let x = Tensor::new(
            vec![
                1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0, 5.0, 50.0, 6.0, 60.0,
            ],
            &[6, 2],
        );
        let unfolded = unfold(&x, &[4, 2], plan);
        assert_eq!(unfolded.dims2(), (3, 6));
        assert_eq!(
            unfolded.data(),
            [
                0.0, 1.0, 2.0, 0.0, 10.0, 20.0, //
                2.0, 3.0, 4.0, 20.0, 30.0, 40.0, //
                0.0, 5.0, 6.0, 0.0, 50.0, 60.0,
            ]
        );
    }

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
