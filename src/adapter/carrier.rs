//! A LoRA of rank 1 on one layer whose matrices are zero: how a kind that PEFT does not have is written so
//! that `PeftModel` loads it and computes the same. A mark in the configuration, which PEFT passes over,
//! says what it stands for.

use serde_json::{Map, Value, json};

use super::dialect::{Fields, Library, peft_targets};
use super::lora::methods;
use super::{Bias, Config, Init, LoraConfig, ParamName, ParamSource, Parameter, Site};
use crate::error::{Error, Result};
use crate::model::{Anatomy, Linear, LinearSite, Shape};
use crate::tensor::Tensor;

/// The layer that has it: the first that LoRA acts on.
pub(super) fn site(anatomy: &Anatomy) -> LinearSite {
    let linear = match anatomy.is_fused() {
        true => Linear::QueryKeyValue,
        false => Linear::Query,
    };
    LinearSite::new(0, linear)
}
const A: &str = "lora_a";
const B: &str = "lora_b";

/// Its two matrices with their shapes.
fn matrices(shape: &Shape) -> [(ParamName, [usize; 2]); 2] {
    let own = site(&shape.anatomy);
    let (input, output) = shape.linear_features(own);
    let site = Site::Linear(own);
    [(A, [1, input]), (B, [output, 1])].map(|(field, dims)| (ParamName { site, field }, dims))
}

/// Takes the matrices of a marked file from where its tensors come from, and refuses a LoRA that does
/// something.
pub(super) fn take(source: &mut dyn ParamSource, shape: &Shape, mark: &str) -> Result<()> {
    for (name, dims) in matrices(shape) {
        if source.has(name) {
            let tensor = source.get(name, &dims, Init::Zeros)?;
            if name.field == B && tensor.data().iter().any(|&x| x != 0.0) {
                return Err(Error::UnsupportedFeature {
                    place: "adapter_config.json".into(),
                    feature: format!("{mark} = true with a LoRA that is not zero"),
                });
            }
        }
    }
    Ok(())
}

/// Its matrices, for a file.
pub(super) fn stored(shape: &Shape) -> Vec<Parameter> {
    let zeros = |(name, dims): (ParamName, [usize; 2])| Parameter {
        name,
        tensor: Tensor::new(vec![0.0; dims[0] * dims[1]], &dims),
    };
    matrices(shape).map(zeros).to_vec()
}

/// The key of one of its matrices; `None` for another parameter.
pub(super) fn key(anatomy: &Anatomy, name: ParamName) -> Option<String> {
    let matrix = match name.field {
        A => "lora_A",
        B => "lora_B",
        _ => return None,
    };
    Some(format!("{}.{matrix}.weight", anatomy.linear(site(anatomy))))
}

/// Its configuration, with a mark and with biases that are trained beside it.
///
/// # Errors
/// [`Error::AdapterFormat`] for AdapterHub, where `title` names the kind.
pub(super) fn write(
    title: &str,
    mark: &str,
    bias: Bias,
    library: Library,
    shape: &Shape,
) -> Result<Map<String, Value>> {
    if library == Library::AdapterHub {
        return Err(Error::AdapterFormat {
            what: title.to_owned(),
            format: "AdapterHub",
            hint: "AdapterHub has no such kind; save it in PEFT's format instead".into(),
        });
    }
    let lora = LoraConfig {
        rank: 1,
        alpha: 1.0,
        targets: [site(&shape.anatomy)].into(),
        bias,
        ..LoraConfig::default()
    };
    let mut map = lora.write(library, shape)?;
    map.insert(mark.to_owned(), json!(true));
    Ok(map)
}

/// Whether a configuration is a LoRA's that has this mark.
pub(super) fn has_mark(map: &Map<String, Value>, mark: &str) -> bool {
    let is_lora = map.get("peft_type").is_some_and(|name| name == "LORA");
    is_lora && Fields::new("", map).is_set(mark)
}

/// Checks that a configuration with a mark is what [`write`] makes.
pub(super) fn check(fields: &Fields<'_>, shape: &Shape, mark: &str, bias: &str) -> Result<()> {
    fields.flag(mark, false)?;
    fields.flag("fan_in_fan_out", false)?;
    methods::refuse(fields)?;
    fields.refuse_unless("bias", &[json!(bias)])?;
    fields.refuse_unless("use_dora", &[json!(false)])?;
    fields.refuse_unless("lora_bias", &[json!(false)])?;
    fields.refuse_unless("r", &[json!(1)])?;
    let targets = peft_targets::read(fields, shape, &[])?;
    if targets.into_iter().ne([site(&shape.anatomy)]) {
        return Err(fields.invalid(&format!("with {mark} there is one target, the first query")));
    }
    Ok(())
}
