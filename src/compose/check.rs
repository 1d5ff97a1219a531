use std::rc::Rc;

use super::fusion::Fusion;
use super::{Composition, Lookup, invalid};
use crate::adapter::{Adapter, HalfBlock, Reads};
use crate::error::Result;
use crate::folder::TaskAdapter;
use crate::model::{NormSite, Shape, Sublayer, SublayerSite};

/// The blocks of a composition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// One adapter.
    Adapter,
    /// [`Composition::Stack`]
    Stack,
    /// [`Composition::Average`]
    Average,
    /// [`Composition::Split`]
    Split,
    /// [`Composition::Parallel`]
    Parallel,
    /// [`Composition::Fuse`]
    Fuse,
}

/// All of them.
pub const BLOCKS: [Block; 6] = [
    Block::Adapter,
    Block::Stack,
    Block::Average,
    Block::Split,
    Block::Parallel,
    Block::Fuse,
];

impl Block {
    /// The name in JSON and in errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Adapter => "adapter",
            Self::Stack => "stack",
            Self::Average => "average",
            Self::Split => "split",
            Self::Parallel => "parallel",
            Self::Fuse => "fuse",
        }
    }
}

/// What each block may hold. AdapterHub's table, where `split` is its BatchSplit; beyond it, a fusion
/// may be a part of a split and of parallel ones.
pub const NESTING: [(Block, &[Block]); 5] = [
    (
        Block::Stack,
        &[
            Block::Adapter,
            Block::Average,
            Block::Split,
            Block::Parallel,
            Block::Fuse,
        ],
    ),
    (
        Block::Average,
        &[Block::Adapter, Block::Stack, Block::Split],
    ),
    (
        Block::Split,
        &[
            Block::Adapter,
            Block::Stack,
            Block::Average,
            Block::Split,
            Block::Fuse,
        ],
    ),
    (
        Block::Parallel,
        &[
            Block::Adapter,
            Block::Stack,
            Block::Average,
            Block::Split,
            Block::Fuse,
        ],
    ),
    (Block::Fuse, &[Block::Adapter, Block::Stack]),
];

impl Composition {
    /// Which block it is.
    #[must_use]
    pub fn block(&self) -> Block {
        match self {
            Self::Adapter(_) => Block::Adapter,
            Self::Stack(_) => Block::Stack,
            Self::Average(_) => Block::Average,
            Self::Split(_) => Block::Split,
            Self::Parallel(_) => Block::Parallel,
            Self::Fuse { .. } => Block::Fuse,
        }
    }

    /// Whether it can be run: its blocks may be nested so, its adapters are there, and each can be
    /// what it is here.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`](crate::Error::AdapterUnknown) and
    /// [`Error::CompositionInvalid`](crate::Error::CompositionInvalid) that name the first that is
    /// wrong.
    pub fn check(&self, lookup: Lookup<'_>, shape: &Shape) -> Result<()> {
        self.check_nesting("", true)?;
        self.check_parts("", lookup, shape).map(drop)
    }

    /// `outermost`: whether parallel blocks may stand here.
    fn check_nesting(&self, place: &str, outermost: bool) -> Result<()> {
        let block = self.block();
        let allowed = NESTING.iter().find(|(outer, _)| *outer == block);
        let allowed = allowed.map_or(&[][..], |(_, inner)| inner);
        let children = self.children();
        if children.is_empty() && block != Block::Adapter {
            return Err(invalid(place, format!("\"{}\" has no parts", block.name())));
        }
        for (index, child) in children.iter().enumerate() {
            let (inner, place) = (child.block(), inside(place, block, index));
            if !allowed.contains(&inner) {
                let names: Vec<_> = allowed.iter().map(|block| block.name()).collect();
                let reason = format!(
                    "\"{}\" cannot stand in \"{}\", which may hold: {}",
                    inner.name(),
                    block.name(),
                    names.join(", ")
                );
                return Err(invalid(&place, reason));
            }
            if inner == Block::Parallel && !outermost {
                let reason =
                    "\"parallel\" must be the outermost block, or stand in the outermost stack";
                return Err(invalid(&place, reason));
            }
            child.check_nesting(&place, false)?;
        }
        let channels: Vec<_> = children
            .iter()
            .filter(|child| child.block() == Block::Parallel)
            .map(|child| child.children().len())
            .collect();
        if channels.windows(2).any(|pair| pair[0] != pair[1]) {
            let reason = format!(
                "its parallel blocks have {channels:?} parts, but all must have the same number"
            );
            return Err(invalid(place, reason));
        }
        Ok(())
    }

