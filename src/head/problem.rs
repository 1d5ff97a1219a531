//! What a head answers: the trait that each problem implements, and what a row of the table is.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    DEFAULT_THRESHOLD, Evaluation, How, Judged, Labelled, LossSettings, Metric, PROBLEMS,
    Prediction, SINGLE_LABEL, Targets, Unit,
};
use crate::error::Result;
use crate::ops::{logistic_loss, row_loss};
use crate::tensor::Tensor;

use super::scores::{argmax, over, sigmoid, softmax};

/// What is known of a problem before any head or row is: all that others say about it.
#[derive(Debug, Serialize)]
pub struct About {
    /// Its name in settings and files.
    pub name: &'static str,
    /// Other names that settings may use.
    pub aliases: &'static [&'static str],
    /// What a head answers, in words: "it answers …".
    pub title: &'static str,
    /// What a label of a row is, in words.
    pub label: &'static str,
    /// What the labels of a set are called: one, and several.
    pub nouns: [&'static str; 2],
    /// How `graftlet-rows` reads the labels.
    pub rows: &'static str,
    /// What a head reads.
    pub reads: Reads,
    /// The forms of its answers.
    pub forms: &'static [Form],
    /// The labels of its answers, where they are not those of the head.
    pub answers: &'static [&'static str],
    /// Whether the head has one output, whose label is a name that nobody chooses.
    pub one_output: bool,
    /// Whether each label has a threshold.
    pub thresholds: bool,
    /// Whether texts may have none of the labels, and be answered with another.
    pub rejects: bool,
    /// Whether its rows have one label of several each, which may have weights and be doubted.
    pub classes: bool,
    /// Whether scores are calibrated on held-out rows.
    pub calibrated: bool,
    /// Whether a row's label may be empty.
    pub may_be_empty: bool,
    /// What it may be judged by, the default first.
    pub measures: &'static [Measure],
    /// What an answer without learning does, in words: "by …".
    pub baseline: &'static str,
    /// `task_type` of PEFT.
    pub peft: &'static str,
    /// `head_type` of AdapterHub.
    pub adapterhub: &'static str,
}

/// What a head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// A vector a text; the texts of a pair are one sequence.
    Texts,
    /// The state of each token.
    Tokens,
    /// A vector a text; each text of a pair is a sequence of its own.
    TextsApart,
}

/// In which form an answer is given and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One label of several, each with its score.
    Label,
    /// Any number of labels, each with its score.
    Labels,
    /// A number.
    Number,
    /// Labelled parts of the text.
    Spans,
}

/// A measure of how well rows are answered.
#[derive(Debug, Serialize)]
pub struct Measure {
    /// Its name in reports.
    pub name: &'static str,
    /// As a reader writes it.
    pub title: &'static str,
    /// Whether epochs can be chosen by it.
    #[serde(skip)]
    pub is_metric: bool,
    /// What answering without learning scores, where that is always the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<f32>,
}

impl Measure {
    pub(super) const ACCURACY: Self = Self::metric("accuracy", "accuracy", None);
    pub(super) const MACRO_F1: Self = Self::metric("macro_f1", "macro F1", None);
    pub(super) const MICRO_F1: Self = Self::metric("micro_f1", "micro F1", None);

    /// One that epochs can be chosen by.
    pub(super) const fn metric(
        name: &'static str,
        title: &'static str,
        chance: Option<f32>,
    ) -> Self {
        Self {
            name,
            title,
            is_metric: true,
            chance,
        }
    }

    /// One that is only reported.
    pub(super) const fn reported(name: &'static str, title: &'static str) -> Self {
        Self {
            is_metric: false,
            ..Self::metric(name, title, None)
        }
    }
}

/// One thing that logits say of a row, and what is true of it.
#[derive(Clone, Copy, Debug)]
pub enum Term<'a> {
    /// Logits of labels of which one holds, and which.
    Choice(&'a [f32], usize),
    /// The logit of something that holds with a probability: 0, 1, or 0.5 where it is open.
    Binary(f32, f32),
    /// A number, and the right one.
    Number(f32, f32),
}

