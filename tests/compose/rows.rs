//! Blocks that treat each row alone.

use graftlet::compose::{Composition, Unit, forward};
use graftlet::input::Batch;
use graftlet::input::text::Text;
use graftlet::model::Dtype;
use serde_json::{Value, json};

use super::goldens::composition;
use super::refused::refused;
use super::{bits, engine, logits, sequences, texts, tiny};

#[test]
fn a_row_of_a_split_is_its_adapter_alone_bit_for_bit() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine = engine(dtype);
        let names: Vec<String> = engine.adapters().map(|(name, _)| name.to_owned()).collect();
        // every kind, two rows each, and then each of them once more in the other order
        let mut shares: Vec<Value> = names
            .iter()
            .map(|name| json!({ "adapter": name, "rows": 2 }))
            .collect();
        shares.extend(names.iter().rev().map(|name| json!(name)));
        let rows = 3 * names.len();
        let texts = texts(rows);
        let composed = engine
            .classify_with_all(&[composition(&json!({ "split": shares }))], &texts)
            .unwrap();
        assert_eq!(composed.len(), 1);
        let of_row = names
            .iter()
            .flat_map(|name| [name, name])
            .chain(names.iter().rev());
        for (row, name) in of_row.enumerate() {
            let alone = engine.classify_with(name, &texts[row..=row]).unwrap();
            let found = &composed[0].answers[row..=row];
            assert_eq!(
                logits(found),
                logits(&alone),
                "{dtype:?}, {name}, row {row}"
            );
            assert_eq!(found, alone);
        }
    }
}

#[test]
fn parallel_adapters_are_each_alone_bit_for_bit() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine = engine(dtype);
        let names: Vec<Composition> = engine.adapters().map(|(name, _)| name.into()).collect();
        let texts = texts(5);
        let together = engine.classify_with_all(&names, &texts).unwrap();
        let parallel = Composition::Parallel(names.clone());
        let block = engine.classify_with_all(&[parallel], &texts).unwrap();
        for ((name, composed), other) in names.iter().zip(&together).zip(&block) {
            let Composition::Adapter(name) = name else {
                panic!()
            };
            let alone = engine.classify_with(name, &texts).unwrap();
            assert_eq!(
                logits(&composed.answers),
                logits(&alone),
                "{dtype:?}, {name}"
            );
            assert_eq!(composed.answers, other.answers, "{name}");
            assert_eq!(composed.heads.len(), texts.len());
        }
    }
}

/// Many texts are computed in several passes, and it shows in nothing.
#[test]
fn many_texts_are_cut_into_passes() {
    let engine = engine(Dtype::F32);
    let texts = texts(150);
    let of: Vec<Composition> = ["lora", "houlsby", "top", "prompt"]
        .map(Composition::from)
        .into();
    let together = engine.classify_with_all(&of, &texts).unwrap();
    for (name, composed) in ["lora", "houlsby", "top", "prompt"].iter().zip(&together) {
        let alone = engine.classify_with(name, &texts).unwrap();
        assert_eq!(logits(&composed.answers), logits(&alone), "{name}");
    }
    let nothing = engine.classify_with_all(&of, &[] as &[Text]).unwrap();
    assert!(nothing.iter().all(|composed| composed.answers.is_empty()));
}

#[test]
fn a_block_of_one_is_that_one() {
    let engine = engine(Dtype::F32);
    let texts = texts(4);
    for (name, _) in engine.adapters() {
        let alone = engine.classify_with(name, &texts).unwrap();
        for block in ["stack", "parallel"] {
            let one = engine.classify_with_all(&[composition(&json!({ block: [name] }))], &texts);
            let found = &one.unwrap()[0];
            assert_eq!(logits(&found.answers), logits(&alone), "{block} of {name}");
        }
    }
}

