//! The rows of the suite over all kinds: every preset, and of every kind the variants that its settings allow, with
//! what the method promises, whose files can say it, and how the reference computes it.
#![allow(dead_code, unreachable_pub)]

use rand::SeedableRng;
#[path = "rows/loras.rs"]
mod loras;

use std::collections::{BTreeMap, BTreeSet};

use graftlet::adapter::{
    BitFitConfig, Config, FreshParams, GivenParams, Ia3Config, Options, PrefixConfig, PromptConfig,
    PromptPlace, Scaling, Side, presets,
};
use graftlet::folder::Library::{self, AdapterHub, Peft};
use graftlet::folder::{BackboneRef, Card, TaskAdapter};
use graftlet::head::{Head, HeadConfig};
use graftlet::model::{Linear, LinearSite, Shape};
use graftlet::ops::Activation;
use graftlet::tensor::Tensor;
use graftlet::tensor_file::FloatType;
use loras::loras;
use rand_chacha::ChaCha8Rng;

use crate::bottlenecks::bottlenecks;
use crate::differences::LAYERS;
use crate::reference::{Bottleneck, Model};
use crate::tiny::normals;

pub struct Row {
    pub name: String,
    pub config: Box<dyn Config>,
    /// Whether a fresh adapter changes no bit.
    pub fresh_is_none: bool,
    /// The libraries whose files can say it.
    pub files: &'static [Library],
    /// Whether it can be merged into the backbone.
    pub merges: bool,
    /// Below this layer nothing depends on it; `None` if it changes nothing at all.
    pub lowest: Option<usize>,
    /// Whether some of it acts on the pooler, so that a head must read that.
    pub at_pooler: bool,
    pub reference: Option<Reference>,
}

/// How the reference computes the row.
pub struct Reference {
    pub scale: f64,
    pub bottleneck: Bottleneck,
    pub adjust: fn(&mut Model),
}

impl Row {
    /// A row that is as most of its kind. A kind that is not here has no row, and the suite fails.
    fn new(name: impl Into<String>, config: impl Into<Box<dyn Config>>) -> Self {
        let config = config.into();
        let (fresh_is_none, files, merges): (_, &[Library], _) = match config.kind().name {
            "lora" => (true, &[Peft], true),
            "ia3" => (true, &[Peft], true),
            "bitfit" | "none" => (true, &[Peft], true),
            "bottleneck" => (true, &[AdapterHub], false),
            // virtual tokens are there from the start
            "prefix" => (false, &[AdapterHub], false),
            "prompt" => (false, &[Peft], false),
            other => panic!("kind \"{other}\" has no row in tests/support/rows.rs"),
        };
        Self {
            name: name.into(),
            lowest: (config.kind().name != "none").then_some(0),
            config,
            fresh_is_none,
            files,
            merges,
            at_pooler: false,
            reference: None,
        }
    }

    fn scale(self, scale: f64) -> Self {
        self.adjusted(scale, |_| {})
    }

    fn adjusted(mut self, scale: f64, adjust: fn(&mut Model)) -> Self {
        let bottleneck = Bottleneck::default();
        self.reference = Some(Reference {
            scale,
            bottleneck,
            adjust,
        });
        self
    }

    fn files(mut self, files: &'static [Library]) -> Self {
        self.files = files;
        self
    }

    fn at_pooler(mut self) -> Self {
        self.at_pooler = true;
        self
    }

    fn fresh_changes(mut self) -> Self {
        self.fresh_is_none = false;
        self
    }

    fn lowest(mut self, layer: usize) -> Self {
        self.lowest = Some(layer);
        self
    }
}

/// Every preset, small enough for the tiny backbone.
pub fn preset_rows(shape: &Shape) -> Vec<Row> {
    let options = Options {
        reduction_factor: Some(4),
        ..Options::default()
    };
    let config = |preset: &graftlet::adapter::Preset| (preset.config)(&options, shape).unwrap();
    let row = |preset: &graftlet::adapter::Preset| {
        let row = Row::new(format!("preset {}", preset.name), config(preset));
        match preset.name {
            // AdapterHub has no LoRA on the attention output, which the preset of every linear layer has
            "lora" => row.files(&[Peft]),
            "ia3_adapterhub" => row.files(&[Peft, AdapterHub]),
            _ => row,
        }
    };
    presets().map(row).collect()
}

pub fn rows(shape: &Shape) -> Vec<Row> {
    let mut rows = preset_rows(shape);
    rows.extend(loras());
    rows.extend(bottlenecks().into_iter().map(|(name, config, bottleneck)| {
        let scale = match config.scaling {
            Scaling::Fixed(factor) => factor,
            _ => 1.0,
        };
        let lowest = config.layers.first().copied().unwrap_or_default();
        let mut row = Row::new(name, boxed(config)).scale(scale).lowest(lowest);
        if let Some(reference) = &mut row.reference {
            reference.bottleneck = bottleneck;
        }
        // it leaves out the frozen norm, takes it twice on purpose, or puts one of its own around all
        let changes = [
            "parallel without the norm after it",
            "around the sum, a learned factor per feature",
            "around the norm, one learned factor",
            "with a norm of its own after the sum",
        ];
        match changes.contains(&name) {
            true => row.fresh_changes(),
            false => row,
        }
    }));
    rows.extend(ia3s());
    rows.extend(virtual_tokens());
    rows.push(Row::new("BitFit", boxed(BitFitConfig::default())).scale(1.0));
    rows
}

