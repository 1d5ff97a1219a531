//! An answer in words and as JSON, for the command line and for JavaScript. Only this file says how each form of
//! answer looks outside the engine.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Answer;
use crate::error::escaped;
use crate::head::{Form, Head, Prediction, ProblemName, Span, TokenLabel};
use crate::input::Input;
use crate::input::text::Characters;

/// An answer, its labels by name.
pub struct Said<'a> {
    answer: &'a Answer,
    input: &'a Input,
    problem: ProblemName,
    /// The labels of the answer.
    names: Cow<'a, [String]>,
}

/// An answer as JavaScript has it; what its form does not have is absent.
#[derive(Serialize)]
pub struct Object<'a> {
    problem: ProblemName,
    form: Form,
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

impl<'a> Said<'a> {
    /// The answer of a head to an input.
    #[must_use]
    pub fn new(head: &'a Head, answer: &'a Answer, input: &'a Input) -> Self {
        Self {
            answer,
            input,
            problem: head.config().problem.kind,
            names: head.answers(),
        }
    }

    fn scores_of(&self, labels: &[usize]) -> Vec<Score<'_>> {
        let scores = self.answer.scores();
        let score = |&label: &usize| Score {
            label: &self.names[label],
            score: scores[label],
        };
        labels.iter().map(score).collect()
    }

    /// As JavaScript has it; it took `ms` milliseconds.
    #[must_use]
    pub fn object(&self, ms: f64) -> Object<'_> {
        let prediction = &self.answer.prediction;
        let all: Vec<usize> = (0..self.answer.scores().len()).collect();
        let form = prediction.form();
        let label = prediction.label(&self.names);
        let is_rejected = matches!(prediction, Prediction::Rejected { .. });
        Object {
            problem: self.problem,
            form,
            label: label.map(|(label, _)| label),
            score: label.map(|(_, score)| score),
            scores: (!all.is_empty()).then(|| self.scores_of(&all)),
            rejected: (form == Form::Label).then_some(is_rejected),
            labels: prediction.chosen().map(|chosen| self.scores_of(chosen)),
            value: match prediction {
                Prediction::Number(value) => Some(*value),
                _ => None,
            },
            spans: (form == Form::Spans).then(|| self.places()),
            logits: &self.answer.logits,
            tokens: self.answer.tokens,
            windows: self.answer.windows,
            truncated: self.answer.truncated,
            ms,
        }
    }

    fn spans(&self) -> &[Span] {
        match &self.answer.prediction {
            Prediction::Spans(spans) => spans,
            _ => &[],
        }
    }

    /// Spans stand in the order of their text, so each text is gone through once.
    fn texts(&self) -> [Characters<'_>; 2] {
        let text = self.input.text();
        let first = text.map(|text| text.first.as_str());
        let second = text.and_then(|text| text.second.as_deref());
        [first, second].map(|text| Characters::new(text.unwrap_or_default()))
    }

    fn places(&self) -> Vec<Place<'_>> {
        let mut texts = self.texts();
        let spans = self.spans().iter();
        spans
            .map(|span| {
                let own = &mut texts[usize::from(span.second)];
                Place {
                    label: &span.label,
                    start: own.utf16(span.start),
                    end: own.utf16(span.end),
                    score: span.score,
                    second: span.second,
                }
            })
            .collect()
    }

    /// What is found, each with its score after a tab: a label, any number of labels, a number, or spans
    /// with their place in characters.
    #[must_use]
    pub fn line(&self) -> String {
        // a line break or a tab in a label would be taken for the end of a line or of a cell
        let score = |label: &str, score: f32| format!("{}\t{score:.4}", escaped(label));
        let parts: Vec<String> = match &self.answer.prediction {
            Prediction::Number(number) => vec![format!("{number:.4}")],
            Prediction::Tokens(tokens) => {
                let token = |token: &TokenLabel| score(&self.names[token.label], token.score);
                tokens.iter().map(token).collect()
            }
            Prediction::Spans(spans) => {
                let span = |span: &Span| {
                    let (label, score) = (escaped(&span.label), span.score);
                    format!("{label}\t{}-{}\t{score:.4}", span.start, span.end)
                };
                spans.iter().map(span).collect()
            }
            other => match (other.label(&self.names), other.chosen()) {
                (Some((label, own)), _) => vec![score(label, own)],
                (None, chosen) => {
                    let chosen = self.scores_of(chosen.unwrap_or_default());
                    chosen
                        .iter()
                        .map(|own| score(own.label, own.score))
                        .collect()
                }
            },
        };
        parts.join("\t")
    }

    /// As the command line writes it.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        let prediction = &self.answer.prediction;
        let mut fields = Map::new();
        if let Some((label, _)) = prediction.label(&self.names) {
            fields.insert("label".into(), json!(label));
        }
        if let Some(chosen) = prediction.chosen() {
            let chosen: Vec<&String> = chosen.iter().map(|&label| &self.names[label]).collect();
            fields.insert("labels".into(), json!(chosen));
        }
        let all: Vec<usize> = (0..self.answer.scores().len()).collect();
        match prediction {
            Prediction::Number(number) => {
                fields.insert("value".into(), json!(number));
            }
            Prediction::Tokens(tokens) => {
                let token = |token: &TokenLabel| json!({"label": self.names[token.label], "score": token.score});
                let tokens: Vec<Value> = tokens.iter().map(token).collect();
                fields.insert("token_labels".into(), json!(tokens));
            }
            Prediction::Spans(spans) => {
                let mut texts = self.texts();
                let span = |span: &Span| {
                    let found = texts[usize::from(span.second)].part(span.start, span.end);
                    json!({
                        "label": span.label, "start": span.start, "end": span.end, "score": span.score,
                        "text": found, "second": span.second,
                    })
                };
                let spans: Vec<Value> = spans.iter().map(span).collect();
                fields.insert("spans".into(), json!(spans));
            }
            _ => {
                fields.insert("scores".into(), json!(self.scores_of(&all)));
            }
        }
        fields.insert("logits".into(), json!(self.answer.logits));
        fields.insert("tokens".into(), json!(self.answer.tokens));
        fields.insert("windows".into(), json!(self.answer.windows));
        fields.insert("truncated".into(), json!(self.answer.truncated));
        fields
    }
}
