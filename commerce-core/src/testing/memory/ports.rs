//! The ports that every database has, for each adapter that keeps one.

/// The ports every database has, for an adapter whose database is its field `db`.
macro_rules! database_ports {
    ($adapter:ty, $context:ident) => {
        impl $adapter {
            /// With turns drawn from `seed`: callers at the same time meet in another order with
            /// each seed.
            #[must_use]
            pub fn with_turns(self, seed: u64) -> Self {
                Self { db: self.db.with_turns(seed) }
            }

            /// Where every call runs through at once: whoever schedules the callers decides who
            /// goes first.
            #[must_use]
            pub fn without_turns(self) -> Self {
                Self { db: self.db.without_turns() }
            }

            /// Which writes down everything that changes it, with what it answered.
            #[must_use]
            pub fn recording(self, journal: $crate::testing::memory::Journal) -> Self {
                Self { db: self.db.recording(journal, $crate::commerce::Context::$context) }
            }

            /// Puts a value into a column of a row, behind the back of the shop, or takes the row
            /// out: from here on the books of an audit show it so.
            pub fn tamper(&self, row: &$crate::audit::books::Row, change: Option<(&'static str, $crate::audit::books::Cell)>) {
                self.db.tamper(super::books::Tampering { row: row.clone(), change });
            }

            /// Undoes all that was done behind the back of the shop.
            pub fn heal(&self) {
                self.db.heal();
            }
        }

        #[async_trait::async_trait]
        impl $crate::audit::Books for $adapter {
            fn counts_events(&self) -> bool {
                true
            }

            async fn stretch(
                &self,
                walk: &$crate::audit::books::Walk,
                after: Option<&$crate::audit::books::Cell>,
                limit: u32,
            ) -> Result<$crate::audit::books::Stretch, $crate::error::StoreError> {
                Ok(self.db.stretch(walk, after, limit).await)
            }

            async fn keys(
                &self,
                walk: &$crate::audit::books::Walk,
                after: Option<&$crate::audit::books::Cell>,
                limit: u32,
            ) -> Result<Vec<$crate::audit::books::Cell>, $crate::error::StoreError> {
                Ok(self.db.keys(walk, after, limit).await)
            }

            async fn look_up(
                &self,
                walk: &$crate::audit::books::Walk,
                keys: &[$crate::audit::books::Cell],
            ) -> Result<$crate::audit::books::Pages, $crate::error::StoreError> {
                Ok(self.db.look_up(walk, keys).await)
            }
        }

        #[async_trait::async_trait]
        impl $crate::change::Keys for $adapter {
            async fn key(
                &self,
                scope: &$crate::change::KeyScope,
            ) -> Result<Option<$crate::change::KeyRecord>, $crate::error::StoreError> {
                Ok(self.db.key(scope).await)
            }
        }

        #[async_trait::async_trait]
        impl $crate::events::Outbox for $adapter {
            async fn unpublished(&self, limit: u32) -> Result<Vec<$crate::events::Envelope>, $crate::error::StoreError> {
                Ok(self.db.unpublished(limit))
            }

            async fn published(&self, events: &[$crate::ids::EventId]) -> Result<(), $crate::error::StoreError> {
                self.db.published(events);
                Ok(())
            }

            async fn backlog(&self) -> Result<$crate::events::Backlog, $crate::error::StoreError> {
                Ok(self.db.backlog())
            }
        }

        #[async_trait::async_trait]
        impl $crate::events::DeadLetters for $adapter {
            async fn bury(&self, letter: &$crate::events::DeadLetter) -> Result<(), $crate::error::StoreError> {
                self.db.bury(letter);
                Ok(())
            }

            async fn letters(
                &self,
                page: &$crate::page::PageRequest,
            ) -> Result<$crate::page::Page<$crate::events::DeadLetter>, $crate::error::StoreError> {
                Ok(self.db.letters(page))
            }

            async fn exhume(
                &self,
                consumer: &str,
                event: $crate::ids::EventId,
                told: Option<&$crate::events::Envelope>,
            ) -> Result<Option<$crate::events::DeadLetter>, $crate::error::StoreError> {
                Ok(self.db.exhume(consumer, event, told))
            }

            async fn give_up(
                &self,
                consumer: &str,
                event: $crate::ids::EventId,
                told: Option<&$crate::events::Envelope>,
            ) -> Result<Option<$crate::events::DeadLetter>, $crate::error::StoreError> {
                Ok(self.db.give_up(consumer, event, told))
            }

            async fn tell(&self, told: &$crate::events::Envelope) -> Result<(), $crate::error::StoreError> {
                self.db.tell(told);
                Ok(())
            }
        }

        #[async_trait::async_trait]
        impl $crate::events::Leases for $adapter {
            async fn acquire(
                &self,
                name: &str,
                owner: uuid::Uuid,
                now: $crate::time::Timestamp,
                until: $crate::time::Timestamp,
            ) -> Result<Option<u64>, $crate::error::StoreError> {
                Ok(self.db.acquire(name, owner, now, until))
            }

            async fn give_back(&self, name: &str, owner: uuid::Uuid) -> Result<(), $crate::error::StoreError> {
                self.db.give_back(name, owner);
                Ok(())
            }
        }
    };
}
pub(super) use database_ports;
