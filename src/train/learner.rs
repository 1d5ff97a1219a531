mod contrast;
mod gradient;
mod lesson;
mod teacher;

use std::ops::Range;
use std::sync::Arc;

use super::start::{self, StartParams};
use super::student::Student;
use super::{Dataset, Origin, Outcomes, Resolved, StateCache};
use crate::adapter::{Adapter, Config, FreshParams, Options, Preset};
use crate::compose::fusion::configure;
use crate::engine::{head_of, logits};
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, LossSettings, ProblemName};
use crate::input::{Sequence, runs};
use crate::model::{Backbone, Linear, Shape, States};

use contrast::EncodedRows;
pub use lesson::{Computed, Lesson, Share, Trace};
use teacher::Teacher;

/// Most tokens whose activations are kept for a backward pass; a step with more is computed in
/// parts whose gradients are added up, so memory is bounded whatever the texts' length.
const TRAINING_TOKENS: usize = 1024;

/// Most tokens of one evaluation call.
pub(super) const EVALUATION_TOKENS: usize = 2048;

/// Most bytes of states below the adapter that are kept between epochs.
const STATE_BYTES: usize = 128 << 20;

/// Computes what a run needs of the backbone: gradients of rows, and answers to rows. A run has one; with
/// several workers each has its own, made of the same data and settings, and all have the same parameters.
pub struct Learner {
    pub(super) backbone: Arc<dyn Backbone>,
    pub(super) student: Student,
    /// The settings in force.
    pub(super) resolved: Resolved,
    /// All rows: those to learn from, and then those held out.
    pub(super) data: Dataset,
    /// How many of them are to be learnt from.
    pub(super) learnt: usize,
    /// Whether those that judge the run are the same, so that nothing can be fitted on them.
    pub(super) judged_by_learnt: bool,
    pub(super) loss: LossSettings,
    states: StateCache,
    /// Whether states are kept by [`Dataset::number`]; else rows are numbered through.
    shares_states: bool,
    head_dropout: f32,
    seed: u64,
    teacher: Option<Teacher>,
    encoded: Option<EncodedRows>,
    _backward: BackwardMemory,
}

impl Learner {
    /// With a fresh adapter of a preset, and its head.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for settings that do not fit the rows or the backbone.
    pub fn new(
        backbone: Arc<dyn Backbone>,
        preset: &Preset,
        settings: &super::Settings,
        train: Dataset,
        dev: Dataset,
    ) -> Result<Self> {
        let shape = backbone.shape();
        let mut resolved = settings.resolve(preset, &train, shape.layers)?;
        if backbone.towers().is_some() && settings.adapter.layers.is_none() {
            // the lowest third would be layers of the first encoder alone
            resolved.layers = None;
        }
        let train = match settings.made_texts(&resolved, &train) {
            0 => train,
            count => train.beside_texts(count, resolved.seed),
        };
        let options = Options {
            layers: resolved.layers.clone(),
            ..settings.adapter.clone()
        };
        let from = settings.start.as_ref();
        let config = match from {
            Some(member) => start::config(member, &options)?,
            None => configure(preset, &options, &settings.members, shape)?,
        };
        check_tokens(&*config, preset, resolved.problem)?;
        if backbone.towers().is_some() {
            check_dual(&*config, preset, &options)?;
        }
        let mut head = HeadConfig {
            problem: resolved.problem.fresh(),
            pooling: resolved.pooling,
            pairs: resolved.pairs,
            dense: None,
            labels: train.labels().to_vec(),
        };
        let loss = match train.of_origin(Origin::Unlabelled).is_empty() {
            true => resolved.loss_settings(&train)?,
            false => resolved.loss_settings(&train.labelled())?,
        };
        let mut given = Vec::new();
        let mut teacher = None;
        if let Some(member) = from {
            given.extend_from_slice(member.task.adapter.parameters());
            if let Some(own) = settings.old_head(train.scheme()) {
                let weight = resolved.distillation.filter(|weight| *weight > 0.0);
                let labels = own.config().labels.len();
                teacher = weight.map(|weight| {
                    Teacher::new(member.clone(), weight, labels, loss.clone(), train.len())
                });
                head = HeadConfig {
                    problem: head.problem,
                    labels: head.labels,
                    ..own.config().clone()
                };
                given.extend(start::values(own, loss.unit));
            }
        }
        check_pooler(&options, &head, shape)?;
        let mut params = StartParams {
            given: &given,
            fresh: FreshParams::new(resolved.seed),
        };
        // nothing is trained on a pooler that is not read
        let read = Shape {
            pooler: shape.pooler && head.reads_pooler(shape),
            ..shape.clone()
        };
        let adapter = config.build(&read, &mut params)?;
        let built = Head::build(head.clone(), shape, &mut params)?;
        let examples = (train.len() + dev.len()) * train.sequences_per_row();
        let states = StateCache::new(&*backbone, adapter.lowest_layer(), examples, STATE_BYTES);
        let parameters = [adapter.parameters(), built.parameters()].concat();
        #[allow(clippy::cast_possible_truncation)]
        let head_dropout = resolved.head_dropout as f32;
        Ok(Self {
            student: Student {
                config,
                head,
                parameters,
            },
            loss,
            seed: resolved.seed,
            head_dropout,
            teacher,
            encoded: None,
            _backward: BackwardMemory(Arc::clone(&backbone)),
            backbone,
            states,
            shares_states: false,
            learnt: train.len(),
            judged_by_learnt: dev.is_learnt(),
            data: train.join(&dev),
            resolved,
        })
    }

