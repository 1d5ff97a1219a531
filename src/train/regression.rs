//! A linear head over vectors that do not change: the minimum of its loss, found in one go.

use super::lbfgs::{Lbfgs, Smooth};
use crate::head::{LossSettings, ProblemName};
use crate::kernels::{Matrix, Variant, matmul};
use crate::tensor::Tensor;

/// The slope below which a head is fitted, in the unit of its mean loss.
pub(super) const TOLERANCE: f64 = 1e-5;
/// Most steps of a fit.
const MOST_STEPS: usize = 300;

/// Rows that a head is fitted to.
#[derive(Clone, Copy)]
pub(super) struct Fitted<'a> {
    /// What the head answers.
    pub(super) problem: ProblemName,
    /// Number of its labels.
    pub(super) labels: usize,
    /// What it reads, `[vectors, width]`.
    pub(super) vectors: &'a [f32],
    /// Elements of a vector.
    pub(super) width: usize,
    /// Where each sequence's vectors start, and the end of the last.
    pub(super) starts: &'a [usize],
    /// What each row should be answered with.
    pub(super) targets: &'a [&'a [u32]],
    /// How rows count.
    pub(super) settings: &'a LossSettings,
}

/// The regularised loss of a linear head, as a function of its weight and bias: with the sum over the rows `L`, and the
/// weight `w`, `(C L + w²/2) / (C rows)`, as scikit-learn's `LogisticRegression` has it for labels. The bias is free.
pub(super) struct Regression<'a> {
    rows: Fitted<'a>,
    /// 1 over C and the rows' weight.
    decay: f64,
    /// The head that the regularisation pulls to, its bias too, in place of one of zeros whose bias is free.
    center: Option<Vec<f64>>,
}

impl<'a> Regression<'a> {
    /// `c` is the inverse of the regularisation's strength.
    pub(super) fn new(rows: Fitted<'a>, c: f64) -> Self {
        let weight = |target: &&[u32]| rows.problem.weight(target, rows.labels, rows.settings);
        let weight: f64 = rows.targets.iter().map(weight).sum();
        Self {
            decay: 1.0 / (c * weight.max(f64::MIN_POSITIVE)),
            rows,
            center: None,
        }
    }

    /// The same, but it stays near another head: `(C L + |p - center|²/2) / (C rows)`, where `p` is the weight and the bias.
    pub(super) fn near(self, center: Vec<f64>) -> Self {
        Self {
            center: Some(center),
            ..self
        }
    }

    /// Where a fit begins that nothing is known of: `[labels, width]` of the weight, and `[labels]` of the bias.
    pub(super) fn origin(&self) -> Vec<f64> {
        let zeros = || vec![0.0; self.rows.labels * (self.rows.width + 1)];
        self.center.clone().unwrap_or_else(zeros)
    }

    /// The minimum, looked for from `start` on.
    pub(super) fn fit(&self, start: Vec<f64>, tolerance: f64) -> Vec<f64> {
        let mut search = Lbfgs::new(self, start);
        search.run(self, tolerance, MOST_STEPS);
        search.into_point()
    }
}

/// Logits `[vectors, labels]` of a linear head.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn logits_of(point: &[f64], vectors: &[f32], width: usize, labels: usize) -> Vec<f32> {
    let point: Vec<f32> = point.iter().map(|&x| x as f32).collect();
    let (weight, bias) = point.split_at(labels * width);
    let mut logits = vec![0.0; vectors.len() / width * labels];
    let weight = Matrix::new(weight, width).t();
    matmul(
        Variant::best(),
        Matrix::new(vectors, width),
        weight,
        &mut logits,
    );
    for row in logits.chunks_exact_mut(labels) {
        row.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
    }
    logits
}

