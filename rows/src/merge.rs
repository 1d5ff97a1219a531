//! Labels that differ only in case or spaces.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classes::Counts;
use crate::findings::{Finding, FindingKind, name_labels};
use crate::pool::hash;

/// Labels that are most likely one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mergeable {
    /// The form that most rows use.
    pub label: String,
    /// All forms, most used first.
    pub variants: Vec<String>,
    /// How many rows have one of these forms.
    pub rows: usize,
}

/// Most groups that are told.
const MOST_GROUPS: usize = 100;

/// Bytes of the longest label that is compared with others. Longer ones are texts in the wrong column.
const LONGEST: usize = 1000;

/// Groups of classes that differ only in case or spaces, largest first.
pub(crate) fn find(counts: &Counts<'_>) -> Vec<Mergeable> {
    let key = |name: &str| {
        let name = composed(name);
        let letters = name.chars().filter(|c| !c.is_whitespace());
        letters.flat_map(char::to_lowercase).collect::<String>()
    };
    // half a hash is enough: those that are equal are compared
    let half = |number: u32| hash(key(counts.name(number)).as_bytes(), 0) >> 32;
    let short = |number: &u32| counts.name(*number).len() <= LONGEST;
    let mut keyed: Vec<(u32, u32)> = Vec::with_capacity(counts.numbers().count());
    keyed.extend(
        counts
            .numbers()
            .filter(short)
            .map(|number| (u32::try_from(half(number)).unwrap_or_default(), number)),
    );
    keyed.sort_unstable();
    let same = |a: &(u32, u32), b: &(u32, u32)| {
        a.0 == b.0 && key(counts.name(a.1)) == key(counts.name(b.1))
    };
    let groups = keyed.chunk_by(same).filter(|group| group.len() > 1);
    let mut found: Vec<Mergeable> = groups
        .map(|group| {
            let mut numbers: Vec<u32> = group.iter().map(|(_, number)| *number).collect();
            numbers.sort_by(|&a, &b| {
                let size = counts.rows(b).cmp(&counts.rows(a));
                size.then_with(|| counts.name(a).cmp(counts.name(b)))
            });
            let variants: Vec<String> = numbers
                .iter()
                .map(|&number| counts.name(number).to_owned())
                .collect();
            Mergeable {
                label: variants.first().cloned().unwrap_or_default(),
                rows: numbers
                    .iter()
                    .map(|&number| counts.rows(number) as usize)
                    .sum(),
                variants,
            }
        })
        .collect();
    found.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.label.cmp(&b.label)));
    found.truncate(MOST_GROUPS);
    found
}

/// A name with each accent and its letter as one character (Unicode's NFC): files of macOS write them as two.
fn composed(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return Cow::Borrowed(name);
    }
    #[cfg(not(target_arch = "wasm32"))]
    let composed = unicode_normalization::UnicodeNormalization::nfc(name).collect();
    #[cfg(target_arch = "wasm32")]
    let composed = js_sys::JsString::from(name).normalize("NFC").into();
    Cow::Owned(composed)
}

/// The new name of every class that is to be called otherwise.
pub(crate) fn names(groups: &[Mergeable]) -> BTreeMap<&str, &str> {
    let pairs = groups.iter().flat_map(|group| {
        let others = group.variants.iter().skip(1);
        others.map(|variant| (variant.as_str(), group.label.as_str()))
    });
    pairs.collect()
}

/// What to say of the groups.
pub(crate) fn findings(groups: &[Mergeable], merged: bool) -> Vec<Finding> {
    let shown = groups.iter().take(5);
    let sentences = shown.map(|group| {
        let variants: Vec<&str> = group.variants.iter().map(String::as_str).collect();
        if merged {
            format!(
                "{} are read as one label, “{}”.",
                name_labels(&variants),
                group.label
            )
        } else {
            let is_composed = |name: &&str| composed(name) == *name;
            let how = if variants.iter().all(is_composed) {
                "case or spaces"
            } else {
                "case, spaces or how accents are written"
            };
            format!(
                "{} differ only in {how}, and are learned as different labels.",
                name_labels(&variants)
            )
        }
    });
    sentences
        .map(|sentence| Finding::notice(FindingKind::LabelsAlike, sentence))
        .collect()
}
