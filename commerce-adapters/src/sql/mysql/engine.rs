//! One database: a writer that commits batches, and readers beside it.
//!
//! Several processes may write to it at once. The writer locks the rows that it loads, in one order of
//! tables and keys, so that they stay true until its COMMIT; that a key is free it learns by inserting
//! it. What another process was faster with (a key, a lock) has the whole batch judged again.

use std::sync::Arc;

use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::ids::Entropy;
use commerce_core::{Clock, Timestamp};
use futures_util::future::BoxFuture;
use sqlx::MySqlConnection;

use super::error::store_error;
use super::line::{Address, Purpose};
use super::migrate::{Migration, migrate};
use super::readers::Readers;
use super::relayed::Relayed;
use super::script::{Queries, Script};
use super::snapshot::Snapshots;
use super::writer::{Chore, ContextWriter, MySqlWriter};
use crate::sql::Old;
use crate::sql::batch::Queue;
use crate::sql::judge::{Judge, Loaded};
use crate::sql::question::Question;

/// The engine, as the shared stores name it.
pub(crate) type Db = sqlx::MySql;
/// One of its rows.
pub(crate) type Row = sqlx::mysql::MySqlRow;

/// What one context contributes to its database.
pub(crate) trait Context: Sized + Send + Sync + 'static {
    /// What a batch works on.
    type Judge<'a>: Judge<'a, Self> + Default + Send;
    /// What is kept beside the database and told of every batch.
    type Beside: Default + Send + Sync;

    /// Its name: `orders`.
    const NAME: &'static str;
    /// Its commits' name in errors.
    const COMMIT: &'static str;

    /// What its own tables need not keep: rows before the first parameter, at most as many as the second, and
    /// how old those are.
    const OLD: &'static [Old] = &[];

    /// Its tables.
    fn migrations() -> &'static [Migration];

    /// Asks for what the batch touches.
    fn ask<'a>(queries: &mut Queries<Loaded<'a, Self::Judge<'a>>>, sets: &[&'a ChangeSet<Self>]);

    /// Writes what was accepted.
    fn write(script: &mut Script, judge: &Self::Judge<'_>, now: Timestamp);

    /// Tells that a batch was committed, before its callers hear of it.
    fn committed(_: &Self::Beside, _: &Self::Judge<'_>) {}
}

/// One context's database. Cheap to clone; clones share writer and readers.
#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
pub struct Database<W: Context> {
    inner: Arc<Inner<W>>,
}

struct Inner<W: Context> {
    address: Address,
    queue: Queue<W, Chore>,
    readers: Readers,
    /// Where what is shown is read from, if that is another server.
    replica: Option<Readers>,
    auditor: Snapshots,
    beside: Arc<W::Beside>,
    relayed: Relayed,
    clock: Arc<dyn Clock>,
}

impl<W: Context> Clone for Database<W> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Connects to one context's database alone, for a service that has no other: see
    /// [`Databases::connect`](super::Databases::connect). `reader_url` is where a replica is, if there is one.
    ///
    /// # Errors
    /// `Unavailable` when a server does not answer, `Internal` for one that is not set up to keep what
    /// it takes, and for a database that is newer than this program.
    pub async fn connect(
        url: &str,
        reader_url: Option<&str>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, StoreError> {
        let mut mark = [0; 16];
        entropy.fill(&mut mark);
        let address = Address::parse(url, Purpose::Write)?;
        let replica = reader_url.map(|url| Address::parse(url, Purpose::Read)).transpose()?;
        address.to(Purpose::Other).make_database().await?;
        address.to(Purpose::Other).assert_safe().await?;
        migrate(&address.to(Purpose::Other), W::migrations(), &*clock).await?;
        let readers = Readers::start(&address.to(Purpose::Read));
        let replica = replica.as_ref().map(Readers::start);
        let auditor = Snapshots::over(address.to(Purpose::Other));
        let beside = Arc::<W::Beside>::default();
        let writer = MySqlWriter::new(address.clone(), mark, clock.clone());
        let relayed = Relayed::by(writer.server());
        let queue = Queue::start(ContextWriter::<W>::new(writer, Arc::clone(&beside)), W::COMMIT);
        let database = Self { inner: Arc::new(Inner { address, queue, readers, replica, auditor, beside, relayed, clock }) };
        database.seal_old().await?;
        Ok(database)
    }

    /// Where its relay reads.
    pub(super) fn relayed(&self) -> &Relayed {
        &self.inner.relayed
    }

    /// Commits a change set whole or not at all.
    pub(super) async fn commit(&self, changes: ChangeSet<W>) -> Result<(), CommitError> {
        self.inner.queue.commit(changes).await
    }

    /// Runs `work` in a transaction of its own on the writer's connection, in turn with the batches,
    /// and again when it lost a race. Dropping the future does not stop it.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut MySqlConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + Sync + 'static,
    {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let chore: Chore = Box::new(move |writer| {
            Box::pin(async move {
                // A caller who went away needs no answer.
                answer.send(writer.transact(work).await).ok();
            })
        });
        self.inner.queue.chore(chore).await?;
        let outcome = answered.await.map_err(|_| StoreError::unavailable(operation, "the writer went away"))?;
        outcome.map_err(store_error(operation))
    }

    /// What is kept beside the database.
    pub(super) fn beside(&self) -> &W::Beside {
        &self.inner.beside
    }

    /// The present instant.
    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Where it is.
    pub(super) fn address(&self) -> &Address {
        &self.inner.address
    }

    /// All rows that answer a question. What is only shown may come from a replica; while that does
    /// not answer, it comes from the writer's server too; what is browsed comes from the replica while that one does not.
    pub(super) async fn rows(&self, operation: &'static str, question: Question) -> Result<Vec<Row>, StoreError> {
        if question.shown
            && let Some(replica) = &self.inner.replica
            && let Some(rows) = replica.try_ask(question.clone()).await
        {
            return Ok(rows);
        }
        let browsed = question.browsed.then(|| question.clone());
        let answer = self.inner.readers.ask(question).await.map_err(store_error(operation));
        match (&self.inner.replica, browsed, &answer) {
            (Some(replica), Some(question), Err(error)) if error.kind == StoreErrorKind::Unavailable => {
                replica.try_ask(question).await.map_or(answer, Ok)
            }
            _ => answer,
        }
    }

    /// The row that answers a question, if there is one.
    pub(super) async fn row(&self, operation: &'static str, question: Question) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(operation, question).await?.into_iter().next())
    }

    /// For an audit: several questions at one instant.
    pub(super) fn snapshots(&self) -> &Snapshots {
        &self.inner.auditor
    }

    /// Finishes what waits and lets go of the database. Later calls of the store answer `Unavailable`.
    pub async fn close(&self) {
        if let Some(replica) = &self.inner.replica {
            replica.close().await;
        }
        self.inner.readers.close().await;
        self.inner.auditor.close().await;
        self.inner.queue.close().await;
    }
}
