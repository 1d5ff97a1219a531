//! A value as it stands in the text.

use std::borrow::Cow;

use super::unescape;

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// `null`, `None` or `NaN`.
    Missing,
    /// True or false.
    Bool(bool),
    /// A number as it is written.
    Number(&'a str),
    /// A string between its quotes, escapes and all.
    Text(&'a str),
    /// A list with its brackets.
    List(&'a str),
    /// An object with its braces.
    Object(&'a str),
}

impl<'a> Value<'a> {
    /// It as it is written; nothing of what has one form only.
    pub(crate) fn written(self) -> &'a str {
        match self {
            Self::Missing | Self::Bool(_) => "",
            Self::Number(raw) | Self::Text(raw) | Self::List(raw) | Self::Object(raw) => raw,
        }
    }

    /// What it says as text; nothing of lists and objects.
    pub(crate) fn plain(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Missing => Some("".into()),
            Self::Bool(true) => Some("true".into()),
            Self::Bool(false) => Some("false".into()),
            Self::Number(number) => Some(number.into()),
            Self::Text(raw) => Some(unescape(raw)),
            Self::List(_) | Self::Object(_) => None,
        }
    }
}
