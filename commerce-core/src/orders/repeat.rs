//! Keys of requests that make nothing: what is answered is made anew each time, and the key says only that it is a replay.

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::Outcome;
use crate::keyed::Keyed;

use super::Orders;

impl Orders {
    /// Uses a key up; whether a twin was faster. Without a key nothing is written.
    pub(super) async fn use_up(&self, keyed: &Keyed) -> Outcome<bool> {
        let Some(made) = keyed.identity() else { return Ok(false) };
        match self.store.commit(ChangeSet::new().claim(keyed.claim(made, self.clock.now()))).await {
            Ok(()) => Ok(false),
            Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                keyed.twin(&record)?;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }
}
