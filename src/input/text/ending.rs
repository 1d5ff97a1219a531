use super::Encoded;

/// Where the sequence of a text ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Behind its last token.
    #[default]
    Last,
    /// Behind the first of the tokens of this number; if there is none, behind the first of all.
    At(u32),
    /// Behind the first of the tokens with the highest number.
    AtHighest,
    /// At the most that the model reads. Tokens of this number fill a shorter one.
    Filled(u32),
}

impl Ending {
    /// The sequence, of which at most `limit` tokens are read.
    pub(super) fn of(self, mut encoded: Encoded, limit: usize) -> Encoded {
        let ids = &encoded.ids;
        let first = |id: u32| ids.iter().position(|&own| own == id).unwrap_or_default();
        let length = match self {
            Self::Last => return encoded,
            Self::At(id) => first(id) + 1,
            Self::AtHighest => ids.iter().max().map_or(0, |&highest| first(highest) + 1),
            Self::Filled(_) => limit.max(ids.len()),
        };
        let fill = match self {
            Self::Filled(id) => id,
            _ => 0,
        };
        encoded.ids.resize(length, fill);
        encoded.type_ids.resize(length, 0);
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ending: Ending, ids: &[u32], limit: usize) -> Vec<u32> {
        let encoded = Encoded {
            ids: ids.to_vec(),
            type_ids: vec![0; ids.len()],
            truncated: false,
        };
        let ended = ending.of(encoded, limit);
        assert_eq!(ended.ids.len(), ended.type_ids.len());
        ended.ids
    }

    #[test]
    fn a_sequence_ends_where_the_model_looks() {
        let text = [7, 3, 9, 3, 9];
        assert_eq!(ids(Ending::Last, &text, 8), text);
        assert_eq!(ids(Ending::At(3), &text, 8), [7, 3]);
        assert_eq!(ids(Ending::At(5), &text, 8), [7]);
        assert_eq!(ids(Ending::AtHighest, &text, 8), [7, 3, 9]);
        assert_eq!(ids(Ending::Filled(1), &text, 7), [7, 3, 9, 3, 9, 1, 1]);
        assert_eq!(ids(Ending::Filled(1), &text, 2), text);
    }
}
