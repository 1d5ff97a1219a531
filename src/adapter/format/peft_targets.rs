//! PEFT's `target_modules`: which linear layers, as a list of name endings, a regular expression,
//! or "all-linear".

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Fields;
use crate::backbone::{Linear, LinearSite, Shape};
use crate::error::{Error, Result};

/// The sites that a configuration names; `default` where it says nothing.
///
/// # Errors
/// [`Error::UnsupportedFeature`] for fields that would change the choice and are not understood,
/// [`Error::ConfigInvalid`] if nothing is named.
pub(in crate::adapter) fn read(
    fields: &Fields<'_>,
    shape: &Shape,
    default: &[Linear],
) -> Result<BTreeSet<LinearSite>> {
    fields.refuse_unless("exclude_modules", &[])?;
    fields.refuse_unless("layers_pattern", &[])?;
    let layers = match fields.get("layers_to_transform") {
        None => (0..shape.layers).collect(),
        Some(_) => fields.counts("layers_to_transform")?,
    };
    if let Some(layer) = layers.iter().find(|&&layer| layer >= shape.layers) {
        return Err(Error::BackboneMismatch {
            adapter: "adapter_config.json".into(),
            property: "number of layers",
            expected: shape.layers.to_string(),
            found: format!("at least {}", layer.saturating_add(1)),
        });
    }
    let matches: Box<dyn Fn(LinearSite) -> bool> = match fields.get("target_modules") {
        None => Box::new(|site: LinearSite| default.contains(&site.linear)),
        Some(Value::String(text)) if text == "all-linear" => Box::new(|_| true),
        Some(Value::String(pattern)) => {
            // the module's path is looked up with and without the attribute that holds the encoder
            let regex = fancy_regex::Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|error| fields.invalid(&format!("target_modules = {pattern}: {error}")))?;
            Box::new(move |site| {
                let path = shape.modules.linear(site);
                let full = format!("{}.{path}", shape.modules.base());
                [full, path]
                    .iter()
                    .any(|path| regex.is_match(path).unwrap_or(false))
            })
        }
        Some(_) => {
            let endings = fields.strings("target_modules", &[])?;
            Box::new(move |site| endings.iter().any(|ending| ends_with(shape, site, ending)))
        }
    };
    let sites: BTreeSet<_> = all_sites(&layers).filter(|site| matches(*site)).collect();
    if sites.is_empty() {
        return Err(fields.invalid("target_modules names no linear layer of this backbone"));
    }
    Ok(sites)
}

/// The shortest list of name endings that chooses exactly these sites.
pub(in crate::adapter) fn write(sites: &BTreeSet<LinearSite>, shape: &Shape) -> Value {
    let layers: Vec<usize> = (0..shape.layers).collect();
    let linears: BTreeSet<Linear> = sites.iter().map(|site| site.linear).collect();
    let short: Vec<String> = linears
        .iter()
        .map(|&linear| ending(shape, linear))
        .collect();
    let chosen: BTreeSet<_> = all_sites(&layers)
        .filter(|&site| short.iter().any(|ending| ends_with(shape, site, ending)))
        .collect();
    if chosen == *sites {
        return json!(short);
    }
    json!(
        sites
            .iter()
            .map(|&site| shape.modules.linear(site))
            .collect::<Vec<_>>()
    )
}

fn all_sites(layers: &[usize]) -> impl Iterator<Item = LinearSite> {
    layers.iter().flat_map(|&layer| {
        Linear::ALL
            .into_iter()
            .map(move |linear| LinearSite { layer, linear })
    })
}

fn ends_with(shape: &Shape, site: LinearSite, ending: &str) -> bool {
    let path = format!(".{}.{}", shape.modules.base(), shape.modules.linear(site));
    path.ends_with(&format!(".{ending}"))
}

/// The part of a layer's path that no other kind of linear layer ends with, if there is one.
fn ending(shape: &Shape, linear: Linear) -> String {
    let site = LinearSite { layer: 0, linear };
    let path = shape.modules.linear(site);
    let starts = path.rmatch_indices('.').map(|(index, _)| index + 1);
    starts
        .map(|start| &path[start..])
        .find(|ending| {
            Linear::ALL.into_iter().all(|other| {
                other == linear
                    || !ends_with(
                        shape,
                        LinearSite {
                            layer: 0,
                            linear: other,
                        },
                        ending,
                    )
            })
        })
        .unwrap_or(&path)
        .to_owned()
}