#[test]
fn blocks_that_tell_rows_apart_come_out_on_top() {
    let engine = engine(Dtype::F32);
    let texts = texts(4);
    let ask = |json: Value, texts: &[Text]| {
        engine
            .classify_with_all(&[composition(&json)], texts)
            .unwrap()
    };
    let nested = ask(
        json!({ "stack": ["lora", { "split": [{ "adapter": "pfeiffer", "rows": 3 }, "houlsby"] }, "ia3"] }),
        &texts,
    );
    let by_hand = [
        ask(json!({ "stack": ["lora", "pfeiffer", "ia3"] }), &texts[..3]),
        ask(json!({ "stack": ["lora", "houlsby", "ia3"] }), &texts[3..]),
    ];
    let by_hand: Vec<_> = by_hand.iter().flat_map(|c| logits(&c[0].answers)).collect();
    assert_eq!(logits(&nested[0].answers), by_hand);

    let parallel = ask(
        json!({ "stack": ["prefix", { "parallel": ["pfeiffer", { "split": [{ "adapter": "lora", "rows": 2 }, { "adapter": "lora-2", "rows": 2 }] }] }] }),
        &texts,
    );
    assert_eq!(parallel.len(), 2);
    let first = ask(json!({ "stack": ["prefix", "pfeiffer"] }), &texts);
    assert_eq!(logits(&parallel[0].answers), logits(&first[0].answers));
    let second = ask(json!({ "stack": ["prefix", "lora-2"] }), &texts[2..]);
    assert_eq!(
        logits(&parallel[1].answers[2..]),
        logits(&second[0].answers)
    );

    let averaged = ask(
        json!({ "average": [{ "adapter": { "split": [{ "adapter": "lora", "rows": 1 }, { "adapter": "houlsby", "rows": 3 }] }, "weight": 0.5 }, { "adapter": "ia3", "weight": 0.5 }], "head": "lora" }),
        &texts,
    );
    let by_hand = ask(
        json!({ "average": [{ "adapter": "houlsby", "weight": 0.5 }, { "adapter": "ia3", "weight": 0.5 }], "head": "lora" }),
        &texts[1..],
    );
    assert_eq!(
        logits(&averaged[0].answers[1..]),
        logits(&by_hand[0].answers)
    );
}

#[test]
fn a_split_is_of_as_many_rows_as_the_call() {
    let engine = engine(Dtype::F32);
    let split = composition(&json!({ "split": ["lora", { "adapter": "ia3", "rows": 3 }] }));
    let result = engine.classify_with_all(&[split], &texts(3)).map(|_| ());
    refused(result, "composition_invalid", &["4 rows", "the call has 3"]);
}

// ---- the pass

#[test]
fn units_may_share_and_repeat_sequences() {
    let engine = engine(Dtype::F32);
    let (backbone, sequences) = (engine.backbone(), sequences());
    let hook = |name: &str| engine.shared(name).unwrap();
    let (top, lora, prompt) = (hook("top"), hook("lora"), hook("prompt"));
    let units = [
        (&top, vec![2, 0]),
        (&prompt, vec![1]),
        (&lora, vec![0, 0, 2]),
        (&top, vec![]),
        (&top, vec![1]),
    ];
    let passing: Vec<Unit<'_>> = units
        .iter()
        .map(|(task, sequences)| Unit {
            hook: &*task.adapter,
            sequences: sequences.clone(),
        })
        .collect();
    let states = forward(&**backbone, &sequences, &passing).unwrap();
    assert_eq!(states.len(), units.len());
    for ((task, own), states) in units.iter().zip(&states) {
        let batch = Batch::new(own.iter().map(|&index| &sequences[index]));
        if own.is_empty() {
            assert_eq!(states.x.dims2(), (0, tiny::HIDDEN));
            continue;
        }
        let alone = backbone.forward(&batch, &*task.adapter).unwrap();
        assert_eq!(states.starts, alone.starts);
        assert_eq!(bits(states.x.data()), bits(alone.x.data()));
    }
    assert!(forward(&**backbone, &sequences, &[]).unwrap().is_empty());
}
