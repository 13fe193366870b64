//! A map that is filled once and grows a little: what was there at first is a sorted list, which is as small as can be.

use std::collections::HashMap;
use std::hash::Hash;

/// Keys and values; the value given last counts.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    sorted: Vec<(K, V)>,
    recent: HashMap<K, V>,
}

impl<K: Ord + Hash + Copy, V: Copy> Table<K, V> {
    pub(super) fn new(mut entries: Vec<(K, V)>) -> Self {
        entries.sort_by_key(|&(key, _)| key);
        // Of equal keys, which the sort has left in their order, the last one stays.
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        entries.shrink_to_fit();
        Self { sorted: entries, recent: HashMap::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        if let Some(&value) = self.recent.get(key) {
            return Some(value);
        }
        let place = self.sorted.binary_search_by_key(key, |&(key, _)| key).ok()?;
        Some(self.sorted[place].1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty() && self.recent.is_empty()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.recent.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_given_last_counts() {
        let mut table = Table::new(vec![(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (3, 'e')]);
        assert_eq!([0, 1, 2, 3, 4].map(|key| table.get(&key)), [None, Some('b'), Some('d'), Some('e'), None]);
        table.insert(2, 'f');
        table.insert(9, 'g');
        assert_eq!([1, 2, 9].map(|key| table.get(&key)), [Some('b'), Some('f'), Some('g')]);
    }
}
