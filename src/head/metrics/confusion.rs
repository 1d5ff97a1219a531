use super::{LabelCounts, ratio};

/// Which label was answered where which is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    /// `counts[truth][answer]`
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Nothing seen yet, of this number of labels.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self {
            counts: vec![vec![0; labels]; labels],
        }
    }

    /// Counts one row.
    ///
    /// # Panics
    /// If there is no such label.
    pub fn add(&mut self, truth: usize, answer: usize) {
        self.counts[truth][answer] += 1;
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Share of rows whose label is right.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio(
            (0..self.counts.len()).map(|l| self.counts[l][l]).sum(),
            self.rows(),
        )
    }

    /// Hits, answers and truths of each label.
    #[must_use]
    pub fn label_counts(&self) -> LabelCounts {
        let labels = 0..self.counts.len();
        LabelCounts {
            hits: labels.clone().map(|l| self.counts[l][l]).collect(),
            answered: labels
                .map(|l| self.counts.iter().map(|row| row[l]).sum())
                .collect(),
            truths: self.counts.iter().map(|row| row.iter().sum()).collect(),
        }
    }

    /// Matthews correlation coefficient, for any number of labels (Gorodkin 2004):
    /// `(c s - Σ p t) / √((s² - Σ p²)(s² - Σ t²))` with `s` rows, `c` right ones, and each label
    /// answered `p` and true `t` times. 0 where all answers, or all truths, are of one label.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn matthews(&self) -> f64 {
        let LabelCounts {
            hits,
            answered,
            truths,
        } = self.label_counts();
        let rows = self.rows() as f64;
        let right: usize = hits.iter().sum();
        let products = |a: &[usize], b: &[usize]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| a as f64 * b as f64).sum()
        };
        let spread = |counts: &[usize]| rows * rows - products(counts, counts);
        let scale = (spread(&answered) * spread(&truths)).sqrt();
        if scale > 0.0 {
            (right as f64 * rows - products(&answered, &truths)) / scale
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[&[usize]]) -> Confusion {
        Confusion {
            counts: counts.iter().map(|row| row.to_vec()).collect(),
        }
    }

    #[test]
    fn by_hand() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let two = of(&[&[3, 1], &[1, 2]]);
        close(two.accuracy(), 5.0 / 7.0);
        // (tp tn - fp fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn))
        close(
            two.matthews(),
            (2.0 * 3.0 - 1.0) / (3.0f64 * 3.0 * 4.0 * 4.0).sqrt(),
        );
        close(two.label_counts().macro_f1(), (0.75 + 2.0 / 3.0) / 2.0);
        // scikit-learn's matthews_corrcoef of the same counts
        let three = of(&[&[5, 1, 0], &[2, 3, 1], &[0, 2, 6]]);
        close(three.matthews(), 0.550_947_318_969_600_1);
        close(of(&[&[4, 0], &[3, 0]]).matthews(), 0.0);
        close(Confusion::new(2).accuracy(), 0.0);
    }
}
