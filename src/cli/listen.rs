use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::compose::Choice;
use super::folders;
use super::output::outln;
use crate::compose::Composition;
use crate::error::{Error, Result};
use crate::input::sound::Sound;
use crate::listening::{Detection, Heard, Listener, Settings};

/// Finds words in a stream of sound, and prints a line for each as soon as it is heard: when it begins and ends in
/// seconds, its label, and the score.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// A sound file; - reads 16-bit samples of one channel from standard input, little-endian, without a header.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Samples of a second of standard input.
    #[arg(long, value_name = "HERTZ", default_value_t = crate::listening::RATE)]
    rate: u32,
    /// Seconds that are answered at once.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().window)]
    window: f64,
    /// Seconds from one window to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().hop)]
    hop: f64,
    /// Windows whose scores are averaged.
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().smoothing)]
    smoothing: usize,
    /// What the averaged score of a word must reach.
    #[arg(long, value_name = "SCORE", default_value_t = Settings::default().threshold)]
    threshold: f32,
    /// Seconds after a word in which no other is detected.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().refractory)]
    refractory: f64,
    /// A label that is never detected; may be given several times.
    #[arg(long, value_name = "LABEL", default_values_t = Settings::default().background)]
    background: Vec<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Also prints the scores of each window, as JSON.
    #[arg(long, requires = "json")]
    scores: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut engine = folders::load_backbone(&arguments.backbone)?;
    let name = match arguments.choice.load(&mut engine)? {
        Some(Composition::Adapter(name)) => name,
        _ => {
            return Err(Error::OptionInvalid {
                option: "adapter",
                value: "missing".into(),
                reason: "name the one adapter that listens with --adapter DIR".into(),
            });
        }
    };
    let settings = Settings {
        window: arguments.window,
        hop: arguments.hop,
        smoothing: arguments.smoothing,
        threshold: arguments.threshold,
        refractory: arguments.refractory,
        background: arguments.background.clone(),
    };
    let mut listener = Listener::new(&engine, &name, &settings)?;
    let labels = listener.labels().to_vec();
    // an error of printing ends the command after the piece that is being heard
    let mut printed = Ok(());
    let mut tell = |heard: Heard| {
        if printed.is_ok() {
            printed = print(arguments, &labels, &heard);
        }
    };
    if arguments.file == Path::new("-") {
        let mut input = std::io::stdin().lock();
        let mut pieces = Pieces::default();
        loop {
            let samples = pieces.next(&mut input)?;
            if samples.is_empty() {
                break;
            }
            listener.push_with(&engine, &samples, arguments.rate, &mut tell)?;
        }
    } else {
        let place = arguments.file.display().to_string();
        let bytes = std::fs::read(&arguments.file).map_err(Error::io(&arguments.file))?;
        let sound = Sound::read(&place, bytes)?;
        for piece in sound.samples().chunks(sound.rate() as usize) {
            listener.push_with(&engine, piece, sound.rate(), &mut tell)?;
        }
    }
    listener.end(&engine, &mut tell)?;
    printed
}

fn print(arguments: &Arguments, labels: &[String], heard: &Heard) -> Result<()> {
    if arguments.scores {
        let scores = heard.scores.as_ref().map(|scores| {
            let pairs = labels.iter().zip(scores);
            pairs
                .map(|(label, score)| (label.clone(), json!(score)))
                .collect::<Map<String, Value>>()
        });
        folders::print_json(&json!({ "at": heard.at, "scores": scores }))?;
    }
    let Some(Detection {
        label,
        score,
        start,
        end,
        at,
    }) = &heard.detection
    else {
        return Ok(());
    };
    if arguments.json {
        return folders::print_json(&json!({
            "label": label, "score": score, "start": start, "end": end, "at": at,
        }));
    }
    outln!("{start:.2}\t{end:.2}\t{label}\t{score:.3}")
}

/// 16-bit samples out of bytes that come in pieces of any size.
#[derive(Default)]
struct Pieces {
    /// The first byte of a sample whose second is not there yet.
    half: Option<u8>,
}

impl Pieces {
    /// The samples of what has come; none at the end.
    fn next(&mut self, input: &mut impl Read) -> Result<Vec<f32>> {
        let mut bytes = [0; 1 << 13];
        loop {
            let count = match input.read(&mut bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("standard input")(error)),
            };
            if count == 0 {
                return Ok(Vec::new());
            }
            let mut all: Vec<u8> = self.half.take().into_iter().collect();
            all.extend_from_slice(&bytes[..count]);
            let (pairs, rest) = all.as_chunks::<2>();
            self.half = rest.first().copied();
            if !pairs.is_empty() {
                let samples = pairs
                    .iter()
                    .map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0);
                return Ok(samples.collect());
            }
        }
    }
}
