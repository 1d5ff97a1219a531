use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::trainer::{Best, Phase, Trainer};
use super::{Dataset, Origin, Outcomes, Settings, Trace, start};
use crate::adapter::Preset;
use crate::error::{Error, Result};
use crate::json;
use crate::model::Backbone;
use crate::tensor_file::{FloatType, TensorFile, TensorFileWriter};

/// What a checkpoint is called in errors.
const PLACE: &str = "checkpoint";

/// Tensors of a checkpoint: one safetensors file with everything that a run needs to go on as if nothing
/// had happened. Of the order of an epoch's rows only how many are left is kept: the seed and the
/// epoch give the rest.
mod tensor {
    /// The bytes of [`super::State`] as JSON.
    pub(super) const STATE: &str = "state.json";
    /// All parameters end to end, as the tensors that follow.
    pub(super) const PARAMETERS: &str = "parameters";
    /// AdamW's running mean of the gradient.
    pub(super) const FIRST: &str = "adamw.first";
    /// AdamW's running mean of its square.
    pub(super) const SECOND: &str = "adamw.second";
    /// Parameters of the best epoch.
    pub(super) const BEST: &str = "best.parameters";
    /// Its logits of the held-out rows.
    pub(super) const BEST_LOGITS: &str = "best.logits";
    /// Logits of the rows that earlier passes held out.
    pub(super) const JUDGED: &str = "judged.logits";
    /// Logits of the held-out rows that were answered in this epoch.
    pub(super) const LOGITS: &str = "evaluation.logits";
    /// `[rows, 3]`: loss, rival's score and rival of each row that was learnt from.
    pub(super) const TRACES: &str = "traces";
}

/// Where a run is, and what it is a run of.
#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    run: BTreeMap<String, String>,
    passed: usize,
    step: usize,
    epoch: usize,
    worse: usize,
    phase: PhaseState,
    best: Option<BestState>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PhaseState {
    /// What is known of the next step is computed again.
    Contrast,
    /// The vectors are computed again, and so is the fit.
    Fit,
    /// Rows that are left.
    Train(usize),
    /// Held-out rows that were answered.
    Evaluate(usize),
    Done,
}

/// The bits of the numbers, since JSON's would be rounded.
#[derive(Serialize, Deserialize)]
struct BestState {
    score: u64,
    highest: u64,
}

const FORMAT: u32 = 3;

impl Trainer {
    /// Everything that [`resume`](Self::resume) needs, at any time of a run.
    ///
    /// # Errors
    /// None in practice: what is written fits its shapes.
    pub fn checkpoint(&self) -> Result<Vec<u8>> {
        let mut writer = TensorFileWriter::default();
        let mut floats = |name: &str, values: &[f32]| {
            writer.floats(name, &[values.len()], values, FloatType::F32);
        };
        floats(tensor::PARAMETERS, &self.learner.parameters());
        floats(tensor::FIRST, self.optimizer.first());
        floats(tensor::SECOND, self.optimizer.second());
        let traces = self.traces.iter();
        #[allow(clippy::cast_precision_loss)]
        let traces = traces.flat_map(|t| [t.loss, t.rival_score, t.rival as f32]);
        floats(tensor::TRACES, &traces.collect::<Vec<_>>());
        let phase = match &self.phase {
            Phase::Contrast(_) => PhaseState::Contrast,
            Phase::Read { .. } | Phase::Fit(_) => PhaseState::Fit,
            Phase::Train(rows) => PhaseState::Train(rows.len()),
            Phase::Evaluate { next, outcomes } => {
                floats(tensor::LOGITS, &outcomes.logits);
                PhaseState::Evaluate(*next)
            }
            Phase::Done => PhaseState::Done,
        };
        floats(tensor::JUDGED, &self.outcomes.logits);
        if let Some(best) = &self.best {
            floats(tensor::BEST, &best.parameters);
            floats(tensor::BEST_LOGITS, &best.outcomes.logits);
        }
        let state = State {
            format: FORMAT,
            run: self.run().clone(),
            passed: self.passed,
            step: self.step,
            epoch: self.epoch,
            worse: self.worse,
            phase,
            best: self.best.as_ref().map(|best| BestState {
                score: best.score.to_bits(),
                highest: best.highest.to_bits(),
            }),
        };
        let state = serde_json::to_vec(&state).map_err(|error| invalid(&error.to_string()))?;
        let state: Vec<i8> = state.iter().map(|byte| byte.cast_signed()).collect();
        writer.int8(tensor::STATE, &[state.len()], &state);
        writer.finish("pt")
    }

    /// Goes on with a run from its checkpoint, as if it had never stopped: the adapter will be the same,
    /// byte for byte.
    ///
    /// # Errors
    /// [`Error::CheckpointMismatch`] if it is of another run: other rows, another backbone or other
    /// settings; those of [`TensorFile::parse`] and [`Trainer::new`].
    pub fn resume(
        backbone: Arc<dyn Backbone>,
        preset: &'static Preset,
        settings: Settings,
        train: Dataset,
        dev: Dataset,
        checkpoint: &[u8],
    ) -> Result<Self> {
        let mut trainer = Self::new(backbone, preset, settings, train, dev)?;
        trainer.restore(checkpoint)?;
        Ok(trainer)
    }

    /// [`resume`](Self::resume) of a run that was just prepared.
    ///
    /// # Errors
    /// Those of [`resume`](Self::resume); what the run is then is not defined.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<()> {
        let file = TensorFile::parse(PLACE, checkpoint)?;
        let dims = file.info(tensor::STATE)?.0;
        let json: Vec<u8> = file
            .int8(tensor::STATE, &dims)?
            .iter()
            .map(|x| x.cast_unsigned())
            .collect();
        let state: State = json::parse(&json).map_err(|error| invalid(&error.to_string()))?;
        if state.format != FORMAT {
            return Err(invalid("it is of another version of this program"));
        }
        self.check_run(&state.run)?;

