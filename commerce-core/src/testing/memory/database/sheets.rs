//! What every database shows to an audit.

use std::sync::Arc;

use crate::audit::books::{Cell, Pages, Row, Stretch, Walk};
use crate::audit::tables::{DEAD_LETTERS, INBOX, KEYS, LEASES, OUTBOX};
use crate::change::KeyResult;
use crate::ids::Id;

use super::super::books::{self, Opened, Sheets, Tampering, row};
use super::{Database, State};

impl<R: Sheets> Database<R> {
    /// See [`Books`](crate::audit::Books).
    pub(in crate::testing::memory) async fn stretch(&self, walk: &Walk, after: Option<&Cell>, limit: u32) -> Stretch {
        self.turn().await;
        books::stretch(&self.opened(), walk, after, limit)
    }

    /// See [`Books`](crate::audit::Books).
    pub(in crate::testing::memory) async fn keys(&self, walk: &Walk, after: Option<&Cell>, limit: u32) -> Vec<Cell> {
        self.turn().await;
        books::keys(&self.opened(), walk, after, limit)
    }

    /// See [`Books`](crate::audit::Books).
    pub(in crate::testing::memory) async fn look_up(&self, walk: &Walk, keys: &[Cell]) -> Pages {
        self.turn().await;
        books::look_up(&self.opened(), walk, keys)
    }

    /// The rows as they are. They are laid out once for whoever reads them until something changes.
    fn opened(&self) -> Arc<Opened> {
        let mut state = self.state();
        if let Some(opened) = &state.opened {
            return Arc::clone(opened);
        }
        let opened = Arc::new(Opened::new(state.sheets()));
        state.opened = Some(Arc::clone(&opened));
        opened
    }

    /// The books show what is there again.
    pub(in crate::testing::memory) fn heal(&self) {
        self.changing().tampered.clear();
    }

    /// From here on the books show this, too.
    pub(in crate::testing::memory) fn tamper(&self, tampering: Tampering) {
        self.changing().tampered.push(tampering);
    }
}

impl<R: Sheets> State<R> {
    fn sheets(&self) -> Vec<Row> {
        let published = self.published.iter().map(|(position, (event, at))| (*position, event, Some(*at)));
        let mut events: Vec<_> = published.chain(self.outbox.iter().map(|(position, event)| (*position, event, None))).collect();
        events.sort_unstable_by_key(|(position, ..)| *position);
        let mut rows = self.rows.sheets();
        for (position, it, published) in events {
            let check = published.map(|at| position.saturating_add(u64::try_from(at.as_micros()).unwrap_or(0)));
            let event = row![OUTBOX; position, it.id.uuid(), it.topic.as_str(), it.kind.as_str(), u32::from(it.schema), it.aggregate,
                it.version, it.at, it.traceparent.as_deref(), it.data.as_str(), Cell::Null, published, check];
            rows.push(event.sealed());
        }
        for ((consumer, event), at) in &self.inbox {
            rows.push(row![INBOX; consumer.as_str(), event.uuid(), *at, Cell::Null].sealed());
        }
        for it in self.letters.values() {
            let letter = row![DEAD_LETTERS; it.place(), it.consumer.as_str(), it.event.id.uuid(), books::text(&it.event),
                it.reason.as_str(), it.receives, it.at, Cell::Null];
            rows.push(letter.sealed());
        }
        for (name, it) in &self.leases {
            rows.push(row![LEASES; name.as_str(), it.owner, it.epoch, it.until, Cell::Null].sealed());
        }
        for (scope, it) in &self.keys {
            let (outcome, made, generation) = match it.record.result {
                KeyResult::Done(made) => ("DONE", Some(made), it.generation),
                KeyResult::Refused(generation) => ("REFUSED", None, generation),
            };
            let key = row![KEYS; Cell::Blob(scope.to_vec()), it.route.as_str(), Cell::Blob(it.record.body_hash.to_vec()), outcome, made,
                generation, it.at, Cell::Null];
            rows.push(key.sealed());
        }
        self.tampered.iter().fold(rows, |rows, tampering| tampering.on(rows))
    }
}
