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
    /// Whether the layers are all of them then.
    pub(super) contrastive_in_all_layers: bool,
    pub(super) layers: Option<Vec<usize>>,
}

/// About how many rows a small training set should be seen, over all epochs.
///
/// LoRA on 500 rows, accuracy on other rows after 5, 8 and 14 epochs: .906, .933, .936 on banking77 (20
/// classes), .904, .924, .930 on trec. The last six cost as much time again for half a point.
const ROWS_SEEN: usize = 3600;

/// Below so many rows to learn from a run is made for few.
const FEW_ROWS: usize = 2000;

/// Up to so many rows a class a run of few rows is contrastive.
///
/// LoRA on trec, mean of five draws: .937 with 128 rows a class, and .923 by epochs.
const CONTRASTIVE_ROWS: usize = 128;

/// With so many rows a class contrastive steps change all layers, and not only those that few rows change.
///
/// LoRA on trec with 32 rows a class, 160 steps: .893 in all layers, .887 without the lowest two. With 8 rows both have .77.
const ROWS_FOR_ALL_LAYERS: usize = 16;

/// With fewer rows a class than this, those that were held out are learnt from in the end.
const FEW_TO_HOLD_OUT: usize = 20;

impl Defaults {
    /// For a preset, the rows to learn from, and the number of the backbone's layers.
    pub(super) fn of(preset: &Preset, data: &Dataset, layers: usize) -> Self {
        let rows = data.len();
        let few = rows < FEW_ROWS;
        let each = each(data).filter(|&each| few && preset.epochs > 0 && each <= CONTRASTIVE_ROWS);
        Self {
            learning_rate: preset.learning_rate,
            batch_size: if few { 16 } else { 32 },
            epochs: preset.epochs * (ROWS_SEEN / rows.max(1)).clamp(4, 20),
            contrastive: each.map(|each| Contrastive::of(each, rows)),
            contrastive_in_all_layers: each.is_some_and(|each| each >= ROWS_FOR_ALL_LAYERS),
            layers: (few && preset.upper_layers).then(|| (layers / 3..layers).collect()),
        }
    }

    /// Whether too few rows are there to leave some of them out.
    pub(super) fn learns_from_all(data: &Dataset) -> bool {
        each(data).is_some_and(|each| each < FEW_TO_HOLD_OUT)
    }

    /// For new rows that an adapter with a head of the same labels is trained further by.
    pub(super) fn warm_start(&mut self, new_rows: usize) {
        // a head alone is not fitted anew, which would lose what it knows of others
        let epochs = (ROWS_SEEN / new_rows.max(1)).clamp(4, 20);
        self.epochs = self.epochs.max(epochs);
    }
}

/// Rows a class, or a label; `None` where there are no such things, or where no text has a vector of its own that decides.
fn each(data: &Dataset) -> Option<usize> {
    let scheme = data.scheme();
    let alike = scheme.problem.likeness() == Some(Likeness::Labels) && !scheme.compares();
    alike.then(|| data.len() / data.strata().len().max(1))
}

impl Contrastive {
    /// For so many rows a class, and as many in all.
    ///
    /// Of few classes a step has many texts that are alike, and more steps help: LoRA on trec (6 classes, mean of five draws)
    /// has .770 and .764 after 30 and 60 steps with 8 rows a class, .885 and .893 after 80 and 160 with 32. Of many classes
    /// a step tells more: with 20 of banking77's, 24 and 60 steps have .931 and .934 with 8 rows, 24, 48 and 120 have
    /// .965, .964 and .962 with 32.
    pub(super) fn of(each: usize, rows: usize) -> Self {
        const BATCH: usize = 32;
        let classes = rows / each.max(1);
        let steps = 5 * each * 8 / classes.max(8);
        Self {
            steps: steps.max(2 * rows / BATCH).clamp(20, 300),
            learning_rate: 1e-3,
            batch_size: BATCH,
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
        let problem = if classes > 0 {
            SINGLE_LABEL
        } else {
            REGRESSION
        };
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
        assert!(!of("lora", 30, 2).contrastive_in_all_layers);
        assert!(of("lora", 32, 2).contrastive_in_all_layers);
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
        let steps =
            |name, count, classes| of(name, count, classes).contrastive.map(|own| own.steps);
        assert_eq!(steps("lora", 48, 6), Some(40));
        assert_eq!(steps("lora", 192, 6), Some(160));
        assert_eq!(steps("pfeiffer", 8, 2), Some(20));
        assert_eq!(steps("lora", 160, 20), Some(20));
        assert_eq!(steps("lora", 616, 77), Some(38));
        assert_eq!(steps("lora", 2 * 128, 2), Some(300));
        assert_eq!(steps("lora", 2 * 129, 2), None);
        assert_eq!(steps("lora", 77 * 100, 77), None);
        assert_eq!(steps("lora", 48, 0), None);
        assert_eq!(steps("head", 48, 6), None);
        assert!(Defaults::learns_from_all(&rows(57, 3)));
        assert!(!Defaults::learns_from_all(&rows(60, 3)));
        assert!(!Defaults::learns_from_all(&rows(10, 0)));
    }
}
