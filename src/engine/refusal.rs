use crate::error::{Error, Result};
use crate::folder::TaskAdapter;
use crate::head::Head;
use crate::input::Input;

/// Refuses single texts for an adapter that compares two, pairs for one that reads one, and pairs of which one text is
/// empty. Where nothing is known of the adapter, single texts and pairs are both read.
pub(super) fn check_pairs<'a>(
    task: &TaskAdapter,
    name: &str,
    inputs: impl Iterator<Item = (usize, &'a Input)>,
) -> Result<()> {
    for (index, input) in inputs {
        let Input::Text(text) = input else {
            continue;
        };
        let adapter = || name.to_owned();
        let blank = |text: &str| text.trim().is_empty();
        let head = task.head.as_ref();
        let compares = head.is_some_and(Head::compares);
        let pair = if compares { Some(true) } else { task.card.pair };
        match (pair, text.second.as_deref()) {
            // A single text has a score of its own.
            (_, None) if !compares && head.is_some_and(Head::reads_apart) => {}
            (Some(false), Some(_)) => {
                let adapter = adapter();
                return Err(Error::Text2Unexpected { index, adapter });
            }
            (Some(true), Some(_)) if blank(&text.first) => return Err(Error::TextEmpty { index }),
            (Some(true), None) => {
                let adapter = adapter();
                return Err(Error::Text2Missing { index, adapter });
            }
            (Some(true), Some(second)) if blank(second) => {
                let adapter = adapter();
                return Err(Error::Text2Missing { index, adapter });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The head of an adapter.
///
/// # Errors
/// [`Error::HeadMissing`], with the reason and what to do.
pub fn head_of<'a>(name: &str, task: &'a TaskAdapter) -> Result<&'a Head> {
    let head = task.head.as_ref();
    head.ok_or_else(|| no_head(name, Some(task)))
}

/// An error that says why an adapter, or with `None` an average, has no head and what to do.
pub(super) fn no_head(name: &str, task: Option<&TaskAdapter>) -> Error {
    let to_do =
        "embed texts with it, or train a head on it (graftlet train --from with its folder)";
    let unused = task.and_then(TaskAdapter::unused_head);
    let reason = match (task, unused) {
        (None, _) => {
            "an average has no head of its own; name the adapter whose head answers as its \"head\""
                .into()
        }
        (_, Some(head)) => format!("its head is one {head}, which is not computed here; {to_do}"),
        (_, None) => format!("it came without a head; {to_do}"),
    };
    Error::HeadMissing {
        name: name.to_owned(),
        reason,
    }
}
