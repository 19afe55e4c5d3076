//! Group commit: callers queue change sets, one writer commits whatever waits as one transaction.
//!
//! There is no timer: the commit in flight is the window in which the next batch gathers. A caller
//! who goes away does not cancel her change set; it was data, and the writer has it.
//!
//! Every batch carries a mark of its own. Where nobody answered a COMMIT, the writer looks its mark
//! up on another connection: there means done, not there means once more, and where that cannot be
//! said either, the callers are told so.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use commerce_core::StoreError;
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal};
use commerce_core::error::StoreErrorKind;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Change sets in one transaction at most: bounds the memory and the time of one batch.
const BATCH_MAX: usize = 512;
/// Change sets that may wait in front of one database; more callers wait for room.
const QUEUE_MAX: usize = 4_096;
/// Sizes of a batch after which who was in it is waited for: one caller has nobody to wait for, and of many half prepare while the
/// others are committed.
const GATHERED: RangeInclusive<usize> = 2..=128;
/// How often everybody else who is ready has a turn before a batch is closed, as long as each brings somebody.
const TURNS_MAX: u32 = 4;
/// How often a batch is tried whose COMMIT left doubt and whose mark was not there: a disk that
/// fails three times in a row will not be better the fourth time.
const DOUBTS_MAX: u32 = 3;

/// How one change set of a batch was judged.
pub(crate) type Verdict = Result<(), CommitRefusal>;

/// What keeps a whole batch from being committed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is told to the callers.
    pub(crate) error: StoreError,
    /// Whether it may be the fault of one member, so that the others should be tried without it.
    pub(crate) of_one: bool,
    /// The unique value that was taken, if that is what happened.
    pub(crate) duplicate: Option<&'static str>,
    /// How the members were judged, where a COMMIT was sent and may have done its work.
    pub(crate) in_doubt: Option<Vec<Verdict>>,
}

/// What became of a batch whose COMMIT left doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its mark is there: all of it is.
    Done,
    /// Its mark is not there: nothing of it is.
    Absent,
    /// The mark cannot be looked up.
    Unknown,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let of_one = matches!(error.kind, StoreErrorKind::Corrupt | StoreErrorKind::Internal);
        Self { error, of_one, duplicate: None, in_doubt: None }
    }
}

/// The one who writes to a database.
#[async_trait]
pub(crate) trait Writer<W>: Send + 'static {
    /// Work besides change sets: lease, outbox marks.
    type Chore: Send + 'static;

    /// Judges these and commits what is accepted, as one transaction. On failure nothing is written,
    /// unless it is in doubt.
    async fn commit_batch(&mut self, sets: &[&ChangeSet<W>]) -> Result<Vec<Verdict>, Failure>;

    /// What became of the last batch, which was in doubt.
    async fn fate(&mut self) -> Fate;

    /// Does a chore.
    async fn chore(&mut self, chore: Self::Chore);

    /// Says good-bye to the database.
    async fn close(self);
}

struct Submission<W> {
    changes: Box<ChangeSet<W>>,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

enum Job<W, C> {
    Commit(Submission<W>),
    Chore(C),
}

/// The callers' end of a database's writer.
pub(crate) struct Queue<W, C> {
    jobs: mpsc::Sender<Job<W, C>>,
    stop: CancellationToken,
    task: TaskTracker,
    operation: &'static str,
}

impl<W: Send + Sync + 'static, C: Send + 'static> Queue<W, C> {
    /// Starts `writer` as a task of the running tokio; `operation` names its commits in errors.
    pub(crate) fn start(writer: impl Writer<W, Chore = C>, operation: &'static str) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let stop = CancellationToken::new();
        let task = TaskTracker::new();
        task.spawn(run(writer, waiting, stop.clone()));
        task.close();
        Self { jobs, stop, task, operation }
    }

    /// Commits a change set whole or not at all.
    pub(crate) async fn commit(&self, changes: ChangeSet<W>) -> Result<(), CommitError> {
        let (answer, verdict) = oneshot::channel();
        let job = Job::Commit(Submission { changes: Box::new(changes), answer });
        self.jobs.send(job).await.map_err(|_| StoreError::unavailable(self.operation, "the database is closed"))?;
        let lost = |_| StoreError::new(StoreErrorKind::OutcomeUnknown, self.operation, "the writer went away");
        verdict.await.map_err(lost)?
    }

