//! The one connection of a process that writes to a database.
//!
//! A batch is one transaction: read and lock, judge, write, mark, COMMIT. Whatever stops it before the
//! COMMIT has written nothing, and is tried again where that may help.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::Clock;
use commerce_core::change::ChangeSet;
use commerce_core::error::{StoreError, StoreErrorKind};
use futures_util::future::BoxFuture;
use sqlx::{Connection, Executor, MySqlConnection};

use super::engine::Context;
use super::error::{duplicate, failure, is_lost, is_race, is_timeout, leaves_doubt, no_answer, waited_in_vain};
use super::head::{ask_head, write_head};
use super::line::{Address, Line};
use super::script::{Queries, Script, TooLarge, Unread, query};
use super::statements::head::MARK;
use crate::sql::batch::{Failure, Fate, Verdict, Writer};
use crate::sql::judge::{Head, Loaded, judge_all};

/// How long a batch may take from its first statement to its last before the COMMIT, and the COMMIT
/// itself. Above twice the time that a statement waits for a lock.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// How often a transaction is tried that loses races: each loss is another's gain.
const RACES_MAX: u32 = 8;
/// How often it is tried when others hold its rows for as long as it waits.
const WAITS_MAX: u32 = 2;
/// How often a batch is judged anew because a key was taken that was free when it was read. What is
/// taken then was not learnt by reading, and one of its members is to blame.
const TAKEN_MAX: u32 = 2;
/// How often a transaction is tried whose connection is lost before its COMMIT: the first may have been
/// lost long ago.
const LOST_MAX: u32 = 2;
/// Pause after a lost race; grows with each.
const RACE_PAUSE: Duration = Duration::from_millis(1);
/// For how long what became of a COMMIT is looked up: until the server has ended a transaction that
/// nobody goes on with, or is up again.
const LOOK_UP_FOR: Duration = Duration::from_secs(10);
/// Pause between two tries of it.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(100);

/// Work on the writer's connection besides change sets.
pub(crate) type Chore = Box<dyn for<'w> FnOnce(&'w mut MySqlWriter) -> BoxFuture<'w, ()> + Send>;

/// The writer's connection, made when it is needed.
pub(crate) struct MySqlWriter {
    address: Address,
    line: Option<Line>,
    /// One more than the number of the server that it is or was connected to; 0 before the first.
    server: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
    /// Its name in the table `writers`, unlike every other writer's, in whatever process.
    mark: [u8; 16],
    /// The batch that it commits, or committed last.
    batch: i64,
}

/// How often something stopped a transaction, by what it was.
#[derive(Default)]
struct Stops {
    races: u32,
    waits: u32,
    taken: u32,
    lost: u32,
}

impl Stops {
    /// Whether to try again after `error`, which came before the COMMIT.
    fn again(&mut self, error: &sqlx::Error) -> bool {
        let (count, max) = if waited_in_vain(error) {
            (&mut self.waits, WAITS_MAX)
        } else if is_race(error) {
            (&mut self.races, RACES_MAX)
        } else if duplicate(error).is_some() {
            (&mut self.taken, TAKEN_MAX)
        } else if is_lost(error) && !is_timeout(error) {
            (&mut self.lost, LOST_MAX)
        } else {
            return false;
        };
        *count += 1;
        *count < max
    }

    fn pause(&self) -> Duration {
        RACE_PAUSE * self.races
    }
}

impl MySqlWriter {
    pub(super) fn new(address: Address, mark: [u8; 16], clock: Arc<dyn Clock>) -> Self {
        Self { address, line: None, server: Arc::default(), clock, mark, batch: 0 }
    }

    /// One more than the number of the server that it is or was connected to; 0 before the first.
    pub(super) fn server(&self) -> Arc<AtomicU64> {
        self.server.clone()
    }

    async fn line(&mut self) -> Result<&mut Line, sqlx::Error> {
        let line = match self.line.take() {
            Some(line) => line,
            None => self.connect().await?,
        };
        Ok(self.line.insert(line))
    }

