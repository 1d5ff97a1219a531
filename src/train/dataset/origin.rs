//! Rows that stand beside those that a run is for, so that an adapter does not forget what it knows.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Dataset, at};
use crate::error::{Error, Result};
use crate::head::Targets;
use crate::input::text::Encoded;
use crate::input::{Input, Reader, Sequence};
use crate::train::{Scheme, SequenceStore};

/// Why a row is in a set to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is what the run is for.
    New,
    /// An earlier run had it, and it is replayed so that it is not forgotten.
    Old,
    /// It has no label: the adapter that is trained further says what it should still be answered with.
    Unlabelled,
}

impl Dataset {
    /// Inputs without labels, for a run that keeps what an adapter says of them. `place` names them in errors.
    ///
    /// # Errors
    /// [`Error::TextEmpty`]; [`Error::OptionInvalid`] if rows of the problem are not answered as a whole.
    pub fn of_texts(
        place: &str,
        inputs: &[impl Clone + Into<Input>],
        reader: &Reader,
        scheme: &Scheme,
    ) -> Result<Self> {
        let problem = scheme.problem;
        let words = problem.words(scheme.labels.len());
        let Some(words) = words.filter(|_| scheme.pairs.sequences() == 1) else {
            return Err(Error::OptionInvalid {
                option: "replay",
                value: format!("texts without labels in {place}"),
                reason: format!(
                    "rows of the problem {} must have labels; label them, or leave them out",
                    problem.name()
                ),
            });
        };
        let mut sequences = SequenceStore::default();
        for (index, input) in inputs.iter().enumerate() {
            let read = reader.read(&input.clone().into(), reader.max_steps());
            sequences.push(read.map_err(|error| at(error, index))?);
        }
        Ok(Self::unlabelled(scheme, sequences, words))
    }

    /// Texts without labels. Each gets a target of so many zeros, which nothing reads.
    fn unlabelled(scheme: &Scheme, sequences: SequenceStore, words: usize) -> Self {
        let mut targets = Targets::empty(scheme.problem, scheme.labels.len());
        for _ in 0..sequences.len() {
            targets.push(std::iter::repeat_n(0, words));
        }
        let mut own = Self::from_parts(scheme.clone(), sequences, targets);
        own.origins.fill(Origin::Unlabelled);
        own
    }

    /// As many texts without labels, each of random tokens of the new rows and as long as one of them. They are no sentences,
    /// but they have the words by which an adapter is corrected, so its answers to them say what should not change.
    ///
    /// # Panics
    /// If rows are pairs, or are not answered as a whole.
    #[must_use]
    pub(in crate::train) fn made_texts(&self, count: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(3));
        let rows = self.of_origin(Origin::New);
        let sequences = rows.iter().flat_map(|&row| self.sequences(row));
        let texts = sequences.filter_map(Sequence::into_tokens);
        let texts: Vec<Encoded> = texts.collect();
        // the first and the last token are those that every text has
        let inner = |text: &Encoded| 1..text.ids.len().saturating_sub(1).max(1);
        let words: Vec<u32> = texts
            .iter()
            .flat_map(|text| text.ids[inner(text)].to_vec())
            .collect();
        let mut made = SequenceStore::default();
        for _ in 0..count {
            let mut text = texts[rng.random_range(0..texts.len())].clone();
            for at in inner(&text) {
                text.ids[at] = words[rng.random_range(0..words.len())];
            }
            made.push(text.into());
        }
        let wanted = self.scheme.problem.words(self.labels().len());
        Self::unlabelled(&self.scheme, made, wanted.unwrap_or_default())
    }

    /// Puts other rows of the same scheme beside these, so that they are not forgotten. Those that are new there are old
    /// here.
    #[must_use]
    pub fn beside(mut self, others: &Self) -> Self {
        let before = self.numbers.iter().max().map_or(0, |last| last + 1);
        let group = self.next_group();
        for row in 0..others.len() {
            others
                .sequences(row)
                .for_each(|sequence| self.sequences.push(sequence));
            self.targets.push(others.target(row).iter().copied());
            self.numbers.push(before + others.numbers[row]);
            self.groups.push(group + others.groups[row]);
            self.origins.push(match others.origins[row] {
                Origin::Unlabelled => Origin::Unlabelled,
                Origin::New | Origin::Old => Origin::Old,
            });
        }
        self
    }

    /// Puts texts that are made of its own words beside the rows.
    pub(in crate::train) fn beside_texts(self, count: usize, seed: u64) -> Self {
        let texts = self.made_texts(count, seed);
        self.beside(&texts)
    }

    /// Why a row is here.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn origin(&self, row: usize) -> Origin {
        self.origins[row]
    }

    /// The rows that are here for this reason.
    #[must_use]
    pub fn of_origin(&self, origin: Origin) -> Vec<usize> {
        let rows = 0..self.len();
        rows.filter(|&row| self.origins[row] == origin).collect()
    }

    /// The rows that have labels.
    pub(in crate::train) fn labelled(&self) -> Self {
        let is_labelled = |&row: &usize| self.origins[row] != Origin::Unlabelled;
        let rows: Vec<usize> = (0..self.len()).filter(is_labelled).collect();
        self.select(&rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Pairs, SINGLE_LABEL};
    use crate::train::TokenStore;

    /// A row for each text's tokens, and one that is old.
    fn corrections() -> Dataset {
        let scheme = Scheme {
            problem: SINGLE_LABEL,
            labels: vec!["a".into()],
            reject: None,
            pairs: Pairs::Joint,
        };
        let mut tokens = TokenStore::default();
        let mut targets = Targets::empty(SINGLE_LABEL, 1);
        for ids in [
            &[101, 7, 8, 9, 102][..],
            &[101, 10, 102],
            &[101, 77, 78, 102],
        ] {
            tokens.push(&Encoded {
                ids: ids.to_vec(),
                type_ids: vec![0; ids.len()],
                truncated: false,
            });
            targets.push([0]);
        }
        let mut rows = Dataset::from_parts(scheme, tokens, targets);
        rows.origins[2] = Origin::Old;
        rows
    }

    #[test]
    fn made_texts_are_of_the_new_rows_words() {
        let made = corrections().made_texts(50, 1);
        assert_eq!(made.len(), 50);
        assert_eq!(made.of_origin(Origin::Unlabelled).len(), 50);
        let mut inner = std::collections::BTreeSet::new();
        let mut lengths = std::collections::BTreeSet::new();
        for row in 0..made.len() {
            let ids = made
                .sequences(row)
                .next()
                .unwrap()
                .into_tokens()
                .unwrap()
                .ids;
            assert_eq!((ids[0], ids[ids.len() - 1]), (101, 102), "{ids:?}");
            lengths.insert(ids.len());
            inner.extend(ids[1..ids.len() - 1].iter().copied());
        }
        // every word and every length occurs, and no other
        assert_eq!(inner.into_iter().collect::<Vec<_>>(), [7, 8, 9, 10]);
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn made_texts_depend_on_the_seed_alone() {
        let texts = |seed| corrections().made_texts(20, seed).sequences;
        assert_eq!(texts(1), texts(1));
        assert_ne!(texts(1), texts(2));
    }

    #[test]
    fn made_texts_stand_behind_the_rows_and_are_not_counted_as_labelled() {
        let rows = corrections().beside_texts(5, 1);
        assert_eq!((rows.len(), rows.labelled().len()), (8, 3));
        let texts: Vec<usize> = rows.of_origin(Origin::Unlabelled);
        assert_eq!(texts, [3, 4, 5, 6, 7]);
        assert_eq!(rows.number(7), 7);
    }
}
