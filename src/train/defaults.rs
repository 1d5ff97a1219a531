use crate::head::ProblemName;

/// What a run does where its settings say nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Defaults {
    pub(super) learning_rate: f64,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
}

/// Highest learning rate of each preset. The fewer and the farther from the answer the numbers that are
/// trained, the larger their steps must be.
const LEARNING_RATES: &[(&str, f64)] = &[
    ("head", 1e-2),
    ("lora", 1e-3),
    ("dora", 1e-3),
    ("houlsby", 1e-3),
    ("pfeiffer", 1e-3),
    ("parallel", 1e-3),
    ("compacter", 3e-3),
    ("compacter_plus_plus", 3e-3),
    ("ia3", 1.5e-2),
    ("ia3_adapterhub", 1.5e-2),
    ("bitfit", 3e-3),
    ("prefix", 3e-3),
    ("prompt", 1e-2),
];

/// Of a preset that the table does not name.
const LEARNING_RATE: f64 = 1e-3;

/// About how many rows a small training set should be seen, over all epochs.
const ROWS_SEEN: usize = 6000;

impl Defaults {
    /// For a preset and a number of rows to learn from.
    pub(super) fn of(preset: &str, problem: ProblemName, rows: usize) -> Self {
        let rate = LEARNING_RATES.iter().find(|(name, _)| *name == preset);
        let epochs = (ROWS_SEEN / rows.max(1)).clamp(4, 20);
        let learning_rate = rate.map_or(LEARNING_RATE, |(_, rate)| *rate);
        Self {
            learning_rate,
            batch_size: if rows < 2000 { 16 } else { 32 },
            // a frozen encoder's states are kept, so that an epoch of a head alone costs next to nothing
            epochs: match (preset, problem) {
                ("head", _) => 2 * epochs,
                _ => epochs,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::presets;

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
