//! A BERT of a few thousand random weights and a tokenizer of forty tokens, so that whole runs take milliseconds and
//! need no download.
#![allow(dead_code, unreachable_pub)]

use graftlet::engine::Engine;
use graftlet::model::{Anatomy, Checkpoint, Dtype, Encoder, SentenceEmbedding, convert};
use graftlet::tensor_file::{FloatType, TensorFileWriter};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

pub const HIDDEN: usize = 16;
pub const HEADS: usize = 4;
pub const FFN: usize = 32;
pub const EPSILON: f64 = 1e-12;
pub const FINGERPRINT: &str = "f1f1f1f1";

/// Words of the vocabulary; any other is `[UNK]`.
pub const WORDS: [&str; 35] = [
    "the", "a", "is", "was", "not", "very", "film", "book", "song", "meal", "good", "fine",
    "great", "lovely", "warm", "bad", "poor", "awful", "dull", "cold", "red", "green", "blue",
    "one", "two", "three", "cat", "dog", "bird", "runs", "sleeps", "sings", "here", "there", ".",
];
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
pub const VOCABULARY: usize = SPECIAL.len() + WORDS.len();

/// A random checkpoint.
pub struct Tiny {
    pub layers: usize,
    pub positions: usize,
    /// Names, shapes and values in transformers' order.
    pub tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

/// Standard normal deviates.
pub fn normals(rng: &mut impl Rng, count: usize) -> Vec<f32> {
    // the sum of twelve uniform deviates: plain, and close enough to normal
    (0..count)
        .map(|_| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0)
        .collect()
}

impl Tiny {
    pub fn new(layers: usize, positions: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: &[usize], deviation: f32, mean: f32| {
            let data = normals(&mut rng, shape.iter().product());
            let data = data.iter().map(|x| x * deviation + mean).collect();
            tensors.push((name, shape.to_vec(), data));
        };
        let tables = [
            ("word", VOCABULARY),
            ("position", positions),
            ("token_type", 2),
        ];
        for (table, rows) in tables {
            add(
                format!("embeddings.{table}_embeddings.weight"),
                &[rows, HIDDEN],
                0.5,
                0.0,
            );
        }
        add("embeddings.LayerNorm.weight".into(), &[HIDDEN], 0.2, 1.0);
        add("embeddings.LayerNorm.bias".into(), &[HIDDEN], 0.2, 0.0);
        for layer in 0..layers {
            for (name, output, input) in [
                ("attention.self.query", HIDDEN, HIDDEN),
                ("attention.self.key", HIDDEN, HIDDEN),
                ("attention.self.value", HIDDEN, HIDDEN),
                ("attention.output.dense", HIDDEN, HIDDEN),
                ("intermediate.dense", FFN, HIDDEN),
                ("output.dense", HIDDEN, FFN),
            ] {
                let path = format!("encoder.layer.{layer}.{name}");
                add(format!("{path}.weight"), &[output, input], 0.3, 0.0);
                add(format!("{path}.bias"), &[output], 0.1, 0.0);
            }
            for half in ["attention.output", "output"] {
                let path = format!("encoder.layer.{layer}.{half}.LayerNorm");
                add(format!("{path}.weight"), &[HIDDEN], 0.2, 1.0);
                add(format!("{path}.bias"), &[HIDDEN], 0.2, 0.0);
            }
        }
        add("pooler.dense.weight".into(), &[HIDDEN, HIDDEN], 0.3, 0.0);
        add("pooler.dense.bias".into(), &[HIDDEN], 0.1, 0.0);
        Self {
            layers,
            positions,
            tensors,
        }
    }

    pub fn config_json(&self) -> Vec<u8> {
        let config = json!({
            "model_type": "bert",
            "_name_or_path": "tiny",
            "hidden_size": HIDDEN,
            "num_hidden_layers": self.layers,
            "num_attention_heads": HEADS,
            "intermediate_size": FFN,
            "vocab_size": VOCABULARY,
            "max_position_embeddings": self.positions,
            "type_vocab_size": 2,
            "layer_norm_eps": EPSILON,
            "hidden_act": "gelu",
        });
        config.to_string().into_bytes()
    }

    pub fn config(&self) -> Anatomy {
        let mut config = Anatomy::from_json(&self.config_json()).unwrap();
        config.name = "tiny".into();
        config
    }

    /// The checkpoint as `model.safetensors` in f32.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut writer = TensorFileWriter::default();
        for (name, shape, data) in &self.tensors {
            writer.floats(name, shape, data, FloatType::F32);
        }
        writer.finish("pt").unwrap()
    }

    pub fn bert(&self) -> Encoder {
        Encoder::load(&self.config(), &self.checkpoint(), FINGERPRINT).unwrap()
    }

    /// With tokenizer, stored in the given type.
    pub fn engine(&self, dtype: Dtype) -> Engine {
        let checkpoint = convert(&self.config(), &self.checkpoint(), dtype).unwrap();
        Engine::assemble(
            &self.config(),
            &tokenizer_json(),
            &Checkpoint::single(&checkpoint),
            FINGERPRINT,
            SentenceEmbedding::default(),
        )
        .unwrap()
    }
}

/// A WordPiece tokenizer as transformers writes one for BERT.
pub fn tokenizer_json() -> Vec<u8> {
    let vocabulary: Map<String, Value> = SPECIAL
        .iter()
        .chain(&WORDS)
        .enumerate()
        .map(|(id, token)| ((*token).to_owned(), json!(id)))
        .collect();
    let added: Vec<Value> = SPECIAL
        .iter()
        .enumerate()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            })
        })
        .collect();
    let special = |token: &str, kind: u32| json!({"SpecialToken": {"id": token, "type_id": kind}});
    let sequence = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    let entry = |token: &str, id: u32| json!({"id": token, "ids": [id], "tokens": [token]});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)],
            "pair": [
                special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0), sequence("B", 1), special("[SEP]", 1),
            ],
            "special_tokens": {"[CLS]": entry("[CLS]", 2), "[SEP]": entry("[SEP]", 3)},
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    });
    tokenizer.to_string().into_bytes()
}
