use crate::ops::Activation;

/// The head of transformers' `…ForSequenceClassification`, as PEFT saves it.
#[derive(Clone, Copy, Debug)]
pub struct HeadLayout {
    /// What it reads.
    pub reads: HeadReads,
    /// Its layers, from the first, with the activation behind each; none behind the last.
    pub layers: &'static [(&'static str, Option<Activation>)],
}

/// What a family's own head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadReads {
    /// The vector of the checkpoint's pooler.
    Pooler,
    /// The first token's state.
    FirstToken,
    /// The mean of the states.
    Mean,
    /// The mean of all states but the first.
    Others,
    /// The first state and that mean side by side.
    FirstAndOthers,
}

impl HeadLayout {
    /// One layer behind the pooler: BERT's.
    pub const POOLED: Self = Self {
        reads: HeadReads::Pooler,
        layers: &[("classifier", None)],
    };

    /// A projection and a layer behind the mean of the states: that of models of sounds.
    pub const PROJECTED_MEAN: Self = Self {
        reads: HeadReads::Mean,
        layers: &[
            ("projector", Some(Activation::Linear)),
            ("classifier", None),
        ],
    };

    /// None that can be read or written here: such a model's head is in a file of its own.
    pub const NONE: Self = Self {
        reads: HeadReads::FirstToken,
        layers: &[],
    };

    /// The head of every `…ForTokenClassification`.
    pub const TOKENS: Self = Self::POOLED;

    /// The module of its last layer.
    #[must_use]
    pub fn last(&self) -> &'static str {
        self.layers.last().map_or("", |(module, _)| module)
    }

    /// The module of the layer before it, and the activation between both, if it has two.
    #[must_use]
    pub fn dense(&self) -> Option<(&'static str, Activation)> {
        match *self.layers {
            [(module, Some(activation)), _] => Some((module, activation)),
            _ => None,
        }
    }

    /// The attributes of the model that hold it.
    pub fn attributes(&self) -> impl Iterator<Item = &'static str> {
        let attribute = |module: &'static str| module.split('.').next().unwrap_or_default();
        let mut last = "";
        self.layers.iter().filter_map(move |(module, _)| {
            let own = attribute(module);
            let is_new = own != last;
            last = own;
            is_new.then_some(own)
        })
    }
}
