//! From file and environment to checked values, with every fault collected.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use toml::Value;

use super::ConfigFault;
use super::check::check;
use super::keys::{KEYS, SECTIONS};
use super::kinds::Key;
use super::together;
use crate::nearest::nearest;

const PREFIX: &str = "COMMERCE_";
/// Where a value comes from that nobody has set.
const DEFAULT: &str = "default";

/// Every key's value and where it came from.
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, (Value, String)>,
}

impl fmt::Debug for Settings {
    /// As [`show`](Self::show) has it: without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.show()).finish()
    }
}

impl Settings {
    /// Whether nobody has set this key.
    pub(super) fn is_default(&self, name: &str) -> bool {
        self.values.get(name).is_none_or(|(_, source)| source == DEFAULT)
    }

    /// Every key at its default.
    pub(super) fn defaults() -> Self {
        let values = KEYS.iter().map(|key| {
            let value = parse_value(key.default).expect("the defaults in the list of keys are valid TOML");
            (key.name, (value, DEFAULT.to_owned()))
        });
        Self { values: values.collect() }
    }

    /// Defaults, then the file, then the environment.
    pub(super) fn read(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<ConfigFault>> {
        let mut settings = Self::defaults();
        let mut faults = Vec::new();
        if let Some(path) = path {
            settings.read_file(path, &mut faults);
        }
        settings.read_env(env, &mut faults);
        let wrong: Vec<String> = faults.iter().map(|fault| fault.key.clone()).collect();
        faults.extend(together::faults(&settings, &wrong));
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// One key from text.
    pub(super) fn set(&mut self, name: &str, text: &str, source: &str) -> Result<(), Vec<ConfigFault>> {
        let Some((key, from_file)) = find(name) else {
            return Err(vec![unknown(name, source)]);
        };
        if from_file {
            return self.put_secret(key, text, source);
        }
        let value = from_text(key, text).map_err(|message| vec![fault(name, source, message)])?;
        self.put(key, value, source)
    }

    /// The value of a key.
    pub(super) fn value(&self, name: &str) -> &Value {
        &self.values.get(name).expect("every key of the list has a value from the beginning").0
    }

    /// Every key.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.values.keys().copied()
    }

    /// Where the value of a key comes from.
    pub(super) fn source(&self, name: &str) -> &str {
        self.values.get(name).map_or(DEFAULT, |(_, source)| source)
    }

    pub(super) fn show(&self) -> Vec<(&'static str, String, String)> {
        let row = |key: &Key| {
            let (value, source) = self.values.get(key.name)?;
            let shown = if key.secret { "(hidden)".to_owned() } else { value.to_string() };
            Some((key.name, shown, source.clone()))
        };
        KEYS.iter().filter_map(row).collect()
    }

    fn read_file(&mut self, path: &Path, faults: &mut Vec<ConfigFault>) {
        let source = path.display().to_string();
        let table = fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| text.parse::<toml::Table>().map_err(|error| error.to_string().trim_end().to_owned()));
        match table {
            Ok(table) => self.read_table("", table, &source, faults),
            Err(message) => faults.push(fault("file", &source, message)),
        }
    }

    fn read_table(&mut self, prefix: &str, table: toml::Table, source: &str, faults: &mut Vec<ConfigFault>) {
        for (name, value) in table {
            let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            let result = match (find(&name), value) {
                (Some((key, true)), Value::String(file)) => self.put_secret(key, &file, source),
                (Some((_, true)), _) => Err(vec![fault(&name, source, "must be the path of a file".to_owned())]),
                (Some((key, false)), value) => self.put(key, value, source),
                (None, Value::Table(inner)) if is_section(&name) => {
                    self.read_table(&name, inner, source, faults);
                    Ok(())
                }
                (None, _) => Err(vec![unknown(&name, source)]),
            };
            faults.extend(result.err().unwrap_or_default());
        }
    }

    fn read_env(&mut self, env: impl IntoIterator<Item = (String, String)>, faults: &mut Vec<ConfigFault>) {
        for (variable, text) in env {
            let Some(name) = variable.strip_prefix(PREFIX).filter(|name| name.contains("__")) else {
                continue;
            };
            let name = name.to_lowercase().replace("__", ".");
            faults.extend(self.set(&name, &text, &format!("environment {variable}")).err().unwrap_or_default());
        }
    }

    fn put(&mut self, key: &'static Key, value: Value, source: &str) -> Result<(), Vec<ConfigFault>> {
        let told =
            |messages: Vec<String>| messages.into_iter().map(|message| fault(key.name, source, message)).collect::<Vec<_>>();
        check(key.kind, &value).map_err(told)?;
        self.values.insert(key.name, (value, source.to_owned()));
        Ok(())
    }

    fn put_secret(&mut self, key: &'static Key, file: &str, source: &str) -> Result<(), Vec<ConfigFault>> {
        let text =
            fs::read_to_string(file).map_err(|error| vec![fault(key.name, source, format!("cannot read {file}: {error}"))])?;
        self.put(key, Value::String(text.trim_end_matches(['\r', '\n']).to_owned()), &format!("file {file}"))
    }
}

/// The key of this name, and whether the name is its `_file` form.
fn find(name: &str) -> Option<(&'static Key, bool)> {
    let by_name = |name: &str| KEYS.iter().find(|key| key.name == name);
    let by_file = || name.strip_suffix("_file").and_then(by_name).filter(|key| key.secret);
    by_name(name).map(|key| (key, false)).or_else(|| by_file().map(|key| (key, true)))
}

fn is_section(name: &str) -> bool {
    let inside = |key: &Key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    SECTIONS.iter().any(|(section, _)| *section == name) || KEYS.iter().any(inside)
}

fn unknown(name: &str, source: &str) -> ConfigFault {
    let known = KEYS.iter().map(|key| key.name).chain(SECTIONS.iter().map(|(section, _)| *section));
    let hint = nearest(name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    fault(name, source, format!("there is no such key{hint}"))
}

fn fault(key: &str, source: &str, message: String) -> ConfigFault {
    ConfigFault { key: key.to_owned(), source: source.to_owned(), message }
}

/// A value written in TOML, or the bare text where the key takes text.
fn from_text(key: &Key, text: &str) -> Result<Value, String> {
    let default = parse_value(key.default).expect("the defaults in the list of keys are valid TOML");
    match default {
        Value::String(_) => Ok(Value::String(text.to_owned())),
        Value::Array(_) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => parse_value(text.trim()).map_err(|_| format!("cannot read {text:?}")),
    }
}

fn parse_value(text: &str) -> Result<Value, toml::de::Error> {
    let mut table: toml::Table = format!("value = {text}").parse()?;
    Ok(table.remove("value").unwrap_or(Value::Boolean(false)))
}
