//! Floor 0: sorting by a number or a text, and sorted collections. Each type that is sorted brings a whole sort into the wasm module,
//! 3 KB of it, so there is one sort for all numbers and one for all texts, and sets and maps are filled one item at a time.

use std::collections::{BTreeMap, BTreeSet};

/// Fills sorted collections without sorting first, as `collect` does.
pub trait Sorted: Iterator + Sized {
    /// The set of the items.
    fn into_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        let mut set = BTreeSet::new();
        self.for_each(|item| {
            set.insert(item);
        });
        set
    }

    /// The map of the pairs; of equal keys the last one counts.
    fn into_map<K: Ord, V>(self) -> BTreeMap<K, V>
    where
        Self: Iterator<Item = (K, V)>,
    {
        let mut map = BTreeMap::new();
        self.for_each(|(key, value)| {
            map.insert(key, value);
        });
        map
    }
}

impl<I: Iterator> Sorted for I {}

/// The places of the keys from the lowest to the highest, equal ones in their order.
#[must_use]
pub fn ascending(keys: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    order
}

/// The places of the texts in the order of their bytes, equal ones in their order.
#[must_use]
pub fn alphabetical(texts: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&place| texts[place]);
    order
}

/// Items from the lowest key to the highest, equal ones in their order.
#[must_use]
pub fn sorted_by<T>(items: Vec<T>, key: impl Fn(&T) -> f64) -> Vec<T> {
    let keys: Vec<f64> = items.iter().map(key).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let order = ascending(&keys).into_iter();
    order.filter_map(|place| items[place].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_are_those_of_collect() {
        let pairs = [(3, "a"), (1, "b"), (3, "c"), (2, "d")];
        assert_eq!(pairs.into_iter().into_map(), BTreeMap::from(pairs));
        let items = pairs.map(|(key, _)| key);
        assert_eq!(items.into_iter().into_set(), BTreeSet::from(items));
    }

    #[test]
    fn equal_keys_keep_their_order() {
        assert_eq!(ascending(&[2.0, -1.0, 2.0, 0.5]), [1, 3, 0, 2]);
        let items = vec![("a", 1.0), ("b", 3.0), ("c", 3.0), ("d", -2.0)];
        let names: Vec<_> = sorted_by(items, |item| -item.1)
            .iter()
            .map(|item| item.0)
            .collect();
        assert_eq!(names, ["b", "c", "a", "d"]);
        assert!(ascending(&[]).is_empty());
        assert_eq!(alphabetical(&["b", "a", "b", "", "ab"]), [3, 1, 4, 0, 2]);
    }
}
