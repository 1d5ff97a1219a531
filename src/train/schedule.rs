/// Learning rate over the steps: up linearly during the warm-up, then down linearly to zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// Steps until it is reached.
    pub warmup: usize,
    /// All steps.
    pub steps: usize,
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
        self.peak * left / (self.steps - self.warmup).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_then_down() {
        let schedule = Schedule {
            peak: 1.0,
            warmup: 4,
            steps: 12,
        };
        let rates: Vec<f64> = (0..13).map(|step| schedule.rate(step)).collect();
        let expected = [
            0.25, 0.5, 0.75, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0,
        ];
        assert!(
            rates
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-12),
            "{rates:?}"
        );
    }

    #[test]
    fn no_warm_up_and_too_many_steps_are_fine() {
        let schedule = Schedule {
            peak: 2.0,
            warmup: 0,
            steps: 1,
        };
        assert!((schedule.rate(0) - 2.0).abs() < 1e-12);
        assert!(schedule.rate(5).abs() < 1e-12);
    }
}
