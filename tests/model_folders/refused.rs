//! Folders that are refused.

use graftlet::Error;
use graftlet::engine::Engine;
use graftlet::model::SentenceEmbedding;
use graftlet::model::folder::ModelFolder;
use serde_json::{Value, json};

use super::{Files, files, open};

#[track_caller]
fn refused(files: &Files, code: &str, words: &[&str]) -> Error {
    let Err(error) = ModelFolder::open(files) else {
        panic!("accepted");
    };
    let said = error.to_string();
    assert_eq!(error.code(), code, "{said}");
    for word in words {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    assert!(!said.contains("adapter's answers"), "{said}");
    assert!(said.len() <= 300, "{said}");
    error
}

#[test]
fn other_architectures_are_named() {
    for (config, words) in [
        (
            json!({"model_type": "albert", "architectures": ["AlbertForMaskedLM"]}),
            ["an ALBERT model", "AlbertForMaskedLM"],
        ),
        (
            json!({"model_type": "deberta-v2", "architectures": ["DebertaV2Model"]}),
            ["a DeBERTa-v2 model", "DebertaV2Model"],
        ),
        (
            json!({"model_type": "mobilebert"}),
            ["a MobileBERT model", "BERT, RoBERTa"],
        ),
        (
            json!({"architectures": ["XLNetModel"]}),
            ["an XLNetModel model", "ModernBERT"],
        ),
        (
            json!({"model_type": "nomic_bert"}),
            ["a Nomic BERT model", "ModernBERT"],
        ),
        (
            json!({"model_type": "t5", "architectures": ["T5EncoderModel"]}),
            ["a T5 model", "T5EncoderModel"],
        ),
        (
            json!({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}),
            ["a Llama model", "LlamaForCausalLM"],
        ),
        (
            json!({"architectures": ["FunnelModel"]}),
            ["FunnelModel", "ModernBERT"],
        ),
        (
            json!({"model_type": "brand-new"}),
            ["brand-new", "BERT, RoBERTa"],
        ),
        (
            json!({"model_type": "bert", "architectures": ["JinaBertModel"], "auto_map": {"AutoModel": "x"}}),
            ["JinaBertModel", "BERT, RoBERTa"],
        ),
        (
            json!({"model_type": "bert", "position_embedding_type": "relative_key"}),
            ["relative_key", "absolute"],
        ),
        (
            json!({"model_type": "bert", "is_decoder": true}),
            ["decoder", "encoders"],
        ),
        (
            json!({"model_type": "bert", "hidden_act": "prelu"}),
            ["prelu", "gelu"],
        ),
        (
            json!({"model_type": "bert", "quantization_config": {"quant_method": "gptq"}}),
            ["gptq", "original"],
        ),
    ] {
        let mut files = files("legacy");
        files.insert("config.json".into(), config.to_string().into_bytes());
        refused(&files, "model_unsupported", &words);
    }
}

#[test]
fn other_formats_are_named_with_what_is_needed() {
    for (name, format) in [
        ("onnx/model.onnx", "ONNX"),
        ("model_quantized.onnx", "ONNX"),
        ("bert-q4_0.gguf", "GGUF"),
        ("tf_model.h5", "TensorFlow"),
        ("bert_model.ckpt.index", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
    ] {
        let mut files = files("legacy");
        files.remove("model.safetensors");
        files.insert(name.into(), b"x".to_vec());
        refused(
            &files,
            "model_unsupported",
            &[format, "model.safetensors", "pytorch_model.bin"],
        );
        files.remove("config.json");
        refused(&files, "model_unsupported", &[format]);
    }
    let mut adapter = Files::new();
    adapter.insert("adapter_config.json".into(), b"{}".to_vec());
    refused(
        &adapter,
        "file_missing",
        &["config.json", "adapter's folder"],
    );
    refused(&Files::new(), "file_missing", &["config.json"]);
}

#[test]
fn what_a_download_left_is_named() {
    let mut pointer = files("legacy");
    let text = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    pointer.insert("model.safetensors".into(), text.to_vec());
    refused(
        &pointer,
        "file_invalid",
        &["model.safetensors", "git lfs pull"],
    );
    pointer.insert("model.safetensors".into(), b"\n<!DOCTYPE html>".to_vec());
    refused(&pointer, "file_invalid", &["web page"]);

    let mut shard = files("relu-shards");
    shard.remove("model-00002-of-00002.safetensors");
    refused(
        &shard,
        "file_missing",
        &["model-00002-of-00002.safetensors", "index"],
    );
    let index = br#"{"weight_map": {"a": "../x.safetensors"}}"#;
    shard.insert("model.safetensors.index.json".into(), index.to_vec());
    refused(&shard, "config_invalid", &["../x.safetensors"]);

    let mut no_words = files("legacy");
    no_words.remove("vocab.txt");
    refused(&no_words, "file_missing", &["tokenizer.json or vocab.txt"]);
    no_words.insert("vocab.txt".into(), b"a\nb\n".to_vec());
    refused(&no_words, "config_invalid", &["vocab.txt", "[CLS]"]);
    no_words.insert("vocab.txt".into(), b"\xff\xfe".to_vec());
    refused(&no_words, "file_invalid", &["UTF-8"]);
    let mut japanese = files("legacy");
    let class = br#"{"tokenizer_class": "BertJapaneseTokenizer"}"#;
    japanese.insert("tokenizer_config.json".into(), class.to_vec());
    refused(&japanese, "model_unsupported", &["BertJapaneseTokenizer"]);
}

/// More tokens than the model has embeddings.
#[test]
fn a_vocabulary_that_is_too_large_is_refused() {
    let mut files = files("silu-bin-shards");
    let words = files["vocab.txt"].iter().filter(|byte| **byte == b'\n');
    let first = words.count();
    let added = |first: usize| {
        let tokens = (0..5).map(|index| (format!("added{index}"), json!(first + index)));
        Value::Object(tokens.collect()).to_string().into_bytes()
    };
    files.insert("added_tokens.json".into(), added(first + 1));
    refused(
        &files,
        "config_invalid",
        &["added_tokens.json", "added0", "next"],
    );
    files.insert("added_tokens.json".into(), added(first));
    let model = open(&files);
    let engine = Engine::assemble(
        &model.config,
        &model.reader,
        &model.checkpoint,
        "00",
        SentenceEmbedding::default(),
    );
    let Err(error) = engine else {
        panic!("accepted")
    };
    assert_eq!(error.code(), "config_invalid", "{error}");
}
