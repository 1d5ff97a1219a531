//! Tags of words: BIO, and the finer and older schemes, all of which become BIO.

/// Whether this is a tag of a span's scheme: `O`, or a prefix of BIO, BIOES, BILOU or BMEWO with a kind.
pub(crate) fn is_tag(tag: &str) -> bool {
    tag == "O" || kind(tag).is_some()
}

/// Prefix and kind of a tag.
fn kind(tag: &str) -> Option<(u8, &str)> {
    let (prefix, kind) = tag.split_once('-')?;
    let &[prefix] = prefix.as_bytes() else {
        return None;
    };
    let is_kind = !kind.is_empty() && !kind.contains(char::is_whitespace);
    (b"BIESLUMW".contains(&prefix) && is_kind).then_some((prefix, kind))
}

/// Writes tags as BIO, joined by spaces: B at the first word of every span and I at the others. Older files begin spans
/// with I. What is no tag of a span stands as it is.
#[derive(Debug, Default)]
pub(crate) struct Bio {
    /// The tags so far.
    pub(crate) joined: String,
    /// Prefix of the last tag, if it was one of a span.
    prefix: Option<u8>,
    /// Kind of the last span, or the last tag if it was none of a span.
    kind: String,
}

impl Bio {
    /// Adds the tag of the next word.
    pub(crate) fn push(&mut self, tag: &str) {
        let found = kind(tag);
        let Some((prefix, kind)) = found else {
            self.write("", tag);
            self.prefix = None;
            return;
        };
        let goes_on = self.prefix.is_some_and(|before| {
            // what closes a span is followed by another, whatever its tag says
            let closed = b"ESUW".contains(&before) && b"IM".contains(&prefix);
            self.kind == kind && !closed
        });
        let begins = b"BSUW".contains(&prefix) || !goes_on;
        self.write(if begins { "B-" } else { "I-" }, kind);
        self.prefix = Some(prefix);
    }

    /// Adds the tag of another part of the last word.
    pub(crate) fn go_on(&mut self) {
        let last = std::mem::take(&mut self.kind);
        self.write(if self.prefix.is_some() { "I-" } else { "" }, &last);
    }

    fn write(&mut self, prefix: &str, rest: &str) {
        if !self.joined.is_empty() {
            self.joined.push(' ');
        }
        self.joined.push_str(prefix);
        self.joined.push_str(rest);
        self.kind.clear();
        self.kind.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bio(tags: &str) -> String {
        let mut bio = Bio::default();
        tags.split(' ').for_each(|tag| bio.push(tag));
        bio.joined
    }

    #[test]
    fn every_scheme_becomes_bio() {
        assert_eq!(bio("S-a B-a E-a O U-b L-b"), "B-a B-a I-a O B-b I-b");
        assert_eq!(bio("I-a I-a I-b O I-b"), "B-a I-a B-b O B-b");
        // IOB1: B only where a span follows one of its kind
        assert_eq!(bio("I-a B-a I-a O"), "B-a B-a I-a O");
        assert_eq!(
            bio("B-a I-a L-a U-a B-a I-a I-a L-a"),
            "B-a I-a I-a B-a B-a I-a I-a I-a"
        );
        assert_eq!(bio("B-a M-a E-a W-a O"), "B-a I-a I-a B-a O");
        assert_eq!(bio("S-a I-a"), "B-a B-a");
        // a kind may hold hyphens
        assert_eq!(
            bio("B-work-of-art E-work-of-art"),
            "B-work-of-art I-work-of-art"
        );
    }

    #[test]
    fn a_word_in_parts_has_one_tag() {
        let mut bio = Bio::default();
        for (tag, parts) in [("S-a", 2), ("O", 2), ("B-b", 1), ("I-b", 2)] {
            bio.push(tag);
            (1..parts).for_each(|_| bio.go_on());
        }
        assert_eq!(bio.joined, "B-a I-a O O B-b I-b I-b");
    }

    #[test]
    fn what_is_no_tag_is_none() {
        for tag in ["O", "B-PER", "L-x", "I-work-of-art"] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in ["", "o", "B", "B-", "X-PER", "NNP", "-DOCSTART-", "BB-x"] {
            assert!(!is_tag(tag), "{tag}");
        }
    }
}
