use super::TokenStore;
use crate::input::Sequence;

/// What the rows of a data set are read as. Texts are kept as tokens, which take little memory.
#[derive(Clone, Debug, PartialEq)]
pub enum SequenceStore {
    /// Of texts.
    Texts(TokenStore),
    /// Of anything.
    Any(Vec<Sequence>),
}

impl Default for SequenceStore {
    fn default() -> Self {
        Self::Texts(TokenStore::default())
    }
}

impl From<TokenStore> for SequenceStore {
    fn from(texts: TokenStore) -> Self {
        Self::Texts(texts)
    }
}

impl SequenceStore {
    /// Number of sequences.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Any(all) => all.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a sequence.
    pub fn push(&mut self, sequence: Sequence) {
        match (&mut *self, sequence) {
            (Self::Texts(texts), Sequence::Tokens(tokens)) => texts.push(&tokens),
            (Self::Any(all), sequence) => all.push(sequence),
            (Self::Texts(texts), sequence) => {
                let before = (0..texts.len()).map(|text| texts.get(text).into());
                *self = Self::Any(before.chain([sequence]).collect());
            }
        }
    }

    /// Steps of a sequence.
    ///
    /// # Panics
    /// If there is no such sequence, as with [`get`](Self::get).
    #[must_use]
    pub fn length(&self, index: usize) -> usize {
        match self {
            Self::Texts(texts) => texts.length(index),
            Self::Any(all) => all[index].len(),
        }
    }

    /// A sequence.
    #[must_use]
    pub fn get(&self, index: usize) -> Sequence {
        match self {
            Self::Texts(texts) => texts.get(index).into(),
            Self::Any(all) => all[index].clone(),
        }
    }

    /// Number of sequences that were cut.
    #[must_use]
    pub fn truncated(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.truncated(),
            Self::Any(all) => all.iter().filter(|own| own.truncated()).count(),
        }
    }

    /// Adds the sequences of another store.
    pub fn append(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Texts(own), Self::Texts(others)) => own.append(others),
            _ => (0..other.len()).for_each(|index| self.push(other.get(index))),
        }
    }

    /// Some of the sequences.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Texts(texts) => Self::Texts(texts.select(indices)),
            Self::Any(_) => Self::Any(indices.iter().map(|&index| self.get(index)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Frames;
    use crate::input::text::Encoded;

    #[test]
    fn what_goes_in_comes_out() {
        let text = Sequence::from(Encoded {
            ids: vec![7, 8, 9],
            type_ids: vec![0, 0, 1],
            truncated: true,
        });
        let sound = Sequence::from(Frames {
            values: vec![0.5; 8].into(),
            width: 2,
            steps: 2,
            heard: 0..1,
            truncated: false,
        });
        let mut store = SequenceStore::default();
        store.push(text.clone());
        assert!(matches!(store, SequenceStore::Texts(_)));
        store.push(sound.clone());
        store.push(text.clone());
        assert_eq!((store.get(0), store.get(1)), (text.clone(), sound.clone()));
        assert_eq!((store.len(), store.truncated()), (3, 2));
        assert_eq!((store.length(0), store.length(1)), (3, 2));
        let mut others = store.select(&[1, 1]);
        others.append(&store);
        assert_eq!(
            (others.len(), others.get(0), others.get(2)),
            (5, sound, text)
        );
    }
}
