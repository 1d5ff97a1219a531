use sha2::{Digest, Sha256};

use super::{BackboneRef, Card, Files, TaskAdapter, save_head};
use crate::error::Result;
use crate::model::Backbone;

/// The checkpoint's file name in a model's folder.
pub const CHECKPOINT: &str = "model.safetensors";

/// A copy of the backbone that computes without the adapter what the backbone computes with it: its
/// checkpoint in f32, and beside it, in [`SIDE_HEAD`](super::SIDE_HEAD) and [`CARD`](super::CARD), the head, which no
/// encoder has a place for.
///
/// # Errors
/// [`Error::AdapterFormat`](crate::Error::AdapterFormat) if the adapter does more than change weights.
pub fn merge(task: &TaskAdapter, backbone: &dyn Backbone) -> Result<Files> {
    let checkpoint =
        backbone.checkpoint(&mut |place, weights| task.adapter.merge(place, weights))?;
    let mut files = match &task.head {
        None => Files::new(),
        Some(head) => {
            let card = Card {
                backbone: Some(BackboneRef {
                    name: backbone.shape().name.clone(),
                    fingerprint: hex::encode(Sha256::digest(&checkpoint)),
                }),
                ..task.card.clone()
            };
            save_head(head, card)?
        }
    };
    files.insert(CHECKPOINT.into(), checkpoint);
    Ok(files)
}
