//! The states of AdapterHub's compositions, and its files of fusions.

use std::collections::BTreeMap;
use std::rc::Rc;

use graftlet::compose::fusion::{self, Fusion};
use graftlet::compose::{Composition, Plan, average};
use graftlet::error::{Error, Result};
use graftlet::folder::{self, Library, TaskAdapter};
use graftlet::input::Sequence;
use graftlet::input::text::Encoded;
use graftlet::model::{Anatomy, Backbone, Encoder};
use serde_json::{Value, json};

use super::support::{assert_close, fixture, folder};
use super::{Adapters, bits};

pub(super) fn find<'a>(adapters: &'a Adapters) -> impl Fn(&str) -> Result<Rc<TaskAdapter>> + 'a {
    |name| {
        let unknown = || Error::AdapterUnknown {
            name: name.to_owned(),
            loaded: "others".into(),
        };
        adapters.get(name).cloned().ok_or_else(unknown)
    }
}

pub(super) fn composition(json: &Value) -> Composition {
    let composition = Composition::from_json(json).unwrap();
    assert_eq!(
        Composition::from_json(&composition.to_json()).unwrap(),
        composition
    );
    composition
}

// ---- AdapterHub's own states

/// The random model and the adapters of `tests/python/compose_goldens.py`.
pub(super) fn golden() -> (Encoder, Adapters, Value) {
    let root = fixture("goldens/compose-tiny");
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    let mut config = Anatomy::from_json(&read("config.json")).unwrap();
    config.name = "tiny".into();
    let bert = Encoder::load(&config, &read("model.safetensors"), "tiny").unwrap();
    let mut adapters = Adapters::new();
    let mut fusions = Vec::new();
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.join(folder::FUSION_CONFIG).exists() {
            fusions.push((name, path));
        } else if path.is_dir() {
            let task = folder::load(&name, &folder(&path), bert.shape()).unwrap();
            adapters.insert(name, Rc::new(task));
        }
    }
    for (name, path) in fusions {
        let task = fusion::load(&name, &folder(&path), &find(&adapters), bert.shape()).unwrap();
        adapters.insert(name, Rc::new(task));
    }
    let expected = serde_json::from_slice(&read("expected.json")).unwrap();
    (bert, adapters, expected)
}

pub(super) fn sequences_of(expected: &Value) -> Vec<Sequence> {
    let rows: Vec<Vec<u32>> = serde_json::from_value(expected["ids"].clone()).unwrap();
    let rows = rows.into_iter().map(|ids| {
        Sequence::from(Encoded {
            type_ids: vec![0; ids.len()],
            ids,
            truncated: false,
        })
    });
    rows.collect()
}

/// States of all rows, channel by channel, as the library has them.
fn states_of(backbone: &dyn Backbone, plan: &Plan, sequences: &[Sequence]) -> Vec<f32> {
    let mut found = vec![Vec::new(); plan.channels.len() * sequences.len()];
    plan.run(backbone, sequences, 1 << 20, &mut |places, _, states| {
        let width = states.x.dims2().1;
        for (&(channel, row), bounds) in places.iter().zip(states.starts.windows(2)) {
            let own = &states.x.data()[bounds[0] * width..bounds[1] * width];
            found[channel * sequences.len() + row] = own.to_vec();
        }
        Ok(())
    })
    .unwrap();
    found.concat()
}

#[test]
fn states_are_those_of_adapterhub() {
    let (bert, adapters, expected) = golden();
    let sequences = sequences_of(&expected);
    let cases = expected["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 36);
    let mut blocks = BTreeMap::new();
    let mut largest = 0f32;
    for case in cases {
        let states: Vec<f32> = serde_json::from_value(case["states"].clone()).unwrap();
        let plan = match &case["merged"] {
            Value::Null => {
                let composition = composition(&case["composition"]);
                *blocks.entry(composition.block().name()).or_insert(0) += 1;
                Plan::new(
                    &composition,
                    sequences.len(),
                    &find(&adapters),
                    bert.shape(),
                )
                .unwrap()
            }
            merged => {
                let Composition::Average(settings) = composition(merged) else {
                    panic!("{merged}")
                };
                let task = average(&settings, &find(&adapters), bert.shape()).unwrap();
                let own: Adapters = [("merged".to_owned(), Rc::new(task))].into();
                Plan::new(&"merged".into(), sequences.len(), &find(&own), bert.shape()).unwrap()
            }
        };
        let found = states_of(&bert, &plan, &sequences);
        // states are about 1; the model has 18 products in f32, the reference is f64
        largest = largest.max(assert_close(&found, &states, 2e-5, &case.to_string()[..80]));
    }
    println!("{blocks:?}: states within {largest:.1e}");
    assert_eq!(blocks.len(), 5, "every block is among the cases");
}

#[test]
fn a_fusion_is_written_as_it_was_read() {
    let (bert, adapters, expected) = golden();
    let sequences = sequences_of(&expected);
    for name in ["dynamic", "static", "other"] {
        let task = &adapters[name];
        let files = folder::save(task, name, Library::AdapterHub, bert.shape()).unwrap();
        assert!(files.contains_key("model_adapter_fusion.safetensors"));
        let mut before: Value = serde_json::from_slice(
            &folder(&fixture("goldens/compose-tiny").join(name))[folder::FUSION_CONFIG],
        )
        .unwrap();
        let after: Value = serde_json::from_slice(&files[folder::FUSION_CONFIG]).unwrap();
        before["model_name"] = json!("tiny");
        assert_eq!(before, after);
        let again = fusion::load(name, &files, &find(&adapters), bert.shape()).unwrap();
        for (a, b) in task
            .adapter
            .parameters()
            .iter()
            .zip(again.adapter.parameters())
        {
            assert_eq!(a.name, b.name);
            assert_eq!(bits(a.tensor.data()), bits(b.tensor.data()));
        }
        // the name alone stands for the fusion of its own adapters
        let members: Vec<_> = Fusion::of(&*task.adapter)
            .unwrap()
            .members()
            .map(|m| m.name.clone())
            .collect();
        let by_hand = composition(&json!({ "fuse": members, "fusion": name }));
        let states = |composition: &Composition| {
            let plan = Plan::new(composition, sequences.len(), &find(&adapters), bert.shape());
            states_of(&bert, &plan.unwrap(), &sequences)
        };
        assert_eq!(bits(&states(&name.into())), bits(&states(&by_hand)));
        let refused = folder::save(task, name, Library::Peft, bert.shape())
            .err()
            .unwrap();
        assert_eq!(refused.code(), "adapter_format");
    }
}
