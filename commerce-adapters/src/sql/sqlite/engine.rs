//! One `SQLite` database: a writer that commits batches, and readers beside it.
//!
//! The writer takes the database's write lock first (`BEGIN IMMEDIATE`), so that what it loads
//! stays true until its COMMIT, whatever other processes do. Readers see the last commit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::{Clock, Timestamp};
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};

use super::error::{cannot_open, failure, kind, leaves_doubt, store_error};
use super::head::{ask_head, write_head};
use super::migrate::{Migration, migrate};
use super::readers::Readers;
use super::script::{Queries, Script, Stopped, Unread};
use super::snapshot::Snapshots;
use super::writable::{Writable, try_write};
use crate::backup::landing::Presence;
use crate::files::make_private;
use crate::sql::Old;
use crate::sql::batch::{Failure, Fate, Queue, Verdict, Writer};
use crate::sql::judge::{Head, Judge, Loaded, judge_all};
use crate::sql::question::Question;

/// How long a statement waits for another process's transaction. A batch takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of 4 KiB that the log may hold before it is moved into the database: 64 MiB. A page that
/// many batches change is moved once for all of them.
const CHECKPOINT_PAGES: &str = "16384";
/// KiB of pages that the writer keeps at most, as `SQLite` wants it: negative. Holds and keys are
/// found by hashes, so that a batch touches pages all over their tables.
const WRITER_CACHE_KIB: &str = "-65536";
/// KiB of pages that a reader keeps at most; the log and the file are in the system's cache anyway.
const READER_CACHE_KIB: &str = "-8192";
/// Rows that may wait on their way from a connection's thread: above those of nearly every answer, so
/// that the thread need not wait for whoever takes them.
const ROWS_WAITING_MAX: usize = 1_024;
/// Prepared statements that a connection keeps; above the number of shapes there are.
const STATEMENTS_MAX: usize = 200;

/// The engine, as the shared stores name it.
pub(crate) type Db = sqlx::Sqlite;
/// One of its rows.
pub(crate) type Row = sqlx::sqlite::SqliteRow;

/// What one context contributes to its database.
pub(crate) trait Context: Sized + Send + Sync + 'static {
    /// What a batch works on.
    type Judge<'a>: Judge<'a, Self> + Default + Send;
    /// What is kept beside the database and told of every batch.
    type Beside: Default + Send + Sync;

    /// Its name and its file's: `orders`.
    const NAME: &'static str;
    /// Its commits' name in errors.
    const COMMIT: &'static str;

    /// What its own tables need not keep: rows before `?1`, at most `?2` of them, and how old those are.
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

/// Work on the writer's connection besides change sets. It tells whether that worked: after what did not, the
/// writer sees to it that the next can begin.
pub(crate) type Chore = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, bool> + Send>;

/// One context's database. Cheap to clone; clones share writer and readers.
#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
pub struct Database<W: Context> {
    inner: Arc<Inner<W>>,
}

struct Inner<W: Context> {
    queue: Queue<W, Chore>,
    readers: Readers,
    auditor: Snapshots,
    beside: Arc<W::Beside>,
    writable: Arc<Writable>,
    clock: Arc<dyn Clock>,
    presence: Presence,
}