    /// All parameters end to end, the adapter's, then the head's.
    #[must_use]
    pub fn parameters(&self) -> Vec<f32> {
        self.student.flat()
    }

    /// Takes over the parameters of another learner of the same run.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if there are not as many.
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        if parameters.len() != self.student.len() {
            return Err(Error::OptionInvalid {
                option: "parameters",
                value: format!("of length {}", parameters.len()),
                reason: format!("this run has {}", self.student.len()),
            });
        }
        if self.student.flat() != parameters {
            self.encoded = None;
            self.student.set(parameters);
        }
        Ok(())
    }

    /// Computes a share of the work.
    ///
    /// # Errors
    /// Those of [`Backbone::embed`]; [`Error::OptionInvalid`] for rows that are not there.
    pub fn compute(&mut self, share: &Share) -> Result<Computed> {
        let rows = self.data.len();
        let last = share.rows().iter().max().copied();
        if let Some(last) = last.filter(|&last| last >= rows) {
            return Err(Error::OptionInvalid {
                option: "rows",
                value: format!("up to number {last}"),
                reason: format!("there are {rows}"),
            });
        }
        match share {
            Share::Learn { step, rows, weight } => {
                Ok(Computed::Learnt(self.gradient(*step, rows, *weight)?))
            }
            Share::Contrast { step, rows } => Ok(Computed::Learnt(self.contrast(*step, rows)?)),
            Share::Encode { step, rows } => Ok(Computed::Vectors(self.encode(*step, rows)?)),
            Share::Pull {
                step,
                rows,
                gradient,
            } => Ok(Computed::Learnt(self.pull(*step, rows, gradient)?)),
            Share::Read { rows } => Ok(Computed::Vectors(self.read(rows)?)),
            Share::Judge { rows } => Ok(Computed::Judged(self.answers(rows)?)),
        }
    }

    /// Rows to learn from in runs of at most `most` tokens.
    fn parts<'a>(&self, rows: &'a [usize], most: usize) -> Vec<&'a [usize]> {
        runs(rows, most, |&row| self.data.length(row)).collect()
    }

    /// The last hidden states of some rows in training, and the seed of each sequence's dropout.
    fn states_in_training(
        &mut self,
        adapter: &mut dyn Adapter,
        step: usize,
        rows: &[usize],
    ) -> Result<(States, Vec<u64>)> {
        let tokens = sequences(&self.data, rows);
        let (seed, per_row) = (self.seed, self.data.sequences_per_row());
        let seeds = rows.iter().flat_map(|&row| {
            // the second text of a row is another sequence
            (0..per_row as u64).map(move |text| seed_of(seed.wrapping_add(text), step, row))
        });
        let seeds: Vec<u64> = seeds.collect();
        let lengths = tokens.iter().map(Sequence::len);
        let seeded: Vec<_> = seeds.iter().copied().zip(lengths).collect();
        adapter.start_training(&seeded);
        Ok((self.states_of(adapter, rows, &tokens)?, seeds))
    }

    /// The last hidden states of some rows to learn from, whose sequences are `tokens`.
    fn states_of(
        &mut self,
        adapter: &dyn Adapter,
        rows: &[usize],
        tokens: &[Sequence],
    ) -> Result<States> {
        let numbers = rows.iter().flat_map(|&row| self.keys(row));
        let numbered: Vec<_> = numbers.zip(tokens).collect();
        self.states.forward(&*self.backbone, adapter, &numbered)
    }

    /// Logits of held-out rows, in their unit.
    fn answers(&mut self, rows: &[usize]) -> Result<Outcomes> {
        let task = self.student.task(self.backbone.shape())?;
        let head = head_of("", &task)?;
        let mut outcomes = Outcomes::new(self.data.labels().len());
        let per_row = self.data.sequences_per_row();
        for part in self.parts(rows, EVALUATION_TOKENS) {
            let tokens = sequences(&self.data, part);
            let numbers: Vec<usize> = part.iter().flat_map(|&row| self.keys(row)).collect();
            let bare = &mut self.states.of(&numbers);
            let mut said = logits(&*self.backbone, bare, &task, &tokens, "")?.into_iter();
            for &row in part {
                let own: Vec<f32> = said.by_ref().take(per_row).flatten().collect();
                let own = head.row_logits(own);
                head.check_finite(&own, row)?;
                outcomes.add(&self.data, row, &own);
            }
        }
        self.loss.unit.unscale(&mut outcomes.logits);
        Ok(outcomes)
    }

    /// The numbers of a row's sequences among those whose states are kept.
    fn keys(&self, row: usize) -> Range<usize> {
        let number = match self.shares_states {
            true => self.data.number(row),
            false => row,
        };
        let each = self.data.sequences_per_row();
        number * each..(number + 1) * each
    }

    /// Goes on with the states that another learner of the same backbone and kind computed, whose rows were
    /// taken from the same `examples` ones; without any it begins to collect them.
    pub(super) fn share_states(&mut self, states: Option<StateCache>, examples: usize) {
        let sequences = examples * self.data.sequences_per_row();
        let own = self.states.of_examples(sequences);
        self.shares_states = true;
        self.states = states.filter(|states| states.is_alike(&own)).unwrap_or(own);
    }

    /// The states that it computed.
    pub(super) fn into_states(self) -> StateCache {
        self.states
    }

    /// Bytes of states that are kept between epochs.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.states.bytes()
    }
}

