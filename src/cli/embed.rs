use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, json};

use super::backbones::Backbones;
use super::compose::Choice;
use super::lines::{self, Line, Responder, respond};
use super::output::errln;
use super::{folders, media};
use crate::engine::{Embedded, Engine};
use crate::error::{Error, Result};
use crate::input::Input;
use crate::input::text::{LongTexts, Text};

/// Turns texts from standard input, one a line, into vectors.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    backbones: Backbones,
    #[command(flatten)]
    choice: Choice,
    /// Reads only the beginning of texts that are longer than the model, instead of all of them in windows.
    #[arg(long)]
    truncate: bool,
    /// File to write the vectors to, as NumPy reads it (f32, [lines, hidden size]), instead of one JSON object a line on
    /// standard output. A line without a vector is a row of NaN.
    #[arg(long, value_name = "FILE")]
    npy: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut engine = arguments.backbones.load()?;
    if arguments.truncate {
        engine.set_long_texts(LongTexts::Truncate);
    }
    arguments.choice.load(&mut engine)?;
    let width = engine.vector_size();
    let npy = match &arguments.npy {
        Some(path) => Some(Npy::create(path, width)?),
        None => None,
    };
    let mut embedder = Embedder { engine, npy };
    let responded = respond(&mut embedder);
    if let Some(npy) = embedder.npy {
        npy.finish()?;
    }
    responded
}

struct Embedder {
    engine: Engine,
    npy: Option<Npy>,
}

impl Responder for Embedder {
    type Answer = Embedded;

    /// A vector is of one text: a tab is white space in it.
    fn pairs(&self) -> bool {
        false
    }

    fn input(&self, text: &Text) -> Result<Input> {
        media::input(&self.engine, text, Path::new(""), false)
    }

    fn answer(&self, inputs: &[Input]) -> Result<Vec<Embedded>> {
        self.engine.embed_long(inputs)
    }

    fn write(&mut self, number: usize, line: &Line, embedded: &Embedded) -> Result<()> {
        if embedded.truncated {
            lines::warn_truncated(number, line, embedded.tokens);
        }
        if let Some(npy) = &mut self.npy {
            return npy.push(&embedded.vector);
        }
        let mut object = Map::new();
        object.insert(media::field(&line.input).into(), json!(line.text.first));
        object.insert("vector".into(), json!(embedded.vector));
        object.insert("tokens".into(), json!(embedded.tokens));
        object.insert("windows".into(), json!(embedded.windows));
        object.insert("truncated".into(), json!(embedded.truncated));
        folders::print_json(&object)
    }

    fn write_error(&mut self, line: usize, error: &Error) -> Result<()> {
        let Some(npy) = &mut self.npy else {
            return lines::write_error(line, error, true);
        };
        errln!("line {line}: error[{}]: {}", error.code(), error.message());
        npy.push(&vec![f32::NAN; npy.width])
    }
}

/// A file of NumPy's format 1.0, whose number of rows is known only at its end.
struct Npy {
    file: BufWriter<File>,
    path: PathBuf,
    width: usize,
    rows: usize,
}

/// Bytes before the numbers, a multiple of 64.
const HEADER: usize = 128;

impl Npy {
    fn create(path: &Path, width: usize) -> Result<Self> {
        let file = File::create(path).map_err(Error::io(path))?;
        let mut npy = Self {
            file: BufWriter::new(file),
            path: path.to_owned(),
            width,
            rows: 0,
        };
        npy.write_header()?;
        Ok(npy)
    }

    fn write_header(&mut self) -> Result<()> {
        let text = format!(
            "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
            self.rows, self.width
        );
        // magic, version 1.0 and the header's length come before it
        let start = b"\x93NUMPY\x01\x00\x76\x00";
        let padded = format!("{text:<width$}\n", width = HEADER - start.len() - 1);
        let written = self
            .file
            .write_all(start)
            .and_then(|()| self.file.write_all(padded.as_bytes()));
        written.map_err(Error::io(&self.path))
    }

    fn push(&mut self, vector: &[f32]) -> Result<()> {
        for x in vector {
            self.file
                .write_all(&x.to_le_bytes())
                .map_err(Error::io(&self.path))?;
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(0))
            .map_err(Error::io(&self.path))?;
        self.write_header()?;
        self.file.flush().map_err(Error::io(&self.path))
    }
}
