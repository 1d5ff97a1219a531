//! Answers as JavaScript has them.

use serde::{Serialize, Serializer};

use crate::engine::{Answer, Composed, Said};
use crate::head::Head;
use crate::input::Input;

/// The answer to a text, which took `ms` milliseconds.
pub(super) struct Answered<'a> {
    head: &'a Head,
    answer: &'a Answer,
    input: &'a Input,
    ms: f64,
}

impl Serialize for Answered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = Said::new(self.head, self.answer, self.input);
        said.object(self.ms).serialize(serializer)
    }
}

/// One a text; each took `ms` milliseconds.
pub(super) fn answered<'a>(
    composed: &'a Composed<'_>,
    inputs: &'a [Input],
    ms: f64,
) -> Vec<Answered<'a>> {
    let answers = composed.answers.iter().zip(&composed.heads).zip(inputs);
    let answered = answers.filter_map(|((answer, task), input)| {
        let head = task.head.as_ref()?;
        Some(Answered {
            head,
            answer,
            input,
            ms,
        })
    });
    answered.collect()
}
