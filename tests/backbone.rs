//! The frozen encoder against PyTorch, and int8 against f32.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet::input::Batch;
use graftlet::input::text::Text;
use graftlet::model::NoHook;
use graftlet::tensor_file::TensorFile;
use support::{assert_close, engine_f32, engine_int8, fixture};

#[derive(serde::Deserialize)]
struct Sentences {
    texts: Vec<String>,
    token_ids: Vec<Vec<u32>>,
}

#[test]
fn last_hidden_state_equals_pytorch() {
    let Some(engine) = engine_f32() else { return };
    let json = std::fs::read(fixture("sentences.json")).unwrap();
    let sentences: Sentences = serde_json::from_slice(&json).unwrap();
    let bytes = std::fs::read(fixture("last_hidden_state.safetensors")).unwrap();
    let golden = TensorFile::parse("last_hidden_state", &bytes).unwrap();
    let hidden = engine.backbone().shape().hidden_size;

    let texts: Vec<Text> = sentences
        .texts
        .iter()
        .map(|text| text.as_str().into())
        .collect();
    let encoded = engine.tokenizer().unwrap().encode_all(&texts).unwrap();
    for (encoded, ids) in encoded.iter().zip(&sentences.token_ids) {
        assert_eq!(encoded.ids, *ids);
    }
    let batch = Batch::new(&encoded);
    let together = engine.backbone().forward(&batch, &NoHook).unwrap().x;
    let mut largest = 0f32;
    for (index, sequence) in encoded.iter().enumerate() {
        let length = sequence.ids.len();
        let expected = golden
            .floats(&format!("alone.{index}"), &[length, hidden])
            .unwrap();
        let alone = engine
            .backbone()
            .forward(&Batch::new([sequence]), &NoHook)
            .unwrap()
            .x;
        let in_batch = &together.data()[batch.starts[index] * hidden..][..length * hidden];
        largest = largest.max(assert_close(alone.data(), &expected, 1e-4, "alone"));
        assert_eq!(
            alone.data(),
            in_batch,
            "sentence {index} depends on its neighbours"
        );
    }
    println!("last hidden state, f32: largest difference from PyTorch {largest:.2e}");
}

#[test]
fn int8_keeps_the_direction_of_embeddings() {
    let (Some(f32), Some(int8)) = (engine_f32(), engine_int8()) else {
        return;
    };
    let texts = std::fs::read_to_string(fixture("data/cosine-texts.txt")).unwrap();
    let texts: Vec<Text> = texts.lines().map(Text::from).collect();
    assert_eq!(texts.len(), 160);
    let (a, b) = (f32.embed(&texts).unwrap(), int8.embed(&texts).unwrap());
    let cosines: Vec<f64> = a
        .iter()
        .zip(&b)
        .map(|(a, b)| {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        })
        .collect();
    let mean = cosines.iter().sum::<f64>() / 160.0;
    let least = cosines.iter().copied().fold(f64::INFINITY, f64::min);
    println!("int8 against f32, cosine over 160 texts: mean {mean:.5}, least {least:.5}");
    assert!(mean >= 0.999, "mean {mean}");
    assert!(least >= 0.997, "least {least}");
}
