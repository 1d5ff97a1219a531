//! Every way to ask for an answer computes the same plan: an adapter alone, by its name, in use, among others, of token
//! sequences, and on states that a cache keeps have the bits of a forward pass by hand.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/tiny.rs"]
mod tiny;

use graftlet::compose::{Computed, Plan, TaskRef};
use graftlet::engine::{Answer, Engine, answers, logits};
use graftlet::folder::TaskAdapter;
use graftlet::head::{ProblemName, TOKEN_CLASSIFICATION};
use graftlet::input::text::{Batch, Encoded, Text};
use graftlet::model::Dtype;
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
fn by_hand(engine: &Engine, task: &TaskAdapter, sequence: &Encoded) -> Vec<u32> {
    let (backbone, adapter) = (&**engine.backbone(), &*task.adapter);
    let states = backbone.forward(&Batch::new([sequence]), adapter).unwrap();
    let head = task.head.as_ref().unwrap();
    bits(head.logits(backbone, adapter, &states).data())
}

#[test]
fn all_ways_give_the_bits_of_a_forward_pass() {
    let mut engine = Tiny::new(LAYERS, 32, 11).engine(Dtype::Int8);
    let texts = ["a good film", "the red cat sings", "very dull", "the dog"].map(Text::from);
    let sequences = texts
        .each_ref()
        .map(|text| engine.tokenizer().encode(text).unwrap());
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
    let error = logits(backbone, &mut Computed, &headless, &[], "it").unwrap_err();
    assert_eq!(error.code(), "head_missing");
    let error = engine.answer(&headless, &[], "it").unwrap_err();
    assert_eq!(error.code(), "head_missing");
}
