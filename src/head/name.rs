//! A row of the table of problems, and what a particular head answers.

use std::fmt;
use std::ops::Deref;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{About, DEFAULT_THRESHOLD, Metric, PROBLEMS, Pairs, ProblemKind, Reads, SINGLE_LABEL};
use crate::error::{Error, Result};

/// A row of [`PROBLEMS`].
#[derive(Clone, Copy)]
pub struct ProblemName(pub(super) &'static dyn ProblemKind);

impl ProblemName {
    /// The problem that settings or files call so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |problem: &&Self| {
            let About {
                name: own, aliases, ..
            } = problem.about();
            *own == name || aliases.contains(&name)
        };
        PROBLEMS.iter().find(is_it).copied()
    }

    /// As settings and files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// The problem of a head that is trained for it.
    #[must_use]
    pub fn fresh(self) -> Problem {
        Problem {
            kind: self,
            thresholds: Vec::new(),
        }
    }

    /// What it is judged by where nothing is said.
    #[must_use]
    pub fn metric(self) -> Metric {
        Metric::named(self.about().measures[0].name)
    }

    /// Whether a head reads tokens.
    #[must_use]
    pub fn reads_tokens(self) -> bool {
        self.about().reads == Reads::Tokens
    }

    /// How a head reads pairs where nothing is said.
    #[must_use]
    pub fn pairs(self) -> Pairs {
        match self.about().reads {
            Reads::TextsApart => Pairs::Apart,
            Reads::Texts | Reads::Tokens => Pairs::Joint,
        }
    }

    /// Whether a head that reads pairs in this way makes its logits of both vectors of a pair.
    #[must_use]
    pub fn compares(self, pairs: Pairs) -> bool {
        self.about().reads == Reads::Texts && pairs == Pairs::Apart
    }

    /// Refuses a way to read pairs that heads of this problem do not have.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`].
    pub fn check_pairs(self, pairs: Pairs) -> Result<()> {
        let reason = match (self.about().reads, pairs) {
            (Reads::TextsApart, Pairs::Joint) => "it always reads the two texts apart",
            (Reads::Tokens, Pairs::Apart) => "it labels the tokens of one sequence",
            _ => return Ok(()),
        };
        Err(Error::OptionInvalid {
            option: "pairs",
            value: pairs.name().to_owned(),
            reason: format!(
                "the problem is {}, and {reason}; leave the setting out",
                self.name()
            ),
        })
    }
}

impl Deref for ProblemName {
    type Target = dyn ProblemKind;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl Default for ProblemName {
    fn default() -> Self {
        SINGLE_LABEL
    }
}

impl PartialEq for ProblemName {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for ProblemName {}

impl fmt::Debug for ProblemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ProblemName {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ProblemName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let known = PROBLEMS.iter().map(|problem| problem.name());
            let known = known.collect::<Vec<_>>().join(", ");
            D::Error::custom(format!("there is no problem \"{name}\"; there are {known}"))
        })
    }
}

/// What a particular head answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// The row of the table.
    pub kind: ProblemName,
    /// What a label's score, 0 to 1, must reach, where labels have thresholds: one a label, or none for
    /// [`DEFAULT_THRESHOLD`].
    pub thresholds: Vec<f32>,
}

impl Problem {
    /// What the score of each of so many labels must reach, 0 to 1, where a text may have several.
    #[must_use]
    pub fn thresholds(&self, labels: usize) -> Option<Vec<f32>> {
        let own = || match self.thresholds.is_empty() {
            true => vec![DEFAULT_THRESHOLD; labels],
            false => self.thresholds.clone(),
        };
        self.kind.about().thresholds.then(own)
    }
}

impl Problem {
    /// What a card says of it: nothing where it is what everybody expects.
    #[must_use]
    pub fn said(&self) -> Option<Self> {
        (self.kind != ProblemName::default()).then(|| self.clone())
    }
}

impl From<ProblemName> for Problem {
    fn from(kind: ProblemName) -> Self {
        kind.fresh()
    }
}

impl From<&Problem> for ProblemName {
    fn from(problem: &Problem) -> Self {
        problem.kind
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.kind)?;
        if !self.thresholds.is_empty() {
            map.serialize_entry("thresholds", &self.thresholds)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            name: ProblemName,
            #[serde(default)]
            thresholds: serde_json::Value,
        }
        let Named { name, thresholds } = Named::deserialize(deserializer)?;
        let mut problem = name.fresh();
        if name.about().thresholds && !thresholds.is_null() {
            problem.thresholds = serde_json::from_value(thresholds).map_err(D::Error::custom)?;
        }
        Ok(problem)
    }
}
