//! The rows a batch works on: what was loaded, and what the accepted change sets made of it.

use std::collections::BTreeMap;

/// Rows of one table by key, with one change set on trial at a time.
///
/// Effects of the change set on trial are seen at once; [`keep`](Self::keep) accepts them,
/// [`undo`](Self::undo) takes them back. Keys are sorted, so that rows are written in one global
/// order.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    rows: BTreeMap<K, Row<V>>,
    trial: Vec<(K, Option<Row<V>>)>,
}

#[derive(Clone, Debug)]
struct Row<V> {
    /// What the row is now; `None` when it is gone.
    value: Option<V>,
    /// Whether the database has it.
    stored: bool,
    /// Whether a change set touched it.
    touched: bool,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), trial: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Takes in rows as the database has them.
    pub(crate) fn load(&mut self, rows: impl IntoIterator<Item = (K, V)>) {
        for (key, value) in rows {
            self.rows.insert(key, Row { value: Some(value), stored: true, touched: false });
        }
    }

    /// Takes in keys that the database has a row under, which counts for nothing.
    pub(crate) fn load_void(&mut self, keys: impl IntoIterator<Item = K>) {
        for key in keys {
            self.rows.insert(key, Row { value: None, stored: true, touched: false });
        }
    }

    /// The row as it is now.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).and_then(|row| row.value.as_ref())
    }

    /// Whether a row, as it is now, is this.
    pub(crate) fn holds(&self, value: &V) -> bool
    where
        V: PartialEq,
    {
        self.rows.values().any(|row| row.value.as_ref() == Some(value))
    }

    /// The row as it was before the change set on trial.
    pub(crate) fn before(&self, key: &K) -> Option<&V> {
        match self.trial.iter().find(|(tried, _)| tried == key) {
            Some((_, row)) => row.as_ref().and_then(|row| row.value.as_ref()),
            None => self.get(key),
        }
    }

    /// Makes the row this.
    pub(crate) fn set(&mut self, key: K, value: V) {
        self.put(key, Some(value));
    }

    /// Takes the row away.
    pub(crate) fn remove(&mut self, key: K) {
        self.put(key, None);
    }

    fn put(&mut self, key: K, value: Option<V>) {
        let before = self.rows.get(&key).cloned();
        let stored = before.as_ref().is_some_and(|row| row.stored);
        self.rows.insert(key.clone(), Row { value, stored, touched: true });
        self.trial.push((key, before));
    }

    /// Accepts the change set on trial.
    pub(crate) fn keep(&mut self) {
        self.trial.clear();
    }

    /// Takes the change set on trial back.
    pub(crate) fn undo(&mut self) {
        while let Some((key, before)) = self.trial.pop() {
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Rows to be written, in key order.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().filter(|(_, row)| row.touched).filter_map(|(key, row)| row.value.as_ref().map(|value| (key, value)))
    }

    /// Rows the database has and must lose, in key order.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &K> {
        self.rows.iter().filter(|(_, row)| row.touched && row.stored && row.value.is_none()).map(|(key, _)| key)
    }

    /// Whether the database has a row under this key.
    pub(crate) fn is_stored(&self, key: &K) -> bool {
        self.rows.get(key).is_some_and(|row| row.stored)
    }
}

/// Rows that are only ever added.
#[derive(Debug)]
pub(crate) struct Log<T> {
    rows: Vec<T>,
    kept: usize,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), kept: 0 }
    }
}

impl<T> Log<T> {
    /// Adds a row of the change set on trial.
    pub(crate) fn push(&mut self, row: T) {
        self.rows.push(row);
    }

    /// Accepts the change set on trial.
    pub(crate) fn keep(&mut self) {
        self.kept = self.rows.len();
    }

    /// Takes the change set on trial back.
    pub(crate) fn undo(&mut self) {
        self.rows.truncate(self.kept);
    }

    /// The accepted rows, in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, Table};

    #[test]
    fn a_refused_change_set_leaves_nothing() {
        let mut table: Table<&str, i32> = Table::default();
        table.load([("stored", 1)]);
        table.set("kept", 2);
        table.keep();
        table.set("stored", 10);
        table.set("stored", 11);
        table.remove("kept");
        table.set("new", 3);
        assert_eq!((table.get(&"stored"), table.before(&"stored")), (Some(&11), Some(&1)));
        table.undo();
        assert_eq!((table.get(&"stored"), table.get(&"kept"), table.get(&"new")), (Some(&1), Some(&2), None));
        assert_eq!(table.written().collect::<Vec<_>>(), [(&"kept", &2)]);
        assert_eq!(table.removed().count(), 0);
    }

    #[test]
    fn a_row_made_and_removed_in_one_batch_was_never_there() {
        let mut table: Table<&str, i32> = Table::default();
        table.load([("stored", 1)]);
        table.set("new", 2);
        table.remove("new");
        table.remove("stored");
        table.keep();
        assert_eq!(table.written().count(), 0);
        assert_eq!(table.removed().collect::<Vec<_>>(), [&"stored"]);
    }

    #[test]
    fn a_row_that_counts_for_nothing_is_written_in_its_place() {
        let mut table: Table<&str, i32> = Table::default();
        table.load_void(["old", "older"]);
        assert_eq!(table.get(&"old"), None);
        table.set("old", 1);
        table.keep();
        assert_eq!(table.written().collect::<Vec<_>>(), [(&"old", &1)]);
        assert!(table.is_stored(&"old"));
        assert_eq!(table.removed().count(), 0, "nobody asked for it to go");
    }

    #[test]
    fn a_log_forgets_what_was_refused() {
        let mut log = Log::default();
        log.push(1);
        log.keep();
        log.push(2);
        log.undo();
        log.push(3);
        log.keep();
        assert_eq!(log.iter().copied().collect::<Vec<_>>(), [1, 3]);
    }
}
