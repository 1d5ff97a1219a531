use super::{LabelScore, ratio};

/// How often each label was found, wrongly found and missed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelCounts {
    /// True positives of each label.
    pub hits: Vec<usize>,
    /// How often each was answered.
    pub answered: Vec<usize>,
    /// How often each was true.
    pub truths: Vec<usize>,
}

impl LabelCounts {
    /// Nothing seen yet, of this number of labels.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self {
            hits: vec![0; labels],
            answered: vec![0; labels],
            truths: vec![0; labels],
        }
    }

    /// Counts a label once.
    ///
    /// # Panics
    /// If there is no such label.
    pub fn add(&mut self, label: usize, truth: bool, answered: bool) {
        self.hits[label] += usize::from(truth && answered);
        self.answered[label] += usize::from(answered);
        self.truths[label] += usize::from(truth);
    }

    fn f1(&self, label: usize) -> f64 {
        ratio(
            2 * self.hits[label],
            self.answered[label] + self.truths[label],
        )
    }

    /// Mean of the labels' F1: `2 hits / (answered + truths)`, 0 of a label that is neither.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn macro_f1(&self) -> f64 {
        let labels = self.hits.len();
        (0..labels).map(|label| self.f1(label)).sum::<f64>() / labels.max(1) as f64
    }

    /// F1 of all labels' counts together.
    #[must_use]
    pub fn micro_f1(&self) -> f64 {
        let sum = |counts: &[usize]| counts.iter().sum::<usize>();
        ratio(2 * sum(&self.hits), sum(&self.answered) + sum(&self.truths))
    }

    /// Precision, recall and F1 of each label.
    ///
    /// # Panics
    /// If there is not one name a label.
    #[must_use]
    pub fn per_label(&self, names: &[String]) -> Vec<LabelScore> {
        assert_eq!(names.len(), self.hits.len());
        let score = |(index, label): (usize, &String)| LabelScore {
            label: label.clone(),
            precision: ratio(self.hits[index], self.answered[index]),
            recall: ratio(self.hits[index], self.truths[index]),
            f1: self.f1(index),
            rows: self.truths[index],
        };
        names.iter().enumerate().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let mut counts = LabelCounts::new(3);
        // a: 2 hits, 1 miss; b: 1 hit, 1 false; c: never
        for (label, truth, answered) in [
            (0, true, true),
            (0, true, true),
            (0, true, false),
            (1, true, true),
            (1, false, true),
            (2, false, false),
        ] {
            counts.add(label, truth, answered);
        }
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(counts.macro_f1(), (0.8 + 2.0 / 3.0) / 3.0);
        close(counts.micro_f1(), 6.0 / 8.0);
        let names = ["a", "b", "c"].map(str::to_owned);
        let scores = counts.per_label(&names);
        close(scores[0].precision, 1.0);
        close(scores[0].recall, 2.0 / 3.0);
        close(scores[1].precision, 0.5);
        close(scores[2].f1, 0.0);
        assert_eq!(scores[0].rows, 3);
    }
}
