use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::json;

use super::{Average, Composition, Lookup, Method, invalid, svd};
use crate::adapter::{Adapter, GivenParams, LowRank, Parameter};
use crate::error::Result;
use crate::folder::{Card, TaskAdapter};
use crate::head::Head;
use crate::model::{LinearSite, Shape};
use crate::tensor::Tensor;
use crate::tensor_file::FloatType;

/// An adapter with its weight.
struct Term {
    name: String,
    task: Rc<TaskAdapter>,
    weight: f64,
}

/// One adapter whose parameters are the weighted sum of others': averaging (Wortsman et al. 2022), or
/// arithmetic with any weights (Ilharco et al. 2023; Zhang et al. 2023). It depends on none of them
/// any more and can be saved.
///
/// With [`Method::Linear`], the choice where all settings agree, each parameter is the sum of the
/// adapters' own. LoRAs that differ in rank, α or places are summed as updates, `Σ wᵢ sᵢ Bᵢ Aᵢ`, of which
/// the best approximation of the rank is kept ([`Method::Svd`]).
///
/// The head is the one that [`Average::head`] names; else, where all adapters have a head of one
/// shape and the same labels, the weighted sum of theirs; else there is none.
///
/// # Errors
/// [`Error::AdapterUnknown`](crate::Error::AdapterUnknown), and
/// [`Error::CompositionInvalid`](crate::Error::CompositionInvalid) for adapters that cannot be summed
/// so, weights that are not finite, and a rank that is none.
pub fn average(average: &Average, lookup: Lookup<'_>, shape: &Shape) -> Result<TaskAdapter> {
    average.check_weights("")?;
    let mut terms = Vec::new();
    for (part, weight) in average.of.iter().zip(average.weights()) {
        let (name, task) = match &part.composition {
            Composition::Adapter(name) => (name.clone(), lookup(name)?),
            Composition::Average(inner) => {
                let task = self::average(inner, lookup, shape)?;
                (part.composition.to_json().to_string(), Rc::new(task))
            }
            other => {
                let reason = format!(
                    "\"{}\" has no parameters of its own to be averaged; name adapters",
                    other.block().name()
                );
                return Err(invalid("", reason));
            }
        };
        terms.push(Term { name, task, weight });
    }
    let Some(first) = terms.first() else {
        return Err(invalid("", "\"average\" has no parts"));
    };
    let config = first.task.adapter.config();
    let other = terms
        .iter()
        .find(|term| !term.task.adapter.config().agrees(config));
    let method = match (average.method, other) {
        (Some(method), _) => method,
        (None, None) if average.rank.is_none() => Method::Linear,
        (None, _) => Method::Svd,
    };
    let adapter = match (method, other) {
        (Method::Linear, Some(other)) => return Err(differ(first, other)),
        (Method::Linear, None) if average.rank.is_some() => {
            let reason = "\"rank\" is for the method svd; linear keeps the rank there is";
            return Err(invalid("", reason));
        }
        (Method::Linear, None) => {
            let sum = sum(&terms, |task| task.adapter.parameters())?;
            config.build(shape, &mut GivenParams(&sum))?
        }
        (Method::Svd, _) => low_rank(&terms, average.rank, shape)?,
    };
    let head = head(average, &terms, lookup, shape)?;
    let pairs: Vec<Option<bool>> = match &average.head {
        Some(name) => vec![lookup(name)?.card.pair],
        None => terms.iter().map(|term| term.task.card.pair).collect(),
    };
    let card = Card {
        pair: pairs[0].filter(|_| pairs.iter().all(|pair| *pair == pairs[0])),
        labels: head
            .as_ref()
            .map_or(Vec::new(), |head| head.config().labels.clone()),
        backbone: terms
            .iter()
            .find_map(|term| term.task.card.backbone.clone()),
        training: Some(json!({ "average_of": Composition::Average(average.clone()).to_json() })),
        ..Card::default()
    };
    let library = first.task.library;
    Ok(TaskAdapter {
        adapter,
        head,
        card,
        library,
        original: None,
        float: FloatType::F32,
        bytes: 0,
    })
}

fn differ(first: &Term, other: &Term) -> crate::Error {
    let kind = |term: &Term| term.task.adapter.config().kind().name;
    let reason = if kind(first) == kind(other) {
        "their settings differ, so that their parameters do not mean the same".to_owned()
    } else {
        format!("one is {}, the other {}", kind(first), kind(other))
    };
    let names = [&first.name, &other.name];
    invalid("", format!("{names:?} cannot be averaged: {reason}"))
}

