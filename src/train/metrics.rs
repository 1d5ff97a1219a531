use serde::Serialize;

use crate::adapter::Metric;
use crate::error::{Error, Result};

/// How well predictions fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The labels.
    pub labels: Vec<String>,
    /// `confusion[truth][prediction]` counts rows.
    pub confusion: Vec<Vec<usize>>,
    /// Mean cross-entropy.
    pub loss: f64,
}

/// How well one label is found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Share of the rows answered with it that are it.
    pub precision: f64,
    /// Share of the rows that are it and were answered so.
    pub recall: f64,
    /// Their harmonic mean; 0 where both are.
    pub f1: f64,
    /// Rows that are it.
    pub rows: usize,
}

#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Evaluation {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(labels: &[String]) -> Self {
        let confusion = vec![vec![0; labels.len()]; labels.len()];
        Self {
            labels: labels.to_vec(),
            confusion,
            loss: 0.0,
        }
    }

    /// Counts one row; `loss` is its cross-entropy.
    #[allow(clippy::cast_precision_loss)]
    pub fn add(&mut self, truth: usize, prediction: usize, loss: f64) {
        self.confusion[truth][prediction] += 1;
        self.loss += (loss - self.loss) / self.rows() as f64;
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.confusion.iter().flatten().sum()
    }

    /// Share of rows whose label is right.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.labels.len())
            .map(|label| self.confusion[label][label])
            .sum();
        ratio(right, self.rows())
    }

    /// Precision, recall and F1 of each label.
    #[must_use]
    pub fn per_label(&self) -> Vec<LabelScore> {
        let score = |(index, label): (usize, &String)| {
            let hits = self.confusion[index][index];
            let rows = self.confusion[index].iter().sum();
            let answered = self.confusion.iter().map(|row| row[index]).sum::<usize>();
            LabelScore {
                label: label.clone(),
                precision: ratio(hits, answered),
                recall: ratio(hits, rows),
                f1: ratio(2 * hits, rows + answered),
                rows,
            }
        };
        self.labels.iter().enumerate().map(score).collect()
    }

    /// The score by a metric.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the metric names a label that is not there.
    #[allow(clippy::cast_precision_loss)]
    pub fn score(&self, metric: &Metric) -> Result<f64> {
        match metric {
            Metric::Accuracy => Ok(self.accuracy()),
            Metric::MacroF1 => {
                let scores = self.per_label();
                Ok(scores.iter().map(|score| score.f1).sum::<f64>() / scores.len() as f64)
            }
            Metric::F1 { positive } => {
                let score = self
                    .per_label()
                    .into_iter()
                    .find(|score| score.label == *positive);
                score
                    .map(|score| score.f1)
                    .ok_or_else(|| Error::OptionInvalid {
                        option: "metric",
                        value: format!("f1 of \"{positive}\""),
                        reason: format!("the labels are {}", self.labels.join(", ")),
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Evaluation {
        // truth ham: 3 right, 1 as spam; truth spam: 2 right, 1 as ham
        let mut evaluation = Evaluation::new(&["ham".into(), "spam".into()]);
        for (truth, prediction) in [(0, 0), (0, 0), (0, 0), (0, 1), (1, 1), (1, 1), (1, 0)] {
            evaluation.add(truth, prediction, 0.5);
        }
        evaluation
    }

    #[test]
    fn scores_by_hand() {
        let evaluation = sample();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(
            evaluation.score(&Metric::Accuracy).unwrap(),
            5.0 / 7.0
        ));
        let spam = Metric::F1 {
            positive: "spam".into(),
        };
        assert!(close(evaluation.score(&spam).unwrap(), 2.0 / 3.0));
        assert!(close(
            evaluation.score(&Metric::MacroF1).unwrap(),
            (0.75 + 2.0 / 3.0) / 2.0
        ));
        assert!(close(evaluation.loss, 0.5));
        assert_eq!(evaluation.rows(), 7);
        let unknown = Metric::F1 {
            positive: "eggs".into(),
        };
        assert_eq!(
            evaluation.score(&unknown).unwrap_err().code(),
            "option_invalid"
        );
    }

    #[test]
    fn a_label_that_never_occurs_scores_nothing() {
        let evaluation = Evaluation::new(&["a".into(), "b".into()]);
        assert!(evaluation.accuracy().abs() < 1e-12);
        assert!(
            evaluation
                .per_label()
                .iter()
                .all(|score| score.f1.abs() < 1e-12)
        );
    }
}
