//! One thread, virtual time, and a next task picked by dice or by a script.
//!
//! A [`Scheduler`] polls one ready task at a time and, when none is ready, lets time jump to the next
//! timer. Tasks belong to a node or to nobody; a node dies at any await, and its tasks are dropped
//! there. Knows nothing of shops. Start reading at [`Scheduler::step`].

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::dice::Dice;
use super::trace::Trace;

/// A group of tasks that die together.
pub type NodeId = usize;

/// How the next task is picked.
#[derive(Debug)]
pub enum Choice {
    /// By the dice of the world.
    Dice,
    /// By a script, to walk through all schedules.
    Script(Script),
}

/// The choices of one walk. Where several tasks are ready, choice 0 goes on with the one that ran
/// last, if it is among them; every other choice is then a preemption.
#[derive(Debug)]
pub struct Script {
    /// What to choose, as far as it is decided; afterwards always 0.
    pub choices: Vec<usize>,
    /// What was chosen, and out of how many.
    pub taken: Vec<(usize, usize)>,
    /// How many preemptions are left; without any, the task that ran last goes on while it can.
    pub preemptions: usize,
}

/// When nodes die besides when they are told to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deaths {
    /// At this await of any node, counted from 1.
    pub at: Option<u64>,
    /// At so many of a million awaits.
    pub per_million: u32,
}

/// What tasks reach the scheduler through.
pub struct Clockwork {
    works: Mutex<Works>,
    ready: Arc<Mutex<Vec<usize>>>,
}

struct Works {
    now: i64,
    timers: BTreeMap<(i64, u64), Waker>,
    timers_made: u64,
    spawned: Vec<(Option<NodeId>, BoxFuture<'static, ()>)>,
    doomed: Vec<NodeId>,
    dead: Vec<NodeId>,
    mourner: Option<Waker>,
    choice: Choice,
    deaths: Deaths,
    awaits: u64,
    dice: Dice,
    trace: Trace,
}

impl Clockwork {
    /// At microsecond 0, with the dice of `seed`.
    #[must_use]
    pub fn new(seed: u64, choice: Choice, log: Option<fn(&str)>) -> Self {
        let works = Works {
            now: 0,
            timers: BTreeMap::new(),
            timers_made: 0,
            spawned: Vec::new(),
            doomed: Vec::new(),
            dead: Vec::new(),
            mourner: None,
            choice,
            deaths: Deaths::default(),
            awaits: 0,
            dice: Dice::new(seed),
            trace: Trace::new(log),
        };
        Self { works: Mutex::new(works), ready: Arc::default() }
    }

    fn works(&self) -> MutexGuard<'_, Works> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since the world began.
    pub fn now(&self) -> i64 {
        self.works().now
    }