impl Term<'_> {
    /// Its loss at a temperature: cross-entropy, or squared error.
    #[must_use]
    pub fn loss(&self, temperature: f64) -> f64 {
        match *self {
            Self::Choice(z, label) => row_loss(z, label, temperature),
            Self::Binary(z, target) => logistic_loss(f64::from(z) / temperature, f64::from(target)),
            Self::Number(answer, truth) => {
                let error = f64::from(answer) - f64::from(truth);
                error * error
            }
        }
    }

    /// The score of what is answered at a temperature, and whether that is right; nothing of numbers
    /// and of what is open.
    #[must_use]
    #[allow(clippy::float_cmp)]
    pub fn confidence(&self, temperature: f32) -> Option<(f32, bool)> {
        match *self {
            Self::Choice(z, label) => {
                let best = argmax(z);
                Some((softmax(&over(z, temperature))[best], best == label))
            }
            Self::Binary(_, 0.5) | Self::Number(..) => None,
            Self::Binary(z, target) => Some((sigmoid(z / temperature), target == 1.0)),
        }
    }
}

/// What rows should have in common for a split to be fair.
#[derive(Clone, Debug, PartialEq)]
pub enum Group {
    /// The label.
    Label(Option<usize>),
    /// The rarest of these labels.
    Rarest(Vec<usize>),
    /// About the amount.
    Amount(f32),
}

/// What a head answers. A row's target is some 32-bit words, whose meaning is the problem's own;
/// logits of a row are one vector of all labels, or several ([`vectors`](Self::vectors)), end to end.
pub trait ProblemKind: Sync {
    /// What others say about it.
    fn about(&self) -> &'static About;

