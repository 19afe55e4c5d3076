//! The settings of a shop: one commented TOML file, every key also from the environment.
//!
//! [`keys::KEYS`] is the one list of keys; the commented file, the unknown-key check, `config show`
//! and the typed [`Config`] all come from it. Never reads a setting from anywhere else.
//! Start reading at [`keys`], then [`Config::load`].

mod check;
mod entry;
mod keys;
mod kinds;
mod load;
mod prices;
mod sections;
mod text;
mod together;
mod typed;
mod values;

use std::fmt;
use std::path::Path;

pub use keys::{KEYS, SECTIONS};
pub use kinds::{Key, Kind};
pub use load::Settings;
pub use sections::*;
pub use typed::*;

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The key, or what stands in its place.
    pub key: String,
    /// Where it was written: a file, or a variable of the environment.
    pub source: String,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.message, self.source)
    }
}

impl std::error::Error for ConfigFault {}

impl Config {
    /// Reads the file, if there is one, and the environment, which wins.
    ///
    /// # Errors
    /// Every fault of both, not only the first.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<ConfigFault>> {
        let settings = Settings::read(path, env)?;
        Ok(Self::from_settings(settings))
    }

    /// The settings nobody has changed.
    #[must_use]
    pub fn defaults() -> Self {
        Self::from_settings(Settings::defaults())
    }

    /// Sets one key from the command line, which wins over file and environment.
    ///
    /// # Errors
    /// When the key is unknown, or all that does not fit it of the value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Vec<ConfigFault>> {
        self.settings.set(key, value, "command line")?;
        *self = Self::from_settings(std::mem::take(&mut self.settings));
        Ok(())
    }

    /// Every key with its effective value and where that came from; secrets are hidden.
    #[must_use]
    pub fn show(&self) -> Vec<(&'static str, String, String)> {
        let effective = |(key, value, source)| match key {
            "server.public_url" => (key, format!("{:?}", self.server.public_url), source),
            key => (key, value, source),
        };
        self.settings.show().into_iter().map(effective).collect()
    }

    /// Whether nobody has set this key.
    #[must_use]
    pub fn is_default(&self, key: &str) -> bool {
        self.settings.is_default(key)
    }

    /// The whole file with every key at its default, commented.
    #[must_use]
    pub fn commented_default() -> String {
        text::commented_default()
    }
}

#[cfg(test)]
mod tests;
