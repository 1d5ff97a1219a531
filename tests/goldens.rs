//! Adapters that PEFT and AdapterHub saved give the logits that those libraries gave.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet::folder::Library;
use graftlet::input::text::Text;
use support::{assert_close, engine_f32, fixture, folder};

#[derive(serde::Deserialize)]
struct Expected {
    texts: Vec<String>,
    logits: Vec<Vec<f32>>,
    /// Some were only computed one by one.
    #[serde(default)]
    batch_logits: Vec<Vec<f32>>,
}

fn check(name: &str, library: Library) {
    let Some(mut engine) = engine_f32() else {
        return;
    };
    let files = folder(&fixture(&format!("goldens/{name}")));
    let expected: Expected = serde_json::from_slice(&files["expected.json"]).unwrap();
    let task = engine.add(name, &files).unwrap();
    assert_eq!(task.library, library);
    let texts: Vec<Text> = expected
        .texts
        .iter()
        .map(|text| text.as_str().into())
        .collect();

    let batch = engine.classify_with(name, &texts).unwrap();
    let mut largest = 0f32;
    for (index, text) in texts.iter().enumerate() {
        let alone = engine
            .classify_with(name, std::slice::from_ref(text))
            .unwrap();
        let what = format!("{name}, text {index}");
        largest = largest.max(assert_close(
            &alone[0].logits,
            &expected.logits[index],
            1e-4,
            &what,
        ));
        assert_eq!(
            alone[0], batch[index],
            "{name}, text {index} depends on its neighbours"
        );
        // AdapterHub does not mask the padding of prompt tuning's batches, so it differs from itself
        if name == "ah_prompt" || expected.batch_logits.is_empty() {
            continue;
        }
        let what = format!("{name}, text {index} in the batch");
        assert_close(
            &batch[index].logits,
            &expected.batch_logits[index],
            1e-4,
            &what,
        );
    }
    println!("{name}: largest difference of a logit {largest:.2e}");

    // written again in the same format and read back, every bit is the same
    let again = engine.export(name, library).unwrap();
    engine.add("again", &again).unwrap();
    let again = engine.classify_with("again", &texts).unwrap();
    assert_eq!(again, batch);
}

#[test]
fn peft_lora() {
    check("peft_lora_r8_qv", Library::Peft);
}

#[test]
fn peft_ia3() {
    check("peft_ia3", Library::Peft);
}

#[test]
fn adapterhub_ia3() {
    check("ah_ia3", Library::AdapterHub);
}

/// The placements of AdapterHub's configuration, its nonlinearities, learned factors, norms of the adapter's own and
/// widths by layer, between them.
#[test]
fn adapterhub_bottlenecks() {
    for name in [
        "ah_parallel",
        "ah_parallel_both",
        "ah_post_add",
        "ah_no_after",
        "ah_norms",
        "ah_plus",
    ] {
        check(name, Library::AdapterHub);
    }
}

#[test]
fn adapterhub_compacters() {
    for name in ["ah_compacter", "ah_compacter_own", "ah_compacter_shared"] {
        check(name, Library::AdapterHub);
    }
}

#[test]
fn adapterhub_ia3_with_alpha() {
    check("ah_ia3_alpha", Library::AdapterHub);
}

#[test]
fn adapterhub_houlsby() {
    check("ah_houlsby", Library::AdapterHub);
}

#[test]
fn adapterhub_pfeiffer() {
    check("ah_pfeiffer", Library::AdapterHub);
}

#[test]
fn adapterhub_lora() {
    check("ah_lora_r8", Library::AdapterHub);
}

#[test]
fn peft_prefix() {
    check("peft_prefix_10", Library::Peft);
}

#[test]
fn peft_prompt() {
    check("peft_prompt_8", Library::Peft);
}

#[test]
fn adapterhub_prompt() {
    check("ah_prompt", Library::AdapterHub);
}

#[test]
fn adapterhub_prefix() {
    check("ah_prefix_flat_bin", Library::AdapterHub);
}

/// On every linear layer, the pooler included.
#[test]
fn peft_all_linear() {
    check("peft_all_linear", Library::Peft);
}

/// The pooler is trained whole, beside LoRA.
#[test]
fn peft_pooler_saved() {
    check("peft_pooler_saved", Library::Peft);
}

/// All biases, the pooler's included.
#[test]
fn peft_bias_all_pooler() {
    check("peft_bias_all_pooler", Library::Peft);
}

#[test]
fn peft_p_tuning() {
    check("peft_p_tuning", Library::Peft);
}

/// A prefix is saved as its projection gave it.
#[test]
fn peft_prefix_projected() {
    let Some(mut engine) = engine_f32() else {
        return;
    };
    let mut files = folder(&fixture("goldens/peft_prefix_10"));
    engine.add("plain", &files).unwrap();
    let text = |files: &[u8]| String::from_utf8(files.to_vec()).unwrap();
    let config = text(&files["adapter_config.json"]);
    let projected = config.replace(
        "\"prefix_projection\": false",
        "\"prefix_projection\": true",
    );
    assert_ne!(config, projected);
    files.insert("adapter_config.json".into(), projected.into_bytes());
    engine.add("projected", &files).unwrap();
    let texts = [Text::from("The soup was lovely, and warm.")];
    let [plain, projected] =
        ["plain", "projected"].map(|name| engine.classify_with(name, &texts).unwrap());
    assert_eq!(plain, projected);
}

/// An adapter without a head loads, gives vectors, and says what is missing when it is asked.
#[test]
fn peft_without_a_head() {
    let Some(mut engine) = engine_f32() else {
        return;
    };
    let files = folder(&fixture("goldens/peft_no_head"));
    let task = engine.add("bare", &files).unwrap();
    assert!(task.head.is_none() && task.unused_head().is_none());
    let texts = [Text::from("The soup was lovely, and warm.")];
    let plain = engine.embed(&texts).unwrap();
    engine.activate(Some("bare")).unwrap();
    let vectors = engine.embed(&texts).unwrap();
    assert_ne!(vectors, plain);
    let error = engine.classify(&texts).unwrap_err();
    assert_eq!(error.code(), "head_missing", "{error}");
    assert!(error.to_string().contains("train --from"), "{error}");
    let again = engine.export("bare", Library::Peft).unwrap();
    engine.add("again", &again).unwrap();
    engine.activate(Some("again")).unwrap();
    assert_eq!(engine.embed(&texts).unwrap(), vectors);
}

/// With patterns of ranks, alphas and layers, rank-stabilised.
#[test]
fn peft_dora() {
    check("peft_dora", Library::Peft);
}

/// With all biases, those of the updates included.
#[test]
fn peft_lora_biases() {
    check("peft_lora_biases", Library::Peft);
}
