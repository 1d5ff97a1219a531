//! Reads the tags of a row, one for each word.

use super::label::Label;
use crate::findings::FindingKind;
use crate::labels::{self, Said, said};
use crate::problem::Form;
use crate::spans::tagged;
use crate::table::Cell;
use crate::tags::{Bio, is_tag};

pub(super) fn read_tags(
    label: Said<'_>,
    text: &Cell<'_>,
    form: &Form,
) -> Result<Label, FindingKind> {
    let is_right = |tag: &str| {
        if form.span_tags {
            is_tag(tag)
        } else {
            !tag.is_empty() && !tag.contains(char::is_whitespace)
        }
    };
    let text_list = match said(text) {
        Said::List(list) => Some(list),
        _ => None,
    };
    let spans = match label {
        Said::Spans(spans) => spans,
        Said::List(list) if text_list.is_none() && labels::words(list).next().is_none() => {
            Vec::new()
        }
        Said::List(list) => {
            let numbers = labels::words(list).all(|tag| tag.parse::<i64>().is_ok());
            let tags = labels::words(list);
            return if numbers && labels::words(list).count() == word_count(text, text_list) {
                Err(FindingKind::TagsAreNumbers)
            } else if labels::words(list).all(|tag| is_right(&tag)) {
                sentence(text, text_list, tags)
            } else {
                Err(FindingKind::TagsUnlikeWords)
            };
        }
        Said::Plain(tags) => {
            return match labels::tags(&tags, is_right) {
                Some(tags) => sentence(text, text_list, tags.map(Into::into)),
                None => Err(FindingKind::TagsUnlikeWords),
            };
        }
        Said::Missing | Said::Object => return Err(FindingKind::LabelObject),
    };
    if text_list.is_some() {
        return Err(FindingKind::TagsUnlikeWords);
    }
    let found = tagged(&text.shown(), spans).ok_or(FindingKind::SpanOutside)?;
    Ok(Label {
        label: found.tags,
        words: Some(found.words),
        split: found.split,
        overlap: found.overlap,
    })
}

fn word_count(text: &Cell<'_>, list: Option<&str>) -> usize {
    match list {
        Some(list) => labels::words(list).count(),
        None => text.shown().split_whitespace().count(),
    }
}

/// The words of a text, or of a list of words, each with its tag. A word that contains spaces becomes several words; a
/// blank word is dropped.
pub(super) fn sentence<'a>(
    text: &Cell<'_>,
    list: Option<&str>,
    mut tags: impl Iterator<Item = std::borrow::Cow<'a, str>>,
) -> Result<Label, FindingKind> {
    let mut words = String::new();
    let mut bio = Bio::default();
    let mut add = |word: &str| {
        let tag = tags.next().ok_or(FindingKind::TagsUnlikeWords)?;
        for (index, part) in word.split_whitespace().enumerate() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(part);
            if index == 0 {
                bio.push(&tag);
            } else {
                bio.go_on();
            }
        }
        Ok(())
    };
    match list {
        Some(list) => labels::words(list).try_for_each(|word| add(&word))?,
        None => text.shown().split_whitespace().try_for_each(add)?,
    }
    if tags.next().is_some() {
        return Err(FindingKind::TagsUnlikeWords);
    }
    Ok(Label {
        label: bio.joined,
        words: Some(words),
        ..Label::default()
    })
}
