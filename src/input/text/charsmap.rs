//! SentencePiece's precompiled table of normalisations: a trie as a double array, and the texts that replace what
//! it finds. The tokenizers crate follows it without a look at its bounds.

/// A unit of the double array, as in darts-clone.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    fn value(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }

    fn label(self) -> u32 {
        self.0 & (1 << 31 | 0xff)
    }

    fn offset(self) -> usize {
        ((self.0 >> 10) as usize) << ((self.0 & 1 << 9) >> 6)
    }
}

/// Says what is wrong with a table, given in Base64, if a text could lead out of it.
pub(super) fn fault(encoded: &str) -> Option<&'static str> {
    let Ok(table) = base64::decode(encoded) else {
        return Some("it is not Base64");
    };
    let Some((size, rest)) = table.split_first_chunk::<4>() else {
        return Some("it is cut short");
    };
    let size = u32::from_le_bytes(*size) as usize;
    let Some((trie, texts)) = rest.split_at_checked(size) else {
        return Some("its trie is longer than the table");
    };
    let Ok(texts) = std::str::from_utf8(texts) else {
        return Some("its texts are not UTF-8");
    };
    let units: Vec<Unit> = trie
        .as_chunks()
        .0
        .iter()
        .map(|unit| Unit(u32::from_le_bytes(*unit)))
        .collect();
    let Some(root) = units.first() else {
        return Some("its trie is empty");
    };
    // a node's children stand in the 256 units around its base
    let mut known = std::collections::BTreeSet::new();
    let mut waiting = vec![root.offset()];
    while let Some(base) = waiting.pop() {
        if (base | 0xff) >= units.len() {
            return Some("its trie leads out of the table");
        }
        for label in 1..=255u32 {
            let place = base ^ label as usize;
            let unit = units[place];
            if unit.label() != label {
                continue;
            }
            let next = place ^ unit.offset();
            if unit.has_leaf() {
                let value = units.get(next).map(|leaf| leaf.value());
                if !value.is_some_and(|value| texts.is_char_boundary(value)) {
                    return Some("its trie names a text that is not there");
                }
            }
            if known.insert(next) {
                waiting.push(next);
            }
        }
    }
    None
}