    /// All adapters in it, each once.
    fn check_parts(
        &self,
        place: &str,
        lookup: Lookup<'_>,
        shape: &Shape,
    ) -> Result<Vec<Rc<Named>>> {
        let block = self.block();
        let mut parts = Vec::new();
        for (index, child) in self.children().into_iter().enumerate() {
            parts.push(child.check_parts(&inside(place, block, index), lookup, shape)?);
        }
        // rows of different parts never meet in a split; in the other blocks any two may
        let meetings = || {
            let later = |index: usize| parts[index + 1..].iter().flatten();
            let pairs = parts.iter().enumerate().flat_map(move |(index, part)| {
                part.iter()
                    .flat_map(move |first| later(index).map(move |second| (first, second)))
            });
            pairs.map(|(first, second)| (&**first, &**second))
        };
        match self {
            Self::Adapter(name) => return Ok(vec![Named::new(name, lookup(name)?)]),
            Self::Parallel(_) => {}
            Self::Split(of) => {
                if of.iter().any(|share| share.rows == 0) {
                    return Err(invalid(place, "a part of the split has no rows"));
                }
            }
            Self::Stack(_) => {
                for (first, second) in meetings() {
                    if let Some(reason) = why_not_stacked(first, second, shape) {
                        let names = [&first.name, &second.name];
                        let reason = format!("{names:?} cannot be stacked: {reason}");
                        return Err(invalid(place, reason));
                    }
                }
            }
            Self::Average(average) => {
                if average.method.is_some() || average.rank.is_some() {
                    let reason = "\"method\" and \"rank\" say how parameters become a new adapter; running adapters are averaged by what they change";
                    return Err(invalid(place, reason));
                }
                average.check_weights(place)?;
                if let Some(head) = &average.head {
                    lookup(head)?;
                }
                for named in parts.iter().flatten() {
                    if let Some(reason) = why_not_averaged(named) {
                        return Err(invalid(place, reason));
                    }
                }
                for (first, second) in meetings() {
                    if half_blocks(shape).any(|site| {
                        let placement = |named: &Named| named.adapter().half_block(site).map(HalfBlock::placement);
                        matches!((placement(first), placement(second)), (Some(a), Some(b)) if a != b)
                    }) {
                        let names = [&first.name, &second.name];
                        let reason = format!("the bottlenecks of {names:?} stand in different places of a half block");
                        return Err(invalid(place, reason));
                    }
                }
            }
            Self::Fuse { of, fusion } => {
                let task = lookup(fusion)?;
                let Some(layer) = Fusion::of(&*task.adapter) else {
                    let reason =
                        format!("\"{fusion}\" is an adapter and no fusion; train or load one");
                    return Err(invalid(place, reason));
                };
                let members = layer.members().count();
                if members != of.len() {
                    let reason = format!(
                        "the fusion \"{fusion}\" is made of {members} adapters, but here are {}",
                        of.len()
                    );
                    return Err(invalid(place, reason));
                }
                for named in parts.iter().flatten() {
                    if let Some(reason) = why_not_fused(named, shape) {
                        return Err(invalid(place, reason));
                    }
                }
            }
        }
        let mut all: Vec<Rc<Named>> = Vec::new();
        for named in parts.into_iter().flatten() {
            if !all.iter().any(|other| other.name == named.name) {
                all.push(named);
            }
        }
        Ok(all)
    }
}

impl super::Average {
    /// Refuses weights that are not finite or do not fit into an f32.
    pub(super) fn check_weights(&self, place: &str) -> Result<()> {
        let bad = self.weights().into_iter().position(|weight| {
            // what is summed is f32
            weight.abs() > f64::from(f32::MAX) || !weight.is_finite()
        });
        match bad {
            Some(index) => {
                let place = inside(place, Block::Average, index);
                let weight = self.weights()[index];
                Err(invalid(
                    &place,
                    format!("the weight is {weight}; it must be a finite number"),
                ))
            }
            None => Ok(()),
        }
    }
}

