//! Answers as JavaScript has them.

use serde::Serialize;

use crate::engine::{Answer, Composed, argmax};
use crate::head::{Prediction, ProblemName, Span};
use crate::input::text::{Characters, Text};

/// An answer of any problem; what another problem's has is absent.
#[derive(Default, Serialize)]
pub(super) struct Answered<'a> {
    problem: ProblemName,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Vec<Score<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<Score<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<Vec<Place<'a>>>,
    logits: &'a [f32],
    tokens: usize,
    windows: usize,
    truncated: bool,
    ms: f64,
}

#[derive(Serialize)]
struct Score<'a> {
    label: &'a str,
    score: f32,
}

/// A span with its bounds in UTF-16 units, as JavaScript counts.
#[derive(Serialize)]
struct Place<'a> {
    label: &'a str,
    start: usize,
    end: usize,
    score: f32,
    second: bool,
}

/// One a text; each took `ms` milliseconds.
pub(super) fn answered<'a>(
    composed: &'a Composed,
    texts: &'a [Text],
    ms: f64,
) -> Vec<Answered<'a>> {
    let answers = composed.answers.iter().zip(&composed.heads).zip(texts);
    answers
        .map(|((answer, task), text)| one(answer, &task.card.labels, text, ms))
        .collect()
}

fn one<'a>(answer: &'a Answer, labels: &'a [String], text: &Text, ms: f64) -> Answered<'a> {
    let base = Answered {
        logits: &answer.logits,
        tokens: answer.tokens,
        windows: answer.windows,
        truncated: answer.truncated,
        ms,
        ..Answered::default()
    };
    let score_of = |scores: &[f32], label: usize| Score {
        label: &labels[label],
        score: scores[label],
    };
    let all = |scores: &[f32]| (0..labels.len()).map(|l| score_of(scores, l)).collect();
    match &answer.prediction {
        Prediction::Label { best, scores } => Answered {
            label: Some(&labels[*best]),
            score: Some(scores[*best]),
            scores: Some(all(scores)),
            rejected: Some(false),
            ..base
        },
        Prediction::Rejected { label, scores } => Answered {
            label: Some(label),
            score: Some(scores[argmax(scores)]),
            scores: Some(all(scores)),
            rejected: Some(true),
            ..base
        },
        Prediction::Labels { chosen, scores } => Answered {
            problem: ProblemName::MultiLabel,
            labels: Some(chosen.iter().map(|&l| score_of(scores, l)).collect()),
            scores: Some(all(scores)),
            ..base
        },
        Prediction::Number(value) => Answered {
            problem: ProblemName::Regression,
            value: Some(*value),
            ..base
        },
        Prediction::Spans(spans) => Answered {
            problem: ProblemName::TokenClassification,
            spans: Some(places(spans, text)),
            ..base
        },
        // the engine puts tokens together to spans
        Prediction::Tokens(_) => Answered {
            problem: ProblemName::TokenClassification,
            spans: Some(Vec::new()),
            ..base
        },
    }
}

/// Spans stand in the order of their text, so each text is gone through once.
fn places<'a>(spans: &'a [Span], text: &Text) -> Vec<Place<'a>> {
    let second = text.second.as_deref().unwrap_or_default();
    let mut texts = [Characters::new(&text.first), Characters::new(second)];
    let place = |span: &'a Span| {
        let own = &mut texts[usize::from(span.second)];
        Place {
            label: &span.label,
            start: own.utf16(span.start),
            end: own.utf16(span.end),
            score: span.score,
            second: span.second,
        }
    };
    spans.iter().map(place).collect()
}
