//! One label a token, and what they say together: spans, by the BIO scheme (Ramshaw and Marcus 1995).

use super::single_label::{argmax, softmax};
use super::{LossSettings, Prediction, Target};
use crate::input::text::Word;
use crate::ops::{Aim, select, smoothed_cross_entropy};
use crate::tensor::Tensor;

/// The label of one token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLabel {
    /// Index of the best label.
    pub label: usize,
    /// Its share of the softmax.
    pub score: f32,
}

/// A part of a text that has one label.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The label without its "B-" or "I-".
    pub label: String,
    /// Whether it lies in the second text of a pair.
    pub second: bool,
    /// Where it starts, in characters (Unicode code points) of its text.
    pub start: usize,
    /// Where it ends: the character after its last.
    pub end: usize,
    /// Mean score of its words' labels.
    pub score: f32,
}

/// Mean cross-entropy of the tokens that have a target, of logits `[tokens, labels]`; 0 if none has.
pub(super) fn loss(logits: &Tensor, targets: &[&Target], settings: &LossSettings) -> Tensor {
    let tokens = targets
        .iter()
        .filter_map(|target| match target {
            Target::Tokens(tokens) => Some(tokens),
            _ => None,
        })
        .flatten();
    let judged = tokens.enumerate().filter_map(|(token, target)| {
        // weights of classes are for texts: a sentence has all of its words or none
        let aim = Aim {
            weight: 1.0,
            ..settings.aim((*target)?)
        };
        Some((token, aim))
    });
    let (rows, aims): (Vec<usize>, Vec<Aim>) = judged.unzip();
    smoothed_cross_entropy(&select(logits, &rows), &aims)
}

/// `logits` has a row a token, each with `labels` logits.
pub(super) fn prediction(logits: &[f32], labels: usize) -> Prediction {
    let label = |logits: &[f32]| {
        let label = argmax(logits);
        let score = softmax(logits)[label];
        TokenLabel { label, score }
    };
    Prediction::Tokens(logits.chunks_exact(labels).map(label).collect())
}

/// The targets of a sequence's tokens: a word's first token has the word's label, no other is judged.
///
/// # Panics
/// If there is not one label a word.
#[must_use]
pub fn token_targets(tokens: usize, words: &[Word], labels: &[usize]) -> Target {
    assert_eq!(words.len(), labels.len());
    let mut targets = vec![None; tokens];
    for (word, &label) in words.iter().zip(labels) {
        targets[word.token] = Some(label);
    }
    Target::Tokens(targets)
}

/// The spans that the labels of a text's tokens make.
///
/// A word has the label of its first token. "B-x" begins a span of x; "I-x" continues one and begins
/// one where there is none of x; a label without a prefix counts as "I-"; "O" is none.
///
/// # Panics
/// If a word's token or a token's label does not exist.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn spans(tokens: &[TokenLabel], words: &[Word], labels: &[String]) -> Vec<Span> {
    let mut spans: Vec<(Span, usize)> = Vec::new();
    let mut inside = false;
    for word in words {
        let token = &tokens[word.token];
        let Some((begins, label)) = span_label(&labels[token.label]) else {
            inside = false;
            continue;
        };
        match spans.last_mut() {
            Some((span, count))
                if inside && !begins && span.label == label && span.second == word.second =>
            {
                *count += 1;
                span.end = word.end;
                span.score += (token.score - span.score) / *count as f32;
            }
            _ => {
                let span = Span {
                    label: label.to_owned(),
                    second: word.second,
                    start: word.start,
                    end: word.end,
                    score: token.score,
                };
                spans.push((span, 1));
            }
        }
        inside = true;
    }
    spans.into_iter().map(|(span, _)| span).collect()
}

/// Whether a BIO label begins a span, and the span's own label; nothing for "O".
#[must_use]
pub fn span_label(label: &str) -> Option<(bool, &str)> {
    match (label, label.split_once('-')) {
        ("O", _) => None,
        (_, Some(("B", label))) => Some((true, label)),
        (_, Some(("I", label))) => Some((false, label)),
        _ => Some((false, label)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(tags: &[&str], second_from: usize) -> Vec<(String, usize, usize)> {
        let labels: Vec<String> = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC", "B-A-B"]
            .map(String::from)
            .into();
        let tokens: Vec<TokenLabel> = tags
            .iter()
            .map(|tag| TokenLabel {
                label: labels.iter().position(|label| label == tag).unwrap(),
                score: 0.5,
            })
            .collect();
        let words: Vec<Word> = (0..tags.len())
            .map(|token| Word {
                token,
                second: token >= second_from,
                start: 10 * token,
                end: 10 * token + 5,
            })
            .collect();
        let found = spans(&tokens, &words, &labels);
        assert!(found.iter().all(|span| (span.score - 0.5).abs() < 1e-6));
        let place = |span: Span| (span.label, span.start, span.end);
        found.into_iter().map(place).collect()
    }

    fn span(label: &str, start: usize, end: usize) -> (String, usize, usize) {
        (label.to_owned(), start, end)
    }

    #[test]
    fn spans_begin_continue_and_end() {
        let found = decode(&["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-LOC"], 9);
        assert_eq!(
            found,
            [span("PER", 0, 15), span("LOC", 30, 35), span("LOC", 40, 55)]
        );
    }

    #[test]
    fn an_inside_label_without_a_beginning_begins() {
        let found = decode(&["I-PER", "I-LOC", "I-LOC", "O", "I-LOC"], 9);
        assert_eq!(
            found,
            [span("PER", 0, 5), span("LOC", 10, 25), span("LOC", 40, 45)]
        );
    }

    #[test]
    fn labels_without_a_prefix_and_with_two_hyphens() {
        assert_eq!(
            decode(&["MISC", "MISC", "B-A-B"], 9),
            [span("MISC", 0, 15), span("A-B", 20, 25)]
        );
    }

    #[test]
    fn no_span_crosses_from_text_to_text() {
        assert_eq!(
            decode(&["B-PER", "I-PER"], 1),
            [span("PER", 0, 5), span("PER", 10, 15)]
        );
        assert!(decode(&[], 0).is_empty());
    }

    #[test]
    fn only_first_tokens_of_words_are_judged() {
        let word = |token| Word {
            token,
            second: false,
            start: 0,
            end: 1,
        };
        let targets = token_targets(5, &[word(1), word(3)], &[2, 0]);
        assert_eq!(
            targets,
            Target::Tokens(vec![None, Some(2), None, Some(0), None])
        );
    }
}
