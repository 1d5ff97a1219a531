use tokenizers::Normalizer;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{
    BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace,
    Strip, StripAccents,
};

use super::{Fields, Outcome, Part};

impl Part for dyn Normalizer + Send + Sync {
    const SORT: &str = "normalizer";
    const PARTS: &str = "normalizers";

    fn read(fields: &Fields<'_>) -> Outcome<Option<Box<Self>>> {
        Ok(Some(match fields.kind() {
            "BertNormalizer" => Box::new(BertNormalizer::new(
                fields.get("clean_text")?,
                fields.get("handle_chinese_chars")?,
                fields.optional("strip_accents")?,
                fields.get("lowercase")?,
            )),
            "ByteLevel" => Box::new(ByteLevel),
            "Lowercase" => Box::new(Lowercase),
            "NFC" => Box::new(NFC),
            "NFD" => Box::new(NFD),
            "NFKC" => Box::new(NFKC),
            "NFKD" => Box::new(NFKD),
            "Nmt" => Box::new(Nmt),
            "Precompiled" => Box::new(precompiled(fields)?),
            "Prepend" => Box::new(Prepend::new(fields.get("prepend")?)),
            "Replace" => {
                let pattern = fields.pattern(ReplacePattern::String, ReplacePattern::Regex)?;
                let content: String = fields.get("content")?;
                Box::new(Replace::new(pattern, content).map_err(|error| error.to_string())?)
            }
            "Strip" => Box::new(Strip::new(
                fields.get("strip_left")?,
                fields.get("strip_right")?,
            )),
            "StripAccents" => Box::new(StripAccents),
            _ => return Ok(None),
        }))
    }
}

/// SentencePiece's table.
fn precompiled(fields: &Fields<'_>) -> Outcome<Precompiled> {
    let table: String = fields.get("precompiled_charsmap")?;
    let table = base64::decode(table).map_err(|error| error.to_string())?;
    Precompiled::from(&table).map_err(|error| error.to_string())
}
