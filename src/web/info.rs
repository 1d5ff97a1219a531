//! What JavaScript is told about a backbone, an adapter and a kind.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::convert::to_js;
use crate::adapter::{Description, SizeOption, presets};
use crate::engine::Engine;
use crate::folder::{Library, TaskAdapter};
use crate::head::{Head, Pairs, ProblemName, Reject};
use crate::input::text::Tokenizer;
use crate::model::Shape;

/// A backbone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BackboneInfo<'a> {
    name: &'a str,
    hidden_size: usize,
    layers: usize,
    heads: usize,
    /// Absent where the model reads no texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    vocabulary: Option<usize>,
    /// What it reads: "texts", "sounds", "pictures".
    reads: &'static str,
    max_tokens: usize,
    dtype: &'a str,
    parameters: usize,
    fingerprint: &'a str,
}

impl<'a> BackboneInfo<'a> {
    /// Of an engine's backbone; `dtype` is how its weights are stored.
    pub(super) fn new(engine: &'a Engine, dtype: &'a str) -> Self {
        let shape = engine.backbone().shape();
        Self {
            name: &shape.name,
            hidden_size: shape.hidden_size,
            layers: shape.layers,
            heads: shape.heads,
            vocabulary: engine.tokenizer().ok().map(Tokenizer::vocabulary),
            reads: engine.reader().sort().title(),
            max_tokens: shape.max_tokens,
            dtype,
            parameters: shape.parameters,
            fingerprint: &shape.fingerprint,
        }
    }
}

/// A loaded adapter.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdapterInfo<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    description: Description,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Pairs>,
    labels: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<&'a Reject>,
    parameters: usize,
    share: f64,
    bytes: usize,
    format: Library,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a str>,
}

impl<'a> AdapterInfo<'a> {
    /// Of an adapter for a backbone of this shape.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn new(name: &'a str, task: &'a TaskAdapter, shape: &Shape) -> Self {
        let parameters = task.parameters();
        let head = task.head.as_ref();
        let problem = head.map(|head| &head.config().problem);
        Self {
            name,
            kind: task.adapter.config().kind().name,
            description: task.adapter.config().describe(shape),
            problem: problem.map(Into::into),
            pair: task.card.pair,
            pairs: head.map(|head| head.config().pairs),
            labels: &task.card.labels,
            thresholds: problem.and_then(|problem| problem.thresholds(task.card.labels.len())),
            reject: head
                .and_then(Head::calibration)
                .and_then(|calibration| calibration.reject.as_ref()),
            parameters,
            share: parameters as f64 / shape.parameters as f64,
            bytes: task.bytes,
            format: task.library,
            metric: task.card.metric.as_ref().map(|metric| metric.name()),
            score: task.card.test_score.or(task.card.dev_score),
            task: task.card.task.as_deref(),
        }
    }
}

/// An adapter kind.
#[derive(Serialize)]
struct KindInfo {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    format: Library,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<SizeOption>,
}

/// The adapter kinds that can be trained, for a form.
///
/// # Errors
/// None in practice.
#[wasm_bindgen]
pub fn kinds() -> Result<JsValue, JsValue> {
    let kinds: Vec<KindInfo> = presets()
        .map(|preset| KindInfo {
            name: preset.name,
            title: preset.title,
            description: preset.description,
            format: preset.library,
            size: preset.size,
        })
        .collect();
    to_js(&kinds)
}
