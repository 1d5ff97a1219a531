use crate::head::ProblemName;

/// What a run does where its settings say nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Defaults {
    pub(super) learning_rate: f64,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    pub(super) layers: Option<Vec<usize>>,
}

/// Highest learning rate of each preset. The fewer and the farther from the answer the numbers that are
/// trained, the larger their steps must be.
///
/// Found with 1200 rows of trec (accuracy) and cola (Matthews), 5 epochs, seed 1, the best epoch on 400
/// held-out rows, int8 backbone; trec / cola at each rate:
///
/// | preset | | | |
/// | --- | --- | --- | --- |
/// | head | 3e-3: .800 / .112 | 1e-2: .825 / .142 | 3e-2: .820 / .135 |
/// | ia3 | 3e-3: .920 / .152 | 1e-2: .938 / .173 | 2e-2: .938 / .221 |
/// | bitfit | 1e-3: .928 / .029 | 3e-3: .930 / .165 | 1e-2: .928 / .000 |
/// | prompt | 1e-2: .938 / .071 | 3e-2: .913 / .140 | |
/// | prefix | 1e-3: .930 (trec) | 3e-3: .815 / .000 | 1e-2: .250 (trec) |
///
/// Prefixes and parallel bottlenecks, whose output is scaled by 4, learn nothing of all of cola at 1e-3 (.000), but at
/// 3e-4 (.282 and .320 on the dev rows). After 1200 rows a prefix has .926 / .086 with that.
const LEARNING_RATES: &[(&str, f64)] = &[
    ("head", 1e-2),
    ("lora", 1e-3),
    ("dora", 1e-3),
    ("houlsby", 1e-3),
    ("pfeiffer", 1e-3),
    ("parallel", 3e-4),
    ("compacter", 3e-3),
    ("compacter_plus_plus", 3e-3),
    ("ia3", 1.5e-2),
    ("ia3_adapterhub", 1.5e-2),
    ("bitfit", 3e-3),
    ("prefix", 3e-4),
    ("prompt", 2e-2),
];

/// Of a preset that the table does not name.
const LEARNING_RATE: f64 = 1e-3;

/// About how many rows a small training set should be seen, over all epochs.
///
/// LoRA on 500 rows, accuracy on other rows after 5, 8 and 14 epochs: .906, .933, .936 on banking77 (20
/// classes), .904, .924, .930 on trec. The last six cost as much time again for half a point.
const ROWS_SEEN: usize = 3600;

/// Below so many rows to learn from a run is made for few.
const FEW_ROWS: usize = 2000;

/// Presets that leave out the lowest third of the layers where there are few rows: it is computed once for all
/// epochs, and a run takes two thirds of the time. That the lowest layers matter least is what Rücklé et al. 2021
/// (AdapterDrop) found.
///
/// 500 rows, int8 backbone, score on other rows, mean of three draws (stsb and wnut17: two, goemotions: one),
/// with all six layers / without the lowest two:
///
/// | preset | banking77, 20 classes | sst2 | trec | cola | stsb | wnut17 | goemotions |
/// | --- | --- | --- | --- | --- | --- | --- | --- |
/// | lora | .930 / .929 | .832 / .836 | .927 / .927 | .018 / .070 | .732 / .731 | .277 / .294 | .076 / .093 |
/// | pfeiffer | .938 / .936 | .829 / .817 | .924 / .923 | | | | |
/// | houlsby | .927 / .934 | .822 / .805 | .923 / .933 | | | | |
///
/// Bottlenecks keep all layers, for what sst2 would lose.
const UPPER_LAYERS: &[&str] = &["lora"];

impl Defaults {
    /// For a preset, a number of rows to learn from, and the number of the backbone's layers.
    pub(super) fn of(preset: &str, problem: ProblemName, rows: usize, layers: usize) -> Self {
        let rate = LEARNING_RATES.iter().find(|(name, _)| *name == preset);
        let epochs = (ROWS_SEEN / rows.max(1)).clamp(4, 20);
        let learning_rate = rate.map_or(LEARNING_RATE, |(_, rate)| *rate);
        Self {
            learning_rate,
            batch_size: if rows < FEW_ROWS { 16 } else { 32 },
            // a frozen encoder's states are kept, so that an epoch of a head alone costs next to nothing
            epochs: match (preset, problem) {
                ("head", _) => 2 * epochs,
                _ => epochs,
            },
            layers: (rows < FEW_ROWS && UPPER_LAYERS.contains(&preset))
                .then(|| (layers / 3..layers).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::presets;

    #[test]
    fn few_rows_leave_out_the_lowest_third() {
        let layers = |preset, rows, layers| {
            Defaults::of(preset, ProblemName::default(), rows, layers).layers
        };
        assert_eq!(layers("lora", 500, 6), Some(vec![2, 3, 4, 5]));
        assert_eq!(layers("lora", 500, 12), Some((4..12).collect()));
        assert_eq!(layers("lora", 500, 2), Some(vec![0, 1]));
        assert_eq!(layers("lora", FEW_ROWS, 6), None);
        assert_eq!(layers("pfeiffer", 500, 6), None);
    }

    #[test]
    fn every_preset_has_a_rate() {
        for preset in presets() {
            let rates = LEARNING_RATES
                .iter()
                .filter(|(name, _)| *name == preset.name);
            assert_eq!(rates.count(), 1, "{}", preset.name);
        }
    }
}
