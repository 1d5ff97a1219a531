use tokenizers::PreTokenizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::delimiter::CharDelimiterSplit;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::fixed_length::FixedLength;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::pre_tokenizers::unicode_scripts::UnicodeScripts;
use tokenizers::pre_tokenizers::whitespace::{Whitespace, WhitespaceSplit};

use super::{Fields, Outcome, Part};

/// Characters of a piece of `FixedLength`, if the file does not say.
const LENGTH: usize = 5;

impl Part for dyn PreTokenizer + Send + Sync {
    const SORT: &str = "pre-tokenizer";
    const PARTS: &str = "pretokenizers";

    fn read(fields: &Fields<'_>) -> Outcome<Option<Box<Self>>> {
        Ok(Some(match fields.kind() {
            "BertPreTokenizer" => Box::new(BertPreTokenizer),
            "ByteLevel" => Box::new(byte_level(fields)?),
            "CharDelimiterSplit" => Box::new(CharDelimiterSplit::new(fields.get("delimiter")?)),
            "Digits" => Box::new(Digits::new(fields.get("individual_digits")?)),
            "FixedLength" => Box::new(FixedLength::new(
                fields.optional("length")?.unwrap_or(LENGTH),
            )),
            "Metaspace" => Box::new(metaspace(fields)?),
            "Punctuation" => Box::new(match fields.optional("behavior")? {
                Some(behavior) => Punctuation::new(behavior),
                None => Punctuation::default(),
            }),
            "Split" => {
                let pattern = fields.pattern(SplitPattern::String, SplitPattern::Regex)?;
                let (behavior, invert) = (fields.get("behavior")?, fields.get("invert")?);
                let split = Split::new(pattern, behavior, invert);
                Box::new(split.map_err(|error| error.to_string())?)
            }
            "UnicodeScripts" => Box::new(UnicodeScripts::new()),
            "Whitespace" => Box::new(Whitespace),
            "WhitespaceSplit" => Box::new(WhitespaceSplit),
            _ => return Ok(None),
        }))
    }
}

/// Bytes as characters; a pre-tokenizer and a post-processor.
pub(super) fn byte_level(fields: &Fields<'_>) -> Outcome<ByteLevel> {
    Ok(ByteLevel::new(
        fields.get("add_prefix_space")?,
        fields.get("trim_offsets")?,
        fields.optional("use_regex")?.unwrap_or(true),
    ))
}

/// Older files have `add_prefix_space` in place of `prepend_scheme`.
fn metaspace(fields: &Fields<'_>) -> Outcome<Metaspace> {
    let scheme: Option<PrependScheme> = fields.optional("prepend_scheme")?;
    let scheme = match (scheme, fields.optional("add_prefix_space")?) {
        (Some(PrependScheme::First | PrependScheme::Always), Some(false)) => {
            return Err("its pre-tokenizer Metaspace has an `add_prefix_space` and a `prepend_scheme` that disagree".into());
        }
        (None, Some(false)) => PrependScheme::Never,
        (scheme, _) => scheme.unwrap_or(PrependScheme::Always),
    };
    let split = fields.optional("split")?.unwrap_or(true);
    Ok(Metaspace::new(fields.get("replacement")?, scheme, split))
}
