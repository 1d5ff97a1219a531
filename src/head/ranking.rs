//! Which of two texts is better. Each text has a score of its own, and the probability that the first
//! is better is the sigmoid of the difference of their scores (Bradley and Terry 1952); the loss is its
//! negative logarithm (RankNet, Burges et al. 2005). So the answer to a pair does not depend on the
//! order of its texts, and any number of texts can be sorted by their scores.
//!
//! Target: one word, [`FIRST`], [`SECOND`] or [`TIE`]. A row has two vectors of logits, one a text.

use super::about::{About, Form, Measure, Reads};
use super::judged::share;
use super::number::NAME;
use super::problem::{Group, ProblemKind, Term};
use super::scores::{argmax, sigmoid};
use super::{Evaluation, How, Judged, Labelled, LossSettings, Prediction, Targets};
use crate::error::Result;
use crate::ops::{Said, add_scaled, binary_cross_entropy, select};
use crate::tensor::Tensor;

pub(super) struct Ranking;

/// The first text is better.
pub const FIRST: u32 = 0;
/// The second text is better.
pub const SECOND: u32 = 1;
/// Neither is better: the probability of each should be one half.
pub const TIE: u32 = 2;

/// How rows say which text is better.
const WORDS: [(&str, u32); 14] = [
    ("first", FIRST),
    ("second", SECOND),
    ("a", FIRST),
    ("b", SECOND),
    ("left", FIRST),
    ("right", SECOND),
    ("text", FIRST),
    ("text1", FIRST),
    ("text2", SECOND),
    ("tie", TIE),
    ("equal", TIE),
    ("same", TIE),
    ("both", TIE),
    ("neither", TIE),
];

static ABOUT: About = About {
    name: "ranking",
    aliases: &[],
    title: "which of two texts is better",
    label: "which of two texts is better",
    nouns: ["comparison", "comparisons"],
    rows: "ranking",
    reads: Reads::TextsApart,
    forms: &[Form::Label, Form::Number],
    answers: &["first", "second"],
    one_output: true,
    thresholds: false,
    rejects: false,
    classes: false,
    calibrated: true,
    may_be_empty: false,
    measures: &[Measure {
        chance: Some(0.5),
        ..Measure::ACCURACY
    }],
    baseline: "by guessing",
    peft: "SEQ_CLS",
    adapterhub: "classification",
};

/// What a word says, whatever its case.
fn word(label: &str) -> Option<u32> {
    let is_it = |(word, _): &&(&str, u32)| word.eq_ignore_ascii_case(label);
    WORDS.iter().find(is_it).map(|(_, which)| *which)
}

/// A difference of scores: the first text's less the second's.
fn difference(label: &str) -> Option<f32> {
    label.parse().ok().filter(|number: &f32| number.is_finite())
}

/// The probability that the first text should be better.
fn probability(target: &[u32]) -> f32 {
    match target[0] {
        FIRST => 1.0,
        SECOND => 0.0,
        _ => 0.5,
    }
}

impl ProblemKind for Ranking {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn find(&self, _place: &str, _found: &[&str], _reject: Option<&str>) -> Result<Vec<String>> {
        Ok(vec![NAME.to_owned()])
    }

    fn said(&self) -> Said {
        Said::Numbers
    }

    /// The better text gets the higher score of the two; of a tie both get their mean.
    fn correct(&self, target: &[u32], z: &mut [f32], _width: usize, _settings: &LossSettings) {
        let [first, second] = z else { return };
        let (high, low) = (first.max(*second), first.min(*second));
        (*first, *second) = match target[0] {
            FIRST => (high, low),
            SECOND => (low, high),
            _ => (f32::midpoint(high, low), f32::midpoint(high, low)),
        };
    }

