//! Prompt tuning: virtual tokens that are put into every text, and nothing else (Lester et al. 2021).

use serde_json::{Map, Value, json};

use super::dialect::{Fields, Library};
use super::setting::VIRTUAL_TOKENS;
use super::{Adapter, Collector, Config, Description, Init, Kind, Options, ParamName, ParamSource};
use super::{Parameter, Preset, Site, SizeOption, equal, fields_of, virtual_tokens};
use crate::error::{Error, Result};
use crate::input::Batch;
use crate::model::{Anatomy, Embedder, Hook, Shape, States};
use crate::ops::insert_rows;
use crate::tensor::Tensor;

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "prompt",
    presets: &[Preset {
        name: "prompt",
        title: "Prompt tuning",
        description: "A few virtual tokens before every text. The smallest file of all; it likes a high learning rate.",
        library: Library::Peft,
        size: Some(SizeOption {
            name: "virtualTokens",
            title: "Virtual tokens",
            default: LENGTH,
            choices: &[4, 8, 16, 32],
        }),
        learning_rate: 2e-2,
        epochs: 1,
        upper_layers: false,
        config: from_options,
    }],
    peft_fields: &["tokenizer_kwargs"],
    sizes: &[("virtualTokens", "Virtual tokens.")],
    settings: &[&VIRTUAL_TOKENS],
    // a file of P_TUNING holds what its prompt encoder gives, and that is put before the text alike
    peft: &[("PROMPT_TUNING", read_peft), ("P_TUNING", read_peft)],
    adapterhub: Some((Some("prompt_tuning"), read_adapterhub)),
    ..Kind::EMPTY
};

const LENGTH: usize = 8;

/// Where virtual tokens enter a text. A head that reads the first token reads the first virtual one,
/// unless they stand behind the text's own first token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptPlace {
    /// PEFT: before the text and as words are, at the first positions and of token type 0, through the
    /// embeddings' layer norm. The text's positions begin behind them.
    Words,
    /// AdapterHub's "prefix": before the text's embeddings, as they are. The text's positions begin
    /// at 0.
    First,
    /// AdapterHub's "prefix_after_bos": the same, behind the text's first token.
    AfterFirst,
}

/// Settings of prompt tuning: `length` trained vectors of hidden size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptConfig {
    /// Virtual tokens.
    pub length: usize,
    /// Where they go.
    pub place: PromptPlace,
}

struct Prompt {
    config: PromptConfig,
    /// `[length, hidden]`
    vectors: Tensor,
    parameters: Vec<Parameter>,
}

const VECTORS: &str = "prompt";

fn from_options(options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    options.refuse_layers("virtual words are in front of all layers; leave it out")?;
    Ok(Box::new(PromptConfig {
        length: virtual_tokens(options, LENGTH, shape)?,
        place: PromptPlace::Words,
    }))
}

/// Most virtual tokens that a file may ask for.
const MAX_LENGTH: usize = 1 << 12;

impl PromptConfig {
    fn check(&self, fields: &Fields<'_>) -> Result<()> {
        if self.length == 0 || self.length > MAX_LENGTH {
            return Err(fields.invalid(&format!(
                "there are {} virtual tokens, and there must be 1 to {MAX_LENGTH}",
                self.length
            )));
        }
        Ok(())
    }
}

