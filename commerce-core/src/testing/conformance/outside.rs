//! What the suites of ports without a database share.

use std::any::Any;
use std::sync::Arc;

use crate::ids::IdSource;
use crate::testing::{ManualClock, SeededEntropy};
use crate::time::Timestamp;

/// A port as an adapter makes it, and what must live as long.
pub struct Made<P: ?Sized> {
    /// The port.
    pub port: Arc<P>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl<P: ?Sized> Made<P> {
    /// This port.
    pub fn new(port: Arc<P>) -> Self {
        Self { port, _keep: Box::new(()) }
    }

    /// Keeps something alive as long as the port: a directory, a server.
    #[must_use]
    pub fn keeping(self, thing: impl Any + Send + Sync) -> Self {
        Self { _keep: Box::new(thing), ..self }
    }
}

/// Identities, the same in every run.
pub(super) fn ids() -> IdSource {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
    IdSource::new(clock, Arc::new(SeededEntropy::new(7)))
}