    /// Has a chore done, in turn with the change sets.
    pub(crate) async fn chore(&self, chore: C) -> Result<(), StoreError> {
        self.jobs.send(Job::Chore(chore)).await.map_err(|_| StoreError::unavailable(self.operation, "the database is closed"))
    }

    /// Takes no more, finishes what waits, and closes the database.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.task.wait().await;
    }
}

async fn run<W: Send + Sync, T: Writer<W>>(
    mut writer: T,
    mut waiting: mpsc::Receiver<Job<W, T::Chore>>,
    stop: CancellationToken,
) {
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    let (mut stopping, mut last) = (false, 0);
    loop {
        tokio::select! {
            taken = waiting.recv_many(&mut jobs, BATCH_MAX) => {
                if taken == 0 {
                    break;
                }
                if GATHERED.contains(&last) {
                    gather(&mut waiting, &mut jobs).await;
                }
                last = jobs.len();
                serve(&mut writer, &mut jobs).await;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                waiting.close();
            }
        }
    }
    writer.close().await;
}

/// Lets those in who are about to submit. Whoever was answered with the last batch may ask again at once, and the first who does
/// wakes the writer before the others had their turn: they would wait for a batch of one.
async fn gather<T>(waiting: &mut mpsc::Receiver<T>, jobs: &mut Vec<T>) {
    for _ in 0..TURNS_MAX {
        tokio::task::yield_now().await;
        let before = jobs.len();
        while jobs.len() < BATCH_MAX
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        if jobs.len() == before || jobs.len() == BATCH_MAX {
            break;
        }
    }
}

/// Serves one drained batch: all change sets together, then the chores.
async fn serve<W: Send + Sync, T: Writer<W>>(writer: &mut T, jobs: &mut Vec<Job<W, T::Chore>>) {
    let mut submissions = Vec::with_capacity(jobs.len());
    let mut chores = Vec::new();
    for job in jobs.drain(..) {
        match job {
            Job::Commit(submission) => submissions.push(submission),
            Job::Chore(chore) => chores.push(chore),
        }
    }
    settle(writer, submissions).await;
    for chore in chores {
        writer.chore(chore).await;
    }
}

/// Commits a batch, and where its COMMIT leaves doubt finds out what became of it.
///
/// Once there was doubt, a later failure does not say that nothing is written: a log that could not
/// be forced to the disk may still come back with the next start.
async fn commit_surely<W: Send + Sync, T: Writer<W>>(writer: &mut T, sets: &[&ChangeSet<W>]) -> Result<Vec<Verdict>, Failure> {
    let mut doubts = 0;
    loop {
        let failure = match writer.commit_batch(sets).await {
            Ok(verdicts) => return Ok(verdicts),
            Err(failure) => failure,
        };
        let Failure { error, in_doubt, .. } = match failure {
            definite @ Failure { in_doubt: None, .. } if doubts == 0 => return Err(definite),
            failure => failure,
        };
        let Some(verdicts) = in_doubt else { return Err(unknown(error)) };
        doubts += 1;
        let fate = writer.fate().await;
        tracing::warn!(sets = sets.len(), doubts, ?fate, %error, "a COMMIT left doubt");
        match fate {
            Fate::Done => return Ok(verdicts),
            Fate::Absent if doubts < DOUBTS_MAX => {}
            Fate::Absent | Fate::Unknown => return Err(unknown(error)),
        }
    }
}

fn unknown(error: StoreError) -> Failure {
    Failure {
        error: StoreError { kind: StoreErrorKind::OutcomeUnknown, ..error },
        of_one: false,
        duplicate: None,
        in_doubt: None,
    }
}

