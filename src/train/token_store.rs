use crate::input::text::Encoded;

/// The tokens of many texts, end to end: five bytes a token and no allocation a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenStore {
    ids: Vec<u32>,
    type_ids: Vec<u8>,
    /// Where each text ends.
    ends: Vec<usize>,
    truncated: Vec<bool>,
}

impl TokenStore {
    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no texts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a text. A token type above 255, which no tokenizer has, counts as 255.
    pub fn push(&mut self, tokens: &Encoded) {
        self.ids.extend_from_slice(&tokens.ids);
        let narrow = |&id: &u32| u8::try_from(id).unwrap_or(u8::MAX);
        self.type_ids.extend(tokens.type_ids.iter().map(narrow));
        self.ends.push(self.ids.len());
        self.truncated.push(tokens.truncated);
    }

    fn range(&self, text: usize) -> std::ops::Range<usize> {
        let start = text.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[text]
    }

    /// Number of tokens of a text.
    ///
    /// # Panics
    /// If there is no such text, as with [`get`](Self::get).
    #[must_use]
    pub fn length(&self, text: usize) -> usize {
        self.range(text).len()
    }

    /// The tokens of a text.
    #[must_use]
    pub fn get(&self, text: usize) -> Encoded {
        let range = self.range(text);
        Encoded {
            ids: self.ids[range.clone()].to_vec(),
            type_ids: self.type_ids[range]
                .iter()
                .copied()
                .map(u32::from)
                .collect(),
            truncated: self.truncated[text],
        }
    }

    /// Number of texts that were cut.
    #[must_use]
    pub fn truncated(&self) -> usize {
        self.truncated.iter().filter(|&&cut| cut).count()
    }

    /// Adds the texts of another store.
    pub fn append(&mut self, other: &Self) {
        for text in 0..other.len() {
            self.push(&other.get(text));
        }
    }

    /// Some of the texts.
    #[must_use]
    pub fn select(&self, texts: &[usize]) -> Self {
        let mut store = Self::default();
        for &text in texts {
            store.push(&self.get(text));
        }
        store
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let texts = [
            (vec![7, 8, 9], vec![0, 0, 1], true),
            (vec![], vec![], false),
        ];
        let texts = texts.map(|(ids, type_ids, truncated)| Encoded {
            ids,
            type_ids,
            truncated,
        });
        let mut store = TokenStore::default();
        texts.iter().for_each(|text| store.push(text));
        assert_eq!(
            (store.get(0), store.get(1)),
            (texts[0].clone(), texts[1].clone())
        );
        assert_eq!((store.len(), store.length(0), store.truncated()), (2, 3, 1));
        assert_eq!(store.select(&[1, 0, 0]).get(2), texts[0]);
    }
}
