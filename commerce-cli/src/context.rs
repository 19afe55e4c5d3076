//! What every command works with: the settings, the output, and the shop or server it talks to.

use std::path::{Path, PathBuf};

use commerce_server::Config;

use crate::args::Globals;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::output::Output;
use crate::remote::Remote;
use crate::shop::{People, Shop};

/// The configuration file that is read when none is named.
pub(crate) const CONFIG_FILE: &str = "commerce.toml";

/// What every command works with.
pub(crate) struct Context {
    pub globals: Globals,
    pub out: Output,
}

/// Whom a command asks.
pub(crate) enum Target<L = Box<Shop>> {
    /// The shop in the data directory, or its part.
    Local(L),
    /// A running server.
    Remote(Remote),
}

impl Context {
    /// From the global options.
    pub(crate) fn new(globals: Globals) -> Self {
        Self { out: Output::new(globals.output), globals }
    }

    /// The configuration file, if one is named or there.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        self.globals.config.clone().or_else(|| Some(PathBuf::from(CONFIG_FILE)).filter(|path| path.is_file()))
    }

    /// The settings: file, environment, command line.
    ///
    /// # Errors
    /// Every fault at once.
    pub(crate) fn settings(&self) -> Result<Config, Failure> {
        let env = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut config = Config::load(self.config_file().as_deref(), env).map_err(|faults| faulty(&faults))?;
        if let Some(data) = &self.globals.data {
            set(&mut config, "database.dir", &path_text(data)?)?;
        }
        Ok(config)
    }

    /// The server of `--url`, or the shop that is in the data directory.
    ///
    /// # Errors
    /// When the settings are wrong, or the shop is not there or cannot be opened.
    pub(crate) async fn target(&self) -> Result<Target, Failure> {
        match self.remote()? {
            Some(remote) => Ok(Target::Remote(remote)),
            None => Ok(Target::Local(Box::new(Shop::open_existing(&self.settings()?).await?))),
        }
    }

    /// The server of `--url`, or the shop in the data directory, made where there is none: for what a shop begins with.
    ///
    /// # Errors
    /// When the settings are wrong or the shop cannot be opened.
    pub(crate) async fn target_or_new(&self) -> Result<Target, Failure> {
        match self.remote()? {
            Some(remote) => Ok(Target::Remote(remote)),
            None => Ok(Target::Local(Box::new(Shop::open(&self.settings()?).await?))),
        }
    }

    /// The server of `--url`, or the users that are in the data directory, whoever else is there.
    ///
    /// # Errors
    /// As [`target`](Self::target).
    pub(crate) async fn people(&self) -> Result<Target<People>, Failure> {
        match self.remote()? {
            Some(remote) => Ok(Target::Remote(remote)),
            None => Ok(Target::Local(People::open(&self.settings()?).await?)),
        }
    }

    /// The same, with a shop that is made where there is none.
    ///
    /// # Errors
    /// As [`target_or_new`](Self::target_or_new).
    pub(crate) async fn people_or_new(&self) -> Result<Target<People>, Failure> {
        match self.remote()? {
            Some(remote) => Ok(Target::Remote(remote)),
            None => Ok(Target::Local(People::open_or_new(&self.settings()?).await?)),
        }
    }

    /// The server of `--url`, if one is asked.
    ///
    /// # Errors
    /// When that is no address.
    pub(crate) fn remote(&self) -> Result<Option<Remote>, Failure> {
        self.globals.url.as_ref().map(|url| Remote::new(url, self.globals.token.clone())).transpose()
    }

    /// Passes unless `--url` is given, for what is this machine's own by nature: files, keys, settings, a process.
    ///
    /// # Errors
    /// Bad usage with `--url`.
    pub(crate) fn local_only(&self, what: &str) -> Result<(), Failure> {
        if self.globals.url.is_some() { Err(not_over_http(what)) } else { Ok(()) }
    }

    /// Asks before something that cannot be undone.
    ///
    /// # Errors
    /// When the answer is no.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), Failure> {
        confirm(question, self.globals.yes)
    }
}

/// Sets one key from the command line.
///
/// # Errors
/// When the value does not fit.
pub(crate) fn set(config: &mut Config, key: &str, value: &str) -> Result<(), Failure> {
    config.set(key, value).map_err(|faults| faulty(&faults))
}

/// A server offers no such thing.
fn not_over_http(what: &str) -> Failure {
    Failure::usage_of("NOT_OVER_HTTP", format!("{what} works on this machine only: leave --url away"))
}

fn faulty(faults: &[commerce_server::ConfigFault]) -> Failure {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Failure::new("CONFIG_INVALID", lines.join("\n  "))
}

fn path_text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| Failure::usage("the data directory's path is not UTF-8"))
}
