//! Every way to ask for an answer computes the same plan: an adapter alone, by its name, in use, among others, of token
//! sequences, and on states that a cache keeps have the bits of a forward pass by hand.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/labelled.rs"]
mod labelled;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;

use graftlet::compose::{ComputedStates, Plan, TaskRef, Unit, forward};
use graftlet::engine::{Answer, Engine, answers, logits};
use graftlet::folder::TaskAdapter;
use graftlet::head::{ProblemName, TOKEN_CLASSIFICATION};
use graftlet::input::text::{Encoded, Text};
use graftlet::input::{Batch, Sequence};
use graftlet::model::folder::ModelFolder;
use graftlet::model::{Backbone, Dtype, Encoder, Hook, NoHook, NormSite};
use graftlet::ops::scale;
use graftlet::tensor::Tensor;
use graftlet::train::{Settings, StateCache};
use labelled::{PROBLEMS, dataset, rows, run, trainer};
use tiny::Tiny;

const LAYERS: usize = 3;

fn trained(engine: &Engine, kind: &str, problem: ProblemName) -> TaskAdapter {
    let data = dataset(engine, problem, &rows(problem, 16, 1));
    let mut settings = Settings {
        epochs: Some(1),
        batch_size: Some(8),
        learning_rate: Some(0.05),
        seed: Some(5),
        ..Settings::default()
    };
    if kind == "lora" {
        // so that there are layers that it leaves alone
        settings.adapter.layers = Some(vec![1, 2]);
    }
    let mut trainer = trainer(engine, kind, settings, data.clone(), data);
    run(&mut trainer);
    let mut task = trainer.finish().unwrap();
    task.card.pair = None;
    task
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn all_bits(answers: &[Answer]) -> Vec<Vec<u32>> {
    answers.iter().map(|answer| bits(&answer.logits)).collect()
}

/// Logits of one sequence, of nothing but the backbone, the adapter and the head.
fn by_hand(engine: &Engine, task: &TaskAdapter, sequence: &Sequence) -> Vec<u32> {
    let (backbone, adapter) = (&**engine.backbone(), &*task.adapter);
    let states = backbone.forward(&Batch::new([sequence]), adapter).unwrap();
    let head = task.head.as_ref().unwrap();
    bits(head.logits(backbone, adapter, &states).data())
}

#[test]
fn all_ways_give_the_bits_of_a_forward_pass() {
    let mut engine = Tiny::new(LAYERS, 32, 11).engine(Dtype::Int8);
    let texts = ["a good film", "the red cat sings", "very dull", "the dog"].map(Text::from);
    let sequences: [Sequence; 4] = texts
        .each_ref()
        .map(|text| engine.tokenizer().unwrap().encode(text).unwrap().into());
    for problem in PROBLEMS {
        for kind in ["lora", "pfeiffer", "prompt", "head"] {
            // virtual tokens have no tags
            if kind == "prompt" && problem == TOKEN_CLASSIFICATION {
                continue;
            }
            let what = format!("{kind}, {}", problem.name());
            engine.insert("it", trained(&engine, kind, problem));
            engine.insert("other", trained(&engine, "lora", problem));
            let task = engine.shared("it").unwrap();
            let expected = sequences.each_ref();
            let expected = expected.map(|sequence| by_hand(&engine, &task, sequence));

            let alone = engine.answer(&task, &texts, "x").unwrap();
            assert_eq!(all_bits(&alone), expected, "{what}");
            assert_eq!(engine.classify_with("it", &texts).unwrap(), alone, "{what}");
            engine.activate(Some("it")).unwrap();
            assert_eq!(engine.classify(&texts).unwrap(), alone, "{what}");
            let both = ["other".into(), "it".into()];
            let both = engine.classify_with_all(&both, &texts).unwrap();
            assert_eq!(both[1].answers, alone, "{what}");

            let backbone = &**engine.backbone();
            let of_tokens = answers(backbone, &task, &sequences, "x").unwrap();
            assert_eq!(all_bits(&of_tokens), expected, "{what}");

            // kept by numbers in another order, as training has them; the second time nothing is computed again
            let lowest = task.adapter.lowest_layer();
            let mut cache = StateCache::new(backbone, lowest, 10, 1 << 20);
            for _ in 0..2 {
                let bare = &mut cache.of(&[7, 2, 9, 0]);
                let kept = logits(backbone, bare, &task, &sequences, "x").unwrap();
                let kept: Vec<_> = kept.iter().map(|logits| bits(logits)).collect();
                assert_eq!(kept, expected, "{what}");
            }
            assert_eq!(cache.bytes() > 0, lowest != Some(0), "{what}");
        }
    }
}

/// Changes nothing but the norm behind the last layer.
struct FinalNorm;

impl Hook for FinalNorm {
    fn after_norm(&self, site: NormSite, y: Tensor) -> Tensor {
        match site {
            NormSite::Final => scale(y, 2.0),
            _ => y,
        }
    }

    fn changes_norm(&self, site: NormSite) -> bool {
        site == NormSite::Final
    }

    fn lowest_layer(&self) -> Option<usize> {
        None
    }
}

#[test]
fn the_norm_behind_the_last_layer_is_the_adapters() {
    let root = support::fixture("families/modernbert");
    let files = ["config.json", "tokenizer.json", "model.safetensors"];
    let files = files.map(|name| (name.to_owned(), std::fs::read(root.join(name)).unwrap()));
    let files = BTreeMap::from(files);
    let folder = ModelFolder::open(&files).unwrap();
    let fingerprint = folder.checkpoint.fingerprint();
    let backbone =
        Encoder::load_checkpoint(&folder.config, &folder.checkpoint, &fingerprint).unwrap();
    let sequences = [vec![2, 5, 7, 3], vec![2, 9, 3]].map(|ids| {
        Sequence::from(Encoded {
            type_ids: vec![0; ids.len()],
            ids,
            truncated: false,
        })
    });
    let expected = backbone
        .forward(&Batch::new(&sequences), &FinalNorm)
        .unwrap();
    let plain = backbone.forward(&Batch::new(&sequences), &NoHook).unwrap();
    assert_ne!(bits(plain.x.data()), bits(expected.x.data()));
    let unit = |hook: &'static dyn Hook| Unit {
        hook,
        sequences: vec![0, 1],
    };
    let found = forward(&backbone, &sequences, &[unit(&NoHook), unit(&FinalNorm)]).unwrap();
    assert_eq!(bits(found[0].x.data()), bits(plain.x.data()));
    assert_eq!(bits(found[1].x.data()), bits(expected.x.data()));
    let mut cache = StateCache::new(&backbone, FinalNorm.lowest_layer(), 2, 1 << 20);
    let numbered: Vec<_> = sequences.iter().enumerate().collect();
    for _ in 0..2 {
        let found = cache.forward(&backbone, &FinalNorm, &numbered).unwrap();
        assert_eq!(bits(found.x.data()), bits(expected.x.data()));
    }
}

#[test]
fn the_plan_of_one_adapter_has_one_part() {
    let engine = Tiny::new(LAYERS, 32, 11).engine(Dtype::Int8);
    let task = trained(&engine, "lora", PROBLEMS[0]);
    let plan = Plan::of(TaskRef::Borrowed(&task), "it", 3);
    assert_eq!((plan.channels.len(), plan.channels[0].len()), (1, 1));
    let part = &plan.channels[0][0];
    assert_eq!((part.rows, part.name.as_str()), (3, "it"));
    assert!(std::ptr::eq(
        part.head().unwrap(),
        task.head.as_ref().unwrap()
    ));

    let mut headless = task;
    headless.head = None;
    let backbone = &**engine.backbone();
    let error = logits(backbone, &mut ComputedStates, &headless, &[], "it").unwrap_err();
    assert_eq!(error.code(), "head_missing");
    let error = engine.answer(&headless, &[] as &[Text], "it").unwrap_err();
    assert_eq!(error.code(), "head_missing");
}
