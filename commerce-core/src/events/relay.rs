//! Moves events from an outbox to the bus: whatever is unpublished, never "after a cursor".

use std::sync::Arc;

use crate::error::StoreError;
use crate::limits;

use super::{EventBus, Outbox};

/// The relay of one database.
#[derive(Clone)]
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    bus: Arc<dyn EventBus>,
}

impl Relay {
    /// From this outbox to this bus.
    pub fn new(outbox: Arc<dyn Outbox>, bus: Arc<dyn EventBus>) -> Self {
        Self { outbox, bus }
    }

    /// Moves one batch and answers how many events left the outbox. A crash between publishing and
    /// marking publishes again: consumers know the event by its id.
    ///
    /// # Errors
    /// When the outbox or the bus does not answer; nothing is lost.
    pub async fn step(&self) -> Result<usize, StoreError> {
        let waiting = self.outbox.unpublished(limits::RELAY_BATCH).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let taken = self.bus.publish(&waiting).await?;
        self.outbox.published(&taken).await?;
        Ok(taken.len())
    }
}
