//! L-BFGS (Liu and Nocedal 1989): the minimum of a smooth function of many numbers.

use std::collections::VecDeque;

/// Steps whose change of the gradient is remembered.
const REMEMBERED: usize = 10;
/// Most trials of a step's length.
const TRIALS: usize = 30;
/// A step must lower the value by this share of what the slope promises (Armijo).
const DECREASE: f64 = 1e-4;
/// Behind a step the slope must be at most this share of the slope before it (Wolfe).
const CURVATURE: f64 = 0.9;
/// By so much, relative to its size, a value may be wrong: functions may calculate with 32-bit floats.
const NOISE: f64 = 4e-7;

/// A function that has a gradient.
pub(super) trait Smooth {
    /// The value at a point. `gradient`, as long as the point, is overwritten.
    fn evaluate(&self, point: &[f64], gradient: &mut [f64]) -> f64;
}

/// A search for the minimum, one step at a time.
pub(super) struct Lbfgs {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// The newest last.
    steps: VecDeque<Step>,
    done: bool,
}

/// A step that was taken.
struct Step {
    moved: Vec<f64>,
    /// By how much the gradient changed.
    turned: Vec<f64>,
    /// 1 over the inner product of the two.
    inverse: f64,
}

impl Lbfgs {
    /// Begins at a point.
    pub(super) fn new(function: &dyn Smooth, point: Vec<f64>) -> Self {
        let mut gradient = vec![0.0; point.len()];
        let value = function.evaluate(&point, &mut gradient);
        Self {
            point,
            value,
            gradient,
            steps: VecDeque::with_capacity(REMEMBERED),
            done: false,
        }
    }

    /// Where it is.
    pub(super) fn point(&self) -> &[f64] {
        &self.point
    }

    /// Where it ended.
    pub(super) fn into_point(self) -> Vec<f64> {
        self.point
    }

    /// The largest element of the gradient, without its sign.
    pub(super) fn slope(&self) -> f64 {
        self.gradient
            .iter()
            .fold(0.0, |most, slope| most.max(slope.abs()))
    }

    /// Takes a step. Returns whether another one may come nearer: the slope is still above `tolerance`, and the last step
    /// could be told from rounding.
    pub(super) fn step(&mut self, function: &dyn Smooth, tolerance: f64) -> bool {
        if self.done || self.slope() <= tolerance {
            return false;
        }
        while !self.advance(function) {
            if self.steps.is_empty() {
                self.done = true;
                return false;
            }
            // What is remembered leads nowhere: go down the steepest way.
            self.steps.clear();
        }
        self.slope() > tolerance
    }

    /// Steps until none comes nearer, at most `most`.
    pub(super) fn run(&mut self, function: &dyn Smooth, tolerance: f64, most: usize) {
        for _ in 0..most {
            if !self.step(function, tolerance) {
                break;
            }
        }
    }

    /// A step along the direction that the remembered steps suggest, if one is found that lowers the value.
    ///
    /// Its length is found by bisection (Lewis and Overton 2013).
    fn advance(&mut self, function: &dyn Smooth) -> bool {
        let direction = self.direction();
        let slope = dot(&direction, &self.gradient);
        if slope >= 0.0 || !slope.is_finite() {
            return false;
        }
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut length = match self.steps.is_empty() {
            true => (1.0 / dot(&self.gradient, &self.gradient).sqrt()).min(1.0),
            false => 1.0,
        };
        let noise = NOISE * self.value.abs();
        let mut gradient = vec![0.0; self.point.len()];
        for _ in 0..TRIALS {
            let along = |(at, by): (&f64, &f64)| at + length * by;
            let point: Vec<f64> = self.point.iter().zip(&direction).map(along).collect();
            let value = function.evaluate(&point, &mut gradient);
            let bound = self.value + DECREASE * length * slope + noise;
            // A value that is not a number is too far too.
            if value.is_nan() || value > bound {
                high = length;
            } else if dot(&direction, &gradient) < CURVATURE * slope {
                low = length;
            } else {
                self.take(point, value, gradient);
                return true;
            }
            length = match high.is_finite() {
                true => f64::midpoint(low, high),
                false => 2.0 * low,
            };
        }
        false
    }

