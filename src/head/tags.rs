//! One label a token: softmax over the labels, cross-entropy of the tokens that words begin with.
//!
//! Target: three words for each tagged token, the fields of [`Tagged`].

use std::collections::BTreeMap;

use super::about::{About, Form, Measure, Reads};
use super::judged::share;
use super::metrics::{Entity, LabelCounts, entities};
use super::problem::{Group, ProblemKind, Term};
use super::scores::{argmax, over, softmax};
use super::{Evaluation, How, Judged, Labelled, LossSettings, Prediction, Targets, TokenLabel};
use crate::error::Result;
use crate::input::text::Word;
use crate::ops::{Aim, select, smoothed_cross_entropy};
use crate::tensor::Tensor;

pub(super) struct Tags;

static ABOUT: About = About {
    name: "token_classification",
    aliases: &[],
    title: "labels of tokens",
    label: "a tag for each word, or spans",
    nouns: ["kind of place", "kinds of places"],
    rows: "token_classification",
    reads: Reads::Tokens,
    forms: &[Form::Spans],
    answers: &[],
    one_output: false,
    thresholds: false,
    rejects: false,
    classes: false,
    calibrated: true,
    may_be_empty: false,
    measures: &[
        Measure::metric("entity_f1", "entity F1", Some(0.0)),
        Measure::ACCURACY,
        Measure {
            chance: Some(0.0),
            ..Measure::MACRO_F1
        },
        Measure {
            chance: Some(0.0),
            ..Measure::MICRO_F1
        },
        Measure {
            chance: Some(0.0),
            ..Measure::reported("f1", "F1")
        },
    ],
    baseline: "by finding nothing",
    peft: "TOKEN_CLS",
    adapterhub: "tagging",
};

/// The label of a token that a word, or a part of one, begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// Index of the token, special tokens counted.
    pub token: u32,
    /// Index of its label.
    pub label: u32,
    /// Whether a word of the rows begins here, not only one of the tokenizer's: such labels are scored.
    pub begins: bool,
}

/// The tagged tokens of a target.
pub fn tagged(target: &[u32]) -> impl ExactSizeIterator<Item = Tagged> {
    target.chunks_exact(3).map(|words| Tagged {
        token: words[0],
        label: words[1],
        begins: words[2] != 0,
    })
}

/// The target of tagged tokens.
pub fn tagged_target(tagged: &[Tagged]) -> impl Iterator<Item = u32> {
    let words = |tag: &Tagged| [tag.token, tag.label, u32::from(tag.begins)];
    tagged.iter().flat_map(words)
}

/// The labels of the words that are scored.
fn scored(target: &[u32]) -> impl Iterator<Item = usize> {
    let words = tagged(target).filter(|tagged| tagged.begins);
    words.map(|tagged| tagged.label as usize)
}

impl ProblemKind for Tags {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn parts<'a>(&self, label: &'a str, take: &mut dyn FnMut(&'a str)) {
        label.split_whitespace().for_each(take);
    }

    /// The tags, and of those of a kind also the one for its beginning or its inside that does not
    /// occur: rows to be judged on may have it.
    fn find(&self, _place: &str, found: &[&str], _reject: Option<&str>) -> Result<Vec<String>> {
        let mut all = std::collections::BTreeSet::new();
        for tag in found.iter().flat_map(|label| label.split_whitespace()) {
            all.insert(tag.to_owned());
            if let Some(("B" | "I", kind)) = tag.split_once('-') {
                all.extend([format!("B-{kind}"), format!("I-{kind}")]);
            }
        }
        Ok(all.into_iter().collect())
    }

    fn looks_like(&self, labels: &[&str]) -> bool {
        let is_tag = |tag: &str| tag == "O" || tag.starts_with("B-") || tag.starts_with("I-");
        labels
            .iter()
            .all(|label| label.split_whitespace().all(is_tag))
    }

    fn words(&self, _labels: usize) -> Option<usize> {
        None
    }

