//! What is known of a problem as data.

use serde::Serialize;

/// What is known about a problem before there is any head or row: everything that other code says about it.
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
    /// Whether the head has one output, whose label is only a name for it.
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
    /// The score of an answer without any learning, where that is always the same.
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
