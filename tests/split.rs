//! A pass in several places has the bits of a pass in one: every family, every kind of adapter, batches, windows of long
//! texts, places without a row.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp
)]

#[path = "support/bottlenecks.rs"]
mod bottlenecks;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/places.rs"]
mod places;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/rows.rs"]
mod rows;
#[path = "support/mod.rs"]
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use graftlet::adapter::{FreshParams, Options, presets};
use graftlet::compose::Composition;
use graftlet::engine::{Composed, Engine};
use graftlet::folder::Library;
use graftlet::head::{HeadConfig, Pairs, Pooling, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::input::picture::Picture;
use graftlet::input::sound::Sound;
use graftlet::input::text::{LongTexts, Text};
use graftlet::input::{Batch, Input, Reader, Sort};
use graftlet::model::folder::ModelFolder;
use graftlet::model::{Dtype, FAMILIES, Hook, NoHook, Reads, SentenceEmbedding, TowerName};
use graftlet::model::{Portion, Split, Waiting};
use places::{in_places, read_in_places};
use rows::{Row, moved, preset_rows, rows};
use tiny::Tiny;

const PLACES: [usize; 4] = [1, 2, 3, 4];

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn texts() -> Vec<Text> {
    vec![
        "the film is lovely and the song was not".into(),
        ".".into(),
        "bad good unknownword , one two three cat".into(),
        Text::pair("the cat sleeps", "a dog sings very fine here"),
    ]
}

fn head(pooling: Pooling) -> HeadConfig {
    HeadConfig {
        problem: SINGLE_LABEL.fresh(),
        pairs: Pairs::Joint,
        pooling,
        dense: None,
        labels: ["x", "y", "z"].map(String::from).to_vec(),
    }
}

fn tags() -> HeadConfig {
    HeadConfig {
        problem: TOKEN_CLASSIFICATION.fresh(),
        labels: ["O", "B-x", "I-x"].map(String::from).to_vec(),
        ..head(Pooling::Mean)
    }
}

/// The answers of one text at a time and of all, in every number of places, are those of one place.
fn check_answers<I: Clone + Into<Input>>(
    engine: &Engine,
    of: &[Composition],
    texts: &[I],
    what: &str,
) {
    let alone = |texts: &[I]| engine.classify_with_all(of, texts).unwrap();
    let same = |found: &[Composed<'_>], expected: &[Composed<'_>], what: &str| {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.answers.len(), expected.answers.len(), "{what}");
            for (found, expected) in found.answers.iter().zip(&expected.answers) {
                assert_eq!(bits(&found.logits), bits(&expected.logits), "{what}");
                assert_eq!(found, expected, "{what}");
            }
        }
    };
    let single = texts.iter().map(std::slice::from_ref);
    for texts in single.chain([texts]) {
        let expected = alone(texts);
        for places in PLACES {
            for limit in [1, 12, 256] {
                let begin = || engine.begin_answers(of, texts).unwrap();
                let mut reading = read_in_places(places, limit, begin);
                let found = reading.answers().unwrap();
                same(
                    &found,
                    &expected,
                    &format!("{what}, {places} places, {} inputs", texts.len()),
                );
            }
        }
    }
}

fn check_vectors<I: Clone + Into<Input>>(
    engine: &Engine,
    of: Option<&Composition>,
    texts: &[I],
    what: &str,
) {
    let expected = engine.embed_with(of, texts).unwrap();
    for places in PLACES {
        let begin = || engine.begin_vectors(of, texts).unwrap();
        let found = read_in_places(places, 256, begin).vectors().unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(
                bits(&found.vector),
                bits(&expected.vector),
                "{what}, {places} places"
            );
        }
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn every_kind() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let mut engine = Tiny::new(differences::LAYERS, 32, 7).engine(dtype);
        let shape = engine.backbone().shape().clone();
        let mut kinds = BTreeSet::new();
        for row in rows(&shape) {
            kinds.insert(row.config.kind().name);
            let poolings = match row.at_pooler {
                true => &[Pooling::Pooler][..],
                false => &[Pooling::Mean, Pooling::First],
            };
            for &pooling in poolings {
                engine.insert("it", moved(&row, head(pooling), &shape, 5));
                let what = format!("{}, {dtype:?}, {pooling:?}", row.name);
                check_answers(&engine, &["it".into()], &texts(), &what);
                check_vectors(&engine, Some(&"it".into()), &texts(), &what);
            }
            if row.config.adds_tokens() || row.at_pooler {
                continue;
            }
            engine.insert("it", moved(&row, tags(), &shape, 5));
            let what = format!("{}, {dtype:?}, tags", row.name);
            check_answers(&engine, &["it".into()], &texts(), &what);
        }
        check_vectors(&engine, None, &texts(), "no adapter");
        let all: BTreeSet<_> = graftlet::adapter::KINDS.iter().map(|k| k.name).collect();
        assert_eq!(kinds, all);
    }
}

