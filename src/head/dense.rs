use serde::{Deserialize, Serialize};

use crate::ops::Activation;

/// A layer before a head's last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Dense {
    /// Behind it.
    pub activation: Activation,
    /// Its outputs, if they are not as many as the hidden states have numbers.
    pub size: Option<usize>,
}

/// As a side file has it: the activation alone where the size is the usual one.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Saved {
    Usual(Activation),
    Sized { activation: Activation, size: usize },
}

impl From<Activation> for Dense {
    fn from(activation: Activation) -> Self {
        Self {
            activation,
            size: None,
        }
    }
}

impl From<Saved> for Dense {
    fn from(saved: Saved) -> Self {
        match saved {
            Saved::Usual(activation) => activation.into(),
            Saved::Sized { activation, size } => Self {
                activation,
                size: Some(size),
            },
        }
    }
}

impl From<Dense> for Saved {
    fn from(Dense { activation, size }: Dense) -> Self {
        match size {
            None => Self::Usual(activation),
            Some(size) => Self::Sized { activation, size },
        }
    }
}
