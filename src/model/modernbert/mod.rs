//! ModernBERT (Warner et al. 2024, <https://arxiv.org/abs/2412.13663>): norms before the halves, rotary positions, a gated
//! feed-forward network, and windows in most layers.

use serde_json::Value;

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, Family, HeadLayout, Targets};
use super::fields::{ConfigFields, invalid, unsupported};
use super::place::{Linear, LinearSite, NormSite, Sublayer, SublayerSite, Table};
use super::plans::{BlockPlan, PoolerPlan, PoolerReads};
use crate::error::Result;
use crate::kernels::Reach;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "modernbert",
    title: "ModernBERT",
    class: "ModernBert",
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    base: "model",
    beside: &["head"],
    sibling: &[],
    tied: &["decoder.weight"],
    attribute_map: &[],
    own_fields: &[
        ("hidden_act", "hidden_activation"),
        ("layer_norm_eps", "norm_eps"),
    ],
    anatomy,
    bottlenecks: ["layers.{}.attention_adapters", "layers.{}.output_adapters"],
    targets: Targets {
        lora: &[Linear::QueryKeyValue],
        ia3: &[Linear::QueryKeyValue, Linear::FfnDown],
        ia3_feedforward: &[Linear::FfnDown],
    },
    head: HeadLayout::POOLED,
};

/// θ of layers that see the whole text, and of those that see a window.
struct Thetas {
    global: f64,
    local: f64,
}

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    let sizes = Sizes::read(
        fields,
        Sizes {
            layers: 22,
            intermediate_size: 1152,
            vocab_size: 50368,
            max_tokens: 8192,
            norm_eps: 1e-5,
            ..BASE
        },
    )?;
    let mut anatomy = Anatomy::new(family, sizes);
    let (hidden, ffn) = (sizes.hidden_size, sizes.intermediate_size);
    let norm_bias = fields.flag("norm_bias", false)?;
    let attention_bias = fields.flag("attention_bias", false)?;
    let ffn_bias = fields.flag("mlp_bias", false)?;
    anatomy.table(
        Table::Words,
        "embeddings.tok_embeddings",
        sizes.vocab_size,
        hidden,
    );
    anatomy.norm(NormSite::Embedding, "embeddings.norm", hidden, norm_bias);

    let thetas = thetas(fields)?;
    let window = fields.size("local_attention", 128)? / 2;
    let activation = fields.activation("hidden_act")?;
    for (layer, is_global) in globals(fields, sizes.layers)?.into_iter().enumerate() {
        let path = |name: &str| format!("layers.{layer}.{name}");
        let site = |linear| LinearSite::new(layer, linear);
        let norm = |sublayer| NormSite::Block(SublayerSite { layer, sublayer });
        // the embeddings' norm serves the first layer
        if layer > 0 {
            anatomy.norm(
                norm(Sublayer::Attention),
                &path("attn_norm"),
                hidden,
                norm_bias,
            );
        }
        let linears = [
            (
                Linear::QueryKeyValue,
                "attn.Wqkv",
                [3 * hidden, hidden],
                attention_bias,
            ),
            (
                Linear::AttentionOutput,
                "attn.Wo",
                [hidden, hidden],
                attention_bias,
            ),
            (Linear::FfnUp, "mlp.Wi", [2 * ffn, hidden], ffn_bias),
            (Linear::FfnDown, "mlp.Wo", [hidden, ffn], ffn_bias),
        ];
        for (linear, name, shape, bias) in linears {
            anatomy.linear_layer(site(linear), &path(name), shape, bias);
        }
        anatomy.norm(norm(Sublayer::Ffn), &path("mlp_norm"), hidden, norm_bias);
        anatomy.blocks.push(BlockPlan {
            norm_first: true,
            activation,
            gated: true,
            rotary: Some(if is_global {
                thetas.global
            } else {
                thetas.local
            }),
            reach: if is_global {
                Reach::ALL
            } else {
                Reach::window(window)
            },
        });
    }
    anatomy.norm(NormSite::Final, "final_norm", hidden, norm_bias);

    let bias = fields.flag("classifier_bias", false)?;
    anatomy.linear_layer(LinearSite::POOLER, "head.dense", [hidden, hidden], bias);
    anatomy.norm(NormSite::Pooler, "head.norm", hidden, norm_bias);
    anatomy.pooler = PoolerPlan {
        of_tokens: true,
        activation: fields.activation("classifier_activation")?,
        norm_first: false,
        embeds: false,
        reads: match fields.text("classifier_pooling").unwrap_or("cls") {
            "cls" => PoolerReads::First,
            "mean" => PoolerReads::Mean,
            other => {
                return Err(unsupported(format!(
                    "classifier_pooling \"{other}\" is not known here; cls and mean are"
                )));
            }
        },
    };
    if !hidden.is_multiple_of(2 * sizes.heads) {
        return Err(invalid(format!(
            "hidden_size {hidden} and num_attention_heads {} leave no pairs of columns to rotate",
            sizes.heads
        )));
    }
    Ok(anatomy)
}

/// The two kinds of layers in `layer_types` and `rope_parameters`.
const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];

/// Which layers see the whole text.
fn globals(fields: &ConfigFields, layers: usize) -> Result<Vec<bool>> {
    let Some(types) = fields.get("layer_types") else {
        let every = fields.size("global_attn_every_n_layers", 3)?;
        return Ok((0..layers).map(|layer| layer % every == 0).collect());
    };
    let kind = |value: &Value| match KINDS.iter().position(|kind| value == kind) {
        Some(index) => Ok(index == 0),
        None => Err(unsupported(format!(
            "layer_types has {value}; {} and {} are known",
            KINDS[0], KINDS[1]
        ))),
    };
    let types = types.as_array().map(Vec::as_slice).unwrap_or_default();
    if types.len() != layers {
        return Err(invalid(format!(
            "layer_types has {} entries for {layers} layers",
            types.len()
        )));
    }
    types.iter().map(kind).collect()
}

/// transformers 5 writes `rope_parameters` by kind of layer, earlier releases one field each.
fn thetas(fields: &ConfigFields) -> Result<Thetas> {
    let global = fields.float("global_rope_theta", 160_000.0)?;
    let mut thetas = Thetas {
        global,
        local: match fields.get("local_rope_theta") {
            None if fields.has_null("local_rope_theta") => global,
            _ => fields.float("local_rope_theta", 10_000.0)?,
        },
    };
    if let Some(scaling) = fields.get("rope_scaling") {
        return Err(unsupported(format!(
            "rope_scaling {scaling} is not known here; null is"
        )));
    }
    if let Some(parameters) = fields.get("rope_parameters") {
        if KINDS.iter().all(|kind| parameters.get(kind).is_none()) {
            return Err(invalid(format!(
                "rope_parameters has neither {} nor {}",
                KINDS[0], KINDS[1]
            )));
        }
        for (kind, theta) in KINDS
            .into_iter()
            .zip([&mut thetas.global, &mut thetas.local])
        {
            let own = &parameters[kind];
            if let Some(name) = own["rope_type"].as_str().filter(|name| *name != "default") {
                return Err(unsupported(format!(
                    "rope_type \"{name}\" is not known here; default is"
                )));
            }
            *theta = own["rope_theta"].as_f64().unwrap_or(*theta);
        }
    }
    for theta in [thetas.global, thetas.local] {
        if !(theta.is_finite() && theta >= 1.0) {
            return Err(invalid(format!("a rope_theta is {theta}")));
        }
    }
    Ok(thetas)
}
