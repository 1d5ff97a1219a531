//! Every head: its loss and gradient against formulas in f64, its answers, and its way through both libraries' files.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/reference.rs"]
mod reference;
#[path = "support/tiny.rs"]
mod tiny;

use graftlet::adapter::{FreshParams, GivenParams, Options};
use graftlet::adapter::{Parameter, preset};
use graftlet::engine::Engine;
use graftlet::folder::{self, CARD, CONFIG, Card, Files, Library, SIDE_HEAD, TaskAdapter};
use graftlet::head::{
    Head, HeadConfig, LossSettings, MULTI_LABEL, Pooling, Prediction, Problem, REGRESSION,
    SINGLE_LABEL, TOKEN_CLASSIFICATION, Tagged, tagged_target,
};
use graftlet::input::text::{Batch, Encoded, Text, Word};
use graftlet::model::{Backbone, Dtype, NoHook, Shape};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::FloatType;
use graftlet::train::AdamW;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::central_difference;
use serde_json::{Map, Value, json};
use tiny::{Tiny, normals};

fn labels(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn config(problem: Problem) -> HeadConfig {
    let names: &[&str] = match problem.kind.name() {
        "regression" => &["stars"],
        "token_classification" => &["O", "B-PER", "I-PER"],
        _ => &["a", "b", "c"],
    };
    HeadConfig {
        problem,
        pooling: Pooling::Pooler,
        dense: None,
        labels: labels(names),
    }
}

fn problems() -> [Problem; 4] {
    [
        SINGLE_LABEL.fresh(),
        Problem {
            kind: MULTI_LABEL,
            thresholds: vec![0.25, 0.5, 0.75],
        },
        REGRESSION.fresh(),
        TOKEN_CLASSIFICATION.fresh(),
    ]
}

/// What a sequence should be answered with.
enum Target {
    Label(usize),
    Labels(Vec<bool>),
    Number(f32),
    Tokens(Vec<Option<usize>>),
}

impl Target {
    /// As the problem stores it.
    fn words(&self) -> Vec<u32> {
        match self {
            Self::Label(label) => vec![*label as u32],
            Self::Labels(labels) => {
                let bits = labels.iter().zip(0..);
                vec![bits.map(|(&has, label)| u32::from(has) << label).sum()]
            }
            Self::Number(number) => vec![number.to_bits()],
            Self::Tokens(tokens) => {
                let tagged = tokens.iter().zip(0..).filter_map(|(label, token)| {
                    let label = (*label)? as u32;
                    Some(Tagged {
                        token,
                        label,
                        begins: true,
                    })
                });
                tagged_target(&tagged.collect::<Vec<_>>()).collect()
            }
        }
    }
}

/// The loss of two sequences' logits.
fn loss(head: &Head, logits: &Tensor, targets: &[Target]) -> Tensor {
    let words: Vec<Vec<u32>> = targets.iter().map(Target::words).collect();
    let words: Vec<&[u32]> = words.iter().map(Vec::as_slice).collect();
    head.loss(logits, &[0, 4, 6], &words)
}

/// A head whose every parameter is noise.
fn head(config: HeadConfig, shape: &Shape) -> Head {
    let fresh = Head::build(config.clone(), shape, &mut FreshParams::new(4)).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let parameters: Vec<Parameter> = fresh
        .parameters()
        .iter()
        .map(|parameter| Parameter {
            name: parameter.name,
            tensor: Tensor::variable(
                normals(&mut rng, parameter.tensor.len()),
                parameter.tensor.shape(),
            ),
        })
        .collect();
    Head::build(config, shape, &mut GivenParams(&parameters)).unwrap()
}

fn task(problem: Problem, library: Library, shape: &Shape) -> TaskAdapter {
    let preset = preset("lora").unwrap();
    let config_of_adapter = (preset.config)(&Options::default(), shape).unwrap();
    let adapter = config_of_adapter.build(shape, &mut FreshParams::new(3));
    TaskAdapter {
        adapter: adapter.unwrap(),
        head: Some(head(config(problem), shape)),
        card: Card::default(),
        library,
        original: None,
        float: FloatType::F32,
        bytes: 0,
    }
}

fn sequences() -> [Encoded; 2] {
    [(3, 4), (6, 2)].map(|(first, count)| Encoded {
        ids: (first..first + count).collect(),
        type_ids: vec![0; count as usize],
        truncated: false,
    })
}

fn targets(problem: &Problem) -> [Target; 2] {
    match problem.kind.name() {
        "single_label" => [Target::Label(2), Target::Label(0)],
        "multi_label" => [
            Target::Labels(vec![true, false, true]),
            Target::Labels(vec![false, false, true]),
        ],
        "regression" => [Target::Number(1.5), Target::Number(-0.25)],
        _ => [
            Target::Tokens(vec![None, Some(1), Some(2), None]),
            Target::Tokens(vec![Some(0), None]),
        ],
    }
}

/// The mean over everything judged, written as plainly as it can be.
fn formula(logits: &[f64], width: usize, targets: &[Target; 2]) -> f64 {
    let mut rows = logits.chunks_exact(width);
    let mut terms = Vec::new();
    for target in targets {
        match target {
            Target::Label(label) => {
                terms.push(reference::cross_entropy(rows.next().unwrap(), *label))
            }
            Target::Labels(truths) => {
                for (z, truth) in rows.next().unwrap().iter().zip(truths) {
                    let p = reference::sigmoid(*z);
                    terms.push(-(if *truth { p } else { 1.0 - p }).ln());
                }
            }
            Target::Number(number) => {
                terms.push((rows.next().unwrap()[0] - f64::from(*number)).powi(2));
            }
            Target::Tokens(tokens) => {
                for label in tokens {
                    let row = rows.next().unwrap();
                    terms.extend(label.map(|label| reference::cross_entropy(row, label)));
                }
            }
        }
    }
    terms.iter().sum::<f64>() / terms.len() as f64
}

#[test]
fn losses_and_their_gradients() {
    let bert = Tiny::new(1, 16, 5).bert();
    for problem in problems() {
        let head = head(config(problem.clone()), bert.shape());
        let states = bert.forward(&Batch::new(&sequences()), &NoHook).unwrap();
        let rows = head.logits(&bert, &NoHook, &states).dims2();
        let expected_rows = if problem.kind == TOKEN_CLASSIFICATION {
            6
        } else {
            2
        };
        assert_eq!(rows.0, expected_rows, "{problem:?}");
        let (targets, width) = (targets(&problem), rows.1);
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let values = normals(&mut rng, rows.0 * width);
        let logits = Tensor::variable(values.clone(), &[rows.0, width]);
        let loss = loss(&head, &logits, &targets);
        let mut z: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let expected = formula(&z, width, &targets);
        assert!(
            (f64::from(loss.data()[0]) - expected).abs() < 1e-6,
            "{problem:?}"
        );
        let gradients = loss.backward_from(&[2.0]);
        let found = gradients.get(&logits).unwrap();
        for index in 0..z.len() {
            let x = z[index];
            let slope = central_difference(x, |x| {
                z[index] = x;
                formula(&z, width, &targets)
            });
            z[index] = x;
            let difference = (f64::from(found[index]) - 2.0 * slope).abs();
            assert!(
                difference < 1e-6,
                "{problem:?}, logit {index}: {difference:e}"
            );
        }
        let weight = |target: &Target| {
            let settings = LossSettings::default();
            problem.kind.weight(&target.words(), width, &settings)
        };
        let weight: f64 = targets.iter().map(weight).sum();
        let expected = match problem.kind.name() {
            "multi_label" => 6.0,
            "token_classification" => 3.0,
            _ => 2.0,
        };
        assert!((weight - expected).abs() < 1e-12);
    }
}

#[test]
fn no_judged_token_costs_nothing() {
    let bert = Tiny::new(1, 16, 5).bert();
    let head = head(config(TOKEN_CLASSIFICATION.fresh()), bert.shape());
    let logits = Tensor::variable(vec![1.0; 6], &[2, 3]);
    let nothing = Target::Tokens(vec![None, None]);
    let loss = head.loss(&logits, &[0, 2], &[&nothing.words()]);
    assert_eq!(loss.data(), [0.0]);
    let gradients = loss.backward();
    assert!(
        gradients
            .get(&logits)
            .is_none_or(|g| g.iter().all(|&g| g == 0.0))
    );
}

#[test]
fn extreme_logits_give_finite_losses() {
    let bert = Tiny::new(1, 16, 5).bert();
    for problem in problems() {
        let head = head(config(problem.clone()), bert.shape());
        let targets = targets(&problem);
        let width = head.config().labels.len();
        let rows = if problem.kind == TOKEN_CLASSIFICATION {
            6
        } else {
            2
        };
        for extreme in [1e4f32, -1e4] {
            let logits = Tensor::variable(vec![extreme; rows * width], &[rows, width]);
            let loss = loss(&head, &logits, &targets);
            assert!(loss.data()[0].is_finite(), "{problem:?}");
            let gradients = loss.backward();
            assert!(
                gradients
                    .get(&logits)
                    .unwrap()
                    .iter()
                    .all(|g| g.is_finite())
            );
        }
    }
}

/// Every head learns two texts by heart, dense layer and all, and its file holds what was learnt.
#[test]
fn heads_learn() {
    let bert = Tiny::new(1, 16, 5).bert();
    for problem in problems() {
        let config = HeadConfig {
            pooling: Pooling::First,
            dense: Some(graftlet::ops::Activation::Tanh),
            ..config(problem.clone())
        };
        let targets = targets(&problem);
        let states = bert.forward(&Batch::new(&sequences()), &NoHook).unwrap();
        let fresh = Head::build(config.clone(), bert.shape(), &mut FreshParams::new(4)).unwrap();
        let mut parameters = fresh.parameters().to_vec();
        let mut optimizer = AdamW::new(&parameters, 0.0);
        let mut losses = Vec::new();
        for _ in 0..300 {
            let head = Head::build(config.clone(), bert.shape(), &mut GivenParams(&parameters));
            let head = head.unwrap();
            let loss = loss(&head, &head.logits(&bert, &NoHook, &states), &targets);
            losses.push(loss.data()[0]);
            let gradients = loss.backward();
            let gradients: Vec<Vec<f32>> = parameters
                .iter()
                .map(|parameter| gradients.get(&parameter.tensor).unwrap().to_vec())
                .collect();
            optimizer.step(&mut parameters, &gradients.concat(), 0.02);
        }
        assert!(
            losses[0] > 0.1 && losses[299] < 0.01,
            "{problem:?}: {losses:?}"
        );
        let head = Head::build(config, bert.shape(), &mut GivenParams(&parameters)).unwrap();
        let logits = head.logits(&bert, &NoHook, &states);
        for (own, target) in head.own_logits(&logits, &states.starts).zip(&targets) {
            match (head.prediction(own), target) {
                (Prediction::Label { best, .. }, Target::Label(label)) => assert_eq!(best, *label),
                (Prediction::Labels { chosen, .. }, Target::Labels(truths)) => {
                    let expected = (0..truths.len()).filter(|&label| truths[label]);
                    assert_eq!(chosen, expected.collect::<Vec<_>>());
                }
                (Prediction::Number(found), Target::Number(number)) => {
                    assert!((found - number).abs() < 0.2);
                }
                (Prediction::Tokens(tokens), Target::Tokens(labels)) => {
                    for (token, label) in tokens.iter().zip(labels) {
                        assert!(label.is_none_or(|label| label == token.label));
                    }
                }
                (prediction, _) => panic!("{prediction:?}"),
            }
        }
    }
}

fn read(files: &Files, name: &str) -> Map<String, Value> {
    serde_json::from_slice(&files[name]).unwrap()
}

fn same_head(a: &Head, b: &Head) {
    let (found, mut expected) = (a.config(), b.config().clone());
    // what labels tokens pools nothing
    if expected.problem.kind == TOKEN_CLASSIFICATION {
        expected.pooling = found.pooling;
    }
    assert_eq!(*found, expected);
    for (a, b) in a.parameters().iter().zip(b.parameters()) {
        assert_eq!((a.name, a.tensor.data()), (b.name, b.tensor.data()));
    }
}

#[test]
fn heads_are_written_and_read_as_each_library_has_them() {
    let bert = Tiny::new(2, 16, 5).bert();
    let shape = bert.shape();
    for problem in problems() {
        for library in [Library::Peft, Library::AdapterHub] {
            let task = task(problem.clone(), library, shape);
            let files = folder::save(&task, "a", library, shape).unwrap();
            assert!(!files.contains_key(SIDE_HEAD), "{problem:?}, {library:?}");
            let loaded = folder::load("a", &files, shape).unwrap();
            same_head(loaded.head.as_ref().unwrap(), task.head.as_ref().unwrap());
            let card = read(&files, CARD);
            match library {
                Library::Peft => {
                    let expected = match problem.kind.name() {
                        "token_classification" => "TOKEN_CLS",
                        _ => "SEQ_CLS",
                    };
                    assert_eq!(read(&files, CONFIG)["task_type"], expected);
                }
                Library::AdapterHub => {
                    let head = read(&files, "head_config.json");
                    let (expected, pooler) = match problem.kind.name() {
                        "multi_label" => ("multilabel_classification", true),
                        "token_classification" => ("tagging", false),
                        _ => ("classification", true),
                    };
                    assert_eq!(head["config"]["head_type"], expected);
                    let inner = head["config"].as_object().unwrap();
                    assert_eq!(inner.contains_key("use_pooler"), pooler);
                    assert_eq!(inner.contains_key("bias"), pooler);
                }
            }
            let expected = match problem.kind.name() {
                "single_label" => None,
                "multi_label" => {
                    Some(json!({"name": "multi_label", "thresholds": [0.25, 0.5, 0.75]}))
                }
                name => Some(json!({"name": name})),
            };
            assert_eq!(card.get("problem").cloned(), expected);

            // without the side file everything is known but names, thresholds, and PEFT's several labels
            let mut bare = files.clone();
            bare.remove(CARD);
            let loaded = folder::load("a", &bare, shape).unwrap();
            let found = &loaded.head.unwrap().config().problem.clone();
            let expected = match (problem.kind.name(), library) {
                ("multi_label", Library::Peft) => SINGLE_LABEL.fresh(),
                _ => problem.kind.fresh(),
            };
            assert_eq!(*found, expected, "{library:?}");
        }
    }
}

#[test]
fn a_head_that_no_library_has_stands_in_the_side_file() {
    let bert = Tiny::new(2, 16, 5).bert();
    let shape = bert.shape();
    for problem in problems() {
        let mut task = task(problem.clone(), Library::Peft, shape);
        let config = HeadConfig {
            pooling: Pooling::Mean,
            dense: Some(graftlet::ops::Activation::Relu),
            ..config(problem.clone())
        };
        task.head = Some(head(config, shape));
        for library in [Library::Peft, Library::AdapterHub] {
            let tokens = problem.kind == TOKEN_CLASSIFICATION;
            let files = folder::save(&task, "a", library, shape).unwrap();
            // what labels tokens pools nothing, and AdapterHub's has a dense layer
            let expected = !(tokens && library == Library::AdapterHub);
            assert_eq!(files.contains_key(SIDE_HEAD), expected, "{problem:?}");
            let loaded = folder::load("a", &files, shape).unwrap().head.unwrap();
            for (a, b) in loaded
                .parameters()
                .iter()
                .zip(task.head.as_ref().unwrap().parameters())
            {
                assert_eq!((a.name, a.tensor.data()), (b.name, b.tensor.data()));
            }
            assert_eq!(loaded.config().problem, problem);
        }
    }
}

#[test]
fn contradictions_are_refused() {
    let bert = Tiny::new(2, 16, 5).bert();
    let shape = bert.shape();
    let refuse = |problem: Problem, library, card: Value, code: &str, part: &str| {
        let mut files = folder::save(&task(problem, library, shape), "a", library, shape).unwrap();
        files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
        let error = folder::load("a", &files, shape).err().unwrap();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    let tokens = json!({"problem": {"name": "token_classification"}});
    for library in [Library::Peft, Library::AdapterHub] {
        refuse(
            SINGLE_LABEL.fresh(),
            library,
            tokens.clone(),
            "config_invalid",
            "labels of tokens",
        );
        let single = json!({"problem": {"name": "single_label"}});
        refuse(
            TOKEN_CLASSIFICATION.fresh(),
            library,
            single,
            "config_invalid",
            "one label",
        );
        let thresholds = |thresholds: Value| json!({"problem": {"name": "multi_label", "thresholds": thresholds}, "labels": ["a", "b", "c"]});
        let problem = || MULTI_LABEL.fresh();
        refuse(
            problem(),
            library,
            thresholds(json!([0.5])),
            "option_invalid",
            "thresholds",
        );
        refuse(
            problem(),
            library,
            thresholds(json!([0.5, 2.0, 0.1])),
            "option_invalid",
            "0 to 1",
        );
    }
    let unknown = json!({"problem": {"name": "sorting"}});
    refuse(
        SINGLE_LABEL.fresh(),
        Library::Peft,
        unknown,
        "config_invalid",
        "sorting",
    );
    let regression = json!({"problem": {"name": "regression"}});
    refuse(
        SINGLE_LABEL.fresh(),
        Library::Peft,
        regression,
        "option_invalid",
        "one output",
    );
}

/// An engine with one adapter a problem.
fn engine() -> Engine {
    let mut engine = Tiny::new(2, 32, 5).engine(Dtype::F32);
    for (problem, name) in problems()
        .into_iter()
        .zip(["single", "multi", "number", "tokens"])
    {
        let task = task(problem, Library::AdapterHub, engine.backbone().shape());
        engine.insert(name, task);
    }
    engine
}

#[test]
fn answers_say_what_their_heads_say() {
    let engine = engine();
    let texts = [Text::from("good film"), Text::from("a bad bad film")];
    let answer = |name: &str| engine.classify_with(name, &texts).unwrap();
    for answer in answer("single") {
        let (best, score) = answer.label().unwrap();
        assert!((answer.scores().iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(answer.scores().iter().all(|other| *other <= score));
        assert!(matches!(answer.prediction, Prediction::Label { best: b, .. } if b == best));
    }
    for answer in answer("multi") {
        let Prediction::Labels { chosen, scores } = &answer.prediction else {
            panic!("{answer:?}");
        };
        for (label, threshold) in [0.25, 0.5, 0.75].into_iter().enumerate() {
            let expected = reference::sigmoid(f64::from(answer.logits[label]));
            assert!((f64::from(scores[label]) - expected).abs() < 1e-6);
            assert_eq!(chosen.contains(&label), scores[label] >= threshold);
        }
        assert!(answer.label().is_some());
    }
    for answer in answer("number") {
        assert_eq!(answer.prediction, Prediction::Number(answer.logits[0]));
        assert!(answer.label().is_none() && answer.scores().is_empty());
    }
    for (answer, text) in answer("tokens").iter().zip(&texts) {
        let Prediction::Spans(spans) = &answer.prediction else {
            panic!("{answer:?}");
        };
        assert_eq!(answer.logits.len(), 3 * answer.tokens);
        let length = text.first.chars().count();
        for span in spans {
            assert!(span.start < span.end && span.end <= length && span.label == "PER");
        }
    }
    // a text's own answer does not depend on the others
    for name in ["single", "multi", "number", "tokens"] {
        let batch = answer(name);
        for (text, expected) in texts.iter().zip(&batch) {
            let alone = engine
                .classify_with(name, std::slice::from_ref(text))
                .unwrap();
            assert_eq!(alone[0], *expected, "{name}");
        }
    }
}

#[test]
fn words_have_their_characters_place() {
    let tokenizer = Tiny::new(1, 8, 5).engine(Dtype::F32).tokenizer().clone();
    let word = |token, second, start, end| Word {
        token,
        second,
        start,
        end,
    };
    // [CLS] good film [SEP], two characters of which take two bytes each
    let words = tokenizer
        .words(&Text::from("\u{e4}\u{e9} good, film"))
        .unwrap();
    assert_eq!(
        words,
        [
            word(1, false, 0, 2),
            word(2, false, 3, 7),
            word(3, false, 7, 8),
            word(4, false, 9, 13),
        ]
    );
    let pair = tokenizer.words(&Text::pair("good", "bad film")).unwrap();
    assert_eq!(
        pair,
        [
            word(1, false, 0, 4),
            word(3, true, 0, 3),
            word(4, true, 4, 8)
        ]
    );
    // as far as the text is read
    let long = Text::from("good ".repeat(20).as_str());
    let read = tokenizer.encode(&long).unwrap().ids.len();
    assert_eq!(tokenizer.words(&long).unwrap().len(), read - 2);
    assert_eq!(
        tokenizer.words(&"  ".into()).unwrap_err().code(),
        "text_empty"
    );
}

#[test]
fn heads_refuse_labels_that_do_not_fit() {
    let bert = Tiny::new(1, 16, 5).bert();
    let build = |config: HeadConfig| {
        let error = Head::build(config, bert.shape(), &mut FreshParams::new(1))
            .err()
            .unwrap();
        assert_eq!(error.code(), "option_invalid");
    };
    for problem in problems() {
        build(HeadConfig {
            labels: Vec::new(),
            ..config(problem)
        });
    }
    build(HeadConfig {
        labels: labels(&["a", "b"]),
        ..config(REGRESSION.fresh())
    });
}