    fn read(&self, rows: &Labelled<'_>, targets: &mut Targets) -> Result<()> {
        let index = rows.index();
        for (row, &(input, label)) in rows.rows.iter().enumerate() {
            let words: Vec<(usize, usize)> = words_of(input.text().map_or("", |text| &text.first));
            let tags: Vec<&str> = label.split_whitespace().collect();
            if words.len() != tags.len() || input.is_pair() {
                let (words, tags) = (words.len(), tags.len());
                let reason = format!(
                    "has {words} words and {tags} tags; it needs one tag per word, separated by spaces, and no second text"
                );
                return Err(rows.unlike(row, &reason));
            }
            let labels = tags.iter().map(|tag| {
                let label = index.get(tag).map(|&label| label as usize);
                label.ok_or_else(|| rows.unknown(row, tag))
            });
            let labels = labels.collect::<Result<Vec<usize>>>()?;
            let pieces = (rows.words)(row)?;
            let tagged = tag(pieces, &words, &labels, rows.labels);
            targets.push(tagged_target(&tagged));
        }
        Ok(())
    }

    fn written(&self, target: &[u32], labels: &[String], _reject: Option<&str>) -> String {
        let tags: Vec<&str> = scored(target).map(|label| labels[label].as_str()).collect();
        tags.join(" ")
    }

    fn hash(&self, targets: &Targets, _labels: usize, take: &mut dyn FnMut(&[u8])) {
        for word in targets.rows().flatten() {
            take(&word.to_le_bytes());
        }
        for end in targets.ends() {
            take(&(end / 3).to_le_bytes());
        }
    }

    fn group(&self, target: &[u32], labels: &[String]) -> Group {
        let own = tagged(target).map(|tagged| tagged.label as usize);
        Group::Rarest(own.filter(|&label| labels[label] != "O").collect())
    }

    /// As of texts with one label, for each token.
    fn correct(&self, target: &[u32], z: &mut [f32], width: usize, _settings: &LossSettings) {
        for (z, tag) in z.chunks_exact_mut(width).zip(tagged(target)) {
            let (label, best) = (tag.label as usize, argmax(z));
            if label < z.len() {
                z.swap(label, best);
            }
        }
    }

    fn learnt(&self, target: &[u32], start: usize, _sequences: usize, take: &mut dyn FnMut(usize)) {
        tagged(target).for_each(|tag| take(start + tag.token as usize));
    }

    fn vectors(&self, target: &[u32]) -> usize {
        scored(target).count()
    }