impl<W: Context> Clone for Database<W> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    pub(super) async fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let options = options(dir, W::NAME);
        make_private(dir).map_err(|error| folder_error("sqlite.open", error))?;
        let presence = Presence::enter(dir).await?;
        let mut connection = connect(&options.clone().create_if_missing(true), dir).await?;
        migrate(&mut connection, W::migrations(), &*clock).await?;
        let reading = options.clone().thread_name(|_| format!("read-{}", W::NAME));
        let reading = reading.pragma("cache_size", READER_CACHE_KIB).pragma("query_only", "on");
        let readers = Readers::start(&reading);
        let auditor = Snapshots::over(reading.clone().thread_name(|_| format!("audit-{}", W::NAME)));
        // Unlike every other writer's, in whatever process.
        let mark =
            sqlx::query_scalar("SELECT randomblob(16)").fetch_one(&mut connection).await.map_err(store_error(W::COMMIT))?;
        let writable = Arc::<Writable>::default();
        let writer = SqliteWriter { connection, options, clock: clock.clone(), mark, batch: 0, writable: Arc::clone(&writable) };
        let beside = Arc::<W::Beside>::default();
        let queue = Queue::start(ContextWriter::<W> { writer, beside: Arc::clone(&beside) }, W::COMMIT);
        let database = Self { inner: Arc::new(Inner { queue, readers, auditor, beside, writable, clock, presence }) };
        database.seal_old().await?;
        Ok(database)
    }

    /// Commits a change set whole or not at all.
    pub(super) async fn commit(&self, changes: ChangeSet<W>) -> Result<(), CommitError> {
        self.inner.queue.commit(changes).await
    }

    /// Runs `work` in a transaction of its own on the writer's connection, in turn with the batches.
    /// Dropping the future does not stop it.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        self.in_turn(operation, |connection| Box::pin(transact(connection, work))).await
    }

    /// Whether it takes writes: see [`Writable`].
    pub(super) async fn takes_writes(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "sqlite.takes_writes";
        let writable = Arc::clone(&self.inner.writable);
        let trial = self.in_turn(OPERATION, |connection| {
            Box::pin(async move {
                try_write(connection).await?;
                writable.worked();
                Ok(())
            })
        });
        self.inner.writable.ask(OPERATION, trial).await
    }

    /// Does `work` on the writer's connection when it is its turn, and notes if the disk fails it.
    async fn in_turn<T, F>(&self, operation: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let writable = Arc::clone(&self.inner.writable);
        let chore: Chore = Box::new(move |connection| {
            Box::pin(async move {
                let outcome = work(connection).await.inspect_err(|error| writable.note(error));
                let worked = outcome.is_ok();
                // A caller who went away needs no answer.
                answer.send(outcome).ok();
                worked
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

    /// All rows that answer a question.
    pub(super) async fn rows(&self, operation: &'static str, question: Question) -> Result<Vec<Row>, StoreError> {
        self.inner.readers.ask(question).await.map_err(store_error(operation))
    }

    /// The row that answers a question, if there is one.
    pub(super) async fn row(&self, operation: &'static str, question: Question) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(operation, question).await?.into_iter().next())
    }

    /// For an audit: several questions at one instant.
    pub(super) fn snapshots(&self) -> &Snapshots {
        &self.inner.auditor
    }

    /// Finishes what waits, moves the log into the database and lets go of it.
    pub(super) async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.auditor.close().await;
        self.inner.queue.close().await;
        self.inner.presence.leave();
    }
}

/// How the file of a context is opened.
pub(super) fn options(dir: &Path, context: &'static str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(dir.join(format!("{context}.db")))
        .thread_name(move |_| format!("write-{context}"))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        .row_buffer_size(ROWS_WAITING_MAX)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", WRITER_CACHE_KIB)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

async fn connect(options: &SqliteConnectOptions, dir: &Path) -> Result<SqliteConnection, StoreError> {
    const OPERATION: &str = "sqlite.open";
    SqliteConnection::connect_with(options).await.map_err(|error| {
        // SQLite says only that it cannot; the folder says why.
        match tempfile_in(dir) {
            Err(reason) if cannot_open(&error) => folder_error(OPERATION, reason),
            _ => StoreError::new(kind(&error), OPERATION, error),
        }
    })
}

fn tempfile_in(dir: &Path) -> std::io::Result<()> {
    let probe = dir.join(".write-probe");
    std::fs::File::create(&probe)?;
    std::fs::remove_file(probe)
}

fn folder_error(operation: &'static str, error: std::io::Error) -> StoreError {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, operation, error)
}

/// Runs `work` between BEGIN IMMEDIATE and COMMIT; rolls back when either fails.
async fn transact<T, F>(connection: &mut SqliteConnection, work: F) -> Result<T, sqlx::Error>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
{
    connection.execute("BEGIN IMMEDIATE").await?;
    let done = match work(&mut *connection).await {
        Ok(done) => connection.execute("COMMIT").await.map(|_| done),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // SQLite may have rolled back by itself; then there is nothing left to do.
        connection.execute("ROLLBACK").await.ok();
    }
    done
}

struct SqliteWriter {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    clock: Arc<dyn Clock>,
    /// Its name in the table `writers`.
    mark: Vec<u8>,
    /// The batch that it commits, or committed last.
    batch: i64,
    /// How its last write ended.
    writable: Arc<Writable>,
}

impl SqliteWriter {
    /// Ends a transaction that failed, so that the next can begin.
    ///
    /// Transactions are begun and ended by plain statements: on a full disk, and its like, `SQLite`
    /// has rolled back already, which a transaction object would not know.
    async fn recover(&mut self) {
        let rolled_back = self.connection.execute("ROLLBACK").await;
        if rolled_back.is_err_and(|error| error.as_database_error().is_none()) {
            match self.options.connect().await {
                Ok(fresh) => self.connection = fresh,
                Err(error) => tracing::error!(%error, "the database connection is lost and cannot be renewed yet"),
            }
        }
    }

    /// The last batch of this writer that is in the database, seen from a connection of its own. It
    /// takes the write lock, so that a COMMIT still under way has ended by then.
    async fn last_committed(&mut self) -> Result<Option<i64>, sqlx::Error> {
        let mut fresh = self.options.connect().await?;
        fresh.execute("BEGIN IMMEDIATE").await?;
        let query = sqlx::query_scalar("SELECT batch FROM writers WHERE id = ?").bind(&self.mark);
        let found = query.fetch_optional(&mut fresh).await?;
        fresh.execute("ROLLBACK").await?;
        self.connection = fresh;
        Ok(found)
    }
}

/// The writer of one context's database.
struct ContextWriter<W: Context> {
    writer: SqliteWriter,
    beside: Arc<W::Beside>,
}

impl<W: Context> ContextWriter<W> {
    /// One batch from BEGIN to COMMIT.
    async fn attempt(&mut self, sets: &[&ChangeSet<W>]) -> Result<Vec<Verdict>, Failure> {
        const MARK: &str = "INSERT INTO writers (id, batch, committed_at) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, committed_at = excluded.committed_at";
        let SqliteWriter { connection, clock, mark, batch, writable, .. } = &mut self.writer;
        *batch += 1;
        let mut loaded = Loaded { head: Head::at(clock.now()), judge: W::Judge::default() };
        let mut queries = Queries::after("BEGIN IMMEDIATE");
        ask_head(&mut queries, sets);
        W::ask(&mut queries, sets);
        queries.load(connection, &mut loaded).await.map_err(|unread| match unread {
            Unread::Failed(error) => {
                writable.note(&error);
                failure(W::COMMIT)(error)
            }
            Unread::Corrupt(error) => error.into(),
        })?;

        // BEGIN may have waited for another process; deadlines are judged now.
        loaded.head.now = clock.now();
        let verdicts = judge_all(&mut loaded, sets);
        let mut script = Script::default();
        W::write(&mut script, &loaded.judge, loaded.head.now);
        write_head(&mut script, &loaded.head);
        let writes = !script.is_empty();
        if writes {
            // A batch that only refuses stays a read: it needs no mark and no wait for the disk.
            script.with(MARK, [mark.clone().into(), (*batch).into(), loaded.head.now.as_micros().into()]);
        }
        script.with("COMMIT", []);
        let executed = script.execute(connection).await;
        // Also where it is in doubt whether it is committed.
        W::committed(&self.beside, &loaded.judge);
        match executed {
            Ok(()) => {
                if writes {
                    writable.worked();
                }
                Ok(verdicts)
            }
            Err(Stopped { error, at_last }) => {
                writable.note(&error);
                let in_doubt = (at_last && leaves_doubt(&error)).then_some(verdicts);
                Err(Failure { in_doubt, ..failure(W::COMMIT)(error) })
            }
        }
    }
}

#[async_trait]
impl<W: Context> Writer<W> for ContextWriter<W> {
    type Chore = Chore;

    async fn commit_batch(&mut self, sets: &[&ChangeSet<W>]) -> Result<Vec<Verdict>, Failure> {
        let outcome = self.attempt(sets).await;
        if outcome.is_err() {
            self.writer.recover().await;
        }
        outcome
    }

    async fn fate(&mut self) -> Fate {
        match self.writer.last_committed().await {
            Ok(found) if found == Some(self.writer.batch) => Fate::Done,
            Ok(_) => Fate::Absent,
            Err(error) => {
                tracing::error!(%error, database = W::NAME, "what became of a COMMIT cannot be looked up");
                Fate::Unknown
            }
        }
    }

    async fn chore(&mut self, chore: Chore) {
        if !chore(&mut self.writer.connection).await {
            self.writer.recover().await;
        }
    }

    async fn close(mut self) {
        let SqliteWriter { connection, mark, .. } = &mut self.writer;
        // Where this fails, the mark is forgotten with those of killed processes.
        sqlx::query("DELETE FROM writers WHERE id = ?").bind(&*mark).execute(&mut *connection).await.ok();
        // Another process may be reading; then the log stays, and its last reader moves it.
        if let Err(error) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await {
            tracing::debug!(%error, database = W::NAME, "the log stays beside the database");
        }
        if let Err(error) = self.writer.connection.close().await {
            tracing::warn!(%error, database = W::NAME, "closing the database");
        }
    }
}
