use crate::tensor::{Buffer, Inputs, Tensor};

/// What the outputs of a convolution over time see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many frames an output sees.
    pub kernel: usize,
    /// How many frames lie between two outputs.
    pub stride: usize,
    /// Frames of zeros before a sequence.
    pub padding: usize,
}

/// What each output of a convolution is the product of, `[outputs, channels · kernel]`: of each channel its numbers in
/// successive frames, as a weight `[out, channels, kernel]` has them. Frames outside of a sequence are zeros.
///
/// * `x`: `[frames, channels]`, the sequences end to end
/// * `lengths`: the number of frames and of outputs of each sequence
///
/// The backward pass adds up what all outputs say of a frame.
///
/// # Panics
/// If there are not as many frames.
#[must_use]
pub fn unfold(x: &Tensor, lengths: &[[usize; 2]], window: Window) -> Tensor {
    let (frames, channels) = x.dims2();
    let width = channels * window.kernel;
    let outputs: usize = lengths.iter().map(|[_, outputs]| outputs).sum();
    let mut y = Buffer::zeros(outputs * width);
    visit(lengths, window, &mut |frame, output, tap| {
        let from = &x.data()[frame * channels..][..channels];
        let to = y[output * width + tap..].iter_mut().step_by(window.kernel);
        to.zip(from).for_each(|(to, &from)| *to = from);
    });
    Tensor::result(y, &[outputs, width], [x], || {
        let lengths = lengths.to_vec();
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::zeros(frames * channels);
            visit(&lengths, window, &mut |frame, output, tap| {
                let from = dy[output * width + tap..].iter().step_by(window.kernel);
                let to = dx[frame * channels..][..channels].iter_mut();
                to.zip(from).for_each(|(to, &from)| *to += from);
            });
            inputs.give(0, dx);
        }
    })
}

/// Calls `take(frame, output, tap)` for every frame that an output sees; all are counted over the sequences.
fn visit(lengths: &[[usize; 2]], window: Window, take: &mut dyn FnMut(usize, usize, usize)) {
    let (mut first_frame, mut first_output) = (0, 0);
    for &[frames, outputs] in lengths {
        for output in 0..outputs {
            for tap in 0..window.kernel {
                let frame = (output * window.stride + tap).checked_sub(window.padding);
                if let Some(frame) = frame.filter(|&frame| frame < frames) {
                    take(first_frame + frame, first_output + output, tap);
                }
            }
        }
        first_frame += frames;
        first_output += outputs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfolded_frames_are_those_that_an_output_sees() {
        let window = Window {
            kernel: 3,
            stride: 2,
            padding: 1,
        };
        // two sequences of two channels
        let x = Tensor::new(
            vec![
                1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0, 5.0, 50.0, 6.0, 60.0,
            ],
            &[6, 2],
        );
        let unfolded = unfold(&x, &[[4, 2], [2, 1]], window);
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
}
