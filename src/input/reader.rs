use super::text::{Tokenizer, Word};
use super::{Input, Sequence, Sort};
use crate::error::{Error, Result};

/// What turns the inputs of a model into what it reads.
pub enum Reader {
    /// Reads texts.
    Text(Box<Tokenizer>),
    /// Reads inputs of another sort.
    Other(Box<dyn ReadInput>),
}

/// Reads inputs of one sort. A program that makes no such reader does not carry its code.
pub trait ReadInput: Send + Sync {
    /// What it reads.
    fn sort(&self) -> Sort;

    /// What each half of a pair is, for one that reads pairs of two sorts.
    fn halves(&self) -> Option<[Sort; 2]> {
        None
    }

    /// Most steps of a sequence.
    fn max_steps(&self) -> usize;

    /// Reads an input, of which more than `limit` steps are cut, if that can be; `None` for one of another sort.
    fn read(&self, input: &Input, limit: usize) -> Option<Result<Sequence>>;

    /// All of an input, in parts of at most `limit` steps each; `None` for one of another sort.
    fn read_in_parts(&self, input: &Input, limit: usize) -> Option<Result<Vec<Sequence>>> {
        let read = self.read(input, limit)?;
        Some(read.map(|read| vec![read]))
    }
}

/// The error of a sequence that the reader of another model made.
pub(super) fn of_another_model(what: &str) -> Error {
    Error::FileInvalid {
        place: format!("what was read of a {what}"),
        reason: "it was read for a model of other sizes; read the original again".to_owned(),
    }
}

impl From<Tokenizer> for Reader {
    fn from(tokenizer: Tokenizer) -> Self {
        Self::Text(Box::new(tokenizer))
    }
}

impl Reader {
    /// What it reads.
    #[must_use]
    pub fn sort(&self) -> Sort {
        match self {
            Self::Text(_) => Sort::Text,
            Self::Other(reader) => reader.sort(),
        }
    }

    /// What each half of a pair is, if it reads pairs of two sorts.
    #[must_use]
    pub fn halves(&self) -> Option<[Sort; 2]> {
        match self {
            Self::Text(_) => None,
            Self::Other(reader) => reader.halves(),
        }
    }

    /// The error of an input that it does not read.
    fn refusal(&self) -> Error {
        Error::InputUnsupported {
            reads: self.sort().title(),
        }
    }

    /// The tokenizer of a model of texts.
    ///
    /// # Errors
    /// [`Error::InputUnsupported`] of any other model.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        match self {
            Self::Text(tokenizer) => Ok(&**tokenizer),
            Self::Other(_) => Err(self.refusal()),
        }
    }

    /// Most steps of a sequence.
    #[must_use]
    pub fn max_steps(&self) -> usize {
        match self {
            Self::Text(tokenizer) => tokenizer.max_tokens(),
            Self::Other(reader) => reader.max_steps(),
        }
    }

    /// Reads an input, of which more than `limit` steps are cut.
    ///
    /// # Errors
    /// [`Error::InputUnsupported`] for another sort of input than it reads; [`Error::TextEmpty`] (with index 0); those of the
    /// reader of that sort.
    pub fn read(&self, input: &Input, limit: usize) -> Result<Sequence> {
        match (self, input) {
            (Self::Text(tokenizer), Input::Text(text)) => {
                Ok(tokenizer.encode_within(text, limit)?.into())
            }
            (Self::Text(_), _) => Err(self.refusal()),
            (Self::Other(reader), input) => match reader.read(input, limit) {
                Some(read) => read,
                None => Err(self.refusal()),
            },
        }
    }

    /// All of an input that is no text, in parts of at most `limit` steps. What cannot be cut is one part, as
    /// [`read`](Self::read) has it.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_in_parts(&self, input: &Input, limit: usize) -> Result<Vec<Sequence>> {
        match self {
            Self::Text(_) => Err(self.refusal()),
            Self::Other(reader) => match reader.read_in_parts(input, limit) {
                Some(read) => read,
                None => Err(self.refusal()),
            },
        }
    }

    /// [`read`](Self::read), with the words of a text. Other inputs have none.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_with_words(&self, input: &Input, limit: usize) -> Result<(Sequence, Vec<Word>)> {
        match (self, input) {
            (Self::Text(tokenizer), Input::Text(text)) => {
                let (tokens, words) = tokenizer.encode_with_words(text, limit)?;
                Ok((tokens.into(), words))
            }
            _ => Ok((self.read(input, limit)?, Vec::new())),
        }
    }

    /// The words of a text, of which `limit` tokens are read, or all with `usize::MAX`. Other inputs have none.
    ///
    /// # Errors
    /// Those of reading the text.
    pub fn words(&self, input: &Input, limit: usize) -> Result<Vec<Word>> {
        match (self, input) {
            (Self::Text(tokenizer), Input::Text(text)) => match limit {
                usize::MAX => tokenizer.all_words(text),
                limit => tokenizer.words_within(text, limit),
            },
            _ => Ok(Vec::new()),
        }
    }
}