    async fn connect(&self) -> Result<Line, sqlx::Error> {
        let line = self.address.connect().await?;
        self.server.store(u64::from(line.server) + 1, Ordering::SeqCst);
        Ok(line)
    }

    /// Ends a transaction that failed, so that the next can begin.
    async fn recover(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        // A connection that does not even take this is dropped; the server then does the same.
        if let Ok(Ok(_)) = tokio::time::timeout(ANSWER_WITHIN, line.connection.execute("ROLLBACK")).await {
            self.line = Some(line);
        }
    }

    /// Runs `work` and commits it; again when it lost a race.
    pub(super) async fn transact<T, F>(&mut self, work: F) -> Result<T, sqlx::Error>
    where
        F: for<'c> Fn(&'c mut MySqlConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
    {
        let mut stops = Stops::default();
        loop {
            let worked = async {
                let line = self.line().await?;
                work(&mut line.connection).await
            };
            let worked = tokio::time::timeout(ANSWER_WITHIN, worked).await.unwrap_or_else(|_| Err(no_answer()));
            match worked {
                Ok(done) => return self.commit().await.map(|()| done),
                Err(error) => {
                    self.give_up(&error).await;
                    if !stops.again(&error) {
                        return Err(error);
                    }
                    tokio::time::sleep(stops.pause()).await;
                }
            }
        }
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        let line = self.line().await?;
        let committing = line.connection.execute("COMMIT");
        let committed = tokio::time::timeout(ANSWER_WITHIN, committing).await.unwrap_or_else(|_| Err(no_answer()));
        if let Err(error) = &committed {
            self.give_up(error).await;
        }
        committed.map(|_| ())
    }

    async fn give_up(&mut self, error: &sqlx::Error) {
        if is_lost(error) {
            self.line = None;
        }
        self.recover().await;
    }

    /// The last batch of this writer that is in the database, seen from a connection of its own. It
    /// waits for its row, so that a COMMIT still under way has ended by then, and a transaction that
    /// nobody goes on with, too.
    pub(super) async fn last_committed(&mut self) -> Result<Option<i64>, sqlx::Error> {
        const LAST: &str = "SELECT batch FROM writers WHERE id = ? FOR UPDATE";
        // The connection that is in doubt is not used again, whatever it still says.
        self.line = None;
        let mut line = self.connect().await?;
        let found = sqlx::query_scalar(LAST).bind(self.mark.to_vec()).fetch_optional(&mut line.connection).await?;
        line.connection.execute("ROLLBACK").await?;
        self.line = Some(line);
        Ok(found)
    }
}

/// The writer of one context's database.
pub(super) struct ContextWriter<W: Context> {
    writer: MySqlWriter,
    beside: Arc<W::Beside>,
}

/// What stopped a batch.
enum Stopped {
    /// Before its COMMIT: nothing is written.
    Before(sqlx::Error),
    /// A row breaks an invariant, or the batch is too large.
    Unfit(StoreError),
    /// Its COMMIT failed.
    Commit(sqlx::Error, Vec<Verdict>),
}

impl<W: Context> ContextWriter<W> {
    pub(super) fn new(writer: MySqlWriter, beside: Arc<W::Beside>) -> Self {
        Self { writer, beside }
    }

