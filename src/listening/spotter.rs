use std::collections::VecDeque;

/// Makes detections of the scores of windows.
///
/// The scores are averaged over the last windows (Chen, Parada and Heigold, "Small-footprint keyword spotting using deep
/// neural networks", 2014). A label is detected where its average is the best, and reaches the threshold. After that
/// nothing is detected for a while.
pub(super) struct Spotter {
    smoothing: usize,
    threshold: f32,
    /// Samples after a detection in which there is no other.
    refractory: u64,
    /// Whether each label is never detected.
    background: Vec<bool>,
    /// Scores of the last windows.
    last: VecDeque<Vec<f32>>,
    /// Where the last detection was made.
    detected: Option<u64>,
    smoothed: Vec<f32>,
}

impl Spotter {
    pub(super) fn new(
        smoothing: usize,
        threshold: f32,
        refractory: u64,
        background: Vec<bool>,
    ) -> Self {
        Self {
            smoothed: vec![0.0; background.len()],
            smoothing,
            threshold,
            refractory,
            background,
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
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn push(&mut self, scores: Option<&[f32]>, end: u64) -> Option<(usize, f32)> {
        while self.last.len() >= self.smoothing {
            self.last.pop_front();
        }
        let none = || vec![0.0; self.background.len()];
        self.last.push_back(scores.map_or_else(none, <[f32]>::to_vec));
        for (label, smoothed) in self.smoothed.iter_mut().enumerate() {
            let sum: f32 = self.last.iter().map(|scores| scores[label]).sum();
            *smoothed = sum / self.smoothing as f32;
        }
        let rests = |detected| end < detected + self.refractory;
        if self.detected.is_some_and(rests) {
            return None;
        }
        let words = (0..self.smoothed.len()).filter(|&label| !self.background[label]);
        let best = words.max_by(|&a, &b| self.smoothed[a].total_cmp(&self.smoothed[b]))?;
        let score = self.smoothed[best];
        (score >= self.threshold).then(|| {
            self.detected = Some(end);
            (best, score)
        })
    }
}
