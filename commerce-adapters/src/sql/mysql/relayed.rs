//! On which server the events were that a relay has read.
//!
//! What follows from an event is where the event is: whatever was delivered while one server was the primary may never have
//! arrived at the one that took its place. So an event is noted as published where it was read, and delivered again elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// No server: whoever read events was connected to none, or to another one before.
const NONE: u64 = u64::MAX;

/// The servers of one relay, each by one more than the number that it has among those that follow each other.
pub(super) struct Relayed {
    /// Where the writer is connected to; 0 before it is anywhere.
    now: Arc<AtomicU64>,
    /// Where it was connected to when events were read; 0 before any were.
    then: AtomicU64,
}

impl Relayed {
    /// Of a writer that says where it is connected to.
    pub(super) fn by(now: Arc<AtomicU64>) -> Self {
        Self { now, then: AtomicU64::default() }
    }

    /// Events are about to be read. The first that are read after the server changed are noted nowhere: whoever read others
    /// before may still deliver them.
    pub(super) fn reads(&self) {
        let (now, before) = (self.now.load(Ordering::SeqCst), self.then.load(Ordering::SeqCst));
        let known = now != 0 && [0, NONE, now].contains(&before);
        self.then.store(if known { now } else { NONE }, Ordering::SeqCst);
    }

    /// Where they may be noted as published; 0 when none were read.
    pub(super) fn server(&self) -> u64 {
        self.then.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_first_after_a_change_is_noted_nowhere() {
        let now = Arc::new(AtomicU64::new(0));
        let relayed = Relayed::by(Arc::clone(&now));
        let read_at = |server: u64| {
            now.store(server, Ordering::SeqCst);
            relayed.reads();
            relayed.server()
        };
        assert_eq!(relayed.server(), 0);
        let seen = [0, 1, 1, 7, 7, 7, 1, 1].map(read_at);
        assert_eq!(seen, [NONE, 1, 1, NONE, 7, 7, NONE, 1]);
    }
}