/// Commits a batch. When it fails and one member may be the cause, its halves are tried apart, in
/// order, down to the one that cannot be written.
async fn settle<W: Send + Sync, T: Writer<W>>(writer: &mut T, batch: Vec<Submission<W>>) {
    let mut groups = vec![batch];
    while let Some(mut group) = groups.pop() {
        if group.is_empty() {
            continue;
        }
        let sets: Vec<&ChangeSet<W>> = group.iter().map(|submission| &*submission.changes).collect();
        match commit_surely(writer, &sets).await {
            Ok(verdicts) => {
                for (submission, verdict) in group.into_iter().zip(verdicts) {
                    reply(submission, verdict.map_err(CommitError::from));
                }
            }
            Err(failure) if failure.of_one && group.len() > 1 => {
                tracing::debug!(sets = group.len(), error = %failure.error, "splitting a batch");
                let second = group.split_off(group.len() / 2);
                groups.push(second);
                groups.push(group);
            }
            Err(failure) => {
                for submission in group {
                    reply(submission, Err(told(&failure)));
                }
            }
        }
    }
}

fn reply<W>(submission: Submission<W>, outcome: Result<(), CommitError>) {
    // A caller who went away needs no answer; what was committed stays.
    submission.answer.send(outcome).ok();
}

/// A failure as one of several callers is told.
fn told(failure: &Failure) -> CommitError {
    if let Some(what) = failure.duplicate {
        return CommitRefusal::Duplicate(what).into();
    }
    let cause = failure.error.source.as_ref().map_or_else(|| failure.error.to_string(), ToString::to_string);
    StoreError::new(failure.error.kind, failure.error.operation, cause).into()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// How an attempt ends, or what is then found out about it.
    enum Step {
        Commits,
        Doubt,
        Full,
        Found(Fate),
    }

    /// A writer that does what the script says, and counts what was written.
    struct Scripted {
        steps: VecDeque<Step>,
    }

    #[async_trait]
    impl Writer<()> for Scripted {
        type Chore = ();

        async fn commit_batch(&mut self, sets: &[&ChangeSet<()>]) -> Result<Vec<Verdict>, Failure> {
            let verdicts = vec![Ok(()); sets.len()];
            let failed = |kind| StoreError::new(kind, "test.commit", "as the script says");
            match self.steps.pop_front() {
                Some(Step::Commits) => Ok(verdicts),
                Some(Step::Full) => Err(failed(StoreErrorKind::Full).into()),
                Some(Step::Doubt) => {
                    let failure = Failure::from(failed(StoreErrorKind::Unavailable));
                    Err(Failure { in_doubt: Some(verdicts), ..failure })
                }
                Some(Step::Found(_)) | None => panic!("nothing was to be committed"),
            }
        }

        async fn fate(&mut self) -> Fate {
            let Some(Step::Found(fate)) = self.steps.pop_front() else { panic!("there was no doubt") };
            fate
        }

        async fn chore(&mut self, (): ()) {}

        async fn close(self) {}
    }

    async fn outcome(steps: impl IntoIterator<Item = Step>) -> Result<(), StoreErrorKind> {
        let mut writer = Scripted { steps: steps.into_iter().collect() };
        let (answer, answered) = oneshot::channel();
        settle(&mut writer, vec![Submission { changes: Box::default(), answer }]).await;
        assert!(writer.steps.is_empty(), "every step was taken");
        match answered.await.unwrap() {
            Ok(()) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.kind),
            Err(CommitError::Refused(refusal)) => panic!("{refusal}"),
        }
    }

    #[tokio::test]
    async fn a_doubt_is_resolved_by_the_mark() {
        use Fate::{Absent, Done, Unknown};
        use Step::{Commits, Doubt, Found, Full};

        assert_eq!(outcome([Doubt, Found(Done)]).await, Ok(()), "there means done, and never again");
        assert_eq!(outcome([Doubt, Found(Absent), Commits]).await, Ok(()), "not there means once more");
        assert_eq!(outcome([Doubt, Found(Absent), Doubt, Found(Done)]).await, Ok(()));
        assert_eq!(outcome([Full]).await, Err(StoreErrorKind::Full), "without doubt a failure is a failure");
        let unknown = Err(StoreErrorKind::OutcomeUnknown);
        assert_eq!(outcome([Doubt, Found(Unknown)]).await, unknown);
        assert_eq!(outcome([Doubt, Found(Absent), Full]).await, unknown, "what was in doubt stays in doubt");
        let thrice = (0..DOUBTS_MAX).flat_map(|_| [Doubt, Found(Absent)]);
        assert_eq!(outcome(thrice).await, unknown, "not for ever");
    }
}
