//! Training that goes on from an adapter instead of a fresh one.

use sha2::{Digest, Sha256};

use crate::adapter::{
    Config, FreshParams, GivenParams, Init, Options, ParamName, ParamSource, Parameter, Preset,
    presets,
};
use crate::compose::fusion;
use crate::error::{Error, Result};
use crate::folder::{Member, TaskAdapter};
use crate::head::{Head, Pairs, Pooling, ProblemName, Unit, field};
use crate::model::Shape;
use crate::params::Site;
use crate::tensor::Tensor;

/// Gives out an adapter's values as variables; the rest is fresh.
pub(super) struct StartParams<'a> {
    pub(super) given: &'a [Parameter],
    pub(super) fresh: FreshParams,
}

impl StartParams<'_> {
    /// A tensor of a head that has fewer labels than are asked for.
    fn part(&self, name: ParamName, shape: &[usize]) -> Option<&Tensor> {
        let of_labels =
            name.site == Site::Head && [field::OUT, field::OUT_BIAS].contains(&name.field);
        let mut given = self
            .given
            .iter()
            .filter(|given| of_labels && given.name == name);
        let tensor = &given.next()?.tensor;
        let (own, wanted) = (tensor.shape(), shape);
        (own[0] < wanted[0] && own[1..] == wanted[1..]).then_some(tensor)
    }
}

impl ParamSource for StartParams<'_> {
    fn get(&mut self, name: ParamName, shape: &[usize], init: Init) -> Result<Tensor> {
        if let Some(part) = self.part(name, shape).cloned() {
            // labels that the head does not have yet follow its own
            let mut whole = self.fresh.get(name, shape, init)?;
            let part = part.data();
            whole.update(|values| values[..part.len()].copy_from_slice(part));
            return Ok(whole);
        }
        let mut given = GivenParams(self.given);
        if given.has(name) {
            return Ok(given.get(name, shape, init)?.tracked());
        }
        self.fresh.get(name, shape, init)
    }

    fn get_from(&mut self, name: ParamName, start: &Tensor) -> Result<Tensor> {
        if GivenParams(self.given).has(name) {
            return self.get(name, start.shape(), Init::Zeros);
        }
        self.fresh.get_from(name, start)
    }

    fn has(&self, name: ParamName) -> bool {
        // what is fresh has every parameter that its settings ask for
        self.given.is_empty() || GivenParams(self.given).has(name)
    }
}

/// The settings of the adapter that is trained further.
///
/// # Errors
/// [`Error::OptionInvalid`] if options say another size or place than it has.
pub(super) fn config(start: &Member, options: &Options) -> Result<Box<dyn Config>> {
    let own = serde_json::to_value(options).unwrap_or_default();
    if let Some((name, value)) = own.as_object().and_then(|own| own.iter().next()) {
        return Err(Error::OptionInvalid {
            option: "from",
            value: format!("{} with \"{name}\": {value}", start.name),
            reason:
                "an adapter that is trained further keeps its own settings; leave the others out"
                    .into(),
        });
    }
    Ok(start.task.adapter.config().boxed())
}

/// The head that is trained further: the adapter's, where its labels are the first ones of those that are wanted.
pub(super) fn head<'a>(
    start: &'a TaskAdapter,
    (problem, labels, pairs): (ProblemName, &[String], Pairs),
    pooling: Option<Pooling>,
) -> Option<&'a Head> {
    let head = start.head.as_ref()?;
    let own = head.config();
    let kind = own.problem.kind;
    // nobody chose the name of a number
    let same_labels = kind.about().one_output || labels.starts_with(&own.labels);
    let same = kind == problem && same_labels && own.pairs == pairs;
    (same && pooling.is_none_or(|pooling| own.pooling == pooling)).then_some(head)
}

/// The values of a head, where numbers are learnt in a unit of their own.
pub(super) fn values(head: &Head, scale: Unit) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = head.parameters().to_vec();
    for parameter in &mut parameters {
        parameter.tensor = parameter.tensor.detach();
    }
    scale.unfold(&mut parameters);
    parameters
}

/// What the adapter is, for a checkpoint: SHA-256 over its settings and all its numbers, in hexadecimal.
pub(super) fn hash(start: &Member, shape: &Shape) -> String {
    let task = &start.task;
    let mut hash = Sha256::new();
    let config = task
        .adapter
        .config()
        .write(task.library, shape)
        .unwrap_or_default();
    hash.update(serde_json::to_vec(&config).unwrap_or_default());
    let head = task.head.iter().flat_map(|head| head.parameters());
    for parameter in task.adapter.parameters().iter().chain(head) {
        hash.update(format!("{:?}", parameter.name));
        for x in parameter.tensor.data() {
            hash.update(x.to_le_bytes());
        }
    }
    hex::encode(hash.finalize())
}

/// The preset whose kind an adapter is: its defaults are those of the training.
///
/// # Errors
/// None in practice: every kind has one.
pub fn preset_of(task: &TaskAdapter, shape: &Shape) -> Result<&'static Preset> {
    let config = task.adapter.config();
    let kind = config.kind();
    if kind.name == fusion::KIND.name {
        return fusion::preset(fusion::KIND.name);
    }
    let title = config.describe(shape).title;
    let of_kind = || {
        kind.presets
            .iter()
            .filter(|preset| preset.library == task.library)
    };
    let found = of_kind()
        .find(|preset| preset.title == title)
        .or_else(|| of_kind().next());
    let found = found
        .or_else(|| kind.presets.first())
        .or_else(|| presets().next());
    found.ok_or_else(|| Error::UnknownKind {
        place: "option from".into(),
        kind: kind.name.to_owned(),
        known: String::new(),
    })
}