    /// Calls with each part of a row's label that must be a label of the head; with none where labels
    /// are free.
    fn parts<'a>(&self, _label: &'a str, _take: &mut dyn FnMut(&'a str)) {}

    /// The labels of a head for these labels of rows. `place` names the rows in errors.
    ///
    /// # Errors
    /// [`Error::ClassesTooFew`](crate::Error::ClassesTooFew),
    /// [`Error::ClassTooSmall`](crate::Error::ClassTooSmall);
    /// [`Error::OptionInvalid`](crate::Error::OptionInvalid) if they are of another problem.
    fn find(&self, _place: &str, found: &[&str], _reject: Option<&str>) -> Result<Vec<String>> {
        let mut parts = BTreeSet::new();
        for label in found {
            self.parts(label, &mut |part| {
                parts.insert(part);
            });
        }
        Ok(parts.into_iter().map(str::to_owned).collect())
    }

    /// Whether labels of rows, each once, look like those of this problem.
    fn looks_like(&self, _labels: &[&str]) -> bool {
        false
    }

    /// Words of each row's target, where all have as many.
    fn words(&self, _labels: usize) -> Option<usize> {
        Some(1)
    }

    /// Adds the targets of rows.
    ///
    /// # Errors
    /// [`Error::LabelUnknown`](crate::Error::LabelUnknown);
    /// [`Error::OptionInvalid`](crate::Error::OptionInvalid) for a label that is none of the problem's.
    fn read(&self, rows: &Labelled<'_>, targets: &mut Targets) -> Result<()>;

    /// A row's target as rows have their labels.
    fn written(&self, target: &[u32], labels: &[String], reject: Option<&str>) -> String;

    /// Calls with the bytes by which a checkpoint knows the rows again.
    fn hash(&self, targets: &Targets, _labels: usize, take: &mut dyn FnMut(&[u8])) {
        for word in targets.rows().flatten() {
            take(&word.to_le_bytes());
        }
    }

    /// What a row should have in common with others of its part of a split.
    fn group(&self, target: &[u32], labels: &[String]) -> Group;

    /// The row's only label, where it has one of several.
    fn class(&self, _target: &[u32]) -> Option<usize> {
        None
    }

    /// The unit that targets are learnt in.
    fn unit(&self, _targets: &Targets) -> Unit {
        Unit::PLAIN
    }

    /// How many vectors of logits a row is judged by.
    fn vectors(&self, _target: &[u32]) -> usize {
        1
    }

    /// Adds the logits of a row that it is judged by; `width` is the number of labels.
    fn keep(&self, _target: &[u32], logits: &[f32], _width: usize, into: &mut Vec<f32>) {
        into.extend_from_slice(logits);
    }

    /// The weight of a row in a mean loss.
    fn weight(&self, _target: &[u32], _labels: usize, _settings: &LossSettings) -> f64 {
        1.0
    }

    /// The mean loss of logits, a scalar, in which each row has its [`weight`](Self::weight). Row
    /// `starts[i]` of the logits is the first of sequence `i`, where a head has logits of tokens.
    fn loss(
        &self,
        logits: &Tensor,
        starts: &[usize],
        targets: &[&[u32]],
        settings: &LossSettings,
    ) -> Tensor;

    /// Calls with each [`Term`] of a row.
    fn terms(&self, target: &[u32], z: &[f32], labels: usize, visit: &mut dyn FnMut(Term<'_>));

    /// What the logits of a text say.
    fn predict(&self, z: &[f32], how: &How<'_>) -> Prediction;

    /// Fills in all measures of an evaluation but its loss.
    fn judge(&self, rows: &Judged<'_>, how: &How<'_>, evaluation: &mut Evaluation);

    /// The score that each label must reach, where labels have thresholds.
    fn thresholds(&self, _rows: &Judged<'_>) -> Vec<f32> {
        Vec::new()
    }

    /// The score that the best label must reach, where texts may be rejected.
    fn rejection(&self, _rows: &Judged<'_>, _temperature: f32) -> Option<f32> {
        None
    }
}

/// A row of [`PROBLEMS`].
#[derive(Clone, Copy)]
pub struct ProblemName(pub(super) &'static dyn ProblemKind);

impl ProblemName {
    /// The problem that settings or files call so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |problem: &&Self| {
            let About {
                name: own, aliases, ..
            } = problem.about();
            *own == name || aliases.contains(&name)
        };
        PROBLEMS.iter().find(is_it).copied()
    }

    /// As settings and files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// The problem of a head that is trained for it.
    #[must_use]
    pub fn fresh(self) -> Problem {
        Problem {
            kind: self,
            thresholds: Vec::new(),
        }
    }

    /// What it is judged by where nothing is said.
    #[must_use]
    pub fn metric(self) -> Metric {
        Metric::named(self.about().measures[0].name)
    }

    /// Whether a head reads tokens.
    #[must_use]
    pub fn reads_tokens(self) -> bool {
        self.about().reads == Reads::Tokens
    }

    /// Whether each text of a pair is a sequence of its own.
    #[must_use]
    pub fn reads_apart(self) -> bool {
        self.about().reads == Reads::TextsApart
    }
}

impl Deref for ProblemName {
    type Target = dyn ProblemKind;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl Default for ProblemName {
    fn default() -> Self {
        SINGLE_LABEL
    }
}

impl PartialEq for ProblemName {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for ProblemName {}

impl fmt::Debug for ProblemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ProblemName {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ProblemName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let known = PROBLEMS.iter().map(|problem| problem.name());
            let known = known.collect::<Vec<_>>().join(", ");
            D::Error::custom(format!("there is no problem \"{name}\"; there are {known}"))
        })
    }
}

/// What a particular head answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// The row of the table.
    pub kind: ProblemName,
    /// What a label's score, 0 to 1, must reach, where labels have thresholds: one a label, or none for
    /// [`DEFAULT_THRESHOLD`].
    pub thresholds: Vec<f32>,
}

impl Problem {
    /// What the score of each of so many labels must reach, 0 to 1, where a text may have several.
    #[must_use]
    pub fn thresholds(&self, labels: usize) -> Option<Vec<f32>> {
        let own = || match self.thresholds.is_empty() {
            true => vec![DEFAULT_THRESHOLD; labels],
            false => self.thresholds.clone(),
        };
        self.kind.about().thresholds.then(own)
    }
}

impl Problem {
    /// What a card says of it: nothing where it is what everybody expects.
    #[must_use]
    pub fn said(&self) -> Option<Self> {
        (self.kind != ProblemName::default()).then(|| self.clone())
    }
}

impl From<ProblemName> for Problem {
    fn from(kind: ProblemName) -> Self {
        kind.fresh()
    }
}

impl From<&Problem> for ProblemName {
    fn from(problem: &Problem) -> Self {
        problem.kind
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.kind)?;
        if !self.thresholds.is_empty() {
            map.serialize_entry("thresholds", &self.thresholds)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            name: ProblemName,
            #[serde(default)]
            thresholds: serde_json::Value,
        }
        let Named { name, thresholds } = Named::deserialize(deserializer)?;
        let mut problem = name.fresh();
        if name.about().thresholds && !thresholds.is_null() {
            problem.thresholds = serde_json::from_value(thresholds).map_err(D::Error::custom)?;
        }
        Ok(problem)
    }
}
