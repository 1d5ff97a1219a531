//! Commands that answer the lines of standard input: reading them, answering several together, and going on after a
//! line that has no answer.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, sync_channel};

use serde_json::json;

use super::folders::print_json;
use super::output::{errln, outln};
use crate::error::{Error, Result};
use crate::input::Input;
use crate::input::text::{MAX_CHARACTERS, Text};

/// Most lines, and most bytes of them, that are answered together. Only lines that have already arrived are taken, so
/// a line that comes alone is answered at once.
const LINES: usize = 32;
const BYTES: usize = 1 << 16;

/// A line of standard input.
pub(super) struct Line {
    /// As it was written.
    pub(super) text: Text,
    /// What it names, or the text itself.
    pub(super) input: Input,
}

/// What a command does with the inputs that the lines of standard input are or name.
pub(super) trait Responder {
    /// What it gives for one input.
    type Answer;

    /// Whether a tab separates the two texts of a pair.
    fn pairs(&self) -> bool {
        true
    }

    /// Number of successive lines that can only be answered together.
    fn group(&self) -> usize {
        1
    }

    /// What a line of this text is to the model.
    fn input(&self, text: &Text) -> Result<Input>;

    /// One answer for each input.
    fn answer(&self, inputs: &[Input]) -> Result<Vec<Self::Answer>>;

    /// Writes the answer to a line. `number` counts from 1.
    fn write(&mut self, number: usize, line: &Line, answer: &Self::Answer) -> Result<()>;

    /// Writes, in place of an answer, why a line has none.
    fn write_error(&mut self, line: usize, error: &Error) -> Result<()>;
}

/// Answers every line of standard input.
///
/// # Errors
/// [`Error::LinesFailed`] at the end if a line had no answer. Those of standard input, of writing, and of the command
/// itself end it at once.
pub(super) fn respond(responder: &mut impl Responder) -> Result<()> {
    // a command that can answer nothing is not the fault of a line
    if responder.group() == 1 {
        responder.answer(&[])?;
    }
    let (mut failed, mut total) = (0, 0);
    let lines = read_lines(responder.pairs());
    while let Ok(line) = lines.recv() {
        let mut batch = vec![line.map_err(Error::io("standard input"))?];
        let mut end = Ok(());
        while batch.len() < LINES && batch.iter().map(Vec::len).sum::<usize>() < BYTES {
            let next = if batch.len() % responder.group() == 0 {
                lines.try_recv().ok()
            } else {
                lines.recv().ok()
            };
            match next {
                Some(Ok(line)) => batch.push(line),
                Some(Err(error)) => {
                    end = Err(Error::io("standard input")(error));
                    break;
                }
                None => break,
            }
        }
        failed += answer_batch(responder, &batch, total)?;
        total += batch.len();
        end?;
    }
    if failed > 0 {
        return Err(Error::LinesFailed { failed, total });
    }
    Ok(())
}

/// Answers lines that come after `before` others, and gives the number of those that have no answer.
fn answer_batch(responder: &mut impl Responder, lines: &[Vec<u8>], before: usize) -> Result<usize> {
    let group = responder.group();
    let numbered = lines.iter().zip(before..);
    let pairs = responder.pairs();
    let read = numbered.map(|(line, index)| {
        let text = text_of(line, index, pairs)?;
        let input = responder.input(&text)?;
        Ok(Line { text, input })
    });
    let read: Vec<Result<Line>> = read.collect();
    if group == 1 {
        let whole = inputs_of(&read);
        match responder.answer(&whole) {
            Ok(answers) => return write_all(responder, read, before, answers),
            // one text of them has no answer: each is answered alone
            Err(error) if error.is_of_a_text() => {}
            Err(error) => return Err(error),
        }
    }
    let mut failed = 0;
    let mut rest = read.into_iter();
    let mut first = before;
    loop {
        let own: Vec<Result<Line>> = rest.by_ref().take(group).collect();
        if own.is_empty() {
            return Ok(failed);
        }
        let count = own.len();
        failed += answer_group(responder, own, first)?;
        first += count;
    }
}

/// The inputs of the lines that could be read.
fn inputs_of(read: &[Result<Line>]) -> Vec<Input> {
    let read = read.iter().flatten();
    read.map(|line| line.input.clone()).collect()
}

/// Answers lines that belong together.
fn answer_group(
    responder: &mut impl Responder,
    read: Vec<Result<Line>>,
    before: usize,
) -> Result<usize> {
    let group = responder.group();
    let whole = inputs_of(&read);
    let reason = if read.len() < group {
        format!(
            "it takes {group} texts at a time, and only {} are left",
            read.len()
        )
    } else if whole.len() < group {
        format!("it takes {group} texts at a time, and one of these lines cannot be read")
    } else {
        return match responder.answer(&whole) {
            Ok(answers) => write_all(responder, read, before, answers),
            Err(error) if error.is_of_a_text() => {
                let error = error.behind(before);
                for line in before + 1..=before + group {
                    responder.write_error(line, &error)?;
                }
                Ok(group)
            }
            Err(error) => Err(error),
        };
    };
    let count = read.len();
    let incomplete = Error::CompositionInvalid {
        place: "the composition".into(),
        reason,
    };
    for (number, line) in (before + 1..).zip(read) {
        responder.write_error(number, line.as_ref().err().unwrap_or(&incomplete))?;
    }
    Ok(count)
}

