//! What an adapter is, what its settings are, and what a row of the table of kinds says.

use std::any::Any;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::dialect::Library;
use super::{Options, ParamName, ParamSource, Parameter, Placement, Reads, Setting};
use crate::error::{Error, Result};
use crate::model::{Affine, Anatomy, Hook, Join, LinearSite, Place, Shape, SublayerSite};
use crate::tensor::Tensor;

/// An adapter: a [`Hook`] with parameters.
pub trait Adapter: Hook + Any {
    /// What it was built from.
    fn config(&self) -> &dyn Config;
    /// Its trainable tensors, in a fixed order.
    fn parameters(&self) -> &[Parameter];
    /// The tensors that a library's file holds: the trainable ones, where the kind does not say
    /// otherwise.
    fn stored(&self, _library: Library) -> Vec<Parameter> {
        self.parameters().to_vec()
    }
    /// Settings and tensors of the adapter that remains after training, where they differ from those that were trained.
    fn finished(&self) -> Option<(Box<dyn Config>, Vec<Parameter>)> {
        None
    }
    /// What the adapter adds to the output of a linear layer whose input is `x`: `[tokens, in]`, as
    /// `[tokens, out]`; `None` where it does nothing, or something else than adding what depends on
    /// `x` alone.
    fn update(&self, _site: LinearSite, _x: &Tensor) -> Option<Tensor> {
        None
    }
    /// The adapter's bottleneck at a half block, in parts that can be combined with another's.
    fn half_block(&self, _site: SublayerSite) -> Option<&dyn HalfBlock> {
        None
    }
    /// What its bottleneck at a half block reads, if it has one there.
    fn reads(&self, site: SublayerSite) -> Option<Reads> {
        self.half_block(site).map(|part| part.placement().reads)
    }
    /// Whether [`update`](Self::update) gives all that the adapter does to a linear layer.
    fn only_adds(&self, _site: LinearSite) -> bool {
        false
    }
    /// Why no other adapter may change a linear layer that this one changes. The words follow the adapter's name in a
    /// sentence.
    fn excludes_others(&self, _site: LinearSite) -> Option<String> {
        None
    }
    /// What the adapter is, if its changes cannot be averaged with those of others while they run. A kind whose changes
    /// can be averaged says so.
    fn why_not_averaged(&self) -> Option<&'static str> {
        Some(self.config().kind().name)
    }
    /// The adapter as nothing but low-rank updates.
    ///
    /// # Errors
    /// What the adapter is, if it does anything else.
    fn low_rank(&self) -> std::result::Result<Vec<(LinearSite, LowRank)>, &'static str> {
        Err(self.config().kind().name)
    }
    /// A scalar that is added to the loss in training.
    fn penalty(&self) -> Option<Tensor> {
        None
    }
    /// The next batch is learnt from, with what is random in training, dropout; without this call the
    /// adapter computes as it will be used. Each sequence of the batch has a seed and its number of
    /// tokens, so that what is dropped does not depend on its neighbours.
    fn start_training(&mut self, _sequences: &[(u64, usize)]) {}

    /// Makes to a copy of a module's weights the change that the adapter makes beside them, so that the
    /// copy computes the same without it. It must be of the backbone that the adapter was built for.
    ///
    /// # Errors
    /// [`Error::AdapterFormat`] if the adapter does more than change weights.
    fn merge(&self, _place: Place, _weights: &mut Affine) -> Result<()> {
        Err(Error::AdapterFormat {
            what: format!("an adapter of kind \"{}\"", self.config().kind().name),
            format: "a plain checkpoint",
            hint: "it does more than change the backbone's weights; keep it beside the backbone"
                .into(),
        })
    }
}

/// An update of a linear layer: `scale · x Aᵀ Bᵀ` is added to its output.
#[derive(Clone)]
pub struct LowRank {
    /// `A`: `[rank, in]`
    pub a: Tensor,
    /// `B`: `[out, rank]`
    pub b: Tensor,
    /// The factor.
    pub scale: f64,
}

/// A bottleneck at a half block, taken apart: [`enter`](Self::enter), [`forward`](Self::forward) and
/// [`leave`](Self::leave) one after the other are the adapter's [`Hook::sublayer`]. All tensors are
/// `[tokens, hidden size]`.
pub trait HalfBlock {
    /// Where it stands.
    fn placement(&self) -> Placement;
    /// What it reads, and what its output is added to, behind a half block whose output is `h`.
    fn enter(&self, h: Tensor, residual: &Tensor, norm: Join<'_>) -> (Tensor, Tensor);
    /// Its output with what is `around` it, and the part of it that `x` went through the network for.
    fn forward(&self, x: &Tensor, around: Tensor) -> (Tensor, Tensor);
    /// The half block's result.
    fn leave(&self, out: Tensor, residual: &Tensor, norm: Join<'_>) -> Tensor {
        if self.placement().norm_after {
            norm.join(out, residual)
        } else {
            out
        }
    }
}

/// The settings of an adapter, without its weights.
pub trait Config: Any {
    /// The row of [`KINDS`](super::KINDS) it belongs to.
    fn kind(&self) -> &'static Kind;

