//! What `./build.sh bench` calls: the library itself, on token ids instead of texts so that every runtime computes the
//! same thing. Only in builds with the feature `bench`.

use std::sync::Arc;

use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use super::convert::thrown;
use crate::adapter::preset;
use crate::adapter::{Adapter, Config, FreshParams, GivenParams, LoraConfig, Options, Parameter};
use crate::compose::{Unit, forward};
use crate::error::Result;
use crate::head::{Pairs, ProblemName, Targets};
use crate::input::text::{Encoded, Text, Tokenizer};
use crate::input::{Batch, Sequence};
use crate::kernels::bench::{Case, attention_alone, cases};
use crate::model::{Anatomy, Backbone, Encoder, Linear, LinearSite, NoHook, Shape};
use crate::train::{Dataset, Event, Refit, Scheme, Settings, TokenStore, Trainer};

type Outcome<T> = std::result::Result<T, JsValue>;

/// A backbone without its tokenizer.
#[wasm_bindgen]
pub struct BenchBackbone {
    backbone: Arc<dyn Backbone>,
}

#[wasm_bindgen]
impl BenchBackbone {
    /// Reads `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// Those of [`Encoder::load`].
    #[wasm_bindgen(constructor)]
    pub fn new(config: &[u8], weights: Vec<u8>) -> Outcome<BenchBackbone> {
        let load = || Encoder::load(&Anatomy::from_json(config)?, &weights, "");
        Ok(Self {
            backbone: Arc::new(load().map_err(thrown)?),
        })
    }

    /// Last hidden states `[sequences · tokens, hidden]` of ids `[sequences · tokens]`.
    ///
    /// # Errors
    /// A token outside the vocabulary.
    pub fn forward(&self, ids: &[u32], sequences: usize) -> Outcome<Float32Array> {
        let rows: Vec<_> = sequences_of(ids, sequences).map(Sequence::from).collect();
        let states = || -> Result<Float32Array> {
            let states = self.backbone.forward(&Batch::new(&rows), &NoHook)?;
            Ok(Float32Array::new_from_slice(states.x.data()))
        };
        states().map_err(thrown)
    }

    /// `count` LoRAs r=8 on query and value of the layers from `lowest` on.
    ///
    /// # Errors
    /// None in practice.
    pub fn loras(&self, count: usize, lowest: usize) -> Outcome<BenchLoras> {
        let shape = self.backbone.shape();
        let config = lora(shape, lowest);
        let adapter = |seed: usize| -> Result<Box<dyn Adapter>> {
            let fresh = config.build(shape, &mut FreshParams::new(seed as u64))?;
            let constant = |parameter: &Parameter| Parameter {
                name: parameter.name,
                tensor: parameter.tensor.detach(),
            };
            let parameters: Vec<_> = fresh.parameters().iter().map(constant).collect();
            config.build(shape, &mut GivenParams(&parameters))
        };
        let adapters = (0..count).map(adapter).collect::<Result<_>>();
        Ok(BenchLoras {
            backbone: Arc::clone(&self.backbone),
            adapters: adapters.map_err(thrown)?,
        })
    }

    /// A training run of LoRA r=8 on every linear layer, or on query and value alone, of the blocks from `lowest` on,
    /// over rows of ids `[rows · tokens]`, `batch` of them a step.
    ///
    /// # Errors
    /// Those of [`Trainer::new`].
    pub fn train(
        &self,
        ids: &[u32],
        rows: usize,
        batch: usize,
        lowest: usize,
        every: bool,
    ) -> Outcome<BenchTraining> {
        let mut targets = vec![Linear::Query, Linear::Value];
        if every {
            targets.extend([Linear::Key, Linear::AttentionOutput]);
            targets.extend([Linear::FfnUp, Linear::FfnDown]);
        }
        let adapter = Options {
            targets: Some(targets),
            layers: Some((lowest..self.backbone.shape().layers).collect()),
            ..Options::default()
        };
        let mut tokens = TokenStore::default();
        sequences_of(ids, rows).for_each(|sequence| tokens.push(&sequence));
        let mut labels = Targets::empty(ProblemName::default(), 2);
        (0..tokens.len()).for_each(|row| labels.push([u32::from(row % 2 == 1)]));
        let scheme = Scheme {
            problem: ProblemName::default(),
            labels: vec!["even".to_owned(), "odd".to_owned()],
            reject: None,
            pairs: Pairs::Joint,
        };
        let train = Dataset::from_parts(scheme, tokens, labels);
        let dev = train.select(&[0]);
        let settings = Settings {
            epochs: Some(1000),
            batch_size: Some(batch),
            adapter,
            ..Settings::default()
        };
        let lora = preset("lora").map_err(thrown)?;
        let trainer = Trainer::new(Arc::clone(&self.backbone), lora, settings, train, dev);
        Ok(BenchTraining {
            trainer: trainer.map_err(thrown)?,
        })
    }
}

fn sequences_of(ids: &[u32], sequences: usize) -> impl Iterator<Item = Encoded> {
    ids.chunks(ids.len() / sequences).map(|ids| Encoded {
        ids: ids.to_vec(),
        type_ids: vec![0; ids.len()],
        truncated: false,
    })
}