/// An adapter and the name it goes by.
struct Named {
    name: String,
    task: Rc<TaskAdapter>,
}

impl Named {
    fn new(name: &str, task: Rc<TaskAdapter>) -> Rc<Self> {
        let name = name.to_owned();
        Rc::new(Self { name, task })
    }

    fn adapter(&self) -> &dyn Adapter {
        &*self.task.adapter
    }
}

fn inside(place: &str, block: Block, index: usize) -> String {
    let dot = if place.is_empty() { "" } else { "." };
    format!("{place}{dot}{}[{index}]", block.name())
}

pub(super) fn half_blocks(shape: &Shape) -> impl Iterator<Item = SublayerSite> {
    (0..shape.layers)
        .flat_map(|layer| Sublayer::ALL.map(|sublayer| SublayerSite { layer, sublayer }))
}

/// Why the second adapter cannot be stacked on the first.
fn why_not_stacked(first: &Named, second: &Named, shape: &Shape) -> Option<String> {
    let both = [first, second];
    if both
        .iter()
        .all(|named| named.adapter().changes_embeddings())
    {
        return Some("both change what enters the first layer".into());
    }
    for site in shape.linear_sites() {
        if !both
            .iter()
            .all(|named| named.adapter().changes_output(site))
        {
            continue;
        }
        for Named { name, task } in both {
            if let Some(why) = task.adapter.excludes_others(site) {
                return Some(format!("\"{name}\" {why}"));
            }
        }
        let (input, output) = shape.linear_features(site);
        let only_adds = |named: &&Named| named.adapter().only_adds(site);
        if input != output && both.iter().all(only_adds) {
            return Some(format!(
                "what the first adds at {} has {output} features, and the second reads {input}; average them with weights 1 to add both",
                site.title()
            ));
        }
    }
    for site in half_blocks(shape) {
        let changes = |adapter: &dyn Adapter| {
            adapter.changes_sublayer(site) || adapter.changes_norm(NormSite::Block(site))
        };
        if !both.iter().all(|named| changes(named.adapter())) {
            continue;
        }
        for named in both {
            let (name, half) = (&named.name, site.sublayer.name());
            let why = match named.adapter().reads(site) {
                None => "replaces the bias of a layer norm, which the other works with",
                Some(Reads::Residual) => {
                    "stands beside the half block and does not read what the other gives"
                }
                Some(_) => continue,
            };
            return Some(format!(
                "at {half} of layer {}, \"{name}\" {why}",
                site.layer
            ));
        }
    }
    None
}

fn why_not_averaged(named: &Named) -> Option<String> {
    let what = named.adapter().why_not_averaged()?;
    Some(format!(
        "\"{}\" is {what}, whose changes cannot be averaged while it runs; make a new adapter of the averaged parameters",
        named.name
    ))
}

/// A fusion mixes what bottlenecks give, so an adapter in it may do nothing else.
fn why_not_fused(named: &Named, shape: &Shape) -> Option<String> {
    let (name, adapter) = (&named.name, named.adapter());
    let in_linear = |site| adapter.changes_input(site) || adapter.changes_output(site);
    let mut halves = half_blocks(shape);
    if !halves.any(|site| adapter.half_block(site).is_some())
        || shape.linear_sites().any(in_linear)
        || (0..shape.layers).any(|layer| adapter.key_value_prefix(layer).is_some())
    {
        let kind = adapter.config().kind().name;
        return Some(format!(
            "\"{name}\" is {kind}, and only bottlenecks can be fused"
        ));
    }
    if adapter.changes_embeddings() {
        return Some(format!(
            "\"{name}\" has an invertible adapter, which would change what the others read; stack the fusion on it"
        ));
    }
    let beside = half_blocks(shape).any(|site| adapter.reads(site) == Some(Reads::Residual));
    beside.then(|| {
        format!(
            "\"{name}\" stands beside the half block, and only bottlenecks behind it can be fused"
        )
    })
}

/// Refuses what cannot be a member of a fusion.
pub(super) fn check_fused(name: &str, task: &Rc<TaskAdapter>, shape: &Shape) -> Result<()> {
    match why_not_fused(&Named::new(name, Rc::clone(task)), shape) {
        Some(reason) => Err(invalid("", reason)),
        None => Ok(()),
    }
}
