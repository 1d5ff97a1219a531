//! The table of a precompiled normalizer, as SentencePiece writes it: a double-array trie from characters to places in a
//! text of replacements. The tokenizers crate walks it without a check, so it is checked here.

/// A unit of the trie.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    /// Whether a byte leads to it; the others hold places of replacements.
    fn is_node(self) -> bool {
        self.0 >> 31 == 0
    }

    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    fn place(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }

    fn offset(self) -> usize {
        ((self.0 >> 10) as usize) << ((self.0 & 1 << 9) >> 6)
    }
}

/// Whether no text can lead out of the table (base64): every byte behind every node is inside the trie, and every
/// replacement begins at a character of the text of replacements.
pub(super) fn is_sound(table: &str) -> bool {
    let Ok(bytes) = base64::decode(table) else {
        return false;
    };
    let Some((size, rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let size = u32::from_le_bytes(*size) as usize / 4 * 4;
    let Some((trie, replacements)) = rest.split_at_checked(size) else {
        return false;
    };
    let Ok(replacements) = std::str::from_utf8(replacements) else {
        return false;
    };
    let units = trie.as_chunks().0.iter();
    let units: Vec<Unit> = units.map(|unit| Unit(u32::from_le_bytes(*unit))).collect();
    let is_safe = |(index, unit): (usize, &Unit)| {
        let next = index ^ unit.offset();
        let is_inside = next | 0xff < units.len();
        let leads_to_text = || {
            let place = units.get(next).map_or(usize::MAX, |leaf| leaf.place());
            replacements.is_char_boundary(place)
        };
        is_inside && (!unit.has_leaf() || leads_to_text())
    };
    let nodes = units.iter().enumerate();
    let mut nodes = nodes.filter(|(index, unit)| *index == 0 || unit.is_node());
    !units.is_empty() && nodes.all(is_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trie of one entry: the letter b becomes what `place` in "B" says.
    fn table(place: u32, offset: u32) -> String {
        let mut units = vec![0u32; 512];
        units[98] = 98 | 1 << 8 | offset << 10;
        if let Some(leaf) = units.get_mut((98 ^ offset) as usize) {
            *leaf = 1 << 31 | place;
        }
        let mut bytes = (units.len() as u32 * 4).to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend("é\0".bytes());
        base64::encode(bytes)
    }

    #[test]
    fn what_leads_out_of_the_table_is_refused() {
        assert!(is_sound(&table(0, 256)));
        assert!(is_sound(&table(2, 256)));
        // beyond the replacements, inside a character, beyond the trie
        assert!(!is_sound(&table(9, 256)));
        assert!(!is_sound(&table(1, 256)));
        assert!(!is_sound(&table(0, 1024)));
        let whole = base64::decode(table(0, 256)).unwrap();
        for end in [0, 3, 4, 5, 100, 2051] {
            assert!(!is_sound(&base64::encode(&whole[..end])), "{end}");
        }
        let mut liar = whole.clone();
        liar[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(!is_sound(&base64::encode(liar)));
        assert!(!is_sound("no base64"));
    }
}
