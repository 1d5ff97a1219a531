//! Heads that read the two texts of a pair apart and compare their vectors: trained, saved, answering, and the vectors that
//! they were trained by.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "../support/labelled.rs"]
mod labelled;
mod refused;
#[path = "../support/tiny.rs"]
mod tiny;

use std::rc::Rc;
use std::sync::Arc;

use graftlet::adapter::{FreshParams, Options, preset};
use graftlet::engine::{Answer, Engine};
use graftlet::folder::{self, CARD, Card, Files, Library, Member, SIDE_HEAD, TaskAdapter};
use graftlet::head::{
    Head, HeadConfig, MULTI_LABEL, Pairs, Pooling, ProblemName, RANKING, REGRESSION, SINGLE_LABEL,
    TOKEN_CLASSIFICATION, field,
};
use graftlet::input::Input;
use graftlet::input::text::{LongTexts, Text};
use graftlet::model::{Dtype, Linear};
use graftlet::tensor_file::FloatType;
use graftlet::train::{Dataset, Reading, Row, Settings, Trainer};
use labelled::{row, run, trainer};
use serde_json::{Value, json};
use tiny::Tiny;

const PROBLEMS: [ProblemName; 3] = [SINGLE_LABEL, MULTI_LABEL, REGRESSION];

/// The rank correlation of answers without ties with labels of which a third are 5 and the others 1, where all are in order: the
/// square root of 3 · 1/3 · 2/3.
const MOST: f64 = 0.816;

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::F32)
}

/// Pairs whose label depends on both texts.
fn rows(problem: ProblemName, count: usize) -> Vec<Row> {
    let words = ["good", "awful", "red"];
    let of = |index: usize| {
        let (a, b) = (index % 3, index / 3 % 3);
        let filler = ["the", "a", "very"][index / 9 % 3];
        let text = Text::pair(
            &format!("{filler} {} film", words[a]),
            &format!("the {} {}", words[b], ["book", "song"][index / 27 % 2]),
        );
        let label = match problem.name() {
            "regression" => (if a == b { "5.0" } else { "1.0" }).to_owned(),
            "multi_label" => format!("{}{}", words[a], if a == b { "|same" } else { "" }),
            _ => (if a == b { "same" } else { "other" }).to_owned(),
        };
        row(text, &label)
    };
    (0..count).map(of).collect()
}

fn reading(problem: ProblemName, pairs: Option<Pairs>) -> Reading {
    Reading {
        problem,
        pairs,
        ..Reading::default()
    }
}

fn data(engine: &Engine, problem: ProblemName, count: usize) -> Dataset {
    let reading = reading(problem, Some(Pairs::Apart));
    Dataset::read("rows", &rows(problem, count), engine.reader(), &reading).unwrap()
}

fn settings(epochs: usize) -> Settings {
    Settings {
        epochs: Some(epochs),
        batch_size: Some(9),
        learning_rate: Some(1e-2),
        seed: Some(5),
        // in places that both libraries have
        adapter: Options {
            targets: Some(vec![Linear::Query, Linear::Value]),
            ..Options::default()
        },
        ..Settings::default()
    }
}

fn learnt(engine: &Engine, kind: &str, problem: ProblemName, epochs: usize) -> TaskAdapter {
    let data = data(engine, problem, 54);
    let mut trainer = trainer(engine, kind, settings(epochs), data.clone(), data);
    run(&mut trainer);
    trainer.finish().unwrap()
}

fn save(engine: &Engine, task: &TaskAdapter, library: Library) -> Files {
    folder::save(task, "it", library, engine.backbone().shape()).unwrap()
}

