//! The one error type: what is wrong, where, and what to do about it.
//!
//! Every variant has a stable [code](Error::code) that callers may match on (it crosses into
//! JavaScript unchanged) and a sentence a person can act on.

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The adapter was made for another frozen model.
    #[error(
        "adapter \"{adapter}\" does not fit this backbone: its {property} is {found}, the backbone's is {expected}; load the backbone it was trained on, or train it again on this one"
    )]
    BackboneMismatch {
        /// The adapter's name or folder.
        adapter: String,
        /// What differs: "hidden size", "number of layers", "fingerprint", …
        property: &'static str,
        /// The backbone's value.
        expected: String,
        /// The adapter's value.
        found: String,
    },
    /// An adapter kind that is not in [`crate::adapter::KINDS`].
    #[error("{place}: adapter kind \"{kind}\" is not known here; known kinds: {known}")]
    UnknownKind {
        /// The file or option that names it.
        place: String,
        /// The name found.
        kind: String,
        /// The names that would have been accepted.
        known: String,
    },
    /// A known kind with a setting that changes the mathematics and is not implemented.
    #[error(
        "{place}: {feature} is not supported, and ignoring it would change the adapter's answers; save the adapter without it"
    )]
    UnsupportedFeature {
        /// The file.
        place: String,
        /// The field and its value.
        feature: String,
    },
    /// A model of an architecture that is not implemented.
    #[error("{place}: {reason}")]
    ModelUnsupported {
        /// The file or folder.
        place: String,
        /// What it holds, and what could be read.
        reason: String,
    },
    /// A method of one of the libraries that is not computed here.
    #[error("{place}: {method} is not supported: {hint}")]
    MethodUnsupported {
        /// The file.
        place: String,
        /// The method's name.
        method: String,
        /// What to do.
        hint: String,
    },
    /// A configuration file that cannot be understood.
    #[error("{place}: {reason}")]
    ConfigInvalid {
        /// The file.
        place: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A tensor that the configuration promises is absent.
    #[error("{place}: tensor \"{tensor}\" is missing; the file does not match its configuration")]
    TensorMissing {
        /// The file.
        place: String,
        /// The tensor's key.
        tensor: String,
    },
    /// A tensor has another shape than its place needs.
    #[error("{place}: tensor \"{tensor}\" has shape {found:?}, but {expected:?} is needed here")]
    TensorShape {
        /// The file.
        place: String,
        /// The tensor's key.
        tensor: String,
        /// The shape needed.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A tensor holds NaN or an infinity.
    #[error(
        "{place}: tensor \"{tensor}\" holds {value} at element {index}; the file is damaged or its training diverged"
    )]
    TensorNotFinite {
        /// The file.
        place: String,
        /// The tensor's key.
        tensor: String,
        /// Flat index of the first such element.
        index: usize,
        /// "NaN" or "infinity".
        value: &'static str,
    },
    /// A file of a folder is absent.
    #[error("{place}: no {file} there; {hint}")]
    FileMissing {
        /// The folder.
        place: String,
        /// The file looked for.
        file: String,
        /// What to do.
        hint: &'static str,
    },
    /// A file ends before its own header says it does.
    #[error("{place} is truncated ({found} bytes): fetch or copy it again")]
    FileTruncated {
        /// The file.
        place: String,
        /// Its length in bytes.
        found: usize,
    },
    /// A file is not what its name says.
    #[error("{place} cannot be read: {reason}")]
    FileInvalid {
        /// The file.
        place: String,
        /// Why.
        reason: String,
    },
    /// A text without a single character other than white space.
    #[error("text {} is empty: give it at least one word", index + 1)]
    TextEmpty {
        /// Zero-based position in the call.
        index: usize,
    },
    /// An input of another sort than the model reads, such as a text for a model of sounds.
    #[error(
        "this model reads {reads}, and the input is something else: give it {reads}, or load a model for such inputs"
    )]
    InputUnsupported {
        /// What the model reads: "texts", "sounds".
        reads: &'static str,
    },
    /// A text that leaves an adapter's virtual tokens no positions.
    #[error(
        "a text of {tokens} tokens with the adapter's {virtual_tokens} virtual tokens is longer than the {limit} that the model reads: shorten the text"
    )]
    TextTooLong {
        /// Tokens of the text, special tokens included.
        tokens: usize,
        /// Positions that the adapter takes.
        virtual_tokens: usize,
        /// Positions that the model has.
        limit: usize,
    },
    /// A text for an adapter that compares two.
    #[error(
        "text {} has no second text, and adapter \"{adapter}\" compares two: give both",
        index + 1
    )]
    Text2Missing {
        /// Zero-based position in the call.
        index: usize,
        /// The adapter's name or folder.
        adapter: String,
    },
    /// A pair for an adapter that reads one text.
    #[error(
        "text {} is a pair, and adapter \"{adapter}\" reads one text: leave the second out",
        index + 1
    )]
    Text2Unexpected {
        /// Zero-based position in the call.
        index: usize,
        /// The adapter's name or folder.
        adapter: String,
    },
    /// A text in another encoding.
    #[error("text {} is not UTF-8: its byte {at} cannot be read; convert it to UTF-8", index + 1)]
    TextNotUtf8 {
        /// Zero-based position among the texts.
        index: usize,
        /// One-based position of the first byte that is wrong.
        at: usize,
    },
    /// Bytes that are no picture, or not the picture that their sizes say.
    #[error(
        "{place} cannot be read as a picture: {reason}; give a JPEG, PNG, GIF, WebP or BMP file, or all pixels of it"
    )]
    PictureInvalid {
        /// The file, or which picture of the call it is.
        place: String,
        /// Why.
        reason: String,
    },
    /// A picture with more pixels along a side, or more bytes, than are read.
    #[error(
        "{place} is {width} x {height} pixels, which is too large: at most {most} a side are read, and less if both sides are so long; make it smaller"
    )]
    PictureTooLarge {
        /// The file, or which picture of the call it is.
        place: String,
        /// Pixels in a row.
        width: usize,
        /// Pixels in a column.
        height: usize,
        /// Most pixels along a side.
        most: usize,
    },
    /// A recording without a single sample.
    #[error("{place}: the recording is empty: record it again, or choose another one")]
    SoundEmpty {
        /// The file or argument.
        place: String,
    },
    /// A sample that is NaN or infinite.
    #[error(
        "{place}: sample {} of the recording is {value}: record it again, or write the file again from finite samples",
        index + 1
    )]
    SoundNotFinite {
        /// The file or argument.
        place: String,
        /// Zero-based position of the first such sample.
        index: usize,
        /// "NaN" or "infinity".
        value: &'static str,
    },
    /// A sample rate that no recording has.
    #[error(
        "{place}: the sample rate is {rate} Hz, and it must be from {least} to {most} Hz: check what wrote the recording, or resample it"
    )]
    SoundRate {
        /// The file or argument.
        place: String,
        /// The rate, in hertz.
        rate: u32,
        /// The lowest, in hertz.
        least: u32,
        /// The highest, in hertz.
        most: u32,
    },
    /// A logit that is NaN or infinite.
    #[error(
        "text {}: the logit of \"{label}\" is {value}; the adapter's weights or its alpha are too large for 32-bit floats, or its training diverged: train it again with a lower learning rate, or fetch it again",
        index + 1
    )]
    LogitsNotFinite {
        /// Zero-based position of the text in the call.
        index: usize,
        /// The label.
        label: String,
        /// "NaN" or "infinity".
        value: &'static str,
    },
    /// A vector that holds NaN or an infinity.
    #[error(
        "text {}: its vector holds {value}; the adapter's weights or its alpha are too large for 32-bit floats, or its training diverged: train it again with a lower learning rate, or fetch it again",
        index + 1
    )]
    VectorNotFinite {
        /// Zero-based position of the text in the call.
        index: usize,
        /// "NaN" or "infinity".
        value: &'static str,
    },
    /// Some of many texts could not be answered; each was said when it came.
    #[error("{failed} of {total} line(s) could not be answered")]
    LinesFailed {
        /// How many.
        failed: usize,
        /// Of how many.
        total: usize,
    },
    /// No rows to train or evaluate on.
    #[error("there are no rows in {place}: give at least two rows of each class")]
    RowsEmpty {
        /// The file or argument.
        place: String,
    },
    /// Rows without a label.
    #[error("{place}: {count} row(s) have no label, the first is row {row}: label or remove them")]
    RowsUnlabelled {
        /// The file or argument.
        place: String,
        /// How many.
        count: usize,
        /// One-based number of the first.
        row: usize,
    },
    /// A row with one text for a head that compares two.
    #[error(
        "{place}: row {row} has one text, and a head that reads pairs \"apart\" compares two: give every row a second text, leave the row out, or train with pairs \"joint\""
    )]
    RowUnpaired {
        /// The file or argument.
        place: String,
        /// One-based number of the row.
        row: usize,
    },
    /// Only one class (or none) in the training rows.
    #[error(
        "{place}: all rows are labelled \"{label}\"; a classifier needs rows of at least two classes"
    )]
    ClassesTooFew {
        /// The file or argument.
        place: String,
        /// The only label.
        label: String,
    },
    /// More labels than can be learned.
    #[error(
        "{place}: the rows have {count} labels, and at most {most} can be learned; check which column holds the labels"
    )]
    ClassesTooMany {
        /// The file or argument.
        place: String,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A class with too few rows to learn from and to be judged on.
    #[error(
        "{place}: class \"{label}\" has {count} row(s), and at least 2 are needed, one to learn from and one to be judged on; add rows or remove the class"
    )]
    ClassTooSmall {
        /// The file or argument.
        place: String,
        /// The class.
        label: String,
        /// Its number of rows.
        count: usize,
    },
    /// A label in the rows that the adapter has no output for.
    #[error(
        "{place}: row {row} is labelled \"{label}\", which the adapter does not know; its labels are: {known}"
    )]
    LabelUnknown {
        /// The file or argument.
        place: String,
        /// One-based number of the row.
        row: usize,
        /// The label found.
        label: String,
        /// The adapter's labels.
        known: String,
    },
    /// A checkpoint of another run.
    #[error(
        "the checkpoint is of another run: its {what} is {found}, this run's is {expected}; go on with what it was made with, or begin anew without it"
    )]
    CheckpointMismatch {
        /// What differs: "backbone", "rows", "settings", …
        what: String,
        /// This run's.
        expected: String,
        /// The checkpoint's.
        found: String,
    },
    /// An option outside its range.
    #[error("option {option} is {value}: {reason}")]
    OptionInvalid {
        /// The option's name as the user writes it.
        option: &'static str,
        /// Its value.
        value: String,
        /// The range.
        reason: String,
    },
    /// An adapter of that name was never loaded.
    #[error("no adapter called \"{name}\" is loaded; loaded: {loaded}")]
    AdapterUnknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        loaded: String,
    },
    /// An answer was asked for while no adapter is in use.
    #[error("no adapter is in use: add one and use it before classifying")]
    AdapterNotInUse,
    /// An answer was asked for of an adapter that has no head.
    #[error("adapter \"{name}\" cannot answer: {reason}")]
    HeadMissing {
        /// The adapter's name.
        name: String,
        /// Why it has none, and what to do.
        reason: String,
    },
    /// Adapters that cannot be composed so.
    #[error("{place} cannot be used: {reason}")]
    CompositionInvalid {
        /// The block, by its path in the composition.
        place: String,
        /// What cannot be there, and what could.
        reason: String,
    },
    /// What the adapter does cannot be written in the format asked for.
    #[error("{what} cannot be written in {format}'s format: {hint}")]
    AdapterFormat {
        /// The kind or head.
        what: String,
        /// "PEFT" or "AdapterHub".
        format: &'static str,
        /// What to do.
        hint: String,
    },
    /// A file's SHA-256 is not the one that its manifest or side file lists.
    #[error(
        "{file} has SHA-256 {found} instead of {expected}, so it was damaged or changed: {hint}"
    )]
    ChecksumMismatch {
        /// The file.
        file: String,
        /// As listed.
        expected: String,
        /// Computed.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A browser gives the engine no more memory.
    #[error(
        "there is no memory for the {bytes} bytes of {what}: close other tabs, or convert the model with `graftlet convert` and load the folder that it writes"
    )]
    OutOfMemory {
        /// What was to be put there.
        what: String,
        /// Its length.
        bytes: usize,
    },
    /// The browser's storage cannot be used.
    #[error("the browser's storage cannot be used: {reason}")]
    StorageUnavailable {
        /// Why.
        reason: String,
    },
    /// The file system refused.
    #[error("{place}: {source}")]
    Io {
        /// The path.
        place: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}

