//! The readers of one database: a few connections beside the writer, each seeing the last commit.
//!
//! Owns the queue in front of them. A caller who goes away leaves no connection half way through an
//! answer, because none is hers. Of a server that is silent nobody waits for an answer but one reader, which
//! looks for it; everybody else is told so at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engine::Row;
use super::error::{is_lost, is_timeout, no_answer};
use super::line::{Address, Line};
use super::script::query;
use crate::sql::question::Question;

/// Readers of one server for one database. A look-up takes a fraction of a millisecond.
const READERS: usize = 8;
/// How long an answer may take, from when it was asked for; longer than the server spends on a statement.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// How long it may take where another server can answer too.
const ANSWER_WITHIN_OR_ELSEWHERE: Duration = Duration::from_secs(2);
/// Pause between two looks for a silent server.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// For how long a server that did not answer is not asked where another can answer too.
const AVOIDED_FOR: Duration = Duration::from_secs(2);

type Answer = Result<Vec<Row>, sqlx::Error>;

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
    began: Instant,
    /// Until when it is avoided, in milliseconds since it began.
    avoided_until: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    queue: Mutex<VecDeque<Asked>>,
    more: Notify,
    /// Whether the server gave no answer, nor when it was looked for.
    silent: AtomicBool,
    /// Whether a reader looks for it.
    looked_for: AtomicBool,
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        // Nothing that holds the lock can panic half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readers {
    /// Starts the readers as tasks of the running tokio. Each connects when it is first needed.
    pub(crate) fn start(address: &Address) -> Self {
        let (waiting, stop, tasks) = (Arc::new(Waiting::default()), CancellationToken::new(), TaskTracker::new());
        for _ in 0..READERS {
            tasks.spawn(run(address.clone(), waiting.clone(), stop.clone()));
        }
        tasks.close();
        Self { waiting, stop, tasks, began: Instant::now(), avoided_until: AtomicU64::new(0) }
    }

    /// All rows that answer a question.
    pub(crate) async fn ask(&self, question: Question) -> Answer {
        if self.waiting.silent.load(Ordering::Relaxed) {
            return Err(no_answer());
        }
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.waiting.queue();
            if self.stop.is_cancelled() {
                return Err(sqlx::Error::PoolClosed);
            }
            queue.push_back(Asked { question, answer });
        }
        self.waiting.more.notify_one();
        match timeout(ANSWER_WITHIN, answered).await {
            Ok(answered) => answered.unwrap_or(Err(sqlx::Error::PoolClosed)),
            Err(_) => Err(no_answer()),
        }
    }

    /// The same, but nothing where the server does not answer, for somebody who can ask another.
    pub(crate) async fn try_ask(&self, question: Question) -> Option<Vec<Row>> {
        let now = || u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now() < self.avoided_until.load(Ordering::Relaxed) {
            return None;
        }
        match timeout(ANSWER_WITHIN_OR_ELSEWHERE, self.ask(question)).await.unwrap_or_else(|_| Err(no_answer())) {
            Ok(rows) => Some(rows),
            Err(error) => {
                tracing::warn!(%error, "a replica does not answer");
                let span = u64::try_from(AVOIDED_FOR.as_millis()).unwrap_or(0);
                self.avoided_until.store(now().saturating_add(span), Ordering::Relaxed);
                None
            }
        }
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

async fn run(address: Address, waiting: Arc<Waiting>, stop: CancellationToken) {
    let mut line = None;
    loop {
        let next = waiting.queue().pop_front();
        let Some(asked) = next else {
            tokio::select! {
                () = waiting.more.notified() => continue,
                () = stop.cancelled() => break,
            }
        };
        if !asked.answer.is_closed() {
            let answer = answer(&address, &mut line, asked.question).await;
            let silent = answer.as_ref().is_err_and(is_timeout);
            asked.answer.send(answer).ok();
            if silent && !waiting.looked_for.swap(true, Ordering::Relaxed) {
                tokio::select! {
                    found = look_for(&address, &waiting) => line = Some(found),
                    () = stop.cancelled() => {}
                }
                waiting.looked_for.store(false, Ordering::Relaxed);
            }
        }
    }
    if let Some(Line { connection, .. }) = line
        && let Err(error) = connection.close().await
    {
        tracing::debug!(%error, "closing a reader");
    }
}

/// Looks for a server that gave no answer until it gives one. Until it does nobody waits for it, unless it answers the first
/// look: then it was the question that took so long.
async fn look_for(address: &Address, waiting: &Waiting) -> Line {
    loop {
        match address.connect().await {
            Ok(line) => {
                if waiting.silent.swap(false, Ordering::Relaxed) {
                    tracing::info!(server = address.place(), "a database answers again");
                }
                return line;
            }
            Err(error) => {
                if !waiting.silent.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, server = address.place(), "a database is silent");
                }
                // Whoever asked before is told, too.
                for asked in waiting.queue().drain(..) {
                    asked.answer.send(Err(no_answer())).ok();
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Answers over a connection that is made or made anew if it must be. One that was lost while nobody
/// used it is nobody's concern: the question is asked again on a new one.
async fn answer(address: &Address, line: &mut Option<Line>, question: Question) -> Answer {
    let was_open = line.is_some();
    let first = answer_once(address, line, question.clone()).await;
    match first {
        Err(error) if was_open && line.is_none() && !is_timeout(&error) => answer_once(address, line, question).await,
        first => first,
    }
}

async fn answer_once(address: &Address, line: &mut Option<Line>, question: Question) -> Answer {
    // Taken out while it is asked, so that none that is half way through an answer is used again.
    let mut open = match line.take() {
        Some(open) => open,
        None => address.connect().await?,
    };
    let asking = query(question.sql, question.params).fetch_all(&mut open.connection);
    let answer = timeout(ANSWER_WITHIN, asking).await.unwrap_or_else(|_| Err(no_answer()));
    if !answer.as_ref().is_err_and(is_lost) {
        *line = Some(open);
    }
    answer
}