    /// One batch from its first statement to the COMMIT.
    async fn attempt(&mut self, sets: &[&ChangeSet<W>]) -> Result<Vec<Verdict>, Stopped> {
        let MySqlWriter { clock, mark, .. } = &self.writer;
        let (clock, mark) = (clock.clone(), mark.to_vec());
        self.writer.batch += 1;
        let batch = self.writer.batch;
        let mut loaded = Loaded { head: Head::at(clock.now()), judge: W::Judge::default() };
        let working = async {
            let line = self.writer.line().await.map_err(Stopped::Before)?;
            let mut queries = Queries::default();
            ask_head(&mut queries, sets);
            W::ask(&mut queries, sets);
            queries.load(line, &mut loaded).await.map_err(|unread| match unread {
                Unread::Failed(error) => Stopped::Before(error),
                Unread::Corrupt(error) => Stopped::Unfit(error),
            })?;

            // Locks may have been waited for; deadlines are judged now.
            loaded.head.now = clock.now();
            let verdicts = judge_all(&mut loaded, sets);
            let mut script = Script::default();
            W::write(&mut script, &loaded.judge, loaded.head.now);
            write_head(&mut script, &loaded.head);
            if !script.is_empty() {
                // A batch that only refuses stays a read: it needs no mark and no wait for the disk.
                script.with(MARK, [mark.into(), batch.into(), loaded.head.now.as_micros().into()]);
            }
            script.fits(line).map_err(|TooLarge| {
                let text = "a change is larger than what the server takes at once (max_allowed_packet)";
                Stopped::Unfit(StoreError::new(StoreErrorKind::Internal, W::COMMIT, text))
            })?;
            script.execute(line).await.map_err(Stopped::Before)?;
            Ok(verdicts)
        };
        let worked = tokio::time::timeout(ANSWER_WITHIN, working).await;
        let verdicts = worked.unwrap_or_else(|_| Err(Stopped::Before(no_answer())))?;
        let committed = self.writer.commit().await;
        // Also where it is in doubt whether it is committed.
        W::committed(&self.beside, &loaded.judge);
        match committed {
            Ok(()) => Ok(verdicts),
            Err(error) => Err(Stopped::Commit(error, verdicts)),
        }
    }
}

#[async_trait]
impl<W: Context> Writer<W> for ContextWriter<W> {
    type Chore = Chore;

    async fn commit_batch(&mut self, sets: &[&ChangeSet<W>]) -> Result<Vec<Verdict>, Failure> {
        let mut stops = Stops::default();
        loop {
            match self.attempt(sets).await {
                Ok(verdicts) => return Ok(verdicts),
                Err(Stopped::Before(error)) => {
                    self.writer.give_up(&error).await;
                    tracing::debug!(%error, sets = sets.len(), database = W::NAME, "a batch was stopped");
                    if !stops.again(&error) {
                        return Err(failure(W::COMMIT)(error));
                    }
                    tokio::time::sleep(stops.pause()).await;
                }
                Err(Stopped::Unfit(error)) => {
                    self.writer.recover().await;
                    return Err(error.into());
                }
                Err(Stopped::Commit(error, verdicts)) => {
                    let in_doubt = leaves_doubt(&error).then_some(verdicts);
                    if in_doubt.is_none() && stops.again(&error) {
                        continue;
                    }
                    return Err(Failure { in_doubt, ..failure(W::COMMIT)(error) });
                }
            }
        }
    }

    async fn fate(&mut self) -> Fate {
        let began = tokio::time::Instant::now();
        loop {
            let error = match self.writer.last_committed().await {
                Ok(found) if found == Some(self.writer.batch) => return Fate::Done,
                Ok(_) => return Fate::Absent,
                Err(error) => error,
            };
            if began.elapsed() > LOOK_UP_FOR {
                tracing::error!(%error, database = W::NAME, "what became of a COMMIT cannot be looked up");
                return Fate::Unknown;
            }
            tokio::time::sleep(LOOK_UP_PAUSE).await;
        }
    }

    async fn chore(&mut self, chore: Chore) {
        chore(&mut self.writer).await;
    }

    async fn close(mut self) {
        let mark = self.writer.mark.to_vec();
        // Where this fails, the mark is forgotten with those of killed processes.
        if self.writer.batch > 0 {
            let forgotten = self.writer.transact(move |connection| {
                let forget = query(Cow::Borrowed("DELETE FROM writers WHERE id = ?"), vec![mark.clone().into()]);
                Box::pin(async move { forget.execute(connection).await.map(|_| ()) })
            });
            forgotten.await.ok();
        }
        if let Some(line) = self.writer.line
            && let Err(error) = line.connection.close().await
        {
            tracing::debug!(%error, database = W::NAME, "closing the database");
        }
    }
}