/// Writes the answers to the texts that could be read, and why the others have none.
fn write_all<R: Responder>(
    responder: &mut R,
    read: Vec<Result<Line>>,
    before: usize,
    answers: Vec<R::Answer>,
) -> Result<usize> {
    let mut failed = 0;
    let mut answers = answers.into_iter();
    for (number, line) in (before + 1..).zip(read) {
        match line {
            Ok(line) => {
                if let Some(answer) = answers.next() {
                    responder.write(number, &line, &answer)?;
                }
            }
            Err(error) => {
                failed += 1;
                responder.write_error(number, &error)?;
            }
        }
    }
    Ok(failed)
}

/// Writes why a line has no answer: as an object with `json`, else as `error[code]` on standard output, so that there
/// is still one line for each text, and as a sentence on standard error.
pub(super) fn write_error(line: usize, error: &Error, json: bool) -> Result<()> {
    let code = error.code();
    if json {
        return print_json(&json!({
            "line": line,
            "error": { "code": code, "message": error.message() },
        }));
    }
    errln!("line {line}: error[{code}]: {}", error.message());
    outln!("error[{code}]")
}

/// Says on standard error that the end of an input was not read.
pub(super) fn warn_truncated(number: usize, line: &Line, limit: usize) {
    match &line.input {
        Input::Text(text) if text.is_cut() => errln!(
            "line {number}: the text has more than {MAX_CHARACTERS} characters; what comes after them was not read"
        ),
        Input::Text(_) => {
            errln!("line {number}: the text has more than {limit} tokens; its end was not read");
        }
        Input::Picture(_) => {}
        Input::Pair(_) => {
            errln!(
                "line {number}: a half of the pair is longer than its model reads; its end was not read"
            );
        }
        Input::Sound(_) | Input::Read(_) => {
            errln!(
                "line {number}: the recording is longer than the model reads; its end was not read"
            );
        }
    }
}

/// The lines of standard input as they arrive, without the characters that end them. Of a text that is longer than what
/// is read of it only the beginning is kept.
fn read_lines(pairs: bool) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(LINES);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut first = true;
        loop {
            let line = match read_line(&mut input, pairs) {
                Ok(None) => return,
                Ok(Some(line)) => Ok(without_end(&line, std::mem::take(&mut first))),
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

/// Bytes of a text that are kept: a character has four at most, and there must be one more than are read.
const MOST_BYTES: usize = 4 * (MAX_CHARACTERS + 2);

/// One line with the characters that end it, or nothing at the end. Of each text of it, of which there are two where a
/// tab separates `pairs`, no more than [`MOST_BYTES`] are kept.
fn read_line(input: &mut impl BufRead, pairs: bool) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // where the text begins, whether it is the second, and whether the rest of it is left out
    let (mut start, mut second, mut full, mut any) = (0, false, false, false);
    loop {
        let part = match input.fill_buf() {
            Ok(part) => part,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if part.is_empty() {
            break;
        }
        any = true;
        let ends = |&byte: &u8| byte == b'\n' || pairs && !second && byte == b'\t';
        let end = part.iter().position(ends);
        let text = &part[..end.unwrap_or(part.len())];
        let room = MOST_BYTES - (line.len() - start);
        if !full {
            line.extend_from_slice(&text[..text.len().min(room)]);
        }
        if !full && text.len() > room {
            full = true;
            // the last character may be cut in two
            while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) && line.len() > start {}
        }
        let separator = end.map(|end| part[end]);
        let used = text.len() + usize::from(end.is_some());
        input.consume(used);
        match separator {
            Some(b'\n') => {
                line.push(b'\n');
                break;
            }
            Some(tab) => {
                line.push(tab);
                start = line.len();
                (second, full) = (true, false);
            }
            None => {}
        }
    }
    Ok(any.then_some(line))
}

/// A line without the characters that end it; the first line also without a byte order mark.
fn without_end(line: &[u8], first: bool) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mark = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| first);
    mark.unwrap_or(line).to_vec()
}

/// The text of a line or, where there are `pairs`, the pair with a tab between its texts.
fn text_of(line: &[u8], index: usize, pairs: bool) -> Result<Text> {
    let line = std::str::from_utf8(line).map_err(|error| Error::TextNotUtf8 {
        index,
        at: error.valid_up_to() + 1,
    })?;
    let text = match line.split_once('\t') {
        Some((first, second)) if pairs => Text::pair(first, second),
        _ => line.into(),
    };
    if text.is_empty() {
        return Err(Error::TextEmpty { index });
    }
    Ok(text)
}
