use std::io::BufRead;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::folders;
use crate::engine::{Answer, answers};
use crate::error::{Error, Result};
use crate::text::Text;

/// Answers texts from standard input, one a line (a tab before the second text of a pair).
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Adapter folder, PEFT's or AdapterHub's.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// One JSON object a line instead of label and score.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let engine = folders::load_backbone(&arguments.backbone)?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    let labels = task.card.labels.clone();
    for (index, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(Error::io("standard input"))?;
        let text = match line.split_once('\t') {
            Some((first, second)) => Text::pair(first, second),
            None => line.as_str().into(),
        };
        let tokens = engine
            .tokenizer()
            .encode(&text)
            .map_err(|error| match error {
                Error::TextEmpty { .. } => Error::TextEmpty { index },
                other => other,
            })?;
        let answers = answers(&**engine.backbone(), &task, &[tokens], "adapter")?;
        for answer in &answers {
            if arguments.json {
                folders::print_json(&object(&text, answer, &labels))?;
            } else {
                println!("{}\t{:.4}", labels[answer.best], answer.scores[answer.best]);
            }
        }
    }
    Ok(())
}

fn object(text: &Text, answer: &Answer, labels: &[String]) -> Value {
    let scores: Vec<Value> = labels
        .iter()
        .zip(&answer.scores)
        .map(|(label, score)| json!({ "label": label, "score": score }))
        .collect();
    let mut object = Map::new();
    object.insert("text".into(), json!(text.first));
    if let Some(second) = &text.second {
        object.insert("text2".into(), json!(second));
    }
    object.insert("label".into(), json!(labels[answer.best]));
    object.insert("scores".into(), json!(scores));
    object.insert("logits".into(), json!(answer.logits));
    object.insert("tokens".into(), json!(answer.tokens));
    object.insert("truncated".into(), json!(answer.truncated));
    Value::Object(object)
}
