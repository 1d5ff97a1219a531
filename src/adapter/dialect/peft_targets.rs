//! PEFT's `target_modules`: which linear layers, as a list of name endings, a regular expression,
//! or "all-linear".

use std::collections::BTreeSet;

use fancy_regex::Regex;
use serde_json::{Value, json};

use super::Fields;
use crate::error::{Error, Result};
use crate::model::{Linear, LinearSite, Shape};
use crate::order::Sorted;

/// Field under which a reader finds the path of the encoder in the model that the adapter was saved
/// from, with a dot at its end: the tensors' keys say it, and names of modules are meant below it.
pub(crate) const PREFIX: &str = "graftlet_prefix";

/// The sites that a configuration names; `default` where it says nothing.
///
/// PEFT's rules: a name in a list stands for the module of that path or for all whose paths end with
/// it behind a dot; a string is a regular expression for the whole path. `exclude_modules` takes away in
/// the same way, and so does `modules_to_save` with all that lies inside. `layers_to_transform` chooses
/// among what a list names by its endings.
///
/// # Errors
/// [`Error::BackboneMismatch`] for a layer that there is not, [`Error::ConfigInvalid`] for what is no
/// regular expression or if nothing is named.
pub(crate) fn read(
    fields: &Fields<'_>,
    shape: &Shape,
    default: &[Linear],
) -> Result<BTreeSet<LinearSite>> {
    let target = match fields.get("target_modules") {
        None => Names::Default(default),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("all-linear") => Names::All,
        Some(_) => Names::read(fields, "target_modules")?,
    };
    let excluded = Names::read(fields, "exclude_modules")?;
    let whole = fields.strings("modules_to_save", &[])?;
    let layers = Layers::read(fields, shape)?;
    let is_chosen = |site: LinearSite| {
        let paths = paths(fields, shape, site);
        let found = target.find(site, &paths);
        let chosen = found == Found::Path || (found == Found::Ending && layers.contain(&paths));
        let inside = format!(".{}.", paths[0]);
        let is_whole = whole
            .iter()
            .any(|name| inside.contains(&format!(".{name}.")));
        chosen && !is_whole && excluded.find(site, &paths) == Found::Not
    };
    let sites = shape
        .linear_sites()
        .filter(|&site| is_chosen(site))
        .into_set();
    if sites.is_empty() {
        return Err(fields.invalid("target_modules names no linear layer of this backbone"));
    }
    Ok(sites)
}

/// A layer's paths in a model with a head, in the bare encoder, and in the model that the adapter was
/// saved from.
pub(crate) fn paths(fields: &Fields<'_>, shape: &Shape, site: LinearSite) -> [String; 3] {
    let path = shape.anatomy.linear(site);
    let prefix = fields.get(PREFIX).and_then(Value::as_str);
    [
        shape.anatomy.path_with_head(site),
        format!("{}{path}", prefix.unwrap_or_default()),
        path,
    ]
}

/// Whether a site is one of IA3's `feedforward_modules`; `default` where it says nothing. Here PEFT
/// takes any end of a path, without a dot before it.
///
/// # Errors
/// [`Error::ConfigInvalid`] for what is no regular expression.
pub(crate) fn feedforward<'a>(
    fields: &'a Fields<'_>,
    shape: &'a Shape,
    default: &'a [Linear],
) -> Result<impl Fn(LinearSite) -> bool + 'a> {
    let names = match fields.get("feedforward_modules") {
        None => Names::Default(default),
        Some(_) => Names::read(fields, "feedforward_modules")?,
    };
    Ok(move |site| {
        let paths = paths(fields, shape, site);
        match &names {
            Names::List(names) => names.iter().any(|name| paths[0].ends_with(name.as_str())),
            other => other.find(site, &paths) != Found::Not,
        }
    })
}

/// Most bytes of a regular expression: longer ones take gigabytes to compile.
const MOST_PATTERN: usize = 10_000;

/// A configuration's pattern, with a prefix and a suffix put around it, or why it is not a valid pattern.
pub(crate) fn regex(
    before: &str,
    pattern: &str,
    after: &str,
) -> std::result::Result<Regex, String> {
    if pattern.len() > MOST_PATTERN {
        return Err(format!(
            "it has {} bytes, and at most {MOST_PATTERN} are read",
            pattern.len()
        ));
    }
    Regex::new(&format!("{before}{pattern}{after}")).map_err(|error| error.to_string())
}

/// How a field chooses modules.
enum Names<'a> {
    Default(&'a [Linear]),
    All,
    Pattern(Regex),
    List(Vec<String>),
}

#[derive(PartialEq)]
enum Found {
    Not,
    /// By its whole path.
    Path,
    /// By the end of it.
    Ending,
}

