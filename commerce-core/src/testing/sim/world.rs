//! A world: ground, house and scheduler, run for as long as somebody has something to do in it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::ground::{Ground, Plan};
use super::house::{House, Shifts};
use super::scheduler::{Choice, Clockwork, Deaths, Scheduler};
use crate::orders::Capture;
use crate::testing::memory::Journal;

/// Steps of one [`World::run`]: far more than any workload needs, so that one that never ends is found.
const STEPS_MAX: u64 = 3_000_000;

/// What a world is built from.
pub struct Setup {
    /// Of the dice.
    pub seed: u64,
    /// How tasks are picked.
    pub choice: Choice,
    /// One node for each, its clock so many microseconds ahead.
    pub skews: Vec<i64>,
    /// How the nodes' workers work; none when nobody works by himself.
    pub shifts: Option<Shifts>,
    /// When promised money is taken.
    pub capture: Capture,
    /// Orders of one buyer that may wait for their money at once; 0 for any number.
    pub unpaid_max: u32,
    /// Whether the mailer makes one mail of a mail that it gets again.
    pub one_mail: bool,
    /// Whether others run between an effect and its answer.
    pub yields_after: bool,
    /// Who reads what happens.
    pub log: Option<fn(&str)>,
    /// Where the stores write down everything that changes them.
    pub journal: Option<Journal>,
}

impl Setup {
    /// One node without workers of its own.
    #[must_use]
    pub fn quiet(seed: u64) -> Self {
        Self {
            seed,
            choice: Choice::Dice,
            skews: vec![0],
            shifts: None,
            capture: Capture::Automatic,
            unpaid_max: 0,
            one_mail: false,
            yields_after: true,
            log: None,
            journal: None,
        }
    }
}

/// One world.
pub struct World {
    /// What it stands on.
    pub ground: Arc<Ground>,
    /// Its stores and nodes.
    pub house: Arc<House>,
    scheduler: Scheduler,
    /// Steps until everything stops; none to play to the end.
    until: Option<u64>,
}

impl World {
    /// An empty shop in a world where nothing goes wrong yet.
    #[must_use]
    pub fn new(mut setup: Setup) -> Self {
        let choice = std::mem::replace(&mut setup.choice, Choice::Dice);
        let clockwork = Arc::new(Clockwork::new(setup.seed, choice, setup.log));
        let ground = Arc::new(Ground::new(Arc::clone(&clockwork), setup.yields_after));
        let house = House::build(&ground, &setup);
        clockwork.spawn(None, Arc::clone(&house).watch());
        clockwork.spawn(None, super::client::bring_letters(Arc::clone(&house)));
        Self { ground, house, scheduler: Scheduler::new(clockwork), until: None }
    }

    /// Runs `main` to its end, and everybody else meanwhile.
    ///
    /// # Errors
    /// The first violation; also when `main` never ends.
    pub fn run<T: Send + 'static>(&mut self, main: impl Future<Output = T> + Send + 'static) -> Result<T, String> {
        let ended = Arc::new(Mutex::new(None));
        let end = Arc::clone(&ended);
        self.ground.clockwork.spawn(None, async move {
            let result = main.await;
            *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        for _ in 0..STEPS_MAX {
            let goes_on = self.scheduler.step();
            if let Some(violation) = self.ground.books().violation() {
                return Err(violation.to_owned());
            }
            if self.is_over() {
                return Err("stopped where it was told to".to_owned());
            }
            if let Some(result) = ended.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Ok(result);
            }
            if !goes_on {
                return Err("everybody waits for somebody else".to_owned());
            }
        }
        Err(format!("no end after {STEPS_MAX} steps"))
    }

    /// Stops everything after so many steps.
    pub fn set_end(&mut self, until: Option<u64>) {
        self.until = until;
    }

    /// Whether it was stopped.
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| self.ground.clockwork.trace(|trace| trace.steps()) >= until)
    }

    /// From here on nothing goes wrong any more; answers what was planned.
    pub fn calm_down(&self) -> Plan {
        self.ground.clockwork.set_deaths(Deaths::default());
        self.house.set_clocks_right();
        self.ground.set_plan(Plan::Calm)
    }

    /// The hash of everything that happened so far.
    pub fn trace(&self) -> u64 {
        self.ground.clockwork.trace(|trace| trace.hash())
    }
}
