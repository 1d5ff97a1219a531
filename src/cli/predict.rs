use std::io::BufRead;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::compose::{self, Choice, InUse};
use super::folders;
use super::output::outln;
use crate::engine::Answer;
use crate::error::{Error, Result};
use crate::head::{Prediction, Span, TokenLabel, argmax};
use crate::text::Text;

/// Answers texts from standard input, one a line (a tab before the second text of a pair).
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// One JSON object a line instead of label and score.
    #[arg(long)]
    json: bool,
}

/// Whether every line has an answer.
pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let mut engine = folders::load_backbone(&arguments.backbone)?;
    let folder = match arguments.choice.load(&mut engine)? {
        InUse::One(folder) => folder,
        InUse::Composed(composition) => {
            return compose::predict(&engine, &composition, arguments.json).map(|failed| !failed);
        }
        InUse::Nothing => {
            return Err(Error::OptionInvalid {
                option: "adapter",
                value: "missing".into(),
                reason: "name the adapter that answers with --adapter DIR, or several with --compose FILE".into(),
            });
        }
    };
    let task = folders::load_adapter(&folder, &engine)?;
    let labels = task.card.labels.clone();
    for (index, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(Error::io("standard input"))?;
        let text = match line.split_once('\t') {
            Some((first, second)) => Text::pair(first, second),
            None => line.as_str().into(),
        };
        let answers = engine
            .answer(&task, std::slice::from_ref(&text), "adapter")
            .map_err(|error| match error {
                Error::TextEmpty { .. } => Error::TextEmpty { index },
                other => other,
            })?;
        for answer in &answers {
            if arguments.json {
                folders::print_json(&object(&text, answer, &labels))?;
            } else {
                outln!("{}", line_of(answer, &labels))?;
            }
        }
    }
    Ok(true)
}

/// What is found, each with its score after a tab: a label, any number of labels, a number, or spans
/// with their place in characters.
pub(super) fn line_of(answer: &Answer, labels: &[String]) -> String {
    match &answer.prediction {
        Prediction::Label { best, scores } => format!("{}\t{:.4}", labels[*best], scores[*best]),
        Prediction::Rejected { label, scores } => {
            format!("{label}\t{:.4}", scores[argmax(scores)])
        }
        Prediction::Labels { chosen, scores } => {
            let label = |&label: &usize| format!("{}\t{:.4}", labels[label], scores[label]);
            chosen.iter().map(label).collect::<Vec<_>>().join("\t")
        }
        Prediction::Number(number) => format!("{number:.4}"),
        Prediction::Tokens(tokens) => {
            let token = |token: &TokenLabel| format!("{}\t{:.4}", labels[token.label], token.score);
            tokens.iter().map(token).collect::<Vec<_>>().join("\t")
        }
        Prediction::Spans(spans) => {
            let span = |span: &Span| {
                let Span {
                    label,
                    start,
                    end,
                    score,
                    ..
                } = span;
                format!("{label}\t{start}-{end}\t{score:.4}")
            };
            spans.iter().map(span).collect::<Vec<_>>().join("\t")
        }
    }
}

/// The characters of a text from `start` to `end`.
fn part(text: &str, start: usize, end: usize) -> String {
    text.chars().skip(start).take(end - start).collect()
}

pub(super) fn object(text: &Text, answer: &Answer, labels: &[String]) -> Value {
    let scores: Vec<Value> = labels
        .iter()
        .zip(answer.scores())
        .map(|(label, score)| json!({ "label": label, "score": score }))
        .collect();
    let mut object = Map::new();
    object.insert("text".into(), json!(text.first));
    if let Some(second) = &text.second {
        object.insert("text2".into(), json!(second));
    }
    match &answer.prediction {
        Prediction::Label { best, .. } => {
            object.insert("label".into(), json!(labels[*best]));
            object.insert("scores".into(), json!(scores));
        }
        Prediction::Rejected { label, .. } => {
            object.insert("label".into(), json!(label));
            object.insert("scores".into(), json!(scores));
        }
        Prediction::Labels { chosen, .. } => {
            let chosen: Vec<&String> = chosen.iter().map(|&label| &labels[label]).collect();
            object.insert("labels".into(), json!(chosen));
            object.insert("scores".into(), json!(scores));
        }
        Prediction::Number(number) => {
            object.insert("value".into(), json!(number));
        }
        Prediction::Tokens(tokens) => {
            let token =
                |token: &TokenLabel| json!({"label": labels[token.label], "score": token.score});
            let tokens: Vec<Value> = tokens.iter().map(token).collect();
            object.insert("token_labels".into(), json!(tokens));
        }
        Prediction::Spans(spans) => {
            let span = |span: &Span| {
                let of = if span.second {
                    text.second.as_deref()
                } else {
                    None
                };
                let found = part(of.unwrap_or(&text.first), span.start, span.end);
                json!({
                    "label": span.label, "start": span.start, "end": span.end, "score": span.score,
                    "text": found, "second": span.second,
                })
            };
            let spans: Vec<Value> = spans.iter().map(span).collect();
            object.insert("spans".into(), json!(spans));
        }
    }
    object.insert("logits".into(), json!(answer.logits));
    object.insert("tokens".into(), json!(answer.tokens));
    object.insert("truncated".into(), json!(answer.truncated));
    Value::Object(object)
}
