//! Answers to sequences of tokens, each of which is a row of its own, or one of the two texts of a row.

use super::{Answer, BATCH_TOKENS, head_of};
use crate::compose::{BareStates, ComputedStates, Plan, TaskRef};
use crate::error::Result;
use crate::folder::TaskAdapter;
use crate::input::Sequence;
use crate::model::Backbone;

/// What the head of an adapter [says](crate::head::Head::said) of each sequence. The states of the bare backbone
/// come out of `bare`; `name` stands for the adapter in errors.
///
/// # Errors
/// [`Error::HeadMissing`](crate::Error::HeadMissing) if the adapter has no head; those of
/// [`Backbone::embed`](crate::model::Backbone::embed).
pub fn logits(
    backbone: &dyn Backbone,
    bare: &mut dyn BareStates,
    task: &TaskAdapter,
    sequences: &[Sequence],
    name: &str,
) -> Result<Vec<Vec<f32>>> {
    head_of(name, task)?;
    let plan = Plan::of(TaskRef::Borrowed(task), name, sequences.len());
    let mut found = vec![Vec::new(); sequences.len()];
    plan.run_from(
        backbone,
        bare,
        sequences,
        BATCH_TOKENS,
        &mut |places, part, states| {
            let own = places.iter().map(|&(_, index)| &sequences[index]);
            let said = part.said(backbone, own, &states);
            for (&(_, index), said) in places.iter().zip(said) {
                found[index] = said;
            }
            Ok(())
        },
    )?;
    Ok(found)
}

/// Answers of an adapter to sequences of tokens; of a head that compares the texts of a pair, one for each two sequences. Labels of
/// tokens are not put together to spans.
///
/// # Errors
/// Those of [`logits`]; [`Error::LogitsNotFinite`](crate::Error::LogitsNotFinite).
///
/// # Panics
/// If the head compares the texts of a pair, and the number of sequences is odd.
pub fn answers(
    backbone: &dyn Backbone,
    task: &TaskAdapter,
    sequences: &[Sequence],
    name: &str,
) -> Result<Vec<Answer>> {
    let head = head_of(name, task)?;
    let said = logits(backbone, &mut ComputedStates, task, sequences, name)?;
    let each = 1 + usize::from(head.compares());
    let rows = said.chunks(each).zip(sequences.chunks(each)).enumerate();
    rows.map(|(index, (said, sequences))| {
        let logits = head.row_logits(said.concat());
        head.check_finite(&logits, index)?;
        Ok(Answer {
            prediction: head.prediction(&logits),
            logits,
            tokens: sequences.iter().map(Sequence::len).sum(),
            windows: 1,
            truncated: sequences.iter().any(Sequence::truncated),
        })
    })
    .collect()
}
