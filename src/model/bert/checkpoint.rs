use super::{Bert, EMBEDDING_NORM, MODULES, POOLER, POSITIONS, TYPES, WORDS};
use crate::error::Result;
use crate::model::{Affine, Linear, LinearSite, Module, Modules as _, Sublayer, SublayerSite};
use crate::ops::{FrozenLinear, LayerNorm};
use crate::tensor_file::{FloatType, TensorFileWriter};

/// See [`Backbone::checkpoint`](crate::model::Backbone::checkpoint); the names are those of
/// transformers' `BertModel`.
pub(super) fn write(
    bert: &Bert,
    change: &mut dyn FnMut(Module, &mut Affine) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut writer = TensorFileWriter::default();
    let mut add = |name: String, shape: &[usize], data: &[f32]| {
        writer.floats(&name, shape, data, FloatType::F32);
    };
    let hidden = bert.shape.hidden_size;
    let tables = [
        (WORDS, &bert.words),
        (POSITIONS, &bert.positions),
        (TYPES, &bert.types),
    ];
    for (path, table) in tables {
        let data = table.dequantized();
        add(format!("{path}.weight"), &[table.rows(), hidden], &data);
    }
    let mut module = |path: &str, shape: &[usize], mut weights: Affine, module: Module| {
        change(module, &mut weights)?;
        add(format!("{path}.weight"), shape, &weights.weight);
        add(format!("{path}.bias"), &shape[..1], &weights.bias);
        Ok::<_, crate::error::Error>(())
    };
    let embedding_norm = of_norm(&bert.embedding_norm);
    let place = Module::EmbeddingNorm;
    module(EMBEDDING_NORM, &[hidden], embedding_norm, place)?;
    for (layer, block) in bert.blocks.iter().enumerate() {
        for (linear, frozen) in Linear::BLOCK.into_iter().zip(block.linears()) {
            let site = LinearSite::new(layer, linear);
            let (path, place) = (MODULES.linear(site), Module::Linear(site));
            module(&path, &dims(frozen), of_linear(frozen), place)?;
        }
        let norms = [&block.attention_norm, &block.ffn_norm];
        for (sublayer, norm) in Sublayer::ALL.into_iter().zip(norms) {
            let site = SublayerSite { layer, sublayer };
            let (path, place) = (MODULES.norm(site), Module::Norm(site));
            module(&path, &[hidden], of_norm(norm), place)?;
        }
    }
    if let Some(pooler) = &bert.pooler {
        let place = Module::Linear(LinearSite::POOLER);
        module(POOLER, &dims(pooler), of_linear(pooler), place)?;
    }
    writer.finish("pt")
}

fn dims(linear: &FrozenLinear) -> [usize; 2] {
    let weight = linear.weight();
    [weight.out_features(), weight.in_features()]
}

fn of_linear(linear: &FrozenLinear) -> Affine {
    Affine {
        weight: linear.weight().dequantized(),
        bias: linear.bias().unwrap_or_default().to_vec(),
    }
}

fn of_norm(norm: &LayerNorm) -> Affine {
    Affine {
        weight: norm.gamma().to_vec(),
        bias: norm.beta().to_vec(),
    }
}