/// A task of a row whose parameters are some way from where they start, as after training.
pub fn moved(row: &Row, head: HeadConfig, shape: &Shape, seed: u64) -> TaskAdapter {
    let mut params = FreshParams::new(seed);
    let adapter = row.config.build(shape, &mut params).unwrap();
    let fresh = Head::build(head.clone(), shape, &mut params).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = [adapter.parameters(), fresh.parameters()].concat();
    for parameter in &mut parameters {
        let noise = normals(&mut rng, parameter.tensor.len());
        let values = parameter.tensor.data().iter().zip(noise);
        let values: Vec<f32> = values.map(|(x, noise)| x + 0.3 * noise).collect();
        parameter.tensor = Tensor::new(values, parameter.tensor.shape());
    }
    let mut params = GivenParams(&parameters);
    let mut adapter = row.config.build(shape, &mut params).unwrap();
    let head = Head::build(head, shape, &mut params).unwrap();
    if let Some((config, parameters)) = adapter.finished() {
        adapter = config.build(shape, &mut GivenParams(&parameters)).unwrap();
    }
    TaskAdapter {
        adapter,
        card: Card {
            labels: head.config().labels.clone(),
            backbone: Some(BackboneRef {
                name: shape.name.clone(),
                fingerprint: shape.fingerprint.clone(),
            }),
            ..Card::default()
        },
        head: Some(head),
        library: row.files[0],
        original: None,
        float: FloatType::F32,
        bytes: 0,
    }
}

fn boxed(config: impl Config + 'static) -> Box<dyn Config> {
    Box::new(config)
}

fn site(layer: usize, linear: Linear) -> LinearSite {
    LinearSite::new(layer, linear)
}

fn everywhere(linears: &[Linear]) -> BTreeSet<LinearSite> {
    (0..LAYERS)
        .flat_map(|layer| linears.iter().map(move |&linear| site(layer, linear)))
        .collect()
}

/// The linear layers of a block of the tiny encoder.
const SIX: [Linear; 6] = [
    Linear::Query,
    Linear::Key,
    Linear::Value,
    Linear::AttentionOutput,
    Linear::FfnUp,
    Linear::FfnDown,
];

/// The places of PEFT, of AdapterHub, and each side of all six layers.
fn ia3s() -> Vec<Row> {
    use Linear::{AttentionOutput, FfnDown, FfnUp, Key, Query, Value};
    use Side::{Input, Output};
    let of = |name: &str, layers: std::ops::Range<usize>, linears: &[(Linear, Side)], alpha| {
        let lowest = layers.start;
        let sites: BTreeMap<LinearSite, Side> = layers
            .flat_map(|layer| {
                let at = move |&(linear, side): &(Linear, Side)| (site(layer, linear), side);
                linears.iter().map(at)
            })
            .collect();
        Row::new(name, boxed(Ia3Config { sites, alpha }))
            .scale(alpha)
            .lowest(lowest)
    };
    let peft = [
        (Key, Output),
        (Value, Output),
        (AttentionOutput, Input),
        (FfnDown, Input),
    ];
    let hub = [(Key, Output), (Value, Output), (FfnUp, Output)];
    let all = |side| SIX.map(|linear| (linear, side));
    let mixed = [
        (Query, Input),
        (Key, Output),
        (FfnUp, Input),
        (FfnDown, Output),
    ];
    let both: &[Library] = &[Peft, AdapterHub];
    vec![
        of("IA3, PEFT", 0..LAYERS, &peft, 1.0),
        of("IA3, AdapterHub", 0..LAYERS, &hub, 1.0).files(both),
        of("IA3, AdapterHub, alpha 2.5", 0..LAYERS, &hub, 2.5)
            .files(&[AdapterHub])
            .fresh_changes(),
        of("IA3, every input", 0..LAYERS, &all(Input), 1.0),
        of("IA3, every output", 0..LAYERS, &all(Output), 1.0),
        of("IA3, mixed", 0..LAYERS, &mixed, 1.0),
        of(
            "IA3 before the pooler",
            0..LAYERS,
            &[(Key, Output), (Linear::Pooler, Input)],
            1.0,
        )
        .at_pooler(),
        of(
            "IA3 behind the pooler",
            0..LAYERS,
            &[(Value, Output), (Linear::Pooler, Output)],
            1.0,
        )
        .at_pooler(),
        of("IA3 in the second layer only", 1..2, &hub, 1.0).files(both),
    ]
}

fn virtual_tokens() -> Vec<Row> {
    let prefix = |projection, shifts_positions, layers: std::ops::Range<usize>| {
        boxed(PrefixConfig {
            length: 3,
            layers: layers.collect(),
            projection,
            shifts_positions,
        })
    };
    let prompt = |place| boxed(PromptConfig { length: 3, place });
    vec![
        Row::new("prefix, AdapterHub", prefix(None, false, 0..LAYERS)).scale(1.0),
        Row::new("prefix, PEFT", prefix(None, true, 0..LAYERS))
            .adjusted(1.0, |model| model.first_position = 3)
            .files(&[Peft]),
        Row::new(
            "prefix through its network",
            prefix(Some((7, Activation::Tanh)), false, 0..LAYERS),
        )
        .scale(1.0),
        Row::new(
            "prefix in the second layer only",
            prefix(None, false, 1..LAYERS),
        )
        .lowest(1),
        Row::new("prompt of words", prompt(PromptPlace::Words)).adjusted(1.0, |model| {
            (model.prompt, model.first_position) = ("words", 3)
        }),
        Row::new("prompt before the text", prompt(PromptPlace::First))
            .adjusted(1.0, |model| model.prompt = "first")
            .files(&[AdapterHub]),
        Row::new(
            "prompt behind the first token",
            prompt(PromptPlace::AfterFirst),
        )
        .adjusted(1.0, |model| model.prompt = "behind first")
        .files(&[AdapterHub]),
    ]
}