    /// Down, by what is remembered of the curvature (the two loops of Nocedal 1980).
    fn direction(&self) -> Vec<f64> {
        let mut direction: Vec<f64> = self.gradient.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.steps.len());
        for step in self.steps.iter().rev() {
            let share = step.inverse * dot(&step.moved, &direction);
            add_scaled(&mut direction, &step.turned, -share);
            shares.push(share);
        }
        if let Some(last) = self.steps.back() {
            let scale = 1.0 / (last.inverse * dot(&last.turned, &last.turned));
            direction.iter_mut().for_each(|by| *by *= scale);
        }
        for (step, share) in self.steps.iter().zip(shares.into_iter().rev()) {
            let other = step.inverse * dot(&step.turned, &direction);
            add_scaled(&mut direction, &step.moved, share - other);
        }
        direction
    }

    fn take(&mut self, point: Vec<f64>, value: f64, gradient: Vec<f64>) {
        let difference = |(new, old): (&f64, &f64)| new - old;
        let moved: Vec<f64> = point.iter().zip(&self.point).map(difference).collect();
        let turned: Vec<f64> = { gradient.iter().zip(&self.gradient) }
            .map(difference)
            .collect();
        let product = dot(&moved, &turned);
        if product > 0.0 {
            if self.steps.len() == REMEMBERED {
                self.steps.pop_front();
            }
            let inverse = 1.0 / product;
            self.steps.push_back(Step {
                moved,
                turned,
                inverse,
            });
        }
        (self.point, self.value, self.gradient) = (point, value, gradient);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f64], other: &[f64], scale: f64) {
    for (to, other) in to.iter_mut().zip(other) {
        *to += scale * other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's function of any number of dimensions; its minimum is 0 where all are 1.
    struct Rosenbrock;

    impl Smooth for Rosenbrock {
        fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            gradient.fill(0.0);
            let mut value = 0.0;
            for i in 0..x.len() - 1 {
                let (rise, off) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
                value += 100.0 * rise * rise + off * off;
                gradient[i] += -400.0 * x[i] * rise - 2.0 * off;
                gradient[i + 1] += 200.0 * rise;
            }
            value
        }
    }

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        for size in [2, 5, 20] {
            let mut search = Lbfgs::new(&Rosenbrock, vec![-1.2; size]);
            search.run(&Rosenbrock, 1e-9, 2000);
            let off = |x: &f64| (x - 1.0).abs();
            assert!(
                search.point().iter().map(off).fold(0.0, f64::max) < 1e-6,
                "{size}"
            );
            assert!(search.slope() <= 1e-9);
            // nothing comes nearer
            assert!(!search.step(&Rosenbrock, 1e-9));
        }
    }

    /// Steep in one dimension and flat in the others.
    struct Bowl(Vec<f64>);

    impl Smooth for Bowl {
        fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            let curved = self.0.iter().zip(x);
            for (slope, (curvature, x)) in gradient.iter_mut().zip(curved.clone()) {
                *slope = curvature * (x - 3.0);
            }
            curved.map(|(c, x)| 0.5 * c * (x - 3.0) * (x - 3.0)).sum()
        }
    }

    #[test]
    fn a_bowl_of_any_shape_is_left_at_its_bottom() {
        let bowl = Bowl((0..8).map(|i| 10f64.powi(i - 4)).collect());
        let mut search = Lbfgs::new(&bowl, vec![0.0; 8]);
        search.run(&bowl, 1e-10, 1000);
        let off = |x: &f64| (x - 3.0).abs();
        assert!(search.point().iter().map(off).fold(0.0, f64::max) < 1e-5);
    }

    /// Not a number on one side.
    struct Cliff;

    impl Smooth for Cliff {
        fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            // -ln x + x: its minimum is at 1
            gradient[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln()
        }
    }

    #[test]
    fn a_step_into_nothing_is_taken_back() {
        let mut search = Lbfgs::new(&Cliff, vec![40.0]);
        search.run(&Cliff, 1e-9, 100);
        assert!((search.point()[0] - 1.0).abs() < 1e-6);
    }
}
