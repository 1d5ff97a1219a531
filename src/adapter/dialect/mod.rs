//! What PEFT and AdapterHub call things: fields of their configurations, modules, methods, and keys of tensors.

pub(crate) mod adapterhub;
mod fields;
pub(crate) mod peft_methods;
pub(crate) mod peft_targets;

pub use fields::Fields;

use serde::{Deserialize, Serialize};

use crate::model::Family;
use crate::model::family::HeadLayout;

/// The configuration's file name in both libraries.
pub const CONFIG: &str = "adapter_config.json";

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Library {
    /// Hugging Face PEFT.
    Peft,
    /// AdapterHub's `adapters`.
    AdapterHub,
}

impl Library {
    /// The name as the library's users write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Peft => "PEFT",
            Self::AdapterHub => "AdapterHub",
        }
    }
}

/// How the head of transformers' model class of a family is laid out: of one that labels tokens, or of one that labels texts.
pub(crate) fn class_layout(family: &Family, of_tokens: bool) -> HeadLayout {
    match of_tokens {
        true => HeadLayout::TOKENS,
        false => family.head,
    }
}
