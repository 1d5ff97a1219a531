//! JSON as programs write it, read in place: a value is a range of the text, and nothing is built.
//!
//! Beside JSON it takes what Python prints: `NaN` and `Infinity`, `None`, `True`, strings in single quotes, tuples, and
//! lists of NumPy, which have no commas.

mod value;

use std::borrow::Cow;

pub(crate) use value::Value;

/// Deepest nesting that is read.
const DEEPEST: usize = 128;

/// Reads one value after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// From a byte of the text on.
    pub(crate) fn at(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The byte that is read next.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Passes over spaces; the byte that follows.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        self.at += blank.count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over a byte if it is the next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The next value; nothing where there is none, or a broken one.
    pub(crate) fn value(&mut self) -> Option<Value<'a>> {
        self.value_in(0)
    }

    fn value_in(&mut self, depth: usize) -> Option<Value<'a>> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' | b'\'' => self.string().map(Value::Text),
            b'[' | b'(' => {
                self.list(depth, if first == b'[' { b']' } else { b')' })?;
                Some(Value::List(&self.text[start..self.at]))
            }
            b'{' => {
                self.object(depth)?;
                Some(Value::Object(&self.text[start..self.at]))
            }
            _ => self.word(),
        }
    }

    /// A string with its quotes passed over; the text between them.
    fn string(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let quote = *bytes.get(self.at)?;
        let start = self.at + 1;
        let mut at = start;
        loop {
            match *bytes.get(at)? {
                b'\\' => at += 2,
                b'\n' | b'\r' => return None,
                byte if byte == quote => break,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        self.text.get(start..at)
    }

    /// A number or a name.
    fn word(&mut self) -> Option<Value<'a>> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        let word = &rest[..rest.bytes().take_while(|byte| is_part(byte)).count()];
        let value = match word {
            "null" | "None" | "NaN" | "nan" => Value::Missing,
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "Infinity" | "-Infinity" | "inf" | "-inf" => Value::Number(word),
            _ if is_number(word) => Value::Number(word),
            _ => return None,
        };
        self.at += word.len();
        Some(value)
    }

    fn list(&mut self, depth: usize, close: u8) -> Option<()> {
        if depth == DEEPEST {
            return None;
        }
        self.at += 1;
        loop {
            if self.take(close) {
                return Some(());
            }
            let end = {
                self.value_in(depth + 1)?;
                self.at
            };
            let follows = self.peek()?;
            if follows == b',' {
                self.at += 1;
            } else if follows != close && self.at == end {
                // without a comma there must be a space
                return None;
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth == DEEPEST {
            return None;
        }
        self.at += 1;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            self.key()?;
            self.value_in(depth + 1)?;
            if !self.take(b',') {
                return self.take(b'}').then_some(());
            }
            if self.take(b'}') {
                return Some(());
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Option<&'a str> {
        if !matches!(self.peek()?, b'"' | b'\'') {
            return None;
        }
        let key = self.string()?;
        self.take(b':').then_some(key)
    }
}

/// `-12`, `3.5`, `1e-5`; also `.5`, `5.` and `+1`, which Python prints or takes.
fn is_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && word.parse::<f64>().is_ok()
}

/// The values of a list.
pub(crate) fn items(list: &str) -> Items<'_> {
    Items(Reader::at(list, 1))
}

/// Iterator of [`items`].
#[derive(Clone)]
pub(crate) struct Items<'a>(Reader<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.0.take(b',');
        self.0.value()
    }
}

/// The members of an object; keys as they stand between their quotes.
pub(crate) fn members(object: &str) -> impl Iterator<Item = (&str, Value<'_>)> {
    let mut reader = Reader::at(object, 1);
    std::iter::from_fn(move || {
        reader.take(b',');
        let key = reader.key()?;
        Some((key, reader.value()?))
    })
}

/// The value of a key.
pub(crate) fn member<'a>(object: &'a str, key: &str) -> Option<Value<'a>> {
    let mut members = members(object);
    members.find_map(|(found, value)| (found == key).then_some(value))
}

/// The whole text as one value.
pub(crate) fn parse(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader::at(text, 0);
    let value = reader.value()?;
    reader.peek().is_none().then_some(value)
}

/// A set as Python prints it (`{'a', 'b'}`), as a list.
pub(crate) fn parse_set(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader::at(text, 0);
    if reader.peek() != Some(b'{') {
        return None;
    }
    reader.list(0, b'}')?;
    let list = Value::List(&text[..reader.place()]);
    reader.peek().is_none().then_some(list)
}

