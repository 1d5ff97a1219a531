//! The row of LoRA in the table of kinds.

use super::config::from_options;
use super::{adapterhub, peft};
use crate::adapter::dialect::Library;
use crate::adapter::setting::{EXCLUDE_MODULES, LAYERS, Setting, TARGET_MODULES, TARGETS, Values};
use crate::adapter::{Kind, Preset, SizeOption};

pub(super) const SIZE: SizeOption = SizeOption {
    name: "rank",
    title: "Rank",
    default: 8,
    choices: &[2, 4, 8, 16, 32],
};

/// The row of this kind.
pub(in crate::adapter) static KIND: Kind = Kind {
    name: "lora",
    presets: &[
        Preset {
            name: "lora",
            title: "LoRA",
            description: "A low-rank update beside every linear layer. Small, quick to train, the one most tools can read.",
            library: Library::Peft,
            size: Some(SIZE),
            learning_rate: 5e-4,
            epochs: 1,
            upper_layers: true,
            config: |options, shape| from_options(options, shape, false),
        },
        Preset {
            name: "dora",
            title: "DoRA",
            description: "LoRA that trains the length of each weight row apart from its direction. A little better at small ranks, and slower.",
            library: Library::Peft,
            size: Some(SIZE),
            learning_rate: 5e-4,
            epochs: 1,
            upper_layers: false,
            config: |options, shape| from_options(options, shape, true),
        },
    ],
    peft_tensors: &[
        ("lora_A", true),
        ("lora_B", true),
        ("lora_magnitude_vector", false),
        ("lora_embedding_A", false),
        ("lora_embedding_B", false),
    ],
    peft_fields: &[
        "alora_invocation_tokens",
        "alpha_pattern",
        "arrow_config",
        "bias",
        "corda_config",
        "enable_lora",
        "ensure_weight_tying",
        "eva_config",
        "exclude_modules",
        "fan_in_fan_out",
        "init_lora_weights",
        "kasa_config",
        "layer_replication",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_bias",
        "lora_ga_config",
        "megatron_config",
        "monteclora_config",
        "rank_pattern",
        "runtime_config",
        "target_modules",
        "target_parameters",
        "trainable_token_indices",
        "use_bdlora",
        "use_dora",
        "use_qalora",
        "use_rslora",
        "velora_config",
    ],
    sizes: &[
        ("rank", "Rank of the update."),
        ("alpha", "The update is scaled by `alpha / rank`."),
    ],
    settings: &[
        &Setting {
            name: "rank",
            others: &["r"],
            values: Values::Count,
            description: "Rank of the update.",
        },
        &Setting {
            name: "alpha",
            others: &["lora_alpha"],
            values: Values::Number,
            description: "The update is scaled by `alpha / rank`.",
        },
        &Setting {
            name: "rank_stabilised",
            others: &["use_rslora"],
            values: Values::Flag,
            description: "Whether the update is scaled by `alpha / sqrt(rank)` instead.",
        },
        &Setting {
            name: "dropout",
            others: &["lora_dropout"],
            values: Values::Number,
            description: "Probability with which an input of the update is left out in training.",
        },
        &Setting {
            name: "bias",
            others: &[],
            values: Values::Choice(&["none", "all", "lora_only"]),
            description: "Biases of the backbone that are trained too.",
        },
        &TARGETS,
        &LAYERS,
    ],
    peft_settings: &[
        &TARGET_MODULES,
        &EXCLUDE_MODULES,
        &Setting {
            name: "layers_pattern",
            others: &[],
            values: Values::Modules,
            description: "Names of the list of layers that `layers_to_transform` counts in.",
        },
        &Setting {
            name: "rank_pattern",
            others: &[],
            values: Values::ByModule,
            description: "Ranks of single modules, by the end of their names.",
        },
        &Setting {
            name: "alpha_pattern",
            others: &[],
            values: Values::ByModule,
            description: "Alphas of single modules, by the end of their names.",
        },
        &Setting {
            name: "lora_bias",
            others: &[],
            values: Values::Flag,
            description: "Whether the update has a bias.",
        },
        &Setting {
            name: "use_dora",
            others: &[],
            values: Values::Flag,
            description: "Whether weights are decomposed into magnitude and direction (DoRA).",
        },
    ],
    adapterhub_fields: &[
        "attn_matrices",
        "intermediate_lora",
        "output_lora",
        "selfattn_lora",
        "use_dora",
        "use_gating",
    ],
    peft: &[("LORA", peft::read)],
    adapterhub: Some((Some("lora"), adapterhub::read)),
    ..Kind::EMPTY
};