impl Smooth for Regression<'_> {
    fn evaluate(&self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let Fitted {
            problem,
            labels,
            vectors,
            width,
            starts,
            targets,
            settings,
        } = self.rows;
        let logits = logits_of(point, vectors, width, labels);
        let logits = Tensor::variable(logits, &[vectors.len() / width, labels]);
        let loss = problem.loss(&logits, starts, targets, settings);
        let mut value = f64::from(loss.data()[0]);
        let gradients = loss.backward_from(&[1.0]);
        let (of_weight, of_bias) = gradient.split_at_mut(labels * width);
        of_bias.fill(0.0);
        let mut sums = vec![0.0; labels * width];
        if let Some(slopes) = gradients.get(&logits) {
            let turned = Matrix::new(slopes, labels).t();
            matmul(
                Variant::best(),
                turned,
                Matrix::new(vectors, width),
                &mut sums,
            );
            for row in slopes.chunks_exact(labels) {
                let pairs = of_bias.iter_mut().zip(row);
                pairs.for_each(|(sum, slope)| *sum += f64::from(*slope));
            }
        }
        for (to, sum) in of_weight.iter_mut().zip(sums) {
            *to = f64::from(sum);
        }
        let zeros = std::iter::repeat_n(&0.0, labels * width);
        let center: Box<dyn Iterator<Item = &f64>> = match &self.center {
            Some(center) => Box::new(center.iter()),
            None => Box::new(zeros),
        };
        for ((to, x), center) in gradient.iter_mut().zip(point).zip(center) {
            let off = x - center;
            *to += self.decay * off;
            value += 0.5 * self.decay * off * off;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::head::{MULTI_LABEL, REGRESSION, SINGLE_LABEL, Targets};

    fn fixture() -> Value {
        serde_json::from_str(include_str!("../../tests/fixtures/regression.json")).unwrap()
    }

    fn numbers(value: &Value) -> Vec<f64> {
        let list = value.as_array().unwrap().iter();
        list.map(|x| x.as_f64().unwrap()).collect()
    }

    /// The fixture's vectors, their width, and the targets of a problem.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn rows(fixture: &Value, problem: ProblemName) -> (Vec<f32>, usize, Targets) {
        let vectors = numbers(&fixture["vectors"]);
        let mut targets = Targets::empty(problem, 4);
        if problem == SINGLE_LABEL {
            let labels = numbers(&fixture["labels"]);
            labels
                .iter()
                .for_each(|&label| targets.push([label as u32]));
        } else if problem == MULTI_LABEL {
            for set in fixture["sets"].as_array().unwrap() {
                let bits = numbers(set).iter().map(|&label| 1 << label as u32).sum();
                targets.push([bits]);
            }
        } else {
            let amounts = numbers(&fixture["numbers"]);
            amounts
                .iter()
                .for_each(|&x| targets.push([(x as f32).to_bits()]));
        }
        let vectors = vectors.iter().map(|&x| x as f32).collect();
        (
            vectors,
            fixture["width"].as_u64().unwrap() as usize,
            targets,
        )
    }

    fn with<T>(problem: ProblemName, act: impl FnOnce(Fitted<'_>) -> T) -> T {
        let fixture = fixture();
        let (vectors, width, targets) = rows(&fixture, problem);
        let settings = LossSettings {
            unit: problem.unit(&targets),
            ..LossSettings::default()
        };
        let starts: Vec<usize> = (0..=targets.len()).collect();
        let own: Vec<&[u32]> = targets.rows().collect();
        let rows = Fitted {
            problem,
            labels: if problem == REGRESSION { 1 } else { 4 },
            vectors: &vectors,
            width,
            starts: &starts,
            targets: &own,
            settings: &settings,
        };
        act(rows)
    }

    const PROBLEMS: [ProblemName; 3] = [SINGLE_LABEL, MULTI_LABEL, REGRESSION];

    #[test]
    fn heads_are_those_of_scikit_learn() {
        let fixture = fixture();
        for problem in PROBLEMS {
            for expected in fixture["heads"].as_array().unwrap() {
                let c = expected["c"].as_f64().unwrap();
                let found = with(problem, |rows| {
                    let regression = Regression::new(rows, c);
                    regression.fit(regression.origin(), 1e-7)
                });
                let head = &expected[problem.name()];
                let expected = [numbers(&head["weight"]), numbers(&head["bias"])].concat();
                assert_eq!(found.len(), expected.len());
                for (at, (a, b)) in found.iter().zip(&expected).enumerate() {
                    let off = (a - b).abs() / b.abs().max(1.0);
                    assert!(off < 1e-4, "{} C {c} {at}: {a} {b}", problem.name());
                }
            }
        }
    }

    /// However few rows say, the head stays where it was as far as they let it.
    #[test]
    fn a_head_that_stays_near_another_is_it_without_rows_to_fit() {
        for problem in PROBLEMS {
            with(problem, |rows| {
                let size = Regression::new(rows, 1.0).origin().len();
                #[allow(clippy::cast_precision_loss)]
                let center: Vec<f64> = (0..size).map(|i| (i % 7) as f64 / 6.0 - 0.5).collect();
                let away = |c: f64| {
                    let near = Regression::new(rows, c).near(center.clone());
                    let found = near.fit(near.origin(), 1e-9);
                    let off = found.iter().zip(&center).map(|(a, b)| (a - b).powi(2));
                    off.sum::<f64>().sqrt()
                };
                let (firm, loose) = (away(1e-6), away(1e3));
                assert!(firm < 1e-3 && loose > 100.0 * firm, "{firm} {loose}");
            });
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn the_gradient_is_that_of_differences() {
        for problem in PROBLEMS {
            with(problem, |rows| {
                for near in [false, true] {
                    let regression = Regression::new(rows, 10.0);
                    let size = regression.origin().len();
                    let regression = match near {
                        true => regression.near((0..size).map(|i| (i % 5) as f64 / 4.0).collect()),
                        false => regression,
                    };
                    #[allow(clippy::cast_precision_loss)]
                    let point: Vec<f64> = (0..size)
                        .map(|i| ((i * 37 % 19) as f64 - 9.0) / 9.0)
                        .collect();
                    let mut gradient = vec![0.0; size];
                    let mut nothing = vec![0.0; size];
                    regression.evaluate(&point, &mut gradient);
                    for at in 0..size {
                        let mut moved = |by: f64| -> f64 {
                            let mut moved = point.clone();
                            moved[at] += by;
                            regression.evaluate(&moved, &mut nothing)
                        };
                        // values are 32-bit floats, so the step is wide; the loss bends little
                        let expected = (moved(0.02) - moved(-0.02)) / 0.04;
                        let off = (gradient[at] - expected).abs();
                        assert!(
                            off < 2e-4 * (1.0 + expected.abs()),
                            "{} {at}: {expected} {off}",
                            problem.name()
                        );
                    }
                }
            });
        }
    }
}
