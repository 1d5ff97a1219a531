//! A kind of adapter that stands in this file alone: what else the crate needs of a kind is its row in `KINDS`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::sync::Arc;

use graftlet::adapter::dialect::Library;
use graftlet::adapter::{
    Adapter, Collector, Config, Description, Kind, Options, ParamName, ParamSource, Parameter,
    Preset, Setting, Site, Values,
};
use graftlet::compose::Composition;
use graftlet::engine::Engine;
use graftlet::error::{Error, Result};
use graftlet::model::{Anatomy, Dtype, Hook, Linear, LinearSite, Shape};
use graftlet::ops::scale_columns;
use graftlet::tensor::Tensor;
use graftlet::train::{Dataset, Event, Row, Settings, Trainer};
use serde_json::{Map, Value, json};
use tiny::Tiny;

/// Factors of what the network's second layer gives, one for each feature, as in "gain". They begin at `start`.
static KIND: Kind = Kind {
    name: "gain",
    presets: &[Preset {
        name: "gain",
        title: "Gain",
        description: "One factor per feature behind the feed-forward network.",
        library: Library::Peft,
        size: None,
        learning_rate: 2e-2,
        epochs: 3,
        upper_layers: true,
        config: from_options,
    }],
    settings: &[&START],
    ..Kind::EMPTY
};

static START: Setting = Setting {
    name: "start",
    others: &[],
    values: Values::Number,
    description: "The value that factors begin with.",
};

fn from_options(options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    Ok(Box::new(GainConfig {
        start: options.other(&START)?.unwrap_or(1.0),
        layers: options.layers(shape)?.into_iter().collect(),
    }))
}

#[derive(Clone, PartialEq)]
struct GainConfig {
    start: f32,
    layers: Vec<usize>,
}

struct Gain {
    config: GainConfig,
    factors: BTreeMap<LinearSite, Tensor>,
    parameters: Vec<Parameter>,
}

impl Config for GainConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        (other as &dyn std::any::Any).downcast_ref() == Some(self)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let mut tensors = Collector::new(source);
        let mut factors = BTreeMap::new();
        for &layer in &self.layers {
            let site = LinearSite::new(layer, Linear::FfnDown);
            let width = shape.linear_features(site).1;
            let start = Tensor::new(vec![self.start; width], &[width]);
            let tensor = tensors.get_from(Site::Linear(site), "gain", &start)?;
            factors.insert(site, tensor);
        }
        Ok(Box::new(Gain {
            config: self.clone(),
            factors,
            parameters: tensors.into_parameters(),
        }))
    }

    fn write(&self, library: Library, _shape: &Shape) -> Result<Map<String, Value>> {
        if library == Library::AdapterHub {
            return Err(Error::AdapterFormat {
                what: "a gain".into(),
                format: library.title(),
                hint: "save it in PEFT's format instead".into(),
            });
        }
        let fields = [("peft_type", json!("GAIN")), ("start", json!(self.start))];
        Ok(fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect())
    }

    fn key(&self, _library: Library, anatomy: &Anatomy, name: ParamName, _adapter: &str) -> String {
        match name.site {
            Site::Linear(site) => format!("{}.gain", anatomy.linear(site)),
            _ => String::new(),
        }
    }

    fn describe(&self, _shape: &Shape) -> Description {
        Description {
            title: "Gain".into(),
            sites: vec!["ffn_down".into()],
            layers: self.layers.clone(),
            ..Description::default()
        }
    }
}

impl Hook for Gain {
    fn after_linear(&self, site: LinearSite, _x: &Tensor, y: Tensor) -> Tensor {
        match self.factors.get(&site) {
            Some(factors) => scale_columns(&y, factors),
            None => y,
        }
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.factors.contains_key(&site)
    }

    fn lowest_layer(&self) -> Option<usize> {
        self.config.layers.first().copied()
    }
}

