//! Every head: its loss and gradient against formulas in f64, its answers, and its way through both libraries' files.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use graftlet::model::Backbone;
use rand::SeedableRng;
mod files;
mod losses;

#[path = "../support/reference.rs"]
mod reference;

#[path = "../support/tiny.rs"]
mod tiny;

use graftlet::adapter::{FreshParams, GivenParams, Options, Parameter, preset};
use graftlet::engine::Engine;
use graftlet::folder::{Card, Library, TaskAdapter};
use graftlet::head::{
    Head, HeadConfig, MULTI_LABEL, Pooling, Prediction, Problem, REGRESSION, SINGLE_LABEL,
    TOKEN_CLASSIFICATION, Tagged, tagged_target,
};
use graftlet::input::Batch;
use graftlet::input::text::{Encoded, Text, Word};
use graftlet::model::{Dtype, Linear, NoHook, Shape};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::FloatType;
use graftlet::train::AdamW;
use rand_chacha::ChaCha8Rng;
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
        pairs: problem.kind.pairs(),
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
    // in places that both libraries have
    let options = Options {
        targets: Some(vec![Linear::Query, Linear::Value]),
        ..Options::default()
    };
    let config_of_adapter = (preset.config)(&options, shape).unwrap();
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

/// Every head learns two texts by heart, dense layer and all, and its file holds what was learnt.
#[test]
fn heads_learn() {
    let bert = Tiny::new(1, 16, 5).bert();
    for problem in problems() {
        let config = HeadConfig {
            pooling: Pooling::First,
            dense: Some(graftlet::ops::Activation::Tanh.into()),
            ..config(problem.clone())
        };
        let targets = targets(&problem);
        let states = bert.forward(&Batch::new(&sequences()), &NoHook).unwrap();
        let fresh = Head::build(config.clone(), bert.shape(), &mut FreshParams::new(4)).unwrap();
        let mut parameters = fresh.parameters().to_vec();
        let mut optimizer = AdamW::new(&parameters, 0.0, 1.0);
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
        for (own, target) in head.own_part(&logits, &states.starts).zip(&targets) {
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
    let engine = Tiny::new(1, 8, 5).engine(Dtype::F32);
    let tokenizer = engine.tokenizer().unwrap();
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