/// Gives back what backward passes have left in a backbone, which is as much memory as its weights.
struct BackwardMemory(Arc<dyn Backbone>);

impl Drop for BackwardMemory {
    fn drop(&mut self) {
        self.0.shape().frozen.forget_backward();
    }
}

/// The seed of the dropout of a row in a step. It depends on nothing else.
fn seed_of(seed: u64, step: usize, row: usize) -> u64 {
    // the finalizer of SplitMix64 (Steele et al. 2014): neighbours become strangers
    let mut z = seed ^ (step as u64).rotate_left(40) ^ row as u64;
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        z = (z ^ (z >> 30)).wrapping_mul(factor);
    }
    z ^ (z >> 31)
}

/// All sequences of some rows.
fn sequences(data: &Dataset, rows: &[usize]) -> Vec<Sequence> {
    rows.iter().flat_map(|&row| data.sequences(row)).collect()
}

/// A pooler that the head does not read would learn nothing.
fn check_pooler(options: &Options, head: &HeadConfig, shape: &Shape) -> Result<()> {
    let targets = options.targets.as_deref().unwrap_or_default();
    if targets.contains(&Linear::Pooler) && !head.reads_pooler(shape) {
        return Err(Error::OptionInvalid {
            option: "targets",
            value: Linear::Pooler.name().into(),
            reason: "this head does not read the pooler; leave it out, or choose pooling \"pooler\" and a question about whole texts".into(),
        });
    }
    Ok(())
}

/// Virtual tokens have states too, and a head for tokens could not tell them from a text's.
fn check_tokens(config: &dyn Config, preset: &Preset, problem: ProblemName) -> Result<()> {
    if problem.reads_tokens() && config.adds_tokens() {
        return Err(Error::OptionInvalid {
            option: "kind",
            value: preset.name.to_owned(),
            reason: "its virtual tokens have no labels; label tokens with another kind".into(),
        });
    }
    Ok(())
}

/// What an adapter of two encoders cannot have: what acts before the blocks, and what is drawn for the rows of a whole batch,
/// since each encoder computes some of the rows.
fn check_dual(config: &dyn Config, preset: &Preset, options: &Options) -> Result<()> {
    let refused = |option, value: String, reason: &str| {
        Err(Error::OptionInvalid {
            option,
            value,
            reason: reason.to_owned(),
        })
    };
    if config.adds_tokens() {
        let reason = "its virtual tokens stand before the blocks, and an adapter of two encoders acts in the blocks alone; take another kind";
        return refused("kind", preset.name.to_owned(), reason);
    }
    match options.dropout {
        Some(dropout) if dropout > 0.0 => refused(
            "dropout",
            dropout.to_string(),
            "an adapter of two encoders has none; leave it out",
        ),
        _ => Ok(()),
    }
}
