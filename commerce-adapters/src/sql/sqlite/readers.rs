//! The readers of one database: a few connections beside the writer, each seeing the last commit.
//!
//! Owns the queue in front of them. A connection lives on a thread of its own, and a trip there and
//! back costs more than most look-ups do; so a reader that takes a frequent question takes all the
//! others of its kind that wait along with it, as the writer does with commits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Either, Executor, SqliteConnection};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::script::Script;
use crate::sql::question::Question;

/// Readers of one database; reading is short and from memory.
const READERS: usize = 4;
/// Questions of one kind that are asked together at most. Each count of them is a statement of its
/// own that every reader keeps prepared.
const TOGETHER_MAX: usize = 8;

type Answer = Result<Vec<SqliteRow>, sqlx::Error>;

/// A question somebody waits for.
struct Asked {
    question: Question,
    answer: oneshot::Sender<Answer>,
}

/// The callers' end of a database's readers.
pub(crate) struct Readers {
    waiting: Arc<Waiting>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Waiting {
    queue: Mutex<VecDeque<Asked>>,
    more: Notify,
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        // Nothing that holds the lock can panic half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest waiting question, and others of its kind if it is a frequent one.
    fn take(&self) -> Vec<Asked> {
        let mut queue = self.queue();
        let Some(first) = queue.pop_front() else { return Vec::new() };
        let mut taken = vec![first];
        if taken[0].question.frequent {
            let mut left = VecDeque::with_capacity(queue.len());
            for asked in queue.drain(..) {
                let alike = asked.question.frequent && asked.question.sql == taken[0].question.sql;
                if alike && taken.len() < TOGETHER_MAX {
                    taken.push(asked);
                } else {
                    left.push_back(asked);
                }
            }
            *queue = left;
        }
        taken
    }
}

impl Readers {
    /// Starts the readers as tasks of the running tokio. Each connects when it is first needed.
    pub(crate) fn start(options: &SqliteConnectOptions) -> Self {
        let (waiting, stop, tasks) = (Arc::new(Waiting::default()), CancellationToken::new(), TaskTracker::new());
        for _ in 0..READERS {
            tasks.spawn(run(options.clone(), waiting.clone(), stop.clone()));
        }
        tasks.close();
        Self { waiting, stop, tasks }
    }

    /// All rows that answer a question.
    pub(crate) async fn ask(&self, question: Question) -> Answer {
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.waiting.queue();
            if self.stop.is_cancelled() {
                return Err(sqlx::Error::PoolClosed);
            }
            queue.push_back(Asked { question, answer });
        }
        self.waiting.more.notify_one();
        answered.await.unwrap_or(Err(sqlx::Error::PoolClosed))
    }

    /// Answers what waits and lets go of the database.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        // Asked while the last reader went away.
        self.waiting.queue().clear();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(options: SqliteConnectOptions, waiting: Arc<Waiting>, stop: CancellationToken) {
    let mut connection = None;
    loop {
        let taken = waiting.take();
        if taken.is_empty() {
            tokio::select! {
                () = waiting.more.notified() => continue,
                () = stop.cancelled() => break,
            }
        }
        answer(&options, &mut connection, taken).await;
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "closing a reader");
    }
}

/// Answers these together, over a connection that is made or made anew if it must be.
async fn answer(options: &SqliteConnectOptions, connection: &mut Option<SqliteConnection>, mut asked: Vec<Asked>) {
    asked.retain(|asked| !asked.answer.is_closed());
    while !asked.is_empty() {
        let open = match connection {
            Some(open) => open,
            None => match options.connect().await {
                Ok(fresh) => connection.insert(fresh),
                Err(error) => {
                    // The others try for themselves: the error may be of the moment.
                    asked.remove(0).answer.send(Err(error)).ok();
                    continue;
                }
            },
        };
        if let Err(error) = answer_in_turn(open, &mut asked).await {
            if error.as_database_error().is_none() {
                *connection = None;
            }
            // In turn: the first that has no answer is the one that failed.
            if !asked.is_empty() {
                asked.remove(0).answer.send(Err(error)).ok();
            }
        }
    }
}

/// Asks in one piece and answers in turn; who has an answer leaves `asked`.
async fn answer_in_turn(connection: &mut SqliteConnection, asked: &mut Vec<Asked>) -> Result<(), sqlx::Error> {
    let mut script = Script::default();
    for asked in &mut *asked {
        script.with(&asked.question.sql, asked.question.params.iter().cloned());
    }
    let mut rows = Vec::new();
    let mut answers = connection.fetch_many(script.query());
    while let Some(step) = answers.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            Either::Left(_) if asked.is_empty() => {}
            Either::Left(_) => {
                // A caller who went away needs no answer.
                asked.remove(0).answer.send(Ok(std::mem::take(&mut rows))).ok();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use sqlx::Row;

    use super::*;

    /// Readers of a database in `folder` that has the table `numbers` with 1 to 9 in it.
    async fn readers(folder: &tempfile::TempDir) -> Readers {
        let options = SqliteConnectOptions::new().filename(folder.path().join("test.db"));
        let mut writer = options.clone().create_if_missing(true).connect().await.unwrap();
        writer.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)").await.unwrap();
        writer.execute("INSERT INTO numbers VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9)").await.unwrap();
        writer.close().await.unwrap();
        Readers::start(&options.pragma("query_only", "on"))
    }

    fn up_to(n: i64) -> Question {
        Question::frequent("SELECT n FROM numbers WHERE n <= ? AND n > ?").bind(n).bind(0_i64)
    }

    fn numbers(answer: Answer) -> Vec<i64> {
        answer.unwrap().iter().map(|row| row.get("n")).collect()
    }

    #[tokio::test]
    async fn everybody_gets_the_rows_of_her_own_question() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(&folder).await;
        let answers = join_all((0..100).map(|n| readers.ask(up_to(n % 10)))).await;
        for (n, answer) in (0..100).zip(answers) {
            assert_eq!(numbers(answer), (1..=n % 10).collect::<Vec<_>>());
        }
        readers.close().await;
    }

    #[tokio::test]
    async fn a_question_that_fails_leaves_the_others_theirs() {
        const OVERFLOWS: &str = "SELECT sum(n + ?) AS n FROM numbers";
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(&folder).await;
        let ask = |n| readers.ask(Question::frequent(OVERFLOWS).bind(n));
        let answers = join_all([0, i64::MAX - 9, 1, i64::MAX - 9, 2].map(ask)).await;
        let sums: Vec<Option<Vec<i64>>> = answers.into_iter().map(|answer| answer.is_ok().then(|| numbers(answer))).collect();
        assert_eq!(sums, [Some(vec![45]), None, Some(vec![54]), None, Some(vec![63])]);
        readers.close().await;
    }

    #[tokio::test]
    async fn readers_do_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(&folder).await;
        assert!(readers.ask(Question::of("DELETE FROM numbers")).await.is_err());
        assert_eq!(numbers(readers.ask(up_to(9)).await).len(), 9);
        readers.close().await;
    }

    #[tokio::test]
    async fn closed_readers_answer_that_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(&folder).await;
        let waiting = join_all((0..50).map(|_| readers.ask(up_to(3))));
        let (answers, ()) = tokio::join!(waiting, readers.close());
        for rows in answers.into_iter().flatten() {
            assert_eq!(numbers(Ok(rows)), [1, 2, 3]);
        }
        assert!(matches!(readers.ask(up_to(3)).await, Err(sqlx::Error::PoolClosed)));
    }
}
