use tokenizers::PostProcessor;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;

use super::pre_tokenizer::byte_level;
use super::{Fields, Outcome, Part};

impl Part for dyn PostProcessor + Send + Sync {
    const SORT: &str = "post-processor";
    const PARTS: &str = "processors";

    fn read(fields: &Fields<'_>) -> Outcome<Option<Box<Self>>> {
        Ok(Some(match fields.kind() {
            "BertProcessing" => {
                Box::new(BertProcessing::new(fields.get("sep")?, fields.get("cls")?))
            }
            "ByteLevel" => Box::new(byte_level(fields)?),
            "RobertaProcessing" => {
                let processing = RobertaProcessing::new(fields.get("sep")?, fields.get("cls")?);
                let processing = processing
                    .trim_offsets(fields.optional("trim_offsets")?.unwrap_or(true))
                    .add_prefix_space(fields.optional("add_prefix_space")?.unwrap_or(true));
                Box::new(processing)
            }
            "TemplateProcessing" => Box::new(fields.all::<TemplateProcessing>()?),
            _ => return Ok(None),
        }))
    }
}