/// Most characters of a [message](Error::message).
pub const LONGEST_MESSAGE: usize = 400;

/// How many of a longer one's last characters stay: they say what to do.
const END: usize = 150;

/// A text whose control characters, and those that change the direction of writing, are written as JSON does:
/// `\u001b`. A terminal would obey them.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            let code = u32::from(c);
            let digits = [12, 8, 4, 0].map(|shift| char::from_digit(code >> shift & 15, 16));
            safe.push_str("\\u");
            safe.extend(digits.into_iter().flatten());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A text without its middle if it is longer than a message may be.
fn shortened(text: &str) -> String {
    let Some((cut, _)) = text.char_indices().nth(LONGEST_MESSAGE - END - 3) else {
        return text.to_owned();
    };
    if text.chars().nth(LONGEST_MESSAGE).is_none() {
        return text.to_owned();
    }
    let end = text
        .char_indices()
        .rev()
        .nth(END - 1)
        .map_or(0, |(at, _)| at);
    format!("{} … {}", &text[..cut], &text[end..])
}

impl Error {
    /// The stable, snake_case code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BackboneMismatch { .. } => "backbone_mismatch",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::UnsupportedFeature { .. } => "unsupported_feature",
            Self::ModelUnsupported { .. } => "model_unsupported",
            Self::MethodUnsupported { .. } => "method_unsupported",
            Self::ConfigInvalid { .. } => "config_invalid",
            Self::TensorMissing { .. } => "tensor_missing",
            Self::TensorShape { .. } => "tensor_shape",
            Self::TensorNotFinite { .. } => "tensor_not_finite",
            Self::FileMissing { .. } => "file_missing",
            Self::FileTruncated { .. } => "file_truncated",
            Self::FileInvalid { .. } => "file_invalid",
            Self::TextEmpty { .. } => "text_empty",
            Self::InputUnsupported { .. } => "input_unsupported",
            Self::TextTooLong { .. } => "text_too_long",
            Self::Text2Missing { .. } => "text2_missing",
            Self::Text2Unexpected { .. } => "text2_unexpected",
            Self::TextNotUtf8 { .. } => "text_not_utf8",
            Self::PictureInvalid { .. } => "picture_invalid",
            Self::PictureTooLarge { .. } => "picture_too_large",
            Self::SoundEmpty { .. } => "sound_empty",
            Self::SoundNotFinite { .. } => "sound_not_finite",
            Self::SoundRate { .. } => "sound_rate",
            Self::LogitsNotFinite { .. } => "logits_not_finite",
            Self::VectorNotFinite { .. } => "vector_not_finite",
            Self::LinesFailed { .. } => "lines_failed",
            Self::RowsEmpty { .. } => "rows_empty",
            Self::RowsUnlabelled { .. } => "rows_unlabelled",
            Self::RowUnpaired { .. } => "row_unpaired",
            Self::ClassesTooFew { .. } => "classes_too_few",
            Self::ClassesTooMany { .. } => "classes_too_many",
            Self::ClassTooSmall { .. } => "class_too_small",
            Self::LabelUnknown { .. } => "label_unknown",
            Self::CheckpointMismatch { .. } => "checkpoint_mismatch",
            Self::OptionInvalid { .. } => "option_invalid",
            Self::AdapterUnknown { .. } => "adapter_unknown",
            Self::AdapterNotInUse => "adapter_not_in_use",
            Self::HeadMissing { .. } => "head_missing",
            Self::CompositionInvalid { .. } => "composition_invalid",
            Self::AdapterFormat { .. } => "adapter_format",
            Self::ChecksumMismatch { .. } => "checksum_mismatch",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::StorageUnavailable { .. } => "storage_unavailable",
            Self::Io { .. } => "io",
        }
    }

    /// The sentence as it is shown, on a terminal or in JavaScript: at most [`LONGEST_MESSAGE`] characters, and
    /// [`escaped`], for it names what stands in files that others have written.
    #[must_use]
    pub fn message(&self) -> String {
        let whole = self.to_string();
        shortened(&escaped(&shortened(&whole)))
    }

    /// The same error about a text that stands behind `before` others.
    #[must_use]
    pub fn behind(mut self, before: usize) -> Self {
        match &mut self {
            Self::TextEmpty { index }
            | Self::Text2Missing { index, .. }
            | Self::Text2Unexpected { index, .. }
            | Self::TextNotUtf8 { index, .. }
            | Self::LogitsNotFinite { index, .. }
            | Self::VectorNotFinite { index, .. } => *index += before,
            _ => {}
        }
        self
    }

    /// Whether it is about one text: others may be answered all the same.
    #[must_use]
    pub fn is_of_a_text(&self) -> bool {
        matches!(
            self,
            Self::TextEmpty { .. }
                | Self::TextTooLong { .. }
                | Self::Text2Missing { .. }
                | Self::Text2Unexpected { .. }
                | Self::TextNotUtf8 { .. }
                | Self::LogitsNotFinite { .. }
                | Self::VectorNotFinite { .. }
        )
    }

    /// An [`Error::Io`] at a path.
    pub fn io(place: impl AsRef<std::path::Path>) -> impl FnOnce(std::io::Error) -> Self {
        let place = place.as_ref().display().to_string();
        move |source| Self::Io { place, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str) -> String {
        Error::AdapterUnknown {
            name: name.to_owned(),
            loaded: "none".to_owned(),
        }
        .message()
    }

    #[test]
    fn a_message_has_no_control_characters() {
        let told = message("\u{1b}[31mred\u{7}\r\nline\u{9b}\u{7f}\u{202e}\u{2028}");
        assert_eq!(
            told,
            "no adapter called \"\\u001b[31mred\\u0007\\u000d\\u000aline\\u009b\\u007f\\u202e\\u2028\" is loaded; loaded: none"
        );
        assert!(message("中文 😀 é").contains("中文 😀 é"));
    }

    #[test]
    fn a_message_is_short_and_keeps_its_end() {
        for part in ["x", "😀", "\u{1b}"] {
            for count in [300, 346, 347, 1000, 1_000_000] {
                let told = message(&part.repeat(count));
                assert!(told.chars().count() <= LONGEST_MESSAGE, "{}", told.len());
                assert!(told.starts_with("no adapter called \""));
                assert!(told.ends_with("\" is loaded; loaded: none"));
            }
        }
        let whole = message(&"y".repeat(347));
        assert_eq!((whole.chars().count(), whole.contains('…')), (391, false));
    }
}
