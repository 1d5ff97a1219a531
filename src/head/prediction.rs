//! What a head says of a text, in each of the forms of an answer.

use super::{Form, Span, TokenLabel, argmax};

/// What a head says of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// One label.
    Label {
        /// Index of the best label.
        best: usize,
        /// Their probabilities, in the order of the labels.
        scores: Vec<f32>,
    },
    /// None of the labels: the best score is below what [`Calibration::reject`](super::Calibration::reject)
    /// asks for.
    Rejected {
        /// The answer in place of a label.
        label: String,
        /// As of a label.
        scores: Vec<f32>,
    },
    /// Any number of labels.
    Labels {
        /// Indices of the labels that reach their thresholds, in rising order.
        chosen: Vec<usize>,
        /// Sigmoid of each logit, in the order of the labels.
        scores: Vec<f32>,
    },
    /// A number.
    Number(f32),
    /// A label for each token, special tokens included.
    Tokens(Vec<TokenLabel>),
    /// Parts of the text, in their order: what labels of tokens come to.
    Spans(Vec<Span>),
}

impl Prediction {
    /// In which form it is given.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::Label { .. } | Self::Rejected { .. } => Form::Label,
            Self::Labels { .. } => Form::Labels,
            Self::Number(_) => Form::Number,
            Self::Tokens(_) | Self::Spans(_) => Form::Spans,
        }
    }

    /// A score for each label of the text; empty for a number, tokens and spans.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        match self {
            Self::Label { scores, .. }
            | Self::Rejected { scores, .. }
            | Self::Labels { scores, .. } => scores,
            Self::Number(_) | Self::Tokens(_) | Self::Spans(_) => &[],
        }
    }

    /// The best label; of a rejected text the best of those that are not good enough.
    #[must_use]
    pub fn best(&self) -> Option<usize> {
        match self {
            Self::Label { best, .. } => Some(*best),
            _ if self.scores().is_empty() => None,
            _ => Some(argmax(self.scores())),
        }
    }

    /// The one label of an answer, and its score; `names` are the labels of the answers.
    #[must_use]
    pub fn label<'a>(&'a self, names: &'a [String]) -> Option<(&'a str, f32)> {
        let score = self.scores().get(self.best()?)?;
        match self {
            Self::Label { best, .. } => Some((&names[*best], *score)),
            Self::Rejected { label, .. } => Some((label, *score)),
            _ => None,
        }
    }

    /// Indices of the labels that a text has of any number of them.
    #[must_use]
    pub fn chosen(&self) -> Option<&[usize]> {
        match self {
            Self::Labels { chosen, .. } => Some(chosen),
            _ => None,
        }
    }

    /// The answer as rows have their labels; `names` are the labels of the answers.
    #[must_use]
    pub fn written(&self, names: &[String]) -> String {
        let name = |label: usize| names[label].as_str();
        match self {
            Self::Label { best, .. } => name(*best).to_owned(),
            Self::Rejected { label, .. } => label.clone(),
            Self::Labels { chosen, .. } => {
                let chosen: Vec<&str> = chosen.iter().copied().map(name).collect();
                chosen.join("|")
            }
            Self::Number(number) => number.to_string(),
            Self::Tokens(tokens) => {
                let tags: Vec<&str> = tokens.iter().map(|token| name(token.label)).collect();
                tags.join(" ")
            }
            Self::Spans(spans) => {
                let labels: Vec<&str> = spans.iter().map(|span| span.label.as_str()).collect();
                labels.join(" ")
            }
        }
    }
}