impl Config for PromptConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        equal(self, other)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let mut tensors = Collector::new(source);
        // about the size of a word's embedding
        let init = Init::Normal(0.05);
        let width = shape.anatomy.embedding_size;
        let dims = [self.length, width];
        let vectors = tensors.get(Site::Encoder, VECTORS, &dims, init)?;
        Ok(Box::new(Prompt {
            config: self.clone(),
            vectors,
            parameters: tensors.into_parameters(),
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        let refuse = |hint: &str| {
            Err(Error::AdapterFormat {
                what: "a prompt at the place where the other library has it".into(),
                format: library.title(),
                hint: hint.into(),
            })
        };
        let value = match (library, self.place) {
            (Library::Peft, PromptPlace::Words) => json!({
                "peft_type": "PROMPT_TUNING",
                "num_virtual_tokens": self.length,
                "token_dim": shape.anatomy.embedding_size,
                "num_transformer_submodules": 1,
                "num_attention_heads": shape.heads,
                "num_layers": shape.layers,
                "prompt_tuning_init": "RANDOM",
                "prompt_tuning_init_text": null,
                "tokenizer_name_or_path": null,
            }),
            (Library::Peft, _) => {
                return refuse(
                    "PEFT normalises virtual tokens and gives them positions; save it in AdapterHub's format instead",
                );
            }
            (Library::AdapterHub, PromptPlace::Words) => {
                return refuse(
                    "AdapterHub neither normalises virtual tokens nor gives them positions; save it in PEFT's format instead",
                );
            }
            (Library::AdapterHub, place) => json!({
                "architecture": "prompt_tuning",
                "prompt_length": self.length,
                "combine": if place == PromptPlace::First { "prefix" } else { "prefix_after_bos" },
                "prompt_init": "random_uniform",
                "prompt_init_text": null,
                "init_weights_seed": null,
            }),
        };
        Ok(fields_of(value))
    }

    fn key(&self, library: Library, _anatomy: &Anatomy, _name: ParamName, adapter: &str) -> String {
        match library {
            Library::Peft => "prompt_embeddings".into(),
            Library::AdapterHub => {
                format!("prompt_tuning.prompt_tunings.{adapter}.prompt_embedding.weight")
            }
        }
    }

    fn is_prompt_learning(&self) -> bool {
        true
    }

    fn adds_tokens(&self) -> bool {
        true
    }

    fn describe(&self, _shape: &Shape) -> Description {
        Description {
            title: "Prompt tuning".into(),
            sites: vec!["embeddings".into()],
            ..Description::default()
        }
        .with_size("virtualTokens", self.length)
    }
}

fn read_peft(place: &str, map: &Map<String, Value>, shape: &Shape) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("num_transformer_submodules", &[json!(1)])?;
    let width = shape.anatomy.embedding_size;
    fields.expect("width of the embeddings", "token_dim", width)?;
    fields.expect("number of layers", "num_layers", shape.layers)?;
    let config = PromptConfig {
        length: fields.count("num_virtual_tokens", None)?,
        place: PromptPlace::Words,
    };
    config.check(&fields)?;
    Ok(Box::new(config))
}

fn read_adapterhub(
    place: &str,
    map: &Map<String, Value>,
    _shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    let combine: String = fields.parse("combine", Some("prefix".into()))?;
    let config = PromptConfig {
        length: fields.count("prompt_length", Some(10))?,
        place: match combine.as_str() {
            "prefix" => PromptPlace::First,
            "prefix_after_bos" => PromptPlace::AfterFirst,
            other => return Err(fields.unsupported("combine", &json!(other))),
        },
    };
    config.check(&fields)?;
    Ok(Box::new(config))
}

impl Hook for Prompt {
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        let at = match self.config.place {
            PromptPlace::Words | PromptPlace::First => 0,
            PromptPlace::AfterFirst => 1,
        };
        // fails where there are too few positions
        let States { x, starts } = embedder.tokens(batch, self.first_position())?;
        let vectors = match self.config.place {
            PromptPlace::Words => embedder.vectors(&self.vectors),
            _ => self.vectors.clone(),
        };
        let (x, starts) = insert_rows(&x, &vectors, &starts, at);
        Ok(States { x, starts })
    }

    fn changes_embeddings(&self) -> bool {
        true
    }

    fn first_position(&self) -> usize {
        match self.config.place {
            PromptPlace::Words => self.config.length,
            PromptPlace::First | PromptPlace::AfterFirst => 0,
        }
    }

    fn lowest_layer(&self) -> Option<usize> {
        Some(0)
    }
}

impl Adapter for Prompt {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}