    /// Numbers are 1 or 2, if all of them are, and else differences of scores.
    fn read(&self, rows: &Labelled<'_>, targets: &mut Targets) -> Result<()> {
        let numbers = || rows.rows.iter().filter_map(|(_, label)| difference(label));
        let all = |of: [f32; 2]| numbers().all(|number| of.contains(&number));
        let places = all([1.0, 2.0]);
        // Differences of scores have both signs; what has none may be a place, a score or a chance.
        let unsigned = !places && numbers().all(|number| number >= 0.0);
        for (row, (input, label)) in rows.rows.iter().enumerate() {
            if !input.is_pair() {
                let reason =
                    "has one text; there must be two, and a label that says which is better";
                return Err(rows.unlike(row, reason));
            }
            let which = match (word(label), difference(label)) {
                (Some(which), _) => which,
                (None, Some(_)) if unsigned => {
                    let reason = format!(
                        "is labelled {label}, but numbers without a sign are ambiguous; write 1 and 2, \"first\", \"second\" and \"tie\", or differences of scores, of which some are negative"
                    );
                    return Err(rows.unlike(row, &reason));
                }
                (None, Some(number)) if places && number > 1.0 => SECOND,
                (None, Some(number)) if number > 0.0 => FIRST,
                (None, Some(number)) if number < 0.0 => SECOND,
                (None, Some(_)) => TIE,
                (None, None) => {
                    let reason = format!(
                        "is labelled \"{label}\"; write \"first\", \"second\" or \"tie\", 1 or 2, or the difference of two scores"
                    );
                    return Err(rows.unlike(row, &reason));
                }
            };
            targets.push([which]);
        }
        Ok(())
    }

    fn written(&self, target: &[u32], _labels: &[String], _reject: Option<&str>) -> String {
        let answer = ABOUT.answers.get(target[0] as usize);
        answer.map_or("tie", |answer| answer).to_owned()
    }

    fn group(&self, target: &[u32], _labels: &[String]) -> Group {
        Group::Label(Some(target[0] as usize))
    }

    fn vectors(&self, _target: &[u32]) -> usize {
        2
    }

    /// Mean over the pairs of `-ln sigmoid(s₁ - s₂)` where the first is better, of scores
    /// `[texts, 1]` in which a pair's two follow each other.
    fn loss(
        &self,
        logits: &Tensor,
        _starts: &[usize],
        targets: &[&[u32]],
        _settings: &LossSettings,
    ) -> Tensor {
        let texts =
            |of: usize| -> Vec<usize> { (0..targets.len()).map(|pair| 2 * pair + of).collect() };
        let (first, second) = (select(logits, &texts(0)), select(logits, &texts(1)));
        let wanted: Vec<f32> = targets.iter().map(|target| probability(target)).collect();
        binary_cross_entropy(&add_scaled(first, &second, -1.0), &wanted, &[])
    }

    fn terms(&self, target: &[u32], z: &[f32], _labels: usize, visit: &mut dyn FnMut(Term<'_>)) {
        if let [first, second] = z {
            visit(Term::Binary(first - second, probability(target)));
        }
    }

    /// Of a pair which is better, and how likely; of a single text its score. The difference of two
    /// such scores is the logit of the probability.
    fn predict(&self, z: &[f32], how: &How<'_>) -> Prediction {
        let temperature = how.temperature();
        match z {
            [first, second] => {
                let logit = (first - second) / temperature;
                Prediction::Label {
                    best: argmax(z),
                    scores: vec![sigmoid(logit), sigmoid(-logit)],
                }
            }
            _ => Prediction::Number(z.first().copied().unwrap_or_default() / temperature),
        }
    }

    /// The share of pairs whose better text has the higher score. Ties are not counted.
    fn judge(&self, rows: &Judged<'_>, _how: &How<'_>, evaluation: &mut Evaluation) {
        let (mut right, mut pairs) = (0, 0);
        for (target, z) in rows.rows().filter(|(target, _)| target[0] != TIE) {
            let better = target[0] as usize;
            right += usize::from(z[better] > z[1 - better]);
            pairs += 1;
        }
        evaluation.scores.insert("accuracy", share(right, pairs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_which_is_better() {
        for (label, which) in [
            ("First", FIRST),
            ("B", SECOND),
            ("RIGHT", SECOND),
            ("Tie", TIE),
        ] {
            assert_eq!(word(label), Some(which));
        }
        assert_eq!(word("third"), None);
    }
}
