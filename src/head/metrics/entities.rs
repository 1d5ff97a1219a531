use crate::head::span_label;

/// A run of words with one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity<'a> {
    /// The label without its "B-" or "I-".
    pub label: &'a str,
    /// First word.
    pub start: usize,
    /// The word after the last.
    pub end: usize,
}

/// The entities that the BIO tags of a sentence's words make, as `head::spans` decodes them: "B-x" begins
/// one, "I-x" continues one of x or begins one where there is none, a label without a prefix counts as
/// "I-", "O" is none.
#[must_use]
pub fn entities<'a>(tags: &[&'a str]) -> Vec<Entity<'a>> {
    let mut entities: Vec<Entity<'a>> = Vec::new();
    for (word, tag) in tags.iter().enumerate() {
        let Some((begins, label)) = span_label(tag) else {
            continue;
        };
        match entities.last_mut() {
            Some(open) if !begins && open.end == word && open.label == label => open.end += 1,
            _ => entities.push(Entity {
                label,
                start: word,
                end: word + 1,
            }),
        }
    }
    entities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_entities() {
        let found = |tags: &[&'static str]| -> Vec<(&str, usize, usize)> {
            entities(tags)
                .iter()
                .map(|e| (e.label, e.start, e.end))
                .collect()
        };
        assert_eq!(
            found(&["B-x", "I-x", "B-x", "O", "I-y", "I-x", "B-a-b"]),
            [
                ("x", 0, 2),
                ("x", 2, 3),
                ("y", 4, 5),
                ("x", 5, 6),
                ("a-b", 6, 7)
            ]
        );
        assert_eq!(found(&["z", "z", "O", "z"]), [("z", 0, 2), ("z", 3, 4)]);
        assert!(found(&[]).is_empty());
    }
}
