use std::fs::File;
use std::io::{BufRead, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::compose::{Choice, InUse, say_failed, text_of};
use super::folders;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// Turns texts from standard input, one a line, into vectors (a tab before the second text of a pair).
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// File to write the vectors to, as NumPy reads it (f32, [lines, hidden size]), instead of one JSON object a line on
    /// standard output. A line without a vector is a row of NaN.
    #[arg(long, value_name = "FILE")]
    npy: Option<PathBuf>,
}

/// Whether every line has a vector.
pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let mut engine = folders::load_backbone(&arguments.backbone)?;
    if let InUse::One(folder) = arguments.choice.load(&mut engine)? {
        engine.add(ADAPTER, &folders::read_adapter(&folder)?)?;
        engine.activate(Some(ADAPTER))?;
    }
    let width = engine.backbone().shape().hidden_size;
    let mut npy = match &arguments.npy {
        Some(path) => Some(Npy::create(path, width)?),
        None => None,
    };
    let mut whole = true;
    for (index, line) in std::io::stdin().lock().split(b'\n').enumerate() {
        let line = line.map_err(Error::io("standard input"))?;
        match vector_of(&engine, line, index) {
            Ok((text, vector)) => match &mut npy {
                Some(npy) => npy.push(&vector)?,
                None => folders::print_json(&json!({ "text": text, "vector": vector }))?,
            },
            Err(error) => {
                whole = false;
                match &mut npy {
                    Some(npy) => {
                        eprintln!("line {}: error[{}]: {error}", index + 1, error.code());
                        npy.push(&vec![f32::NAN; width])?;
                    }
                    None => say_failed(index + 1, &error, true)?,
                }
            }
        }
    }
    if let Some(npy) = npy {
        npy.finish()?;
    }
    Ok(whole)
}

/// The name that a single adapter has here.
const ADAPTER: &str = "adapter";

/// A line's text and its vector.
fn vector_of(engine: &Engine, line: Vec<u8>, index: usize) -> Result<(String, Vec<f32>)> {
    let text = text_of(line, index)?;
    let vectors = engine
        .embed(std::slice::from_ref(&text))
        .map_err(|error| match error {
            Error::TextEmpty { .. } => Error::TextEmpty { index },
            other => other,
        })?;
    let shown = match &text.second {
        Some(second) => format!("{}\t{second}", text.first),
        None => text.first,
    };
    Ok((shown, vectors.into_iter().next().unwrap_or_default()))
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
