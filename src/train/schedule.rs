use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// In a straight line to zero.
    #[default]
    Linear,
    /// Along half a cosine to zero (Loshchilov and Hutter 2017).
    Cosine,
}

/// Learning rate over the steps: up linearly during the warm-up, then down to zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// Steps until it is reached.
    pub warmup: usize,
    /// All steps.
    pub steps: usize,
    /// The way down.
    pub decay: Decay,
}

impl Schedule {
    /// The rate of a zero-based step.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let left = self.steps.saturating_sub(step) as f64;
        let left = left / (self.steps - self.warmup).max(1) as f64;
        self.peak
            * match self.decay {
                Decay::Linear => left,
                Decay::Cosine => f64::midpoint(1.0, -(PI * left).cos()),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(decay: Decay) -> Vec<f64> {
        let schedule = Schedule {
            peak: 1.0,
            warmup: 4,
            steps: 12,
            decay,
        };
        (0..13).map(|step| schedule.rate(step)).collect()
    }

    #[test]
    fn up_then_down() {
        let line = [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0];
        let wave = line.map(|left: f64| 0.5 - 0.5 * (PI * left).cos());
        for (decay, down) in [(Decay::Linear, line), (Decay::Cosine, wave)] {
            let found = rates(decay);
            let expected = [0.25, 0.5, 0.75, 1.0].into_iter().chain(down);
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?}"
            );
        }
    }

    #[test]
    fn no_warm_up_and_too_many_steps_are_fine() {
        for decay in [Decay::Linear, Decay::Cosine] {
            let schedule = Schedule {
                peak: 2.0,
                warmup: 0,
                steps: 1,
                decay,
            };
            assert!((schedule.rate(0) - 2.0).abs() < 1e-12);
            assert!(schedule.rate(5).abs() < 1e-12);
        }
    }
}