/// A text of several windows, each of which is cut, and one that is truncated.
#[test]
fn long_texts() {
    let mut engine = Tiny::new(2, 32, 7).engine(Dtype::Int8);
    let shape = engine.backbone().shape().clone();
    let long = "the very good film was not a dull book . ".repeat(12);
    let texts = [Text::from(long.as_str()), "a cat".into()];
    for row in preset_rows(&shape) {
        engine.insert("it", moved(&row, head(Pooling::Mean), &shape, 5));
        engine.insert(
            "bare",
            moved(&plain(&shape), head(Pooling::Mean), &shape, 6),
        );
        for long in [LongTexts::Windows, LongTexts::Truncate] {
            engine.set_long_texts(long);
            let of = ["it".into(), "bare".into()];
            check_answers(&engine, &of, &texts, &row.name);
            check_vectors(&engine, Some(&of[0]), &texts, &row.name);
        }
    }
}

fn plain(shape: &graftlet::model::Shape) -> Row {
    let mut rows = preset_rows(shape).into_iter();
    rows.find(|row| row.lowest.is_none()).unwrap()
}

/// What a model reads: inputs of different lengths.
fn inputs(reader: &Reader) -> Vec<Input> {
    match reader.sort() {
        Sort::Text => vec![
            "the film is lovely and the song was not".into(),
            Text::pair("one two", "three cats sleep here").into(),
            "x".into(),
        ],
        Sort::Sound => [(0, 3_000), (2_000, 900), (0, 5_000)]
            .map(|(silence, count)| {
                let tone = (0..count).map(|at| 0.5 * (at as f32 * 0.3).sin());
                let samples = std::iter::repeat_n(0.0, silence).chain(tone);
                Sound::new("tone", samples.collect(), 16_000)
                    .unwrap()
                    .into()
            })
            .into(),
        Sort::Picture => [(12, 12), (8, 20), (4, 4)]
            .map(|(width, height)| {
                let bytes = (0..3 * width * height).map(|at| (at * 37 % 256) as u8);
                let bytes = bytes.collect();
                Picture::from_rgb("made", width, height, bytes)
                    .unwrap()
                    .into()
            })
            .into(),
        Sort::Pair => panic!("one encoder reads no pairs"),
    }
}

#[test]
fn every_family() {
    let mut families = BTreeSet::new();
    let folders = ["families", "sounds", "pictures", "towers"].map(support::fixture);
    let entries = folders
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    for entry in entries {
        let path = entry.unwrap().path();
        if !path.join("config.json").is_file() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let entries = std::fs::read_dir(&path).unwrap().flatten();
        let files: BTreeMap<String, Vec<u8>> = entries
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect();
        for tower in [None, Some(TowerName::Text), Some(TowerName::Vision)] {
            // a model has either one encoder or two towers
            if let Ok(folder) = ModelFolder::open_tower(&files, tower) {
                families.insert(check_family(&name, &folder));
            }
        }
    }
    let all: BTreeSet<_> = FAMILIES.iter().map(|family| family.model_type).collect();
    assert_eq!(families, all);
}

