use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;
use serde_json::{Map, Value, json};

use super::compose::{self, Choice};
use super::folders;
use super::lines::{self, Responder, respond};
use super::output::outln;
use crate::compose::Composition;
use crate::engine::{Answer, Engine};
use crate::error::{Error, Result};
use crate::folder::TaskAdapter;
use crate::head::{Prediction, Span, TokenLabel, argmax};
use crate::input::text::{Characters, LongTexts, Text};

/// Answers texts from standard input, one a line (a tab before the second text of a pair).
///
/// A line that cannot be answered (empty, not UTF-8, …) gets "error[code]" in place of its answer, and the
/// next lines are answered; the exit code is then 1.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Reads only the beginning of texts that are longer than the model, instead of all of them in windows.
    #[arg(long)]
    truncate: bool,
    /// One JSON object a line instead of label and score.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut engine = folders::load_backbone(&arguments.backbone)?;
    if arguments.truncate {
        engine.set_long_texts(LongTexts::Truncate);
    }
    let Some(composition) = arguments.choice.load(&mut engine)? else {
        return Err(Error::OptionInvalid {
            option: "adapter",
            value: "missing".into(),
            reason:
                "name the adapter that answers with --adapter DIR, or several with --compose FILE"
                    .into(),
        });
    };
    respond(&mut Predictor {
        json: arguments.json,
        engine,
        composition,
    })
}

struct Predictor {
    engine: Engine,
    composition: Composition,
    json: bool,
}

/// One answer of each part that answers, and whose it is.
type Answers = Vec<(Rc<TaskAdapter>, Answer)>;

impl Responder for Predictor {
    type Answer = Answers;

    fn group(&self) -> usize {
        compose::rows(&self.composition)
    }

    fn answer(&self, texts: &[Text]) -> Result<Vec<Answers>> {
        let of = std::slice::from_ref(&self.composition);
        let mut answers: Vec<Answers> = texts.iter().map(|_| Vec::new()).collect();
        for channel in self.engine.classify_with_all(of, texts)? {
            let said = channel.heads.into_iter().zip(channel.answers);
            for (answers, said) in answers.iter_mut().zip(said) {
                answers.push(said);
            }
        }
        Ok(answers)
    }

    fn write(&mut self, line: usize, text: &Text, answers: &Answers) -> Result<()> {
        if self.json {
            return folders::print_json(&whole(text, answers));
        }
        if let Some((_, answer)) = answers.iter().find(|(_, answer)| answer.truncated) {
            lines::warn_truncated(line, text, answer.tokens);
        }
        let parts = answers.iter();
        let parts: Vec<String> = parts
            .map(|(task, answer)| line_of(answer, &task.card.labels))
            .collect();
        outln!("{}", parts.join("\t"))
    }

    fn write_error(&mut self, line: usize, error: &Error) -> Result<()> {
        lines::write_error(line, error, self.json)
    }
}

/// All answers to a text as one object; several stand in a list.
fn whole(text: &Text, answers: &Answers) -> Value {
    let mut whole = Map::new();
    whole.insert("text".into(), json!(text.first));
    if let Some(second) = &text.second {
        whole.insert("text2".into(), json!(second));
    }
    let mut objects: Vec<Map<String, Value>> = answers
        .iter()
        .map(|(task, answer)| object(text, answer, &task.card.labels))
        .collect();
    if objects.len() == 1 {
        whole.append(&mut objects[0]);
    } else {
        whole.insert("answers".into(), json!(objects));
    }
    Value::Object(whole)
}

/// What is found, each with its score after a tab: a label, any number of labels, a number, or spans
/// with their place in characters.
fn line_of(answer: &Answer, labels: &[String]) -> String {
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

fn object(text: &Text, answer: &Answer, labels: &[String]) -> Map<String, Value> {
    let scores: Vec<Value> = labels
        .iter()
        .zip(answer.scores())
        .map(|(label, score)| json!({ "label": label, "score": score }))
        .collect();
    let mut object = Map::new();
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
            let second = text.second.as_deref().unwrap_or_default();
            let mut texts = [Characters::new(&text.first), Characters::new(second)];
            let span = |span: &Span| {
                let found = texts[usize::from(span.second)].part(span.start, span.end);
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
    object.insert("windows".into(), json!(answer.windows));
    object.insert("truncated".into(), json!(answer.truncated));
    object
}