/// Each parameter of the first, summed over all.
fn sum<'a>(
    terms: &'a [Term],
    of: impl Fn(&'a TaskAdapter) -> &'a [Parameter],
) -> Result<Vec<Parameter>> {
    let mut sums = Vec::new();
    for parameter in of(&terms[0].task) {
        let mut total = vec![0.0f64; parameter.tensor.len()];
        for term in terms {
            let own = of(&term.task);
            let found = own
                .iter()
                .find(|p| p.name == parameter.name && p.tensor.shape() == parameter.tensor.shape());
            let Some(found) = found.filter(|_| own.len() == of(&terms[0].task).len()) else {
                return Err(differ(&terms[0], term));
            };
            for (total, x) in total.iter_mut().zip(found.tensor.data()) {
                *total += term.weight * f64::from(*x);
            }
        }
        #[allow(clippy::cast_possible_truncation)]
        let total: Vec<f32> = total.into_iter().map(|x| x as f32).collect();
        if total.iter().any(|x| !x.is_finite()) {
            return Err(invalid(
                "",
                "the weights make a parameter too large for a 32-bit float",
            ));
        }
        sums.push(Parameter {
            name: parameter.name,
            tensor: Tensor::new(total, parameter.tensor.shape()),
        });
    }
    Ok(sums)
}

fn head(
    average: &Average,
    terms: &[Term],
    lookup: Lookup<'_>,
    shape: &Shape,
) -> Result<Option<Head>> {
    let rebuilt = |head: &Head, parameters: &[Parameter]| {
        Head::build(head.config().clone(), shape, &mut GivenParams(parameters)).map(Some)
    };
    if let Some(name) = &average.head {
        let task = lookup(name)?;
        return match &task.head {
            Some(head) => rebuilt(head, head.parameters()),
            None => Err(invalid(
                "",
                format!("\"{name}\" has no head that could answer"),
            )),
        };
    }
    let heads: Option<Vec<&Head>> = terms.iter().map(|term| term.task.head.as_ref()).collect();
    match heads.as_deref() {
        Some([first, others @ ..]) if others.iter().all(|h| h.config() == first.config()) => {
            let sum = sum(terms, |task| {
                task.head.as_ref().map_or(&[][..], Head::parameters)
            })?;
            rebuilt(first, &sum)
        }
        _ => Ok(None),
    }
}

/// Columns of `B` and rows of `A`, as many as the rank.
type Factors = (Vec<Vec<f64>>, Vec<Vec<f64>>);

/// An adapter of the sum of updates of low rank, cut to a rank.
fn low_rank(terms: &[Term], rank: Option<usize>, shape: &Shape) -> Result<Box<dyn Adapter>> {
    let mut sums = BTreeMap::<LinearSite, Factors>::new();
    let mut largest = 1;
    for term in terms {
        let updates = term.task.adapter.low_rank().map_err(|what| {
            let reason = format!(
                "\"{}\" is {what}; where settings differ, only the updates of LoRA can be summed",
                term.name
            );
            invalid("", reason)
        })?;
        for (site, LowRank { a, b, scale }) in updates {
            let (_, rank) = b.dims2();
            largest = largest.max(rank);
            let scale = term.weight * scale;
            let column = |index: usize| b.rows().map(|row| scale * f64::from(row[index])).collect();
            let (columns, rows) = sums.entry(site).or_default();
            columns.extend((0..rank).map(column));
            rows.extend(
                a.rows()
                    .map(|row| row.iter().map(|&x| f64::from(x)).collect()),
            );
        }
    }
    let rank = rank.unwrap_or(largest);
    if rank > shape.hidden_size {
        let reason = format!(
            "\"rank\" is {rank}, and it must be 1 to {}, the hidden size",
            shape.hidden_size
        );
        return Err(invalid("", reason));
    }
    let updates = sums.into_iter().map(|(site, (columns, rows))| {
        let (input, output) = shape.linear_features(site);
        let found = svd(&columns, &rows);
        let (mut a, mut b) = (vec![0.0f32; rank * input], vec![0.0f32; output * rank]);
        for index in 0..rank.min(found.values.len()) {
            let share = found.values[index].sqrt();
            #[allow(clippy::cast_possible_truncation)]
            {
                let row = &mut a[index * input..][..input];
                row.iter_mut()
                    .zip(&found.right[index])
                    .for_each(|(a, v)| *a = (share * v) as f32);
                let column = b[index..].iter_mut().step_by(rank);
                column
                    .zip(&found.left[index])
                    .for_each(|(b, u)| *b = (share * u) as f32);
            }
        }
        let update = LowRank {
            a: Tensor::new(a, &[rank, input]),
            b: Tensor::new(b, &[output, rank]),
            scale: 1.0,
        };
        (site, update)
    });
    let updates = updates.collect();
    terms[0].task.adapter.config().of_low_rank(updates, shape)
}
