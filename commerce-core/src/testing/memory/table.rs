//! A table of rows that remembers what a change set did to it until that is kept or undone.

use std::collections::BTreeMap;
use std::ops::Deref;

/// Rows by key, read as a map. Whoever writes calls [`keep`](Self::keep) or [`undo`](Self::undo)
/// afterwards.
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// The rows as they were before each change since the last [`keep`](Self::keep), oldest first.
    before: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: Vec::new() }
    }
}

impl<K, V> Deref for Table<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.rows
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Puts a row in the place of the one that was there, if one was.
    pub(super) fn insert(&mut self, key: K, row: V) -> Option<V> {
        let old = self.rows.insert(key.clone(), row);
        self.before.push((key, old.clone()));
        old
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.rows.remove(key)?;
        self.before.push((key.clone(), Some(old.clone())));
        Some(old)
    }

    /// A row to be changed.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        self.before.push((key.clone(), Some(row.clone())));
        Some(row)
    }

    /// The row as it was before the change set.
    pub(super) fn before(&self, key: &K) -> Option<&V> {
        match self.before.iter().find(|(changed, _)| changed == key) {
            Some((_, before)) => before.as_ref(),
            None => self.rows.get(key),
        }
    }

    /// The keys of the rows that the change set touched, some more than once.
    pub(super) fn touched(&self) -> impl Iterator<Item = &K> {
        self.before.iter().map(|(key, _)| key)
    }

    /// What was done stays.
    pub(super) fn keep(&mut self) {
        self.before.clear();
    }

    /// What was done is undone.
    pub(super) fn undo(&mut self) {
        for (key, before) in self.before.drain(..).rev() {
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undone_never_was() {
        let mut table = Table::default();
        table.insert(1, "one");
        table.insert(2, "two");
        table.keep();
        table.insert(1, "eins");
        table.remove(&2);
        table.insert(3, "three");
        if let Some(row) = table.get_mut(&3) {
            *row = "drei";
        }
        assert_eq!((table.before(&1), table.before(&3)), (Some(&"one"), None));
        assert!(table.touched().eq(&[1, 2, 3, 3]));
        table.undo();
        assert!(table.iter().eq([(&1, &"one"), (&2, &"two")]));
        assert_eq!(table.touched().count(), 0);
    }
}
