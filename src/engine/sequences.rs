//! Answers to sequences of tokens, each of which is a row of its own.

use super::{Answer, BATCH_TOKENS, head_of};
use crate::compose::{BareStates, ComputedStates, Plan, TaskRef};
use crate::error::Result;
use crate::folder::TaskAdapter;
use crate::input::text::Encoded;
use crate::model::Backbone;

/// What the head of an adapter says of each sequence: `[labels]`, or `[tokens, labels]`. The states of the bare backbone
/// come out of `bare`; `name` stands for the adapter in errors.
///
/// # Errors
/// [`Error::HeadMissing`](crate::Error::HeadMissing) if the adapter has no head; those of
/// [`Backbone::embed`](crate::model::Backbone::embed).
pub fn logits(
    backbone: &dyn Backbone,
    bare: &mut dyn BareStates,
    task: &TaskAdapter,
    sequences: &[Encoded],
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
            let said = part.logits(backbone, own, &states);
            for (&(_, index), said) in places.iter().zip(said) {
                found[index] = said;
            }
            Ok(())
        },
    )?;
    Ok(found)
}

/// Answers of an adapter to sequences of tokens. Labels of tokens are not put together to spans.
///
/// # Errors
/// Those of [`logits`]; [`Error::LogitsNotFinite`](crate::Error::LogitsNotFinite).
pub fn answers(
    backbone: &dyn Backbone,
    task: &TaskAdapter,
    sequences: &[Encoded],
    name: &str,
) -> Result<Vec<Answer>> {
    let head = head_of(name, task)?;
    let logits = logits(backbone, &mut ComputedStates, task, sequences, name)?;
    let said = logits.into_iter().zip(sequences).enumerate();
    said.map(|(index, (logits, sequence))| {
        head.check_finite(&logits, index)?;
        Ok(Answer {
            prediction: head.prediction(&logits),
            logits,
            tokens: sequence.ids.len(),
            windows: 1,
            truncated: sequence.truncated,
        })
    })
    .collect()
}
