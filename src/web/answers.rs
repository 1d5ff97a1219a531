//! Answers as JavaScript has them.

use serde::{Serialize, Serializer};

use crate::engine::{Answer, Composed, Said};
use crate::head::Head;
use crate::input::text::Text;

/// The answer to a text, which took `ms` milliseconds.
pub(super) struct Answered<'a> {
    head: &'a Head,
    answer: &'a Answer,
    text: &'a Text,
    ms: f64,
}

impl Serialize for Answered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = Said::new(self.head, self.answer, self.text);
        said.object(self.ms).serialize(serializer)
    }
}

/// One a text; each took `ms` milliseconds.
pub(super) fn answered<'a>(
    composed: &'a Composed<'_>,
    texts: &'a [Text],
    ms: f64,
) -> Vec<Answered<'a>> {
    let answers = composed.answers.iter().zip(&composed.heads).zip(texts);
    let answered = answers.filter_map(|((answer, task), text)| {
        let head = task.head.as_ref()?;
        Some(Answered {
            head,
            answer,
            text,
            ms,
        })
    });
    answered.collect()
}