impl Names<'_> {
    fn read(fields: &Fields<'_>, field: &str) -> Result<Self> {
        match fields.get(field) {
            Some(Value::String(pattern)) if !pattern.is_empty() => {
                let regex = regex("^(?:", pattern, ")$");
                let invalid = |error| fields.invalid(&format!("{field} = {pattern}: {error}"));
                Ok(Self::Pattern(regex.map_err(invalid)?))
            }
            Some(Value::String(_)) | None => Ok(Self::List(Vec::new())),
            Some(_) => Ok(Self::List(fields.strings(field, &[])?)),
        }
    }

    fn find(&self, site: LinearSite, paths: &[String; 3]) -> Found {
        let is_found = |found: bool, how| if found { how } else { Found::Not };
        match self {
            Self::Default(linears) => is_found(linears.contains(&site.linear), Found::Ending),
            Self::All => Found::Ending,
            Self::Pattern(regex) => {
                let fits = |path: &String| regex.is_match(path).unwrap_or(false);
                is_found(paths.iter().any(fits), Found::Ending)
            }
            Self::List(names) if names.iter().any(|name| paths.contains(name)) => Found::Path,
            Self::List(names) => {
                let ends = |path: &String, name: &String| path.ends_with(&format!(".{name}"));
                let fits = |name: &String| paths.iter().any(|path| ends(path, name));
                is_found(names.iter().any(fits), Found::Ending)
            }
        }
    }
}

/// `layers_to_transform` with `layers_pattern`.
struct Layers {
    /// `None` stands for all.
    chosen: Option<Vec<usize>>,
    /// Each captures the layer's number in a path.
    patterns: Vec<Regex>,
}

impl Layers {
    fn read(fields: &Fields<'_>, shape: &Shape) -> Result<Self> {
        let chosen = fields.counts("layers_to_transform")?;
        if let Some(layer) = chosen.iter().find(|&&layer| layer >= shape.layers) {
            return Err(Error::BackboneMismatch {
                adapter: "adapter_config.json".into(),
                property: "number of layers",
                expected: shape.layers.to_string(),
                found: format!("at least {}", layer.saturating_add(1)),
            });
        }
        let mut names = fields.strings("layers_pattern", &[])?;
        names.retain(|name| !name.is_empty());
        if names.is_empty() {
            names.push("[^.]*".into());
        }
        let pattern = |name: &String| {
            let invalid = |error| fields.invalid(&format!("layers_pattern = {name}: {error}"));
            regex(r"^(?:.*?\.)?(?:", name, r")\.(\d+)\.").map_err(invalid)
        };
        Ok(Self {
            chosen: (!chosen.is_empty()).then_some(chosen),
            patterns: names.iter().map(pattern).collect::<Result<_>>()?,
        })
    }

    /// A layer outside of the blocks has no number, and is not chosen by one.
    fn contain(&self, paths: &[String; 3]) -> bool {
        let Some(chosen) = &self.chosen else {
            return true;
        };
        let number = |regex: &Regex| {
            let captures = regex.captures(&paths[0]).ok()??;
            captures.get(1)?.as_str().parse().ok()
        };
        let layer: Option<usize> = self.patterns.iter().find_map(number);
        layer.is_some_and(|layer| chosen.contains(&layer))
    }
}

/// The shortest list of name endings that chooses exactly these sites.
pub(crate) fn write(sites: &BTreeSet<LinearSite>, shape: &Shape) -> Value {
    let linears = sites.iter().map(|site| site.linear).into_set();
    let mut short: Vec<String> = linears
        .iter()
        .map(|&linear| ending(shape, linear, &linears))
        .collect();
    let mut seen = BTreeSet::new();
    short.retain(|ending| seen.insert(ending.clone()));
    let chosen = shape
        .linear_sites()
        .filter(|&site| short.iter().any(|ending| ends_with(shape, site, ending)))
        .into_set();
    if chosen == *sites {
        return json!(short);
    }
    json!(
        sites
            .iter()
            .map(|&site| shape.anatomy.linear(site))
            .collect::<Vec<_>>()
    )
}

fn ends_with(shape: &Shape, site: LinearSite, ending: &str) -> bool {
    let path = format!(".{}", shape.anatomy.path_with_head(site));
    path.ends_with(&format!(".{ending}"))
}

/// The shortest part of a layer's path that no linear layer ends with but those that are wanted, if
/// there is one. A single word is for one kind of layer only: other modules may end with it.
fn ending(shape: &Shape, linear: Linear, wanted: &BTreeSet<Linear>) -> String {
    let site = LinearSite::new(0, linear);
    let path = shape.anatomy.linear(site);
    let starts = path.rmatch_indices('.').map(|(index, _)| index + 1);
    starts
        .map(|start| &path[start..])
        .find(|ending| {
            Linear::ALL.into_iter().all(|other| {
                other == linear
                    || (ending.contains('.') && wanted.contains(&other))
                    || !ends_with(shape, LinearSite::new(0, other), ending)
            })
        })
        .unwrap_or(&path)
        .to_owned()
}
