/// The characters (Unicode code points) of a text by number. Asked in rising order, it goes through the text once.
pub struct Characters<'a> {
    text: &'a str,
    character: usize,
    byte: usize,
    utf16: usize,
}

impl<'a> Characters<'a> {
    /// Of a text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            character: 0,
            byte: 0,
            utf16: 0,
        }
    }

    fn go_to(&mut self, character: usize) {
        if character < self.character {
            *self = Self::new(self.text);
        }
        for next in self.text[self.byte..]
            .chars()
            .take(character - self.character)
        {
            self.character += 1;
            self.byte += next.len_utf8();
            self.utf16 += next.len_utf16();
        }
    }

    /// How many UTF-16 units stand before a character, as JavaScript counts.
    pub fn utf16(&mut self, character: usize) -> usize {
        self.go_to(character);
        self.utf16
    }

    /// The characters from `start` up to `end`.
    pub fn part(&mut self, start: usize, end: usize) -> &'a str {
        self.go_to(start);
        let from = self.byte;
        self.go_to(end.max(start));
        &self.text[from..self.byte]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_any_order() {
        let mut text = Characters::new("a\u{1F600}\u{e9}b");
        assert_eq!(text.part(1, 3), "\u{1F600}\u{e9}");
        assert_eq!(text.utf16(4), 5);
        assert_eq!(text.part(0, 2), "a\u{1F600}");
        assert_eq!((text.utf16(1), text.utf16(2)), (1, 3));
        assert_eq!(text.part(3, 99), "b");
        assert_eq!(text.part(3, 1), "");
    }
}