fn bits(answers: &[Answer]) -> Vec<Vec<u32>> {
    let of = |answer: &Answer| answer.logits.iter().map(|x| x.to_bits()).collect();
    answers.iter().map(of).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn json_of(files: &Files, name: &str) -> Value {
    serde_json::from_slice(&files[name]).unwrap()
}

#[test]
fn every_problem_of_pairs_is_learnt_saved_and_answered() {
    for problem in PROBLEMS {
        let mut engine = engine();
        let data = data(&engine, problem, 54);
        assert_eq!(data.sequences_per_row(), 2);
        let mut trainer = trainer(&engine, "lora", settings(30), data.clone(), data);
        run(&mut trainer);
        let report = trainer.report().unwrap().unwrap();
        let floor = if problem == REGRESSION { MOST } else { 0.9 };
        assert!(
            report.score >= floor,
            "{}: {}",
            problem.name(),
            report.score
        );
        let task = trainer.finish().unwrap();
        let head = task.head.as_ref().unwrap();
        assert!(head.compares() && head.reads_apart());
        let weight = head
            .parameters()
            .iter()
            .find(|p| p.name.field == field::OUT);
        let labels = head.config().labels.len();
        let features = 4 * engine.backbone().shape().hidden_size + 1;
        assert_eq!(weight.unwrap().tensor.shape(), [labels, features]);
        let texts: Vec<Input> = rows(problem, 9).into_iter().map(|row| row.input).collect();
        let before = bits(&engine.answer(&task, &texts, "it").unwrap());
        for library in [Library::Peft, Library::AdapterHub] {
            let files = save(&engine, &task, library);
            assert_eq!(json_of(&files, CARD)["pairs"], "apart");
            assert!(files.contains_key(SIDE_HEAD));
            // Neither library's own files hold a head: to them it is an adapter of the bare encoder.
            assert!(!files.contains_key("head_config.json"));
            if library == Library::Peft {
                let config = json_of(&files, "adapter_config.json");
                assert_eq!(config["task_type"], "FEATURE_EXTRACTION");
            }
            engine.add("it", &files).unwrap();
            assert_eq!(bits(&engine.classify_with("it", &texts).unwrap()), before);
            let again = folder::load("it", &files, engine.backbone().shape()).unwrap();
            assert_eq!(
                save(&engine, &again, library),
                files,
                "written as it was read"
            );
        }
        // Each pair alone, and beside an adapter that reads a pair as one sequence.
        for (text, expected) in texts.iter().zip(&before) {
            let alone = engine
                .answer(&task, std::slice::from_ref(text), "it")
                .unwrap();
            assert_eq!(&bits(&alone)[0], expected);
        }
    }
}

/// The head by its formula, in f64, over vectors of single texts.
#[test]
fn logits_are_those_of_the_vectors_of_both_texts() {
    let engine = engine();
    for problem in PROBLEMS {
        let task = learnt(&engine, "lora", problem, 2);
        let head = task.head.as_ref().unwrap();
        let value = |name: &str| {
            let own = head.parameters().iter().find(|p| p.name.field == name);
            own.unwrap().tensor.data().to_vec()
        };
        let (weight, bias) = (value(field::OUT), value(field::OUT_BIAS));
        for row in rows(problem, 9) {
            let vectors = row.input.text().unwrap().apart().map(|text| {
                let tokens = engine.tokenizer().unwrap().encode(&text).unwrap();
                let batch = graftlet::input::Batch::new([&tokens]);
                let states = engine.backbone().forward(&batch, &*task.adapter).unwrap();
                let count = states.x.rows().count() as f64;
                let mut mean = vec![0.0; states.x.dims2().1];
                for row in states.x.rows() {
                    let sums = mean.iter_mut().zip(row);
                    sums.for_each(|(sum, x)| *sum += f64::from(*x) / count);
                }
                mean
            });
            let vectors: Vec<Vec<f64>> = vectors.collect();
            let [u, v] = &vectors[..] else {
                panic!("a pair")
            };
            let pairs = || u.iter().zip(v);
            let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            let mut features = [u.clone(), v.clone()].concat();
            features.extend(pairs().map(|(u, v)| (u - v).abs()));
            features.extend(pairs().map(|(u, v)| u * v));
            features.push(dot(u, v) / (dot(u, u) * dot(v, v)).sqrt());
            let answers = engine
                .answer(&task, std::slice::from_ref(&row.input), "it")
                .unwrap();
            for (label, found) in answers[0].logits.iter().enumerate() {
                let own = weight[label * features.len()..].iter().zip(&features);
                let logit: f64 = own.map(|(&w, x)| f64::from(w) * x).sum();
                let logit = logit + f64::from(bias[label]);
                let off = (f64::from(*found) - logit).abs();
                assert!(off < 1e-4 * (1.0 + logit.abs()), "{off}");
            }
        }
    }
}

/// An adapter whose head says the cosine of the two vectors and nothing else.
fn of_cosine(engine: &Engine) -> TaskAdapter {
    let shape = engine.backbone().shape();
    let mut params = FreshParams::new(3);
    let config = (preset("lora").unwrap().config)(&Options::default(), shape).unwrap();
    let config_of_head = HeadConfig {
        problem: REGRESSION.fresh(),
        pooling: Pooling::Mean,
        pairs: Pairs::Apart,
        dense: None,
        labels: vec!["score".into()],
    };
    TaskAdapter {
        adapter: config.build(shape, &mut params).unwrap(),
        head: Some(Head::build(config_of_head, shape, &mut params).unwrap()),
        card: Card::default(),
        library: Library::Peft,
        original: None,
        float: FloatType::F32,
        bytes: 0,
    }
}

/// A fresh head for numbers answers the cosine of the vectors that `embed` gives, whatever the texts' length.
#[test]
fn the_cosine_is_that_of_the_embedded_texts() {
    let mut engine = engine();
    engine.insert("it", of_cosine(&engine));
    let long = |word: &str, count: usize| format!("{word} film ").repeat(count);
    for truncate in [false, true] {
        if truncate {
            engine.set_long_texts(LongTexts::Truncate);
        }
        for (first, second) in [
            ("the good film".to_owned(), "a red song".to_owned()),
            (long("good", 90), "a red song".to_owned()),
            ("the dog".to_owned(), long("bad", 120)),
            (long("red", 70), long("bad", 120)),
        ] {
            let pair = [Text::pair(&first, &second)];
            let answer = engine.classify_with("it", &pair).unwrap().remove(0);
            let of = graftlet::compose::Composition::from("it");
            let texts = [first.as_str(), second.as_str()];
            let vectors = engine.embed_with(Some(&of), &texts).unwrap();
            let expected = cosine(&vectors[0].vector, &vectors[1].vector);
            let off = (f64::from(answer.logits[0]) - expected).abs();
            assert!(off < 1e-5, "{off}: {} for {expected}", answer.logits[0]);
            let windows = vectors.iter().map(|v| v.windows).max().unwrap();
            assert_eq!(answer.windows, windows);
            assert_eq!(answer.truncated, vectors.iter().any(|v| v.truncated));
            assert_eq!(
                answer.tokens,
                vectors.iter().map(|v| v.tokens).sum::<usize>()
            );
        }
    }
    // As today a pair that is embedded is one text.
    let of = graftlet::compose::Composition::from("it");
    let pair = engine.embed_with(Some(&of), &[Text::pair("the dog", "a cat")]);
    assert_eq!(pair.unwrap().len(), 1);
}

#[test]
fn a_run_goes_on_from_its_checkpoint_byte_for_byte() {
    let engine = engine();
    let data = data(&engine, REGRESSION, 54);
    let begin = || trainer(&engine, "lora", settings(3), data.clone(), data.clone());
    let finished = |mut trainer: Trainer| {
        run(&mut trainer);
        save(&engine, &trainer.finish().unwrap(), Library::Peft)
    };
    let whole = finished(begin());
    let mut interrupted = begin();
    for _ in 0..8 {
        interrupted.step().unwrap();
    }
    let checkpoint = interrupted.checkpoint().unwrap();
    let resume = |data: Dataset| {
        let (backbone, kind) = (Arc::clone(engine.backbone()), preset("lora").unwrap());
        Trainer::resume(backbone, kind, settings(3), data.clone(), data, &checkpoint)
    };
    assert_eq!(finished(resume(data.clone()).unwrap()), whole);
    // A run that reads pairs as one sequence is another.
    let joint = reading(REGRESSION, Some(Pairs::Joint));
    let joint = Dataset::read("rows", &rows(REGRESSION, 54), engine.reader(), &joint);
    let error = resume(joint.unwrap()).err().unwrap();
    assert_eq!(error.code(), "checkpoint_mismatch");
}

/// Shares of a step for several workers add up to the step of one.
#[test]
fn workers_share_the_rows() {
    let engine = engine();
    let data = data(&engine, SINGLE_LABEL, 54);
    let begin = || trainer(&engine, "lora", settings(1), data.clone(), data.clone());
    let (mut alone, mut shared) = (begin(), begin());
    while !alone.is_done() {
        alone.step().unwrap();
        let shares = shared.plan(2);
        let computed = shares
            .iter()
            .map(|share| shared.learner().compute(share).unwrap());
        let computed = computed.collect();
        shared.apply(computed).unwrap();
    }
    assert!(shared.is_done());
    let (a, b) = (alone.learner().parameters(), shared.learner().parameters());
    let most = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
    assert!(most.fold(0.0, f32::max) < 1e-3);
}

/// The head alone, which is fitted in one go.
#[test]
fn a_head_alone_is_fitted_to_the_features() {
    let engine = engine();
    for problem in PROBLEMS {
        let data = data(&engine, problem, 54);
        let settings = Settings {
            epochs: None,
            ..settings(0)
        };
        let mut trainer = trainer(&engine, "head", settings, data.clone(), data);
        run(&mut trainer);
        let report = trainer.report().unwrap().unwrap();
        assert!(report.score > 0.6, "{}: {}", problem.name(), report.score);
    }
}

#[test]
fn training_goes_on_with_the_pairs_read_as_before() {
    let engine = engine();
    let task = learnt(&engine, "lora", REGRESSION, 4);
    let weights = task.head.as_ref().unwrap().parameters()[0]
        .tensor
        .data()
        .to_vec();
    let start = Member {
        name: "before".into(),
        task: Rc::new(task),
    };
    let going_on = Settings {
        start: Some(start),
        learning_rate: Some(1e-8),
        adapter: Options::default(),
        ..settings(1)
    };
    let reading = going_on.reading(REGRESSION);
    assert_eq!(reading.pairs, Some(Pairs::Apart));
    let data = Dataset::read("rows", &rows(REGRESSION, 54), engine.reader(), &reading);
    let data = data.unwrap();
    let mut trainer = trainer(&engine, "lora", going_on.clone(), data.clone(), data);
    run(&mut trainer);
    let task = trainer.finish().unwrap();
    let after = task.head.as_ref().unwrap().parameters()[0]
        .tensor
        .data()
        .to_vec();
    let most = weights.iter().zip(&after).map(|(a, b)| (a - b).abs());
    assert!(most.fold(0.0, f32::max) < 1e-3, "the head went on");
    // Another way to read pairs begins with another head.
    let other = Settings {
        pairs: Some(Pairs::Joint),
        ..going_on
    };
    assert_eq!(other.reading(REGRESSION).pairs, Some(Pairs::Joint));
}
