//! Arguments that are odd or wrong.

use graftlet::web::Rows;
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use super::{
    bytes, classify, embed, embed_with, engine, field, finish, object, options, rows, rows_of,
    text, train,
};

#[wasm_bindgen_test]
fn errors_are_objects_with_a_code() {
    let mut engine = engine();
    let code = |error: JsValue| {
        assert!(error.is_instance_of::<js_sys::Error>());
        assert_eq!(text(&error, "name"), "GraftletError");
        assert!(text(&error, "message").len() > 20);
        text(&error, "code")
    };
    let texts: JsValue = Array::of1(&"a film".into()).into();
    assert_eq!(
        code(classify(&mut engine, &texts).unwrap_err()),
        "adapter_not_in_use"
    );
    assert_eq!(
        code(engine.activate(&"x".into()).unwrap_err()),
        "adapter_unknown"
    );
    assert_eq!(
        code(engine.add_adapter(&"x".into(), &object(&[])).unwrap_err()),
        "file_missing"
    );
    let config = object(&[("adapter_config.json", bytes(b"{\"peft_type\":\"VERA\"}"))]);
    assert_eq!(
        code(engine.add_adapter(&"x".into(), &config).unwrap_err()),
        "method_unsupported"
    );
    assert_eq!(
        code(
            engine
                .add_adapter(&"x".into(), &"files".into())
                .unwrap_err()
        ),
        "option_invalid"
    );
    let empty: JsValue = Array::of1(&" ".into()).into();
    assert_eq!(
        code(embed(&mut engine, &empty).map(drop).unwrap_err()),
        "text_empty"
    );
    assert_eq!(
        code(embed(&mut engine, &7.into()).map(drop).unwrap_err()),
        "option_invalid"
    );
    let start = |options: JsValue, rows: Rows| {
        let started = engine.start_training(options, rows, None);
        code(started.map(drop).unwrap_err())
    };
    assert_eq!(start(options("vera"), rows()), "unknown_kind");
    assert_eq!(start(options("lora"), Rows::new()), "rows_empty");
    let unlabelled = rows_of("{\"text\":\"a\"}\n");
    assert_eq!(start(options("lora"), unlabelled), "rows_unlabelled");
    for (option, value) in [("epoch", 3.into()), ("epochs", JsValue::from("many"))] {
        let options = options("lora");
        Reflect::set(&options, &option.into(), &value).unwrap();
        assert_eq!(start(options, rows()), "config_invalid");
    }
    assert_eq!(
        start(object(&[("kind", "lora".into())]), rows()),
        "config_invalid"
    );
    assert_eq!(start("lora".into(), rows()), "option_invalid");
    for line in ["{\"label\":\"a\"}", "{\"text\":1}", "{", "\"\""] {
        let mut rows = Rows::new();
        assert_eq!(
            code(rows.push(line.as_bytes()).unwrap_err()),
            "file_invalid"
        );
    }
    let mut training = engine
        .start_training(options("lora"), rows(), None)
        .unwrap();
    let share = object(&[("from", 0.into())]);
    assert_eq!(code(training.compute(share).unwrap_err()), "option_invalid");
    let computed = vec![Uint8Array::from(&[7, 1][..])];
    assert_eq!(
        code(training.apply(computed).unwrap_err()),
        "option_invalid"
    );
    assert_eq!(
        code(training.set_parameters(&[1.0]).unwrap_err()),
        "option_invalid"
    );
    training.adapter_files().unwrap();
    assert_eq!(code(training.report().unwrap_err()), "adapter_unknown");
}

/// Values that no argument may be, those that JavaScript code can prepare among them.
fn odd_values() -> Vec<JsValue> {
    let made = |code: &str| js_sys::eval(code).unwrap();
    [
        "undefined",
        "null",
        "NaN",
        "-0",
        "7",
        "true",
        "10n ** 40n",
        "Symbol('odd')",
        "(() => 'odd')",
        "''",
        "'\\ud83d'",
        "[]",
        "[7]",
        "[[]]",
        "new Array(10)",
        "new Array(4294967295)",
        "({})",
        "Object.create(null)",
        "(() => { const o = {}; o.stack = [o]; return o })()",
        "(() => { const o = []; o.push(o); return o })()",
        "(() => { let o = 'x'; for (let i = 0; i < 10000; i++) o = { stack: [o] }; return o })()",
        "({ get text() { throw new TypeError('no') }, get stack() { throw new TypeError('no') } })",
        "[{ get text() { throw new TypeError('no') } }]",
        "[{ text: 'a', text2: 7 }]",
        "({ toJSON() { throw new TypeError('no') } })",
        "({ toJSON() { return undefined } })",
        "new Date(NaN)",
        "new Map([['one', 1]])",
        "Promise.resolve('one')",
        "new Float32Array(4)",
        "new ArrayBuffer(8)",
        "new String('one')",
        "({ 'adapter_config.json': new Uint16Array(4) })",
        "({ 'adapter_config.json': 'text' })",
        "({ get x() { throw new TypeError('no') } })",
    ]
    .map(made)
    .into()
}

#[wasm_bindgen_test]
fn an_odd_argument_is_an_error_and_the_engine_stays() {
    let mut engine = engine();
    let files = train(&engine, "lora");
    engine.add_adapter(&"one".into(), &files).unwrap();
    engine.activate(&"one".into()).unwrap();
    let texts: JsValue = Array::of1(&"a good meal".into()).into();
    let before = classify(&mut engine, &texts).unwrap();
    let logits = |lists: &JsValue| {
        let answer = Array::from(&Array::from(lists).get(0)).get(0);
        Array::from(&field(&answer, "logits")).join(" ")
    };
    for value in odd_values() {
        let outcomes = [
            classify(&mut engine, &value),
            finish(engine.begin_answers(&texts, &value, None, None)),
            finish(engine.begin_answers(&texts, &Array::of1(&value).into(), None, None)),
            embed(&mut engine, &value).map(|_| JsValue::NULL),
            embed_with(&mut engine, &texts, &value, None, None).map(|_| JsValue::NULL),
            engine.add_adapter(&value, &files),
            engine.add_adapter(&"two".into(), &value),
            engine.export_adapter(&value, &"peft".into()),
            engine.export_adapter(&"one".into(), &value),
            engine.export_merged(&value),
            engine.compose(&value, &"one".into()),
            engine.compose(&"two".into(), &value),
            engine.remove_adapter(&value).map(|()| JsValue::NULL),
            engine
                .start_training(value.clone(), rows(), None)
                .map(|_| JsValue::NULL),
        ];
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(text(&error, "name"), "GraftletError", "{value:?}");
            assert!(!text(&error, "code").is_empty());
        }
        // null and an empty string may be meant
        let _ = engine.activate(&value);
        engine.activate(&"one".into()).unwrap();
    }
    assert_eq!(
        logits(&classify(&mut engine, &texts).unwrap()),
        logits(&before)
    );
}