    /// A copy.
    fn boxed(&self) -> Box<dyn Config>;

    /// Whether parameters of the one mean the same in the other, so that they can be averaged. What
    /// only training looks at may differ.
    fn agrees(&self, other: &dyn Config) -> bool;

    /// Builds the adapter from a source of tensors.
    ///
    /// # Errors
    /// Those of the source, and [`Error::OptionInvalid`] for settings that do not fit the shape.
    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>>;

    /// The configuration as a library writes it.
    ///
    /// # Errors
    /// [`Error::AdapterFormat`] if the library has no such kind.
    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>>;

    /// A parameter's key below the encoder, in a library's file: what follows `bert.` there.
    fn key(&self, library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String;

    /// Whether PEFT counts the kind as prompt learning: its files name no module of the model, and
    /// the head lies one level higher.
    fn is_prompt_learning(&self) -> bool {
        false
    }

    /// Whether a sequence has more states than tokens behind the adapter: then a head cannot tell which
    /// state is which token's.
    fn adds_tokens(&self) -> bool {
        false
    }

    /// An adapter of this kind from updates of one rank, whatever the settings here. Their scales are 1.
    ///
    /// # Errors
    /// [`Error::AdapterFormat`] for a kind whose adapters never have a [`low_rank`](Adapter::low_rank).
    fn of_low_rank(
        &self,
        _updates: Vec<(LinearSite, LowRank)>,
        _shape: &Shape,
    ) -> Result<Box<dyn Adapter>> {
        Err(Error::AdapterFormat {
            what: format!("an adapter of kind \"{}\"", self.kind().name),
            format: "updates of low rank",
            hint: "average adapters whose settings agree".into(),
        })
    }

    /// The linear layers whose weights it replaces, so that nothing of the frozen ones is left.
    fn replaces(&self) -> BTreeSet<LinearSite> {
        BTreeSet::new()
    }

    /// For a fusion: the names of the adapters that it is made of.
    fn made_of(&self) -> Option<Vec<&str>> {
        None
    }

    /// Whether a tensor of a library's file, by its key below the encoder, repeats one that
    /// [`key`](Self::key) names.
    fn repeats(&self, _library: Library, _key: &str) -> bool {
        false
    }

    /// Describes the adapter, for a listing.
    fn describe(&self, shape: &Shape) -> Description;
}

/// What an adapter is, for people.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// "LoRA", "Houlsby bottleneck", …
    pub title: String,
    /// The modules it acts on: "query", "ffn", …
    pub sites: Vec<String>,
    /// Zero-based layers it acts on.
    pub layers: Vec<usize>,
    /// Modules that are trained whole, as [`LinearSite::title`] names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub saved: Vec<String>,
    /// How large it is: numbers by the names in [`Kind::sizes`].
    #[serde(flatten)]
    pub sizes: Map<String, Value>,
}

impl Description {
    /// With a number that says how large it is.
    pub(super) fn with_size(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.sizes.insert(name.to_owned(), value.into());
        self
    }
}

/// One kind of adapter.
#[derive(Debug)]
pub struct Kind {
    /// Stable name.
    pub name: &'static str,
    /// Ready-made settings under the names that people use.
    pub presets: &'static [Preset],
    /// Parts of the keys of its tensors in PEFT's files behind which an adapter's name may stand, and whether `weight` or
    /// `bias` follows the name.
    pub peft_tensors: &'static [(&'static str, bool)],
    /// Flags, lists and objects in PEFT's configuration that the readers know.
    pub peft_fields: &'static [&'static str],
    /// The numbers that say how large an adapter is, and what they are.
    pub sizes: &'static [(&'static str, &'static str)],
    /// The settings of a fresh adapter.
    pub settings: &'static [&'static Setting],
    /// PEFT's settings that are taken by PEFT's own names and rules.
    pub peft_settings: &'static [&'static Setting],
    /// Flags, lists and objects in AdapterHub's inner configuration that the reader knows.
    pub adapterhub_fields: &'static [&'static str],
    /// How PEFT's configurations of the kind are told from those of another kind with the same `peft_type`, if the
    /// kind has no type of its own. Claims are asked before types.
    pub claim: Option<Claim>,
    /// `peft_type` and reader of PEFT's configuration, for each of PEFT's types that is of this kind.
    pub peft: &'static [(&'static str, Reader)],
    /// `architecture` (`None` stands for null) and reader of AdapterHub's inner configuration, if
    /// AdapterHub has this kind.
    pub adapterhub: Option<(Option<&'static str>, Reader)>,
}

