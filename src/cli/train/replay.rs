use std::path::PathBuf;

use super::super::rows::File;
use super::super::{folders, media};
use super::{Arguments, checked};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::input::text::Text;
use crate::train::{Dataset, Reading, Row};

/// What an adapter that is trained further should not forget.
#[derive(Default)]
pub(super) struct Replay {
    path: PathBuf,
    pub(super) rows: Vec<Row>,
    texts_place: String,
    texts: Vec<Text>,
}

/// The rows of `--replay` and the texts of `--replay-texts`.
pub(super) fn replayed(arguments: &Arguments, reading: &Reading) -> Result<Replay> {
    let mut replay = Replay::default();
    if let Some(path) = &arguments.replay {
        let file = File::open(path, media::table(path)?, &arguments.rows)?;
        let found = checked(file.rows(reading, true)?, path, arguments.strict)?;
        (replay.path, replay.rows) = (path.clone(), found.rows);
    }
    if let Some(path) = &arguments.replay_texts {
        let place = path.display().to_string();
        let content = String::from_utf8(folders::read(path)?);
        let content = content.map_err(|_| Error::FileInvalid {
            place: place.clone(),
            reason: "it is not UTF-8; save it as UTF-8, with one text per line".into(),
        })?;
        let lines = content.trim_start_matches('\u{feff}').lines();
        let texts = lines.filter(|line| !line.trim().is_empty());
        replay.texts = texts
            .map(|line| match line.split_once('\t') {
                Some((first, second)) => Text::pair(first, second),
                None => line.into(),
            })
            .collect();
        if replay.texts.is_empty() {
            return Err(Error::FileInvalid {
                place,
                reason: "it holds no text; write one per line".into(),
            });
        }
        replay.texts_place = place;
    }
    Ok(replay)
}

impl Replay {
    /// Puts them beside the rows to learn from.
    pub(super) fn beside(&self, mut train: Dataset, engine: &Engine) -> Result<Dataset> {
        let (scheme, reader) = (train.scheme().clone(), engine.reader());
        if !self.rows.is_empty() {
            let place = self.path.display().to_string();
            let rows = media::rows(engine, &self.path, &self.rows, false)?;
            let old = Dataset::with_scheme(&place, &rows, reader, &scheme)?;
            train = train.beside(&old);
        }
        if !self.texts.is_empty() {
            let texts = Dataset::of_texts(&self.texts_place, &self.texts, reader, &scheme)?;
            train = train.beside(&texts);
        }
        Ok(train)
    }
}
