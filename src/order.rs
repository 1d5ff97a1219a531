//! Floor 0: sorting by a number. One sort for all keys: each type that is sorted brings a whole sort into the
//! wasm module.

/// The places of the keys from the lowest to the highest, equal ones in their order.
#[must_use]
pub fn ascending(keys: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
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
    fn equal_keys_keep_their_order() {
        assert_eq!(ascending(&[2.0, -1.0, 2.0, 0.5]), [1, 3, 0, 2]);
        let items = vec![("a", 1.0), ("b", 3.0), ("c", 3.0), ("d", -2.0)];
        let names: Vec<_> = sorted_by(items, |item| -item.1)
            .iter()
            .map(|item| item.0)
            .collect();
        assert_eq!(names, ["b", "c", "a", "d"]);
        assert!(ascending(&[]).is_empty());
    }
}
