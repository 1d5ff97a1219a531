use super::{Contrastive, Dataset};
use crate::adapter::Preset;
use crate::head::Likeness;

/// What a run does where its settings say nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Defaults {
    pub(super) learning_rate: f64,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    /// What a run of few rows does in the place of epochs.
    pub(super) contrastive: Option<Contrastive>,
    pub(super) layers: Option<Vec<usize>>,
}

/// About how many rows a small training set should be seen, over all epochs.
///
/// LoRA on 500 rows, accuracy on other rows after 5, 8 and 14 epochs: .906, .933, .936 on banking77 (20
/// classes), .904, .924, .930 on trec. The last six cost as much time again for half a point.
const ROWS_SEEN: usize = 3600;

/// Below so many rows to learn from a run is made for few.
const FEW_ROWS: usize = 2000;

/// Up to so many rows a class a run is contrastive.
const CONTRASTIVE_ROWS: usize = 64;

/// With fewer rows a class than this, those that were held out are learnt from in the end.
const FEW_TO_HOLD_OUT: usize = 20;

impl Defaults {
    /// For a preset, the rows to learn from, and the number of the backbone's layers.
    pub(super) fn of(preset: &Preset, data: &Dataset, layers: usize) -> Self {
        let rows = data.len();
        let few = rows < FEW_ROWS;
        let each = each(data).filter(|&each| preset.epochs > 0 && each <= CONTRASTIVE_ROWS);
        Self {
            learning_rate: preset.learning_rate,
            batch_size: if few { 16 } else { 32 },
            epochs: preset.epochs * (ROWS_SEEN / rows.max(1)).clamp(4, 20),
            contrastive: each.map(Contrastive::of),
            layers: (few && preset.upper_layers).then(|| (layers / 3..layers).collect()),
        }
    }

    /// Whether too few rows are there to leave some of them out.
    pub(super) fn learns_from_all(data: &Dataset) -> bool {
        each(data).is_some_and(|each| each < FEW_TO_HOLD_OUT)
    }
}

/// Rows a class, or a label; `None` where there are no such things, or where no text has a vector of its own that decides.
fn each(data: &Dataset) -> Option<usize> {
    let scheme = data.scheme();
    let alike = scheme.problem.likeness() == Some(Likeness::Labels) && !scheme.compares();
    alike.then(|| data.len() / data.strata().len().max(1))
}

impl Contrastive {
    /// For so many rows a class: 60 steps for 8, twice as many for four times the rows.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    pub(super) fn of(each: usize) -> Self {
        let steps = (60.0 * (each as f64 / 8.0).sqrt()).round() as usize;
        Self {
            steps: steps.clamp(30, 300),
            learning_rate: if each < 16 { 5e-4 } else { 1e-3 },
            batch_size: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{preset, presets};
    use crate::head::{Pairs, REGRESSION, SINGLE_LABEL, Targets};
    use crate::train::{Scheme, TokenStore};

    /// Rows of so many classes.
    fn rows(count: u32, classes: u32) -> Dataset {
        let problem = if classes > 0 { SINGLE_LABEL } else { REGRESSION };
        let scheme = Scheme {
            problem,
            labels: (0..classes.max(1)).map(|label| label.to_string()).collect(),
            reject: None,
            pairs: Pairs::Joint,
        };
        let mut targets = Targets::empty(problem, 1);
        (0..count).for_each(|row| targets.push([row % classes.max(1)]));
        Dataset::from_parts(scheme, TokenStore::default(), targets)
    }

    fn of(name: &str, count: u32, classes: u32) -> Defaults {
        Defaults::of(preset(name).unwrap(), &rows(count, classes), 6)
    }

    #[test]
    fn few_rows_leave_out_the_lowest_third() {
        assert_eq!(of("lora", 500, 2).layers, Some(vec![2, 3, 4, 5]));
        let layers = |layers| Defaults::of(preset("lora").unwrap(), &rows(500, 2), layers).layers;
        assert_eq!(layers(12), Some((4..12).collect()));
        assert_eq!(layers(2), Some(vec![0, 1]));
        assert_eq!(of("lora", 2000, 2).layers, None);
        assert_eq!(of("pfeiffer", 500, 2).layers, None);
    }

    #[test]
    fn every_preset_can_be_trained_as_it_is() {
        for preset in presets() {
            let defaults = Defaults::of(preset, &rows(500, 2), 6);
            let name = preset.name;
            assert!((1e-4..0.1).contains(&defaults.learning_rate), "{name}");
            assert!(defaults.epochs <= 1000, "{name}");
            assert_eq!(defaults.epochs == 0, name == "head");
        }
        assert_eq!(of("lora", 500, 2).epochs, 7);
    }

    #[test]
    fn few_rows_of_a_class_are_contrasted() {
        let steps = |name, count, classes| of(name, count, classes).contrastive.map(|own| own.steps);
        assert_eq!(steps("lora", 48, 6), Some(60));
        assert_eq!(steps("lora", 192, 6), Some(120));
        assert_eq!(steps("pfeiffer", 8, 2), Some(42));
        assert_eq!(steps("lora", 2 * 65, 2), None);
        assert_eq!(steps("lora", 48, 0), None);
        assert_eq!(steps("head", 48, 6), None);
        assert!(Defaults::learns_from_all(&rows(57, 3)));
        assert!(!Defaults::learns_from_all(&rows(60, 3)));
        assert!(!Defaults::learns_from_all(&rows(10, 0)));
    }
}