impl Adapter for Gain {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

fn rows() -> Vec<Row> {
    let row = |(text, label): (&str, &str)| Row {
        input: text.into(),
        label: Some(label.into()),
    };
    let texts = [
        ("the film is good", "good"),
        ("the film is bad", "bad"),
        ("a lovely song", "good"),
        ("an awful song", "bad"),
    ];
    [texts, texts, texts, texts]
        .concat()
        .into_iter()
        .map(row)
        .collect()
}

fn trained(engine: &mut Engine, name: &str, seed: u64) -> Vec<f64> {
    let settings = Settings {
        seed: Some(seed),
        contrastive_steps: Some(0),
        adapter: Options {
            other: [("start".to_owned(), json!(1.25))].into_iter().collect(),
            ..Options::default()
        },
        ..Settings::default()
    };
    let data = Dataset::for_training("rows", &rows(), engine.reader()).unwrap();
    let backbone = Arc::clone(engine.backbone());
    let mut trainer =
        Trainer::new(backbone, &KIND.presets[0], settings, data.clone(), data).unwrap();
    // what the row says of a training: three times the epochs of others, and all but the lowest third of the layers
    assert_eq!(trainer.resolved().epochs, 60);
    assert_eq!(trainer.resolved().layers, Some(vec![1, 2]));
    let mut losses = Vec::new();
    loop {
        match trainer.step().unwrap() {
            Event::Step { loss, .. } => losses.push(loss),
            Event::Done { .. } => break,
            _ => {}
        }
    }
    engine.insert(name, trainer.finish().unwrap());
    losses
}

fn composition(json: &Value) -> Composition {
    Composition::from_json(json).unwrap()
}

#[test]
fn a_kind_needs_its_file_and_its_row() {
    let mut engine = Tiny::new(3, 32, 11).engine(Dtype::F32);
    let losses = trained(&mut engine, "one", 1);
    assert!(losses[losses.len() - 1] < 0.7 * losses[0], "{losses:?}");
    trained(&mut engine, "two", 2);
    let task = engine.get("one").unwrap();
    assert_eq!(task.adapter.config().kind().name, "gain");
    // its own setting arrived: factors begin there, and training moves them a little
    let factors = task.adapter.parameters()[0].tensor.data();
    assert!(factors.iter().all(|x| (0.25..2.25).contains(x)) && (factors[0] - 1.25).abs() > 1e-4);

    // a composition asks it what it can do; what it does not say it cannot
    let texts = [rows()[0].input.clone()];
    let run =
        |engine: &Engine, json: Value| engine.classify_with_all(&[composition(&json)], &texts);
    assert!(run(&engine, json!({ "stack": ["one", "two"] })).is_ok());
    let error = run(&engine, json!({ "average": ["one", "two"] }))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("\"one\" is gain, whose changes cannot be averaged")
    );
    // parameters of one meaning can be summed all the same
    engine
        .compose("sum", &composition(&json!({ "average": ["one", "two"] })))
        .unwrap();
    let value = |name: &str| {
        engine.get(name).unwrap().adapter.parameters()[0]
            .tensor
            .data()[0]
    };
    let mean = f32::midpoint(value("one"), value("two"));
    assert!((value("sum") - mean).abs() < 1e-6);

    let files = engine.export("one", Library::Peft).unwrap();
    let config: Value = serde_json::from_slice(&files["adapter_config.json"]).unwrap();
    assert_eq!(config["peft_type"], "GAIN");
    // without the row nobody reads it again
    let error = engine.add("again", &files).err().unwrap();
    assert_eq!(error.code(), "unknown_kind");
    assert!(engine.export("one", Library::AdapterHub).is_err());
}

#[test]
fn a_setting_of_its_own_is_checked() {
    let shape = Tiny::new(1, 32, 11)
        .engine(Dtype::F32)
        .backbone()
        .shape()
        .clone();
    let options = Options {
        other: [("start".to_owned(), json!("much"))].into_iter().collect(),
        ..Options::default()
    };
    let error = (KIND.presets[0].config)(&options, &shape).err().unwrap();
    assert_eq!(error.code(), "option_invalid");
    assert!(error.to_string().contains("start"), "{error}");
}
