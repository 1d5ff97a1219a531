//! A head that is fitted again whenever a label is given: for labelling while one looks on.

use super::lbfgs::Lbfgs;
use super::regression::{Fitted, Regression, TOLERANCE, logits_of};
use crate::error::{Error, Result};
use crate::head::{LossSettings, ProblemName, softmax};

/// Most steps after a label has changed.
const MOST_STEPS: usize = 300;

/// A head for one label a text, over vectors that are kept. Only texts that have a label count.
pub struct Refit {
    /// `[texts, width]`
    vectors: Vec<f32>,
    width: usize,
    labels: usize,
    /// The label of each text, where it has one.
    given: Vec<Option<u32>>,
    c: f64,
    /// The numbers of the head that was found last.
    point: Vec<f64>,
}

impl Refit {
    /// For the vectors of texts, `[texts, width]`, of about length 1, and as many labels. `c` is the inverse of the
    /// regularisation's strength.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the vectors are not whole, or without labels.
    pub fn new(vectors: Vec<f32>, width: usize, labels: usize, c: f64) -> Result<Self> {
        if width == 0 || labels == 0 || !vectors.len().is_multiple_of(width) {
            return Err(Error::OptionInvalid {
                option: "vectors",
                value: format!("{} numbers for {labels} labels", vectors.len()),
                reason: format!("give whole vectors of {width} numbers, and at least one label"),
            });
        }
        Ok(Self {
            given: vec![None; vectors.len() / width],
            point: vec![0.0; labels * (width + 1)],
            vectors,
            width,
            labels,
            c,
        })
    }

    /// Gives a text a label, or takes it back.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if there is no such text or no such label.
    pub fn label(&mut self, text: usize, label: Option<u32>) -> Result<()> {
        let known = label.is_none_or(|label| (label as usize) < self.labels);
        let Some(given) = self.given.get_mut(text).filter(|_| known) else {
            return Err(Error::OptionInvalid {
                option: "label",
                value: format!("{label:?} of text {text}"),
                reason: format!(
                    "there are {} texts and {} labels",
                    self.given.len(),
                    self.labels
                ),
            });
        };
        *given = label;
        Ok(())
    }

    /// Fits the head to the texts that have a label, from where it was. Returns the number of steps.
    pub fn fit(&mut self) -> usize {
        let labelled = self.given.iter().enumerate();
        let labelled: Vec<(usize, [u32; 1])> = labelled
            .filter_map(|(text, label)| Some((text, [(*label)?])))
            .collect();
        if labelled.is_empty() {
            return 0;
        }
        let row = |text: usize| &self.vectors[text * self.width..(text + 1) * self.width];
        let own: Vec<f32> = labelled
            .iter()
            .flat_map(|&(text, _)| row(text))
            .copied()
            .collect();
        let targets: Vec<&[u32]> = labelled.iter().map(|(_, label)| &label[..]).collect();
        let starts: Vec<usize> = (0..=targets.len()).collect();
        let settings = LossSettings::default();
        let rows = Fitted {
            problem: ProblemName::default(),
            labels: self.labels,
            vectors: &own,
            width: self.width,
            starts: &starts,
            targets: &targets,
            settings: &settings,
        };
        let regression = Regression::new(rows, self.c);
        let mut search = Lbfgs::new(&regression, std::mem::take(&mut self.point));
        let steps = (0..MOST_STEPS).take_while(|_| search.step(&regression, TOLERANCE));
        let steps = steps.count();
        self.point = search.into_point();
        steps
    }

    /// The scores of all texts by the head that was found last, `[texts, labels]`.
    #[must_use]
    pub fn scores(&self) -> Vec<f32> {
        let logits = logits_of(&self.point, &self.vectors, self.width, self.labels);
        logits.chunks_exact(self.labels).flat_map(softmax).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::argmax;

    /// Three clusters of texts along three axes.
    #[allow(clippy::cast_precision_loss)]
    fn clusters() -> Vec<f32> {
        let noise = |i: usize| ((i * 7919) % 100) as f32 / 400.0;
        let row = |text: usize| {
            (0..4).map(move |axis| f32::from(u8::from(text % 3 == axis)) + noise(4 * text + axis))
        };
        (0..30).flat_map(row).collect()
    }

    #[test]
    fn a_label_changes_what_is_near_it() {
        let mut refit = Refit::new(clusters(), 4, 3, 10.0).unwrap();
        assert_eq!(refit.fit(), 0);
        for text in 0..6 {
            refit
                .label(text, Some(u32::try_from(text % 3).unwrap()))
                .unwrap();
        }
        refit.fit();
        let found =
            |refit: &Refit| -> Vec<usize> { refit.scores().chunks(3).map(argmax).collect() };
        let expected: Vec<usize> = (0..30).map(|text| text % 3).collect();
        assert_eq!(found(&refit), expected);
        // what was known already takes few steps
        refit.label(7, Some(1)).unwrap();
        let few = refit.fit();
        let mut fresh = Refit::new(clusters(), 4, 3, 10.0).unwrap();
        for text in (0..6).chain([7]) {
            fresh
                .label(text, Some(u32::try_from(text % 3).unwrap()))
                .unwrap();
        }
        assert!(few <= fresh.fit());
        let pairs = refit.scores().into_iter().zip(fresh.scores());
        assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-3);
        // all of a cluster change their name
        for text in (0..30).filter(|text| text % 3 == 2) {
            refit.label(text, Some(0)).unwrap();
        }
        refit.fit();
        assert_eq!(found(&refit)[29], 0);
        refit.label(29, None).unwrap();
    }

    #[test]
    fn what_is_not_there_has_no_label() {
        let mut refit = Refit::new(clusters(), 4, 3, 10.0).unwrap();
        for (text, label) in [(30, Some(0)), (0, Some(3))] {
            assert_eq!(
                refit.label(text, label).unwrap_err().code(),
                "option_invalid"
            );
        }
        for (numbers, width, labels) in [(7, 4, 3), (8, 0, 3), (8, 4, 0)] {
            let refused = Refit::new(vec![0.0; numbers], width, labels, 1.0);
            assert_eq!(refused.err().unwrap().code(), "option_invalid");
        }
    }
}
