//! The file's pieces as a `tokenizer.json`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::E5File;
use crate::error::{Error, Result};

impl<'a> E5File<'a> {
    /// A `tokenizer.json` with this file's pieces; all else, as the normalisation, is that of `given`, the
    /// `tokenizer.json` of the model that this one was made from. Its pieces must be those of the file, or among
    /// them where words were left out to make the file smaller.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if it is not a tokenizer of this kind, or another model's.
    pub fn tokenizer(&self, given: &[u8]) -> Result<Vec<u8>> {
        let invalid = |reason: String| Error::FileInvalid {
            place: "tokenizer.json".into(),
            reason,
        };
        let mut tokenizer: Value =
            serde_json::from_slice(given).map_err(|error| invalid(error.to_string()))?;
        if tokenizer.pointer("/model/type") != Some(&json!("Unigram")) {
            return Err(invalid(
                "its model is not Unigram, as that of a multilingual-e5 is".into(),
            ));
        }
        let places = self.pieces.iter().zip(0u32..);
        let ids: HashMap<&str, u32> = places.map(|(&piece, id)| (piece, id)).collect();
        let id_of = |piece: &str| {
            ids.get(piece).copied().ok_or_else(|| {
                invalid(format!(
                    "its token \"{piece}\" is no piece of {}: they are of different models",
                    self.place
                ))
            })
        };
        let known = tokenizer["model"]["vocab"].as_array();
        let known = known.into_iter().flatten();
        let known: Vec<&str> = known.filter_map(|piece| piece[0].as_str()).collect();
        if known.len() == self.pieces.len() {
            let mut pairs = known.iter().zip(&self.pieces).enumerate();
            if let Some((id, (theirs, ours))) = pairs.find(|(_, (theirs, ours))| theirs != ours) {
                return Err(invalid(format!(
                    "its token {id} is \"{theirs}\", and that of {} is \"{ours}\": they are of different models",
                    self.place
                )));
            }
        } else {
            let known: std::collections::HashSet<&str> = known.into_iter().collect();
            if let Some(piece) = self.pieces.iter().find(|piece| !known.contains(*piece)) {
                return Err(invalid(format!(
                    "it lacks the piece \"{piece}\" of {}: they are of different models",
                    self.place
                )));
            }
        }
        let unknown = tokenizer["model"]["unk_id"].as_u64();
        let unknown = unknown.and_then(|id| {
            let piece = &tokenizer["model"]["vocab"][usize::try_from(id).ok()?];
            piece[0].as_str().map(str::to_owned)
        });
        for token in tokenizer["added_tokens"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            let id = id_of(token["content"].as_str().unwrap_or_default())?;
            token["id"] = json!(id);
        }
        let special = tokenizer.pointer_mut("/post_processor/special_tokens");
        for token in special.and_then(Value::as_object_mut).into_iter().flatten() {
            let names = token.1["tokens"].as_array().cloned().unwrap_or_default();
            let ids = names.iter().filter_map(Value::as_str).map(id_of);
            token.1["ids"] = json!(ids.collect::<Result<Vec<_>>>()?);
        }
        let pieces = self.pieces.iter().zip(&self.scores);
        tokenizer["model"]["vocab"] = pieces.map(|(piece, score)| json!([piece, score])).collect();
        if let Some(unknown) = unknown {
            tokenizer["model"]["unk_id"] = json!(id_of(&unknown)?);
        }
        serde_json::to_vec(&tokenizer).map_err(|error| invalid(error.to_string()))
    }
}
