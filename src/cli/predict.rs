use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};

use clap::Args;
use serde_json::{Map, Value, json};

use super::folders;
use crate::adapter::TaskAdapter;
use crate::engine::{Answer, Engine};
use crate::error::{Error, Result};
use crate::head::{Prediction, Span, TokenLabel, argmax};
use crate::text::{Characters, LongTexts, Text};

/// Answers texts from standard input, one a line (a tab before the second text of a pair).
///
/// A line that cannot be answered (empty, not UTF-8, …) gets "error[code]" in place of its answer, and the
/// next lines are answered; the exit code is then 1.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Adapter folder, PEFT's or AdapterHub's.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Reads only the beginning of texts that are longer than the model, instead of all of them in windows.
    #[arg(long)]
    truncate: bool,
    /// One JSON object a line instead of label and score.
    #[arg(long)]
    json: bool,
}

/// Most lines, and bytes of them, that are answered together. As many are taken as have come already: a
/// line that comes alone is answered at once.
const LINES: usize = 32;
const BYTES: usize = 1 << 16;

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut engine = folders::load_backbone(&arguments.backbone)?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    if arguments.truncate {
        engine.set_long_texts(LongTexts::Truncate);
    }
    let predictor = Predictor {
        limit: engine.limit(&*task.adapter),
        name: arguments.adapter.display().to_string(),
        json: arguments.json,
        engine,
        task,
    };
    // an adapter that can answer nothing is no fault of the lines
    predictor.answer(&[])?;

    let (mut failed, mut total) = (0, 0);
    let lines = read_lines();
    while let Ok(line) = lines.recv() {
        let mut batch = vec![line.map_err(Error::io("standard input"))?];
        let mut end = Ok(());
        while batch.len() < LINES && batch.iter().map(Vec::len).sum::<usize>() < BYTES {
            match lines.try_recv() {
                Ok(Ok(line)) => batch.push(line),
                Ok(Err(error)) => {
                    end = Err(Error::io("standard input")(error));
                    break;
                }
                Err(_) => break,
            }
        }
        failed += predictor.answer_lines(&batch, total)?;
        total += batch.len();
        end?;
    }
    if failed > 0 {
        return Err(Error::LinesFailed { failed, total });
    }
    Ok(())
}

/// The lines of standard input as they come, without their ends.
fn read_lines() -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(LINES);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut first = true;
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            let line = match read {
                Ok(0) => return,
                Ok(_) => Ok(without_end(&line, std::mem::take(&mut first))),
                Err(error) => Err(error),
            };
            let over = line.is_err();
            if sender.send(line).is_err() || over {
                return;
            }
        }
    });
    receiver
}

/// A line without the characters that end it, the first without a byte order mark.
fn without_end(line: &[u8], first: bool) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mark = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| first);
    mark.unwrap_or(line).to_vec()
}

/// The text of a line, or the pair.
fn text_of(line: &[u8], index: usize) -> Result<Text> {
    let line = std::str::from_utf8(line).map_err(|error| Error::TextNotUtf8 {
        index,
        at: error.valid_up_to() + 1,
    })?;
    Ok(match line.split_once('\t') {
        Some((first, second)) => Text::pair(first, second),
        None => line.into(),
    })
}

struct Predictor {
    engine: Engine,
    task: TaskAdapter,
    name: String,
    limit: usize,
    json: bool,
}

impl Predictor {
    fn answer(&self, texts: &[Text]) -> Result<Vec<Answer>> {
        self.engine.answer(&self.task, texts, &self.name)
    }

    /// Writes the answer to each line, or what is wrong with it, and gives the number of the latter.
    /// `before` lines have been answered.
    fn answer_lines(&self, lines: &[Vec<u8>], before: usize) -> Result<usize> {
        let numbered = lines.iter().zip(before..);
        let texts: Vec<Result<Text>> = numbered.map(|(line, index)| text_of(line, index)).collect();
        let whole: Vec<Text> = texts.iter().flatten().cloned().collect();
        // together if nothing is wrong, else one by one
        let mut together = match self.answer(&whole) {
            Ok(answers) => Some(answers.into_iter()),
            Err(error) if error.is_of_a_text() => None,
            Err(error) => return Err(error),
        };
        let mut failed = 0;
        for (index, text) in (before..).zip(texts) {
            let answered = text.and_then(|text| {
                let answer = match &mut together {
                    Some(answers) => answers.next(),
                    None => {
                        let answers = self.answer(std::slice::from_ref(&text));
                        answers.map_err(|error| error.behind(index))?.pop()
                    }
                };
                Ok(answer.map(|answer| (text, answer)))
            });
            match answered {
                Ok(Some((text, answer))) => self.write(&text, &answer, index)?,
                Ok(None) => {}
                Err(error) if error.is_of_a_text() => {
                    failed += 1;
                    self.write_error(&error, index)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(failed)
    }

    fn write(&self, text: &Text, answer: &Answer, index: usize) -> Result<()> {
        let labels = &self.task.card.labels;
        if self.json {
            return print(&object(text, answer, labels).to_string());
        }
        if answer.truncated {
            let (line, limit) = (index + 1, self.limit);
            eprintln!("line {line}: the text has more than {limit} tokens; its end was not read");
        }
        print(&line_of(answer, labels))
    }

    fn write_error(&self, error: &Error, index: usize) -> Result<()> {
        let (line, code) = (index + 1, error.code());
        if self.json {
            let error = json!({ "code": code, "message": error.to_string() });
            return print(&json!({ "line": line, "error": error }).to_string());
        }
        eprintln!("line {line}: error[{code}]: {error}");
        print(&format!("error[{code}]"))
    }
}

/// One line on standard output. All that is answered goes through here.
fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").map_err(Error::io("standard output"))
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

fn object(text: &Text, answer: &Answer, labels: &[String]) -> Value {
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
    Value::Object(object)
}
