//! Heads in a file of their own, [`SIDE_HEAD`]: what a library's own model classes do not have.

use super::{CARD, Card, Files, Library, SIDE_HEAD, TaskAdapter};
use super::{check_labels, head_layout, listed, put_card, read_card, write_tensors};
use crate::adapter::{FileParams, ParamName};
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Pooling, field};
use crate::model::Shape;
use crate::tensor_file::{FloatType, TensorFile};

/// A head alone, with the card that says what it answers: what stands beside a backbone that an
/// adapter was merged into.
///
/// # Errors
/// [`Error::FileInvalid`] if a tensor does not fit its shape.
pub fn save_head(head: &Head, mut card: Card) -> Result<Files> {
    card.labels.clone_from(&head.config().labels);
    card.problem = head.config().problem.said();
    let mut files = Files::new();
    put_aside(head, FloatType::F32, &mut card, &mut files)?;
    put_card(card, &mut files)?;
    Ok(files)
}

/// The head that [`save_head`] wrote, if there is one.
///
/// # Errors
/// [`Error::BackboneMismatch`] if it belongs to another backbone, and those of reading a file of
/// tensors.
pub fn load_head(files: &Files, shape: &Shape) -> Result<Option<Head>> {
    let files = &*listed("head", files)?;
    let card = read_card(files)?;
    card.check_backbone("head", shape)?;
    read(files, &card, shape)
}

/// Writes a head that the library has no way to say into a file of its own, and what it reads on the
/// card.
pub(super) fn put_aside(
    head: &Head,
    float: FloatType,
    card: &mut Card,
    files: &mut Files,
) -> Result<()> {
    card.pooling = Some(head.config().pooling);
    card.dense = head.config().dense;
    card.pairs = head.config().said_pairs();
    let tensors = write_tensors(&[(head.parameters(), &key)], float)?;
    files.insert(SIDE_HEAD.into(), tensors);
    Ok(())
}

/// Whether the library's own model classes have such a head.
pub(super) fn can_say(library: Library, head: &Head, shape: &Shape) -> bool {
    let HeadConfig {
        problem,
        pooling,
        dense,
        ..
    } = head.config();
    // None has a head that compares two vectors.
    if head.compares() {
        return false;
    }
    match library {
        Library::Peft => head_layout::of_head(head.config(), shape).is_some(),
        // its head's first layer has the hidden size
        Library::AdapterHub if dense.is_some_and(|dense| dense.size.is_some()) => false,
        Library::AdapterHub => {
            problem.kind.reads_tokens() || matches!(pooling, Pooling::First | Pooling::Pooler)
        }
    }
}

/// Refuses a side file that says of a head that it reads pairs in another way than it does.
///
/// # Errors
/// [`Error::ConfigInvalid`].
pub(super) fn check_pairs(loaded: &TaskAdapter) -> Result<()> {
    match (&loaded.head, loaded.card.pairs) {
        (Some(head), Some(pairs)) if head.config().pairs != pairs => Err(Error::ConfigInvalid {
            place: CARD.into(),
            reason: format!(
                "it says that the head reads pairs \"{}\", but such a head is in {SIDE_HEAD}, which is not there; copy that file too, or remove \"pairs\"",
                pairs.name()
            ),
        }),
        _ => Ok(()),
    }
}

/// The head in the file of its own, if there is one.
pub(super) fn read(files: &Files, card: &Card, shape: &Shape) -> Result<Option<Head>> {
    let Some(bytes) = files.get(SIDE_HEAD) else {
        return Ok(None);
    };
    if card.labels.is_empty() {
        return Err(Error::ConfigInvalid {
            place: CARD.into(),
            reason: format!("it must list the \"labels\" of the head in {SIDE_HEAD}"),
        });
    }
    let file = TensorFile::parse(SIDE_HEAD, bytes)?;
    let problem = card.problem.clone().unwrap_or_default();
    let config = HeadConfig {
        pairs: card.pairs.unwrap_or_else(|| problem.kind.pairs()),
        problem,
        pooling: card.pooling.unwrap_or(Pooling::Mean),
        dense: card.dense,
        labels: card.labels.clone(),
    };
    if let Some(&outputs) = file.info(field::OUT)?.0.first() {
        check_labels(&card.labels, outputs)?;
    }
    let mut source = FileParams::new(&file, &key);
    let head = Head::build(config, shape, &mut source)?;
    source.finish()?;
    Ok(Some(head))
}

/// A parameter's key in the side file of a head.
fn key(parameter: ParamName) -> String {
    parameter.field.to_owned()
}