    /// Throws the dice.
    pub fn throw<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.works().dice)
    }

    /// Writes to the trace.
    pub fn trace<T>(&self, write: impl FnOnce(&mut Trace) -> T) -> T {
        let mut works = self.works();
        works.trace.at = works.now;
        write(&mut works.trace)
    }

    /// Begins a task of `node`, or of nobody.
    pub fn spawn(&self, node: Option<NodeId>, task: impl Future<Output = ()> + Send + 'static) {
        self.works().spawned.push((node, Box::pin(task)));
    }

    /// Ready when `span` has passed.
    pub fn sleep(self: &Arc<Self>, span: Duration) -> BoxFuture<'static, ()> {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let until = self.now().saturating_add(span);
        let clockwork = Arc::clone(self);
        let mut set = false;
        Box::pin(poll_fn(move |context| {
            let mut works = clockwork.works();
            if works.now >= until {
                return Poll::Ready(());
            }
            if !set {
                set = true;
                works.timers_made = works.timers_made.saturating_add(1);
                let name = (until, works.timers_made);
                works.timers.insert(name, context.waker().clone());
            }
            Poll::Pending
        }))
    }

    /// Lets a node die at its next await.
    pub fn kill(&self, node: NodeId) {
        self.works().doomed.push(node);
    }

    /// When nodes die from now on; the awaits are counted anew.
    pub fn set_deaths(&self, deaths: Deaths) {
        let mut works = self.works();
        works.deaths = deaths;
        works.awaits = 0;
    }

    /// Awaits of nodes since [`set_deaths`](Self::set_deaths).
    pub fn awaits(&self) -> u64 {
        self.works().awaits
    }

    /// The next node that died. One task may wait for it.
    pub async fn next_death(&self) -> NodeId {
        poll_fn(|context| {
            let mut works = self.works();
            if let Some(node) = works.dead.pop() {
                return Poll::Ready(node);
            }
            works.mourner = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Picks tasks otherwise from now on; answers how they were picked.
    pub fn set_choice(&self, choice: Choice) -> Choice {
        std::mem::replace(&mut self.works().choice, choice)
    }
}

impl Works {
    /// Picks one of `ready` by its place.
    fn choose(&mut self, ready: &[usize], last: usize) -> usize {
        if ready.len() < 2 {
            return 0;
        }
        match &mut self.choice {
            Choice::Dice => self.dice.below(ready.len()),
            Choice::Script(script) => script.choose(ready, last),
        }
    }

    /// Whether `node` dies at this await.
    fn dies(&mut self) -> bool {
        self.awaits = self.awaits.saturating_add(1);
        self.deaths.at == Some(self.awaits) || self.dice.per_million(self.deaths.per_million)
    }
}

impl Script {
    fn choose(&mut self, ready: &[usize], last: usize) -> usize {
        let running = ready.iter().position(|task| *task == last);
        let mut places: Vec<usize> = running.into_iter().collect();
        if running.is_none() || self.preemptions > 0 {
            places.extend((0..ready.len()).filter(|place| Some(*place) != running));
        }
        if places.len() < 2 {
            return places.first().copied().unwrap_or(0);
        }
        let choice = self.choices.get(self.taken.len()).copied().unwrap_or(0);
        self.taken.push((choice, places.len()));
        if running.is_some() && choice > 0 {
            self.preemptions = self.preemptions.saturating_sub(1);
        }
        places.get(choice).copied().unwrap_or(0)
    }
}

struct Task {
    node: Option<NodeId>,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    bell: Arc<Bell>,
}

/// Puts its task on the ready list, once.
struct Bell {
    task: usize,
    rung: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

/// Runs the tasks of one world.
pub struct Scheduler {
    clockwork: Arc<Clockwork>,
    tasks: Vec<Option<Task>>,
    last: usize,
}

impl Scheduler {
    /// Over this clockwork.
    #[must_use]
    pub fn new(clockwork: Arc<Clockwork>) -> Self {
        Self { clockwork, tasks: Vec::new(), last: usize::MAX }
    }

    /// Polls one task; lets time pass first when none is ready. False when nothing is left to do.
    pub fn step(&mut self) -> bool {
        self.adopt();
        loop {
            let picked = self.pick();
            match picked {
                Some(task) => {
                    self.poll(task);
                    self.bury();
                    return true;
                }
                None if self.clockwork.works().pass_time() => {}
                None => return false,
            }
        }
    }

    /// Begins what was spawned.
    fn adopt(&mut self) {
        let spawned = std::mem::take(&mut self.clockwork.works().spawned);
        for (node, future) in spawned {
            let ready = Arc::clone(&self.clockwork.ready);
            let bell = Arc::new(Bell { task: self.tasks.len(), rung: AtomicBool::new(false), ready });
            Arc::clone(&bell).wake();
            self.tasks.push(Some(Task { node, future, bell }));
        }
    }

    fn pick(&mut self) -> Option<usize> {
        let mut ready = self.clockwork.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.retain(|task| self.tasks.get(*task).is_some_and(Option::is_some));
        if ready.is_empty() {
            return None;
        }
        let mut works = self.clockwork.works();
        // No step takes no time: two effects never share an instant.
        works.now = works.now.saturating_add(1);
        let place = works.choose(&ready, self.last);
        let task = ready.remove(place);
        works.trace.decision(task);
        Some(task)
    }

    fn poll(&mut self, id: usize) {
        self.last = id;
        let Some(task) = self.tasks.get_mut(id).and_then(Option::as_mut) else { return };
        task.bell.rung.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.bell));
        let done = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let node = task.node;
        if done {
            if let Some(slot) = self.tasks.get_mut(id) {
                *slot = None;
            }
        } else if let Some(node) = node {
            let mut works = self.clockwork.works();
            if works.dies() {
                works.doomed.push(node);
            }
        }
    }

    /// Drops the tasks of nodes that die, where they stand.
    fn bury(&mut self) {
        let doomed = std::mem::take(&mut self.clockwork.works().doomed);
        for node in doomed {
            let of_node = |task: &&mut Option<Task>| task.as_ref().is_some_and(|task| task.node == Some(node));
            // Taken out first: what a task leaves behind may ring bells.
            let dropped: Vec<Option<Task>> = self.tasks.iter_mut().filter(of_node).map(Option::take).collect();
            drop(dropped);
            let mut works = self.clockwork.works();
            works.spawned.retain(|(owner, _)| *owner != Some(node));
            works.trace.note("node dies", node);
            works.dead.push(node);
            let mourner = works.mourner.take();
            drop(works);
            if let Some(mourner) = mourner {
                mourner.wake();
            }
        }
    }
}

impl Works {
    /// Lets time jump to the next timer and rings all of that instant. False when there is none.
    fn pass_time(&mut self) -> bool {
        let Some(((at, _), _)) = self.timers.first_key_value() else { return false };
        self.now = self.now.max(*at);
        while let Some(first) = self.timers.first_entry() {
            if first.key().0 > self.now {
                break;
            }
            first.remove().wake();
        }
        true
    }
}
