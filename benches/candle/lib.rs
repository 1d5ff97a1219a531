//! candle-transformers' `BertModel`, unchanged, behind the one call that the benchmark makes.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use wasm_bindgen::prelude::*;

/// The model on the CPU, in f32.
#[wasm_bindgen]
pub struct Bert {
    model: BertModel,
}

#[wasm_bindgen]
impl Bert {
    /// Reads `config.json` and `model.safetensors`.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &str, weights: Vec<u8>) -> std::result::Result<Bert, JsError> {
        let config: Config = serde_json::from_str(config)?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        Ok(Self {
            model: BertModel::load(weights, &config)?,
        })
    }

    /// Last hidden states `[sequences · tokens, hidden]` of ids `[sequences · tokens]` without padding.
    pub fn forward(&self, ids: &[u32], sequences: usize) -> std::result::Result<Vec<f32>, JsError> {
        let states = || -> Result<Vec<f32>> {
            let ids = Tensor::from_slice(ids, (sequences, ids.len() / sequences), &Device::Cpu)?;
            self.model
                .forward(&ids, &ids.zeros_like()?, None)?
                .flatten_all()?
                .to_vec1()
        };
        Ok(states()?)
    }
}