/// LoRA r=8 on query and value of the layers from `lowest` on.
fn lora(shape: &Shape, lowest: usize) -> LoraConfig {
    let sites = |layer| [Linear::Query, Linear::Value].map(|linear| LinearSite::new(layer, linear));
    LoraConfig {
        rank: 8,
        alpha: 16.0,
        rank_stabilised: false,
        targets: (lowest..shape.layers).flat_map(sites).collect(),
        ..LoraConfig::default()
    }
}

/// Adapters for compositions.
#[wasm_bindgen]
pub struct BenchLoras {
    backbone: Arc<dyn Backbone>,
    adapters: Vec<Box<dyn Adapter>>,
}

#[wasm_bindgen]
impl BenchLoras {
    /// Last hidden states of ids `[sequences · tokens]` in one pass: every adapter's of all sequences, or
    /// each adapter's of an equal part of them.
    ///
    /// # Errors
    /// A token outside the vocabulary.
    pub fn forward(&self, ids: &[u32], sequences: usize, parallel: bool) -> Outcome<()> {
        let rows: Vec<_> = sequences_of(ids, sequences).map(Sequence::from).collect();
        let share = sequences / self.adapters.len();
        let units = self
            .adapters
            .iter()
            .enumerate()
            .map(|(index, adapter)| Unit {
                hook: &**adapter,
                sequences: match parallel {
                    true => (0..sequences).collect(),
                    false => (index * share..(index + 1) * share).collect(),
                },
            });
        let states = forward(&*self.backbone, &rows, &units.collect::<Vec<_>>());
        states.map(drop).map_err(thrown)
    }
}

/// A training run.
#[wasm_bindgen]
pub struct BenchTraining {
    trainer: Trainer,
}

#[wasm_bindgen]
impl BenchTraining {
    /// Does one unit of work; whether that was a step, with its loss, or something between the epochs.
    ///
    /// # Errors
    /// Those of [`Trainer::step`].
    pub fn step(&mut self) -> Outcome<Option<f64>> {
        Ok(match self.trainer.step().map_err(thrown)? {
            Event::Step { loss, .. } => Some(loss),
            _ => None,
        })
    }
}

/// The kernels' micro-benchmarks, by their number.
#[wasm_bindgen]
pub struct BenchKernels {
    cases: Vec<Case>,
}

#[wasm_bindgen]
impl BenchKernels {
    /// All of [`cases`].
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // a constructor of JavaScript
    #[must_use]
    pub fn new() -> BenchKernels {
        Self { cases: cases() }
    }

    /// `[kernel, shape, variant, unit of the rate]` of each.
    #[must_use]
    pub fn names(&self) -> Vec<js_sys::Array> {
        let names = |case: &Case| {
            [case.kernel, &case.shape, case.variant, case.unit.rate()]
                .map(JsValue::from)
                .into_iter()
                .collect()
        };
        self.cases.iter().map(names).collect()
    }

    /// Runs one `times` times; its work in all.
    pub fn run(&mut self, case: usize, times: usize) -> f64 {
        let case = &mut self.cases[case];
        (0..times).for_each(|_| (case.run)());
        case.work * times as f64
    }
}

/// Attention alone, as often as a forward pass of one sequence calls it.
#[wasm_bindgen]
pub struct BenchAttention {
    run: Box<dyn FnMut()>,
}

#[wasm_bindgen]
impl BenchAttention {
    /// Of a sequence of `tokens` in an encoder of `layers` blocks.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(tokens: usize, layers: usize) -> BenchAttention {
        Self {
            run: Box::new(attention_alone(tokens, layers)),
        }
    }

    /// All blocks once.
    pub fn run(&mut self) {
        (self.run)();
    }
}

/// A head over kept vectors, fitted again whenever a label is given.
#[wasm_bindgen]
pub struct BenchRefit {
    refit: Refit,
}

#[wasm_bindgen]
impl BenchRefit {
    /// Of vectors `[texts, width]` and as many labels.
    ///
    /// # Errors
    /// Those of [`Refit::new`].
    #[wasm_bindgen(constructor)]
    pub fn new(vectors: Vec<f32>, width: usize, labels: usize) -> Outcome<BenchRefit> {
        let refit = Refit::new(vectors, width, labels, 10.0).map_err(thrown)?;
        Ok(Self { refit })
    }

    /// Gives a text a label.
    ///
    /// # Errors
    /// Those of [`Refit::label`].
    pub fn label(&mut self, text: usize, label: u32) -> Outcome<()> {
        self.refit.label(text, Some(label)).map_err(thrown)
    }

    /// Fits the head; the number of steps.
    pub fn fit(&mut self) -> usize {
        self.refit.fit()
    }
}

/// Word pieces of a text of any length, without the special tokens.
///
/// # Errors
/// Those of [`Tokenizer::from_json`].
#[wasm_bindgen]
pub fn tokenize(tokenizer: &[u8], text: &str) -> Outcome<Vec<u32>> {
    let pieces = || -> Result<Vec<u32>> {
        let tokenizer = Tokenizer::from_json(tokenizer, usize::MAX)?;
        let ids = tokenizer
            .encode(&Text {
                first: text.to_owned(),
                second: None,
            })?
            .ids;
        Ok(ids[1..ids.len() - 1].to_vec())
    };
    pieces().map_err(thrown)
}