    fn keep(&self, target: &[u32], logits: &[f32], width: usize, into: &mut Vec<f32>) {
        for tag in tagged(target).filter(|tagged| tagged.begins) {
            let at = tag.token as usize * width;
            into.extend_from_slice(&logits[at..at + width]);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn weight(&self, target: &[u32], _labels: usize, _settings: &LossSettings) -> f64 {
        tagged(target).count() as f64
    }

    /// Mean cross-entropy of the tokens that have a target, of logits `[tokens, labels]`; 0 if none has.
    fn loss(
        &self,
        logits: &Tensor,
        starts: &[usize],
        targets: &[&[u32]],
        settings: &LossSettings,
    ) -> Tensor {
        let (mut rows, mut aims) = (Vec::new(), Vec::new());
        for (start, target) in starts.iter().zip(targets) {
            for tag in tagged(target) {
                rows.push(start + tag.token as usize);
                // weights of classes are for texts: a sentence has all of its words or none
                aims.push(Aim {
                    weight: 1.0,
                    ..settings.aim(tag.label as usize)
                });
            }
        }
        smoothed_cross_entropy(&select(logits, &rows), &aims)
    }

    fn terms(&self, target: &[u32], z: &[f32], labels: usize, visit: &mut dyn FnMut(Term<'_>)) {
        for (label, z) in scored(target).zip(z.chunks_exact(labels)) {
            visit(Term::Choice(z, label));
        }
    }

    /// `z` has a row a token, each with a logit a label.
    fn predict(&self, z: &[f32], how: &How<'_>) -> Prediction {
        let tokens = z.chunks_exact(how.labels.len()).map(|z| {
            let z = over(z, how.temperature());
            let label = argmax(&z);
            let score = softmax(&z)[label];
            TokenLabel { label, score }
        });
        Prediction::Tokens(tokens.collect())
    }

    fn judge(&self, rows: &Judged<'_>, _how: &How<'_>, evaluation: &mut Evaluation) {
        let labels = rows.labels;
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for label in labels {
            for Entity { label, .. } in entities(&[label]) {
                let next = kinds.len();
                kinds.entry(label.to_owned()).or_insert(next);
            }
        }
        let mut counts = LabelCounts::new(kinds.len());
        let (mut words, mut right) = (0, 0);
        for (target, z) in rows.rows() {
            let truths: Vec<usize> = scored(target).collect();
            let answers: Vec<usize> = z.chunks_exact(labels.len()).map(argmax).collect();
            words += truths.len();
            right += truths.iter().zip(&answers).filter(|(a, b)| a == b).count();
            let names = |tags: &[usize]| tags.iter().map(|&tag| labels[tag].as_str()).collect();
            let (truths, answers): (Vec<&str>, Vec<&str>) = (names(&truths), names(&answers));
            let (truths, answers) = (entities(&truths), entities(&answers));
            for truth in &truths {
                let hit = answers.contains(truth);
                counts.add(kinds[truth.label], true, hit);
            }
            for answer in answers.iter().filter(|answer| !truths.contains(answer)) {
                counts.add(kinds[answer.label], false, true);
            }
        }
        let mut names = vec![String::new(); kinds.len()];
        for (kind, index) in kinds {
            names[index] = kind;
        }
        let f1 = counts.micro_f1();
        evaluation.scores.extend([
            ("accuracy", share(right, words)),
            ("entity_f1", f1),
            ("macro_f1", counts.macro_f1()),
            ("micro_f1", f1),
        ]);
        evaluation.per_label = counts.per_label(&names);
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Where the words of a sentence start and end, in characters: they stand between spaces, tabs and line breaks.
fn words_of(sentence: &str) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut words = Vec::new();
    for word in sentence.split([' ', '\t', '\n', '\r']) {
        let length = word.chars().count();
        if length > 0 {
            words.push((at, at + length));
        }
        at += length + 1;
    }
    words
}

/// Tags of the first tokens of words. A tokenizer may see several words in one of the rows': the first
/// has its label, the others continue what it begins. A word that has no tokens, or was cut off, has no
/// tag. `pieces` are the tokenizer's words, `words` the rows'.
fn tag(
    pieces: Vec<Word>,
    words: &[(usize, usize)],
    labels: &[usize],
    names: &[String],
) -> Vec<Tagged> {
    let mut tagged = Vec::with_capacity(words.len());
    let mut next = 0;
    for Word { token, start, .. } in pieces {
        while next < words.len() && words[next].1 <= start {
            next += 1;
        }
        let Some(&(word_start, word_end)) = words.get(next) else {
            break;
        };
        if start < word_start {
            continue;
        }
        let begins = tagged.last().is_none_or(|&(_, word)| word != next);
        debug_assert!(start < word_end);
        let label = if begins {
            Some(labels[next])
        } else {
            continuation(names, labels[next])
        };
        if let Some(label) = label {
            let tag = Tagged {
                token: narrow(token),
                label: narrow(label),
                begins,
            };
            tagged.push((tag, next));
        }
    }
    tagged.into_iter().map(|(tag, _)| tag).collect()
}

/// The label of what continues a word with this label: "I-x" for "B-x", if there is such a label.
fn continuation(labels: &[String], label: usize) -> Option<usize> {
    match labels[label].strip_prefix("B-") {
        Some(kind) => labels
            .iter()
            .position(|label| label.strip_prefix("I-") == Some(kind)),
        None => Some(label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tagged_tokens_are_three_words_each() {
        let tags = [(1, 2, true), (3, 0, false)].map(|(token, label, begins)| Tagged {
            token,
            label,
            begins,
        });
        let target: Vec<u32> = tagged_target(&tags).collect();
        assert_eq!(target, [1, 2, 1, 3, 0, 0]);
        assert_eq!(tagged(&target).collect::<Vec<_>>(), tags);
        assert_eq!(Tags.vectors(&target), 1);
    }

    #[test]
    fn words_stand_between_spaces() {
        assert_eq!(words_of("é a  bc "), [(0, 1), (2, 3), (5, 7)]);
        assert_eq!(words_of("a\r\nbc\td"), [(0, 1), (3, 5), (6, 7)]);
        assert!(words_of("").is_empty());
    }

    #[test]
    fn a_beginning_is_continued_inside() {
        let labels = ["B-x", "B-y", "I-x", "O"].map(str::to_owned);
        let continued: Vec<_> = (0..4).map(|label| continuation(&labels, label)).collect();
        assert_eq!(continued, [Some(2), None, Some(2), Some(3)]);
    }
}
