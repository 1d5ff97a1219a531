//! What PEFT's configuration says of the task of a model.

use serde_json::Value;

use super::{CONFIG, Card, agreed};
use crate::adapter::dialect::Fields;
use crate::error::Result;
use crate::head::{PROBLEMS, Problem};

/// How the class of a model that chooses among answers ends. Its head is called as one for texts is.
pub(super) const CHOICE: &str = "ForMultipleChoice";

/// `task_type` of a model that labels texts.
pub(super) const TEXTS: &str = "SEQ_CLS";

/// `task_type` of an encoder without a head.
pub(super) const FEATURES: &str = "FEATURE_EXTRACTION";

/// `task_type` of a model that labels tokens.
pub(super) const TOKENS: &str = "TOKEN_CLS";

/// `task_type`, or where there is none, what the class of the model says.
pub(super) fn task_type(fields: &Fields<'_>) -> Result<Option<String>> {
    let said: Option<String> = fields.parse("task_type", Some(None))?;
    let class = class_of(fields);
    let of_class = [
        ("ForSequenceClassification", TEXTS),
        ("ForTokenClassification", TOKENS),
    ]
    .into_iter()
    .find_map(|(ending, task_type)| class.ends_with(ending).then(|| task_type.to_owned()));
    Ok(said.or(of_class))
}

/// The class of the model that PEFT wrapped, which it writes where there is no `task_type`; else "".
pub(super) fn class_of<'a>(fields: &Fields<'a>) -> &'a str {
    let mapping = fields.get("auto_mapping");
    let class = mapping.and_then(|mapping| mapping.get("base_model_class"));
    class.and_then(Value::as_str).unwrap_or_default()
}

/// What a head answers. PEFT says only whether of tokens; of a text's head transformers takes one
/// output for a regression, and whether several labels hold at once stands in the model's own
/// configuration, or on the card.
pub(super) fn problem(fields: &Fields<'_>, outputs: usize, card: &Card) -> Result<Problem> {
    let task_type = task_type(fields)?;
    let mut types = PROBLEMS.iter().map(|problem| problem.about().peft);
    let known = types.find(|own| task_type.as_deref() == Some(own));
    let known = known.unwrap_or(TEXTS);
    agreed(CONFIG, |about| about.peft == known, outputs, card)
}
