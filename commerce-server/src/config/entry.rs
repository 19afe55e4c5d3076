//! An entry of a list of the settings while it is read. What is wrong with it is gathered, all of it.

use std::collections::BTreeSet;

use commerce_core::limits::SHORT_TEXT_MAX;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::nearest::nearest;

/// A table that is read field by field.
pub(super) struct Entry<'a> {
    /// What it is called in messages.
    place: String,
    fields: Option<&'a Table>,
    known: BTreeSet<&'static str>,
    faults: &'a mut Vec<String>,
}

impl<'a> Entry<'a> {
    /// Each of `value`, which should be a list, read by `read`; whatever is wrong is added to `faults`.
    pub(super) fn each<T>(
        what: &str,
        value: &Value,
        faults: &mut Vec<String>,
        mut read: impl FnMut(&mut Entry<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(items) = value.as_array() else {
            faults.push(format!("{what}must be a list"));
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(items.len());
        for (at, item) in (1..).zip(items) {
            let mut entry = Entry { place: format!("{what}entry {at}"), fields: item.as_table(), known: BTreeSet::new(), faults };
            if entry.fields.is_none() {
                entry.fail("must be a table");
                continue;
            }
            entries.extend(read(&mut entry));
            entry.finish();
        }
        entries
    }

    /// A field that must be there.
    pub(super) fn need<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        if self.value(name).is_none() {
            self.fail(&format!("{name} is missing"));
        }
        self.may(name)
    }

    /// A text of one line that must be there and say something.
    pub(super) fn filled(&mut self, name: &'static str) -> Option<String> {
        let text: String = self.need(name)?;
        if text.trim().is_empty() || text.chars().count() > SHORT_TEXT_MAX || text.chars().any(char::is_control) {
            self.fail(&format!("{name}: must have 1 to {SHORT_TEXT_MAX} characters on one line"));
            return None;
        }
        Some(text)
    }

    /// Whether a field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.is_some_and(|fields| fields.contains_key(name))
    }

    /// Whether a field is a list and has no entry.
    pub(super) fn lists_nothing(&self, name: &str) -> bool {
        self.fields.and_then(|fields| fields.get(name)?.as_array()).is_some_and(Vec::is_empty)
    }

    /// A field that may be there.
    pub(super) fn may<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        match self.value(name)?.clone().try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fail(&format!("{name}: {}", toml::de::Error::message(&error)));
                None
            }
        }
    }

    /// Entries of its own in a field that may be there.
    pub(super) fn inner<T>(&mut self, name: &'static str, read: impl FnMut(&mut Entry<'_>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.value(name) else { return Vec::new() };
        Entry::each(&format!("{}, {name}: ", self.place), value, self.faults, read)
    }

    /// Texts of a field that may be there, each as what it stands for.
    pub(super) fn texts<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let texts: Vec<String> = self.may(name).unwrap_or_default();
        texts.iter().filter_map(|text| self.take(name, read(text))).collect()
    }

    /// What a field came to, unless that is a fault.
    pub(super) fn take<T>(&mut self, name: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.fail(&format!("{name}: {why}"))).ok()
    }

    /// Something is wrong with it.
    pub(super) fn fail(&mut self, why: &str) {
        self.faults.push(format!("{}: {why}", self.place));
    }

    fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.insert(name);
        self.fields?.get(name)
    }

    /// Names what nobody has read.
    fn finish(self) {
        let Self { place, fields, known, faults } = self;
        for name in fields.into_iter().flat_map(Table::keys).filter(|name| !known.contains(name.as_str())) {
            let hint = nearest(name, known.iter().copied()).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            faults.push(format!("{place}: unknown field {name}{hint}"));
        }
    }
}
