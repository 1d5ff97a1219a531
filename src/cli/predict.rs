use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use super::backbones::Backbones;
use super::compose::{self, Choice};
use super::lines::{self, Line, Responder, respond};
use super::output::outln;
use super::{folders, media};
use crate::compose::{Composition, TaskRef};
use crate::engine::{Answer, Engine, Said};
use crate::error::{Error, Result};
use crate::input::Input;
use crate::input::text::{LongTexts, Text};

/// Answers texts from standard input, one a line (a tab before the second text of a pair).
///
/// A line that cannot be answered (empty, not UTF-8, …) gets "error[code]" in place of its answer, and the
/// next lines are answered; the exit code is then 1.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    backbones: Backbones,
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
    let mut engine = arguments.backbones.load()?;
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
type Answers = Vec<(TaskRef<'static>, Answer)>;

impl Responder for Predictor {
    type Answer = Answers;

    fn group(&self) -> usize {
        compose::rows(&self.composition)
    }

    fn input(&self, text: &Text) -> Result<Input> {
        media::input(&self.engine, text, Path::new(""), false)
    }

    fn answer(&self, inputs: &[Input]) -> Result<Vec<Answers>> {
        let of = std::slice::from_ref(&self.composition);
        let mut answers: Vec<Answers> = inputs.iter().map(|_| Vec::new()).collect();
        for channel in self.engine.classify_with_all(of, inputs)? {
            let said = channel.heads.into_iter().zip(channel.answers);
            for (answers, said) in answers.iter_mut().zip(said) {
                answers.push(said);
            }
        }
        Ok(answers)
    }

    fn write(&mut self, number: usize, line: &Line, answers: &Answers) -> Result<()> {
        if self.json {
            return folders::print_json(&whole(line, answers));
        }
        if let Some((_, answer)) = answers.iter().find(|(_, answer)| answer.truncated) {
            lines::warn_truncated(number, line, answer.tokens);
        }
        let parts: Vec<String> = said(&line.input, answers).map(|said| said.line()).collect();
        outln!("{}", parts.join("\t"))
    }

    fn write_error(&mut self, line: usize, error: &Error) -> Result<()> {
        lines::write_error(line, error, self.json)
    }
}

/// All answers to an input as one object; several stand in a list.
fn whole(line: &Line, answers: &Answers) -> Value {
    let Line { text, input } = line;
    let mut whole = Map::new();
    whole.insert(media::field(input).into(), json!(text.first));
    if let Some(second) = &text.second {
        whole.insert("text2".into(), json!(second));
    }
    let mut objects: Vec<Map<String, Value>> =
        said(input, answers).map(|said| said.fields()).collect();
    if objects.len() == 1 {
        whole.append(&mut objects[0]);
    } else {
        whole.insert("answers".into(), json!(objects));
    }
    Value::Object(whole)
}

/// Each answer to an input with the head that gave it.
fn said<'a>(input: &'a Input, answers: &'a Answers) -> impl Iterator<Item = Said<'a>> {
    let said = |(task, answer): &'a (TaskRef<'static>, Answer)| {
        let head = task.head.as_ref()?;
        Some(Said::new(head, answer, input))
    };
    answers.iter().filter_map(said)
}
