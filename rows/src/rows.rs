//! Rows that can be trained on, many in little memory.

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pool::{Names, Pool};

/// A text or pair and its label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text2: Option<String>,
    /// The label: a class, classes joined by `|`, a number, or tags joined by spaces.
    pub label: String,
}

/// A row of [`Rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RowRef<'a> {
    /// The text, or the first of a pair.
    pub text: &'a str,
    /// The second of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text2: Option<&'a str>,
    /// The label, as in [`Row`].
    pub label: &'a str,
}

/// Rows: their texts one behind the other, and each distinct label once. In JSON they are a list of [`Row`]s.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(crate) texts: Pool,
    /// As long as `texts`; or empty, where rows are single texts.
    pub(crate) seconds: Pool,
    pub(crate) labels: Pool,
    /// Index into `labels` of each row.
    pub(crate) label_of: Vec<u32>,
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.label_of.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label_of.is_empty()
    }

    /// The row at an index, or nothing beyond the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<RowRef<'_>> {
        let label = *self.label_of.get(index)?;
        Some(RowRef {
            text: self.texts.get(index),
            text2: (self.seconds.len() > 0).then(|| self.seconds.get(index)),
            label: self.labels.get(label as usize),
        })
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<R: AsRef<Row>> FromIterator<R> for Rows {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let mut made = Self::default();
        let mut labels = Names::default();
        for row in rows {
            let Row { text, text2, label } = row.as_ref();
            made.texts.push(text);
            if let Some(second) = text2 {
                made.seconds.push(second);
            }
            made.label_of.push(labels.number(label));
        }
        made.labels = labels.into_pool();
        made
    }
}

impl AsRef<Row> for Row {
    fn as_ref(&self) -> &Row {
        self
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for row in self.iter() {
            list.serialize_element(&row)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Row>::deserialize(deserializer)?.into_iter().collect())
    }
}
