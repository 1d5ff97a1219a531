//! The settings of fresh adapters as data: the readers of settings, the help of the command line and the types of the
//! package are made from these rows.

/// A setting of a fresh adapter.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// The names that PEFT and AdapterHub have for it, if they have others.
    pub others: &'static [&'static str],
    /// What it may be.
    pub values: Values,
    /// What it does, in one sentence.
    pub description: &'static str,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// A whole number.
    Count,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A word.
    Word,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Names of linear layers.
    Linears,
    /// Numbers of layers; one stands for a list of one.
    Layers,
    /// Names of modules by PEFT's rules.
    Modules,
    /// A number for each module that PEFT's rules name.
    ByModule,
}

/// Linear layers that an adapter acts on.
pub(super) const TARGETS: Setting = Setting {
    name: "targets",
    others: &[],
    values: Values::Linears,
    description: "Linear layers of a block that the adapter acts on, or the pooler.",
};

/// Layers that an adapter is in.
pub(super) const LAYERS: Setting = Setting {
    name: "layers",
    others: &["layers_to_transform"],
    values: Values::Layers,
    description: "Zero-based layers that the adapter is in; what lies below the lowest is computed only once.",
};

/// Length of prefixes and prompts.
pub(super) const VIRTUAL_TOKENS: Setting = Setting {
    name: "virtual_tokens",
    others: &["num_virtual_tokens", "prefix_length", "prompt_length"],
    values: Values::Count,
    description: "Virtual tokens.",
};

/// Modules that an adapter acts on, as PEFT has it.
pub(super) const TARGET_MODULES: Setting = Setting {
    name: "target_modules",
    others: &[],
    values: Values::Modules,
    description: "Modules that the adapter acts on, by PEFT's rules: ends of their names, a regular expression, or `all-linear`.",
};

/// Exceptions from [`TARGET_MODULES`].
pub(super) const EXCLUDE_MODULES: Setting = Setting {
    name: "exclude_modules",
    others: &[],
    values: Values::Modules,
    description: "Modules that `target_modules` names and that are left out all the same.",
};