/// Checks a model with a fresh adapter of each kind. Answers with its family.
fn check_family(name: &str, folder: &ModelFolder<'_>) -> &'static str {
    let mut engine = Engine::assemble(
        &folder.config,
        &folder.reader,
        &folder.checkpoint,
        "00",
        SentenceEmbedding::default(),
    )
    .unwrap();
    let shape = engine.backbone().shape().clone();
    let texts = inputs(engine.reader());
    check_vectors(&engine, None, &texts, name);
    let mut kinds = Vec::new();
    for preset in presets() {
        let options = Options {
            reduction_factor: Some(4),
            ..Options::default()
        };
        // some kinds do not fit into a family's blocks
        let Ok(config) = (preset.config)(&options, &shape) else {
            continue;
        };
        if config.build(&shape, &mut FreshParams::new(1)).is_err() {
            continue;
        }
        kinds.push(config.kind().name);
        let row = Row {
            name: preset.name.into(),
            config,
            fresh_is_none: false,
            files: match preset.library {
                Library::Peft => &[Library::Peft],
                Library::AdapterHub => &[Library::AdapterHub],
            },
            merges: false,
            lowest: None,
            at_pooler: false,
            reference: None,
        };
        for pooling in [Pooling::Mean, Pooling::First] {
            engine.insert("it", moved(&row, head(pooling), &shape, 5));
            let what = format!("{name}, {}, {pooling:?}", row.name);
            check_answers(&engine, &["it".into()], &texts, &what);
        }
    }
    for kind in ["lora", "bottleneck", "prefix"] {
        // the tiny models of sounds and pictures have fewer positions than a prefix
        let has_room = kind != "prefix" || shape.max_tokens > 30;
        assert!(!has_room || kinds.contains(&kind), "{name} has no {kind}");
    }
    shape.anatomy.family.model_type
}

/// A value that is not finite, in a row of one place, is the whole sequence's in the first place.
#[test]
fn an_overflow_in_one_place_is_seen() {
    let mut engine = Tiny::new(2, 32, 7).engine(Dtype::Int8);
    let shape = engine.backbone().shape().clone();
    let mut rows = preset_rows(&shape).into_iter();
    let lora = rows.find(|row| row.config.kind().name == "lora").unwrap();
    for pooling in [Pooling::Mean, Pooling::First] {
        let mut task = moved(&lora, head(pooling), &shape, 5);
        let huge: Vec<_> = task
            .adapter
            .parameters()
            .iter()
            .map(|parameter| {
                let mut parameter = parameter.clone();
                let values: Vec<f32> = parameter.tensor.data().iter().map(|x| x * 1e25).collect();
                parameter.tensor = graftlet::tensor::Tensor::new(values, parameter.tensor.shape());
                parameter
            })
            .collect();
        let config = task.adapter.config().boxed();
        let mut given = graftlet::adapter::GivenParams(&huge);
        task.adapter = config.build(&shape, &mut given).unwrap();
        engine.insert("it", task);
        let of = ["it".into()];
        let expected = engine.classify_with_all(&of, &texts()).err().unwrap();
        for places in PLACES {
            let begin = || engine.begin_answers(&of, &texts()).unwrap();
            let found = read_in_places(places, 256, begin).answers().err().unwrap();
            assert_eq!(found.to_string(), expected.to_string());
        }
    }
}

/// A batch cut anywhere, without an engine: whole sequences in one place, rows of one in all, none in some.
#[test]
fn any_cut_of_a_batch() {
    let engine = Tiny::new(3, 32, 7).engine(Dtype::Int8);
    let backbone = &**engine.backbone();
    let sequences = engine.tokenizer().unwrap().encode_all(&texts()).unwrap();
    let batch = Batch::new(&sequences);
    let expected = backbone.forward(&batch, &NoHook).unwrap();
    let whole = backbone.embed(&batch, &NoHook).unwrap();
    let lengths: Vec<usize> = sequences.iter().map(|s| s.ids.len()).collect();
    let ends: [&dyn Fn(usize, usize) -> Vec<usize>; 4] = [
        // all at the first place, all at the last
        &|_, length| vec![0, length, length, length],
        &|_, length| vec![0, 0, 0, length],
        // a row at the first, nothing at the second
        &|_, length| vec![0, 1, 1, length],
        // every sequence otherwise
        &|index, length| match index % 3 {
            0 => vec![0, length / 2, length / 2 + 1, length],
            1 => vec![0, 0, length, length],
            _ => vec![0, length / 3, length / 3, length],
        },
    ];
    for cut in ends {
        let cuts: Vec<graftlet::model::Cuts> = lengths
            .iter()
            .enumerate()
            .map(|(index, &length)| cut(index, length).into())
            .collect();
        for reads in [Reads::All, Reads::First] {
            let found = in_places(3, |_, split: Rc<Split>| {
                let (cuts, whole) = (cuts.clone(), whole.clone());
                let mut pass: Waiting<'_, _> = Box::pin(async move {
                    let (own, cuts) = Portion::take(&split, &cuts, &whole);
                    let portion = Portion::new(&split, cuts);
                    let hook: &dyn Hook = &NoHook;
                    let states = backbone.run_portion(own, 0..3, hook, Some(&portion)).await;
                    portion.gather(states, reads).await
                });
                Box::new(move || {
                    let waker = std::task::Waker::noop();
                    let mut context = std::task::Context::from_waker(waker);
                    match pass.as_mut().poll(&mut context) {
                        std::task::Poll::Ready(found) => Some(found),
                        std::task::Poll::Pending => None,
                    }
                })
            });
            assert!(found[1].is_none() && found[2].is_none());
            let found = found[0].as_ref().unwrap();
            let expected = match reads {
                Reads::All => expected.x.clone(),
                Reads::First => graftlet::ops::select(&expected.x, &batch.starts[..4]),
            };
            assert_eq!(bits(found.x.data()), bits(expected.data()));
        }
    }
}
