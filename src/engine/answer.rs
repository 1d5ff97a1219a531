use crate::compose::TaskRef;
use crate::head::Prediction;

/// Answers to the texts of a call, and the adapter that gave them.
pub struct Composed<'a> {
    /// One per text.
    pub answers: Vec<Answer>,
    /// Whose head gave each.
    pub heads: Vec<TaskRef<'a>>,
}

/// The answer to one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the head says.
    pub prediction: Prediction,
    /// One per label, or `[tokens, labels]` of a head that labels tokens.
    pub logits: Vec<f32>,
    /// Number of tokens read, special tokens included; those that several windows share count once.
    pub tokens: usize,
    /// Number of windows that the text was read in: 1 for a text that fits.
    pub windows: usize,
    /// Whether the text was too long and its end was not read; only with [`LongTexts::Truncate`](crate::input::text::LongTexts::Truncate).
    pub truncated: bool,
}

/// The vector of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// `[hidden size]`, for each pooling that the backbone's manifest names.
    pub vector: Vec<f32>,
    /// As [`Answer::tokens`].
    pub tokens: usize,
    /// As [`Answer::windows`].
    pub windows: usize,
    /// As [`Answer::truncated`].
    pub truncated: bool,
}

impl Answer {
    /// The best label and its score, of an answer in labels of the text; of a rejected one the best of
    /// those that are not good enough.
    #[must_use]
    pub fn label(&self) -> Option<(usize, f32)> {
        let best = self.prediction.best()?;
        Some((best, self.scores()[best]))
    }

    /// A score for each label of the text: they sum to 1 where it has one of them, and each lies
    /// between 0 and 1 where it may have several. Empty for a number, tokens and spans.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        self.prediction.scores()
    }
}
