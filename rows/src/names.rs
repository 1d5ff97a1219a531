//! What columns are usually called.

/// Columns of texts, the likelier first. A plural is as good.
const TEXT: [&[&str]; 2] = [
    &[
        "text",
        "sentence",
        "tokens",
        "words",
        "content",
        "message",
        "msg",
        "review",
        "comment",
        "tweet",
        "post",
        "body",
        "utterance",
        "sms",
        "document",
        "commenttext",
        "reviewtext",
        "reviewbody",
        "tweettext",
        "messagetext",
        "fulltext",
        "selftext",
        "article",
        "passage",
        "abstract",
        "statement",
        "sent",
    ],
    &[
        "question",
        "query",
        "title",
        "headline",
        "description",
        "input",
        "premise",
        "summary",
        "prompt",
        "context",
        "string",
        "request",
        "email",
        "subject",
        "transcript",
        "phrase",
        "caption",
        "claim",
        "word",
        // German, French, Spanish, Italian and Portuguese
        "texte",
        "texto",
        "testo",
        "satz",
        "kommentar",
        "commentaire",
        "comentario",
        "nachricht",
    ],
];

/// Columns of labels, the likelier first.
const LABEL: [&[&str]; 5] = [
    &["label"],
    &[
        "goldlabel",
        "class",
        "category",
        "target",
        "gold",
        "y",
        "nertag",
        "output",
        "accept",
        "kategorie",
        "klasse",
        "categorie",
        "catégorie",
        "categoria",
        "categoría",
        "clase",
        "classe",
        "etiqueta",
        "étiquette",
        "etichetta",
    ],
    &[
        "tag",
        "intent",
        "sentiment",
        "topic",
        "emotion",
        "entity",
        "annotation",
        "completion",
        "ner",
        "span",
        "choice",
        "polarity",
        "airlinesentiment",
        "classindex",
    ],
    &[
        "score",
        "similarity",
        "rating",
        "star",
        "answer",
        "quality",
        "isduplicate",
        "stance",
        "bewertung",
    ],
    &["type", "language", "lang", "genre"],
];

/// The rank of names that more often say something else of a text.
pub(crate) const WEAKEST_LABEL: usize = LABEL.len() - 1;

/// Two columns that are a pair, the first text first.
const PAIRS: [(&str, &str); 14] = [
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "context"),
    ("question", "response"),
    ("query", "passage"),
    ("query", "document"),
    ("query", "response"),
    ("query", "text"),
    ("prompt", "response"),
    ("context", "response"),
    ("claim", "evidence"),
    ("anchor", "positive"),
    ("text", "hypothesis"),
];

/// Stems that `1` and `2`, or `a` and `b`, make a pair of.
const NUMBERED: [&str; 12] = [
    "text", "sentence", "sent", "question", "input", "premise", "string", "phrase", "title",
    "query", "document", "s",
];

/// Columns that only number the rows.
const IDS: [&str; 12] = [
    "id",
    "ids",
    "idx",
    "index",
    "uid",
    "guid",
    "uuid",
    "unnamed:0",
    "pairid",
    "rowid",
    "itemid",
    "no",
];

/// A name in small letters, without spaces and punctuation.
fn plain(name: &str) -> String {
    let letters = name.trim().chars().filter(|c| !" _-.#".contains(*c));
    letters.flat_map(char::to_lowercase).take(40).collect()
}

/// How likely a column of this name holds texts: 0 is the likeliest.
pub(crate) fn text_rank(name: &str) -> Option<usize> {
    // `Sentence #` numbers the sentences
    if name.trim_end().ends_with('#') {
        return None;
    }
    let name = plain(name);
    let stem = name.strip_suffix('s').unwrap_or(&name);
    TEXT.iter()
        .position(|names| names.contains(&&*name) || names.contains(&stem))
}

/// How likely a column of this name holds labels.
pub(crate) fn label_rank(name: &str) -> Option<usize> {
    let words = name.split_whitespace().count();
    let name = plain(name);
    let endings = ["", "s", "es", "name", "text", "id", "ids", "names"];
    let mut stems: Vec<&str> = endings
        .iter()
        .filter_map(|ending| name.strip_suffix(ending))
        .collect();
    // categories, entities
    let single = name.strip_suffix("ies").map(|stem| format!("{stem}y"));
    stems.extend(single.as_deref());
    let rank = LABEL
        .iter()
        .position(|names| stems.iter().any(|stem| names.contains(stem)));
    // entailment_label
    rank.or_else(|| (words < 3 && name.ends_with("label")).then_some(1))
}

/// Whether a column's name says that a text has several labels.
pub(crate) fn says_several(name: &str) -> bool {
    let name = plain(name.rsplit('.').next().unwrap_or(name));
    // stars and ratings are amounts
    label_rank(&name).is_some_and(|rank| rank < 3) && name.ends_with('s') && name != "class"
}

/// Whether a column of this name holds a pair's first text, and how the second is then called.
pub(crate) fn second_of(name: &str) -> Vec<String> {
    let name = plain(name);
    let mut seconds: Vec<String> = Vec::new();
    for (one, two) in [("1", "2"), ("a", "b")] {
        let ends = name
            .strip_suffix(one)
            .filter(|stem| NUMBERED.contains(stem));
        seconds.extend(ends.map(|stem| format!("{stem}{two}")));
        let begins = name
            .strip_prefix(one)
            .filter(|stem| NUMBERED.contains(stem));
        seconds.extend(begins.map(|stem| format!("{two}{stem}")));
    }
    if let Some(stem) = NUMBERED.iter().find(|stem| **stem == name) {
        seconds.push(format!("{stem}2"));
    }
    let pairs = PAIRS.iter().filter(|(first, _)| *first == name);
    seconds.extend(pairs.map(|(_, second)| (*second).to_owned()));
    seconds
}

/// Whether a column is called so, spaces and case aside.
pub(crate) fn is(name: &str, wanted: &str) -> bool {
    plain(name) == wanted
}

/// Whether a column of this name numbers the rows.
pub(crate) fn is_id(name: &str) -> bool {
    let name = plain(name);
    IDS.contains(&&*name)
}

/// Whether this is a usual name of a column.
pub(crate) fn is_any(name: &str) -> bool {
    let short = name.len() <= 60;
    let hypothesis = |name: &str| is(name, "hypothesis");
    let pair = |name: &str| second_of(name).len() == 1 && plain(name).len() > 2;
    short
        && (text_rank(name).is_some()
            || label_rank(name).is_some()
            || hypothesis(name)
            || pair(name))
}
