use std::collections::VecDeque;

/// The share of the threshold that a label's average must fall below before it can be detected again.
const RELEASE: f32 = 0.5;

/// Makes detections of the scores of windows.
///
/// The scores are averaged over the last windows (Chen, Parada and Heigold, "Small-footprint keyword spotting using deep
/// neural networks", 2014). A label is detected when its average is the best and reaches the threshold. After that nothing is
/// detected for a while, and this label not before its average has fallen: a word is in several windows.
pub(super) struct Spotter {
    smoothing: usize,
    threshold: f32,
    /// Samples after a detection in which there is no other.
    refractory: u64,
    labels: Vec<Label>,
    /// Scores of the last windows.
    last: VecDeque<Vec<f32>>,
    /// Where the last detection was made.
    detected: Option<u64>,
    smoothed: Vec<f32>,
}

/// What is known of a label.
#[derive(Clone, Copy)]
struct Label {
    is_background: bool,
    /// Whether it was detected, and is still heard.
    held: bool,
}

impl Spotter {
    /// `background` says which labels are never detected.
    pub(super) fn new(
        smoothing: usize,
        threshold: f32,
        refractory: u64,
        background: impl Iterator<Item = bool>,
    ) -> Self {
        let labels = background.map(|is_background| Label {
            is_background,
            held: false,
        });
        let labels: Vec<Label> = labels.collect();
        Self {
            smoothed: vec![0.0; labels.len()],
            smoothing,
            threshold,
            refractory,
            labels,
            last: VecDeque::new(),
            detected: None,
        }
    }

    /// The averaged scores of the last windows.
    pub(super) fn smoothed(&self) -> &[f32] {
        &self.smoothed
    }

    /// Takes in the scores of the window that ends at `end`; without any it holds no sound. Gives the label that is detected,
    /// and its averaged score.
    pub(super) fn push(&mut self, scores: Option<&[f32]>, end: u64) -> Option<(usize, f32)> {
        while self.last.len() >= self.smoothing {
            self.last.pop_front();
        }
        let none = || vec![0.0; self.labels.len()];
        self.last
            .push_back(scores.map_or_else(none, <[f32]>::to_vec));
        for (label, smoothed) in self.smoothed.iter_mut().enumerate() {
            let sum: f32 = self.last.iter().map(|scores| scores[label]).sum();
            #[allow(clippy::cast_precision_loss)]
            let mean = sum / self.smoothing as f32;
            *smoothed = mean;
            self.labels[label].held &= mean >= RELEASE * self.threshold;
        }
        let rests = |detected| end < detected + self.refractory;
        if self.detected.is_some_and(rests) {
            return None;
        }
        let words = (0..self.labels.len()).filter(|&label| !self.labels[label].is_background);
        let best = words.max_by(|&a, &b| self.smoothed[a].total_cmp(&self.smoothed[b]))?;
        let score = self.smoothed[best];
        if score < self.threshold || self.labels[best].held {
            return None;
        }
        self.detected = Some(end);
        self.labels[best].held = true;
        Some((best, score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the labels "background", 1 and 2; a window ends every 100 samples.
    fn spotter(smoothing: usize, refractory: u64) -> Spotter {
        Spotter::new(
            smoothing,
            0.59,
            refractory,
            [true, false, false].into_iter(),
        )
    }

    /// The number of the window and the label of each detection.
    fn found(mut spotter: Spotter, windows: &[Option<[f32; 3]>]) -> Vec<(u64, usize)> {
        let windows = (1..).zip(windows);
        let found = windows.filter_map(|(at, scores)| {
            let scores = scores.as_ref().map(<[f32; 3]>::as_slice);
            Some((at, spotter.push(scores, 100 * at)?.0))
        });
        found.collect()
    }

    const NOISE: Option<[f32; 3]> = Some([1.0, 0.0, 0.0]);
    const ONE: Option<[f32; 3]> = Some([0.1, 0.9, 0.0]);
    const TWO: Option<[f32; 3]> = Some([0.1, 0.0, 0.9]);

    #[test]
    fn the_average_decides_and_the_background_is_never_detected() {
        assert_eq!(found(spotter(1, 0), &[NOISE, ONE]), [(2, 1)]);
        // .9 in the last of three windows are .3, in two .6
        assert_eq!(found(spotter(3, 0), &[NOISE, ONE, ONE, ONE]), [(3, 1)]);
        assert_eq!(found(spotter(3, 0), &[ONE, NOISE, ONE]), [(3, 1)]);
        assert_eq!(found(spotter(3, 0), &[ONE, None, NOISE, ONE]), []);
        assert_eq!(found(spotter(1, 0), &[NOISE; 9]), []);
    }

    #[test]
    fn a_word_is_detected_once_until_it_has_passed() {
        assert_eq!(found(spotter(1, 0), &[ONE; 9]), [(1, 1)]);
        let again = [ONE, ONE, NOISE, ONE, None, ONE];
        assert_eq!(found(spotter(1, 0), &again), [(1, 1), (4, 1), (6, 1)]);
        // a half of the threshold is .295
        let weak = Some([0.65, 0.35, 0.0]);
        assert_eq!(found(spotter(1, 0), &[ONE, weak, ONE]), [(1, 1)]);
    }

    #[test]
    fn nothing_is_detected_in_the_refractory_time() {
        assert_eq!(found(spotter(1, 0), &[ONE, TWO]), [(1, 1), (2, 2)]);
        assert_eq!(found(spotter(1, 201), &[ONE, TWO, TWO]), [(1, 1)]);
        assert_eq!(found(spotter(1, 200), &[ONE, TWO, TWO]), [(1, 1), (3, 2)]);
    }
}