        let size = self.learner.student.len();
        self.learner
            .student
            .set(&file.floats(tensor::PARAMETERS, &[size])?);
        let (first, second) = (
            file.floats(tensor::FIRST, &[size])?,
            file.floats(tensor::SECOND, &[size])?,
        );
        if state.passed >= self.passes.len() {
            return Err(invalid("it has made more passes than there are"));
        }
        (self.passed, self.step) = (state.passed, state.step);
        (self.epoch, self.worse) = (state.epoch, state.worse);
        let before = match state.phase {
            PhaseState::Contrast => self.begun(),
            _ => self.begun() + self.contrastive_steps(),
        };
        let steps = state.step.saturating_sub(before);
        self.optimizer.restore(steps, &first, &second);
        let traces = file.floats(tensor::TRACES, &[3 * self.traces.len()])?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let trace = |t: &[f32]| Trace {
            loss: t[0],
            rival_score: t[1],
            rival: t[2] as u32,
        };
        self.traces = traces.chunks_exact(3).map(trace).collect();
        let data = &self.learner.data;
        let outcomes = |name: &str, rows: &[usize]| -> Result<Outcomes> {
            let width = data.labels().len();
            let logits = data.vectors_of(rows) * width;
            Ok(Outcomes {
                width,
                logits: file.floats(name, &[logits])?,
            })
        };
        let folds = match self.resolved.folds {
            Some(_) if !matches!(state.phase, PhaseState::Done) => self.judged_rows(state.passed),
            _ => Vec::new(),
        };
        self.outcomes = outcomes(tensor::JUDGED, &folds)?;
        let judged = self.judged_rows(self.passes.len());
        self.best = match state.best {
            Some(best) => Some(Best {
                score: f64::from_bits(best.score),
                highest: f64::from_bits(best.highest),
                parameters: file.floats(tensor::BEST, &[size])?,
                outcomes: outcomes(tensor::BEST_LOGITS, &judged)?,
            }),
            None => None,
        };
        self.phase = match state.phase {
            PhaseState::Contrast => Phase::Contrast(None),
            PhaseState::Fit => Phase::FIRST_READ,
            PhaseState::Train(left) => {
                let mut rows = self.epoch_rows(state.epoch);
                if left == 0 || left > rows.len() {
                    return Err(invalid("it has more rows left than there are"));
                }
                rows.truncate(left);
                Phase::Train(rows)
            }
            PhaseState::Evaluate(next) => {
                let Some(rows) = self.pass().judge.get(..next) else {
                    return Err(invalid("it has answered more rows than there are"));
                };
                let outcomes = outcomes(tensor::LOGITS, rows)?;
                Phase::Evaluate { next, outcomes }
            }
            PhaseState::Done => Phase::Done,
        };
        Ok(())
    }

    /// What must be the same for a run to go on.
    fn run(&self) -> &BTreeMap<String, String> {
        self.run.get_or_init(|| {
            let settings = json!(self.resolved);
            let adapter = json!(self.settings.adapter);
            let start = self.settings.start.as_ref();
            let shape = self.learner.backbone.shape();
            let start = start.map(|member| start::hash(member, shape));
            let run = [
                ("start", start.unwrap_or_default()),
                ("backbone", self.learner.backbone.hash()),
                ("rows", self.rows_hash(true)),
                ("held-out rows", self.rows_hash(false)),
                ("kind", self.preset.name.to_owned()),
                ("settings", settings.to_string()),
                ("adapter settings", adapter.to_string()),
            ];
            run.map(|(name, value)| (name.to_owned(), value)).into()
        })
    }

    /// The hash of the rows that are given to learn from, or of those that are held out.
    fn rows_hash(&self, learnt: bool) -> String {
        let (data, count) = (&self.learner.data, self.learner.learnt);
        let rows: Vec<usize> = match learnt {
            true => (0..count).collect(),
            false => (count..data.len()).collect(),
        };
        data.select(&rows).hash()
    }

    fn check_run(&self, found: &BTreeMap<String, String>) -> Result<()> {
        let nothing = String::new();
        for (what, expected) in self.run() {
            let found = found.get(what).unwrap_or(&nothing);
            if expected != found {
                return Err(Error::CheckpointMismatch {
                    what: what.clone(),
                    expected: expected.clone(),
                    found: found.clone(),
                });
            }
        }
        Ok(())
    }
}

impl Dataset {
    /// SHA-256 over the tokens and targets of all rows, their labels, and which rows are not new, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for label in self.labels().iter().chain(&self.scheme().reject) {
            hash.update(label.len().to_le_bytes());
            hash.update(label);
        }
        for row in 0..self.len() {
            for sequence in self.sequences(row) {
                sequence.visit_bytes(&mut |bytes| hash.update(bytes));
            }
        }
        for row in 0..self.len() {
            match self.origin(row) {
                Origin::New => {}
                Origin::Old => hash.update([1]),
                Origin::Unlabelled => hash.update([2]),
            }
        }
        let take = &mut |bytes: &[u8]| hash.update(bytes);
        self.scheme()
            .problem
            .hash(self.targets(), self.labels().len(), take);
        hex::encode(hash.finalize())
    }
}

fn invalid(reason: &str) -> Error {
    Error::FileInvalid {
        place: PLACE.into(),
        reason: reason.to_owned(),
    }
}