/// What stands in a call of Python (`frozenset({'a'})`, `array(['a'], dtype=object)`), as a list.
pub(crate) fn parse_call(text: &str) -> Option<Value<'_>> {
    const CALLS: [&str; 7] = [
        "frozenset(",
        "set(",
        "np.array(",
        "array(",
        "list(",
        "tuple(",
        "tensor(",
    ];
    let inner = CALLS.iter().find_map(|call| text.strip_prefix(call))?;
    let inner = inner.strip_suffix(')')?;
    if inner.trim().is_empty() {
        return Some(Value::List("[]"));
    }
    if let Some(set) = parse_set(inner) {
        return Some(set);
    }
    let mut reader = Reader::at(inner, 0);
    let value = reader.value()?;
    // a data type may follow
    let is_list = matches!(value, Value::List(_));
    let follows = inner[reader.place()..].trim_start();
    (is_list && (follows.is_empty() || follows.starts_with(", dtype="))).then_some(value)
}

/// A string's text. An escape that there is none of stands for its character, half of a surrogate pair for U+FFFD.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        let Some(escape) = chars.next() else { break };
        rest = chars.as_str();
        match escape {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'u' => text.push(unicode(&mut rest)),
            'x' => match hex(rest, 2) {
                Some(code) => {
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = &rest[2..];
                }
                None => text.push('x'),
            },
            other => text.push(other),
        }
    }
    text.push_str(rest);
    text.into()
}

/// The character of `\uXXXX`, behind whose `u` `rest` begins, perhaps of two such.
fn unicode(rest: &mut &str) -> char {
    let Some(first) = hex(rest, 4) else {
        return char::REPLACEMENT_CHARACTER;
    };
    *rest = &rest[4..];
    if (0xd800..0xdc00).contains(&first)
        && let Some(after) = rest.strip_prefix("\\u")
        && let Some(second) = hex(after, 4).filter(|second| (0xdc00..0xe000).contains(second))
    {
        *rest = &after[4..];
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hex(text: &str, digits: usize) -> Option<u32> {
    let digits = text.get(..digits)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &str) -> Vec<String> {
        let plain = |value: Value<'_>| value.plain().unwrap().into_owned();
        items(list).map(plain).collect()
    }

    #[test]
    fn values_are_ranges_of_the_text() {
        let text = r#" {"a": [1, "x\"y"], "b": {"c": null}, "d": NaN} "#;
        let Some(Value::Object(object)) = parse(text) else {
            panic!()
        };
        let members: Vec<_> = members(object).collect();
        assert_eq!(
            members,
            [
                ("a", Value::List(r#"[1, "x\"y"]"#)),
                ("b", Value::Object(r#"{"c": null}"#)),
                ("d", Value::Missing),
            ]
        );
        assert_eq!(texts(r#"[1, "x\"y"]"#), ["1", "x\"y"]);
        assert_eq!(member(object, "d"), Some(Value::Missing));
    }

    #[test]
    fn what_python_prints_is_read() {
        assert_eq!(texts("['anger', 'sur\\'prise']"), ["anger", "sur'prise"]);
        assert_eq!(texts("['O' 'B-PER'\n 'O']"), ["O", "B-PER", "O"]);
        assert_eq!(texts("(1, 2.5, None, True)"), ["1", "2.5", "", "true"]);
        assert_eq!(texts("[0 1 1]"), ["0", "1", "1"]);
        assert_eq!(
            parse("{'text': 'a', }"),
            Some(Value::Object("{'text': 'a', }"))
        );
        assert_eq!(parse("-Infinity"), Some(Value::Number("-Infinity")));
    }

    #[test]
    fn what_is_broken_is_nothing() {
        for text in [
            "",
            "[",
            "[1",
            "{\"a\"}",
            "{\"a\":}",
            "{a: 1}",
            "[OTHER]",
            "\"a\nb\"",
            "tru",
            "1 2",
            "[\"a\"\"b\"]",
            "--1",
            "{\"a\": 1 \"b\": 2}",
            "\"a\\",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_some());
        assert!(parse(&"[".repeat(1_000_000)).is_none());
    }

    #[test]
    fn escapes_are_characters() {
        assert_eq!(unescape(r"a\n\t\u00e9\ud83d\ude00\x41\/\q"), "a\n\té😀A/q");
        assert_eq!(unescape(r"\ud83dx \u12"), "\u{fffd}x \u{fffd}12");
    }
}