impl Kind {
    /// A row with nothing in it, for what a kind does not have.
    pub const EMPTY: Self = Self {
        name: "",
        presets: &[],
        peft_tensors: &[],
        peft_fields: &[],
        sizes: &[],
        settings: &[],
        peft_settings: &[],
        adapterhub_fields: &[],
        claim: None,
        peft: &[],
        adapterhub: None,
    };
}

/// A kind's claim to configurations that would else be read as another kind's.
#[derive(Debug)]
pub struct Claim {
    /// Whether one of PEFT's configurations is of the kind.
    pub test: fn(&Map<String, Value>) -> bool,
    /// Reads such a configuration.
    pub read: Reader,
}

/// Reads a library's configuration. Arguments: the file's name for errors, the configuration, the
/// backbone's shape.
pub type Reader = fn(&str, &Map<String, Value>, &Shape) -> Result<Box<dyn Config>>;

/// Settings of a kind under a name that the command line and the page offer.
#[derive(Debug)]
pub struct Preset {
    /// What to write after `--kind`.
    pub name: &'static str,
    /// Its proper name.
    pub title: &'static str,
    /// One sentence for someone who chooses.
    pub description: &'static str,
    /// The library whose format it is saved in.
    pub library: Library,
    /// The one setting that says how large it is, if its size can be chosen.
    pub size: Option<SizeOption>,
    /// Highest learning rate where the settings of a training say nothing. The fewer and the farther from the answer the
    /// numbers that are trained, the larger their steps must be.
    ///
    /// Found with 1200 rows of trec (accuracy) and cola (Matthews), 5 epochs, seed 1, the best epoch on 400
    /// held-out rows, int8 backbone; trec / cola at each rate:
    ///
    /// | preset | | | |
    /// | --- | --- | --- | --- |
    /// | head | 3e-3: .800 / .112 | 1e-2: .825 / .142 | 3e-2: .820 / .135 |
    /// | ia3 | 3e-3: .920 / .152 | 1e-2: .938 / .173 | 2e-2: .938 / .221 |
    /// | bitfit | 1e-3: .928 / .029 | 3e-3: .930 / .165 | 1e-2: .928 / .000 |
    /// | prompt | 1e-2: .938 / .071 | 3e-2: .913 / .140 | |
    /// | prefix | 1e-3: .930 (trec) | 3e-3: .815 / .000 | 1e-2: .250 (trec) |
    ///
    /// Prefixes and parallel bottlenecks, whose output is scaled by 4, learn nothing of all of cola at 1e-3 (.000), but
    /// at 3e-4 (.282 and .320 on the dev rows). After 1200 rows a prefix has .926 / .086 with that.
    pub learning_rate: f64,
    /// Factor of the default number of epochs, for a kind whose epochs cost next to nothing.
    pub epochs: usize,
    /// Whether the lowest third of the layers is left out by default where there are few rows: it is computed once for
    /// all epochs, and a run takes two thirds of the time. That the lowest layers matter least is what Rücklé et al.
    /// 2021 (AdapterDrop) found.
    ///
    /// 500 rows, int8 backbone, score on other rows, mean of three draws (stsb and wnut17: two, goemotions: one),
    /// with all six layers / without the lowest two:
    ///
    /// | preset | banking77, 20 classes | sst2 | trec | cola | stsb | wnut17 | goemotions |
    /// | --- | --- | --- | --- | --- | --- | --- | --- |
    /// | lora | .930 / .929 | .832 / .836 | .927 / .927 | .018 / .070 | .732 / .731 | .277 / .294 | .076 / .093 |
    /// | pfeiffer | .938 / .936 | .829 / .817 | .924 / .923 | | | | |
    /// | houlsby | .927 / .934 | .822 / .805 | .923 / .933 | | | | |
    ///
    /// Bottlenecks keep all layers, for what sst2 would lose.
    pub upper_layers: bool,
    /// Makes the settings from options; unset ones get their defaults.
    pub config: fn(&Options, &Shape) -> Result<Box<dyn Config>>,
}

/// The setting that says how large an adapter is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SizeOption {
    /// Field of [`Options`].
    pub name: &'static str,
    /// For a form's label.
    pub title: &'static str,
    /// Used when unset.
    pub default: usize,
    /// What a form offers.
    pub choices: &'static [usize],
}
