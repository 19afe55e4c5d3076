//! Does the shop's later work while the process runs: one task for each kind, held by a lease.
//!
//! Several processes may run on one data directory. Each context's work is done by whoever holds
//! the context's lease; the others look again within a second. Work is looked for with pauses that
//! grow while there is none, so that an idle shop costs next to nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commerce_core::Part;
use commerce_core::catalog::Catalog;
use commerce_core::commerce::{Commerce, Context, KeepPolicy, Work};
use commerce_core::events::Leases;
use commerce_core::ids::{Id as _, IdSource, SessionId};
use commerce_core::time::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::nightly::Nightly;
use crate::auth::key_file::KeyFile;
use crate::stores::{Backing, Keeper};

/// The lease under which a context's work is done.
pub(super) const LEASE: &str = "workers";
/// How long a lease holds unless it is renewed: a killed process is replaced after this.
const LEASE_FOR: Duration = Duration::from_secs(3);
/// How often it is renewed or asked for.
const LEASE_RENEW: Duration = Duration::from_secs(1);
/// Pause between two looks at what the catalog changed.
const INDEX_PAUSE: Duration = Duration::from_millis(250);
/// Pause between two rounds of deleting what is old.
const FORGET_PAUSE: Duration = Duration::from_hours(1);
/// Pause before the first, so that a process that never lives for an hour deletes something, too.
const FORGET_FIRST: Duration = Duration::from_mins(1);
/// Pause after there was some work: what gathers meanwhile shares its commits.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The same after mails: nobody sees them a tenth of a second sooner, and each takes two commits to be sent.
const MAIL_PAUSE_MIN: Duration = Duration::from_millis(100);
/// So much work in one step that more of it waits, and there is no pause.
const PLENTY: usize = 100;

/// The longest pause between two looks for work of a kind.
fn pause_max(work: Work) -> Duration {
    match work {
        Work::RelayUsers | Work::RelayCatalog | Work::RelayOrders | Work::SendMail | Work::SendWebhooks => {
            Duration::from_millis(150)
        }
        Work::RetryWebhooks | Work::ResumeAttempts | Work::SendRefunds | Work::RetryParked => Duration::from_millis(500),
        // Only staff makes notifications say something, and only a log waits for it.
        Work::ForgetErased | Work::SweepHolds | Work::AlertLowStock | Work::ExpireUnpaid | Work::RelayNotifications => {
            Duration::from_secs(1)
        }
    }
}

/// The shortest, after there was some work, but not plenty.
fn pause_min(work: Work) -> Duration {
    if work == Work::SendMail { MAIL_PAUSE_MIN } else { PAUSE_MIN }
}

/// As whom this process holds the leases of one context.
///
/// After a lapse it is somebody new: its id tells since when the work is done without a break.
#[derive(Clone)]
pub(super) struct Owner {
    ids: IdSource,
    id: Arc<Mutex<Uuid>>,
}

impl Owner {
    pub(super) fn new(ids: IdSource) -> Self {
        let id = Arc::new(Mutex::new(ids.mint::<SessionId>().uuid()));
        Self { ids, id }
    }

    pub(super) fn id(&self) -> Uuid {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renew(&self) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = self.ids.mint::<SessionId>().uuid();
    }
}

/// The leases of one context, and until when this process holds its own.
#[derive(Clone)]
struct Post {
    context: Context,
    leases: Arc<dyn Leases>,
    owner: Owner,
    clock: Arc<dyn Clock>,
    /// Microseconds since 1970; work is started only before it.
    held_until: Arc<AtomicU64>,
}

impl Post {
    fn is_held(&self) -> bool {
        let now = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        now < self.held_until.load(Ordering::Acquire)
    }

    async fn keep(self, stop: CancellationToken) {
        loop {
            if !self.is_held() {
                self.owner.renew();
            }
            let now = self.clock.now();
            let until = now.plus(LEASE_FOR);
            match self.leases.acquire(LEASE, self.owner.id(), now, until).await {
                Ok(held) => {
                    let until = held.map_or(0, |_| u64::try_from(until.as_micros()).unwrap_or(0));
                    self.held_until.store(until, Ordering::Release);
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(context = %self.context, error, "the workers' lease cannot be renewed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LEASE_RENEW) => {}
            }
        }
    }

    async fn leave(&self) {
        self.held_until.store(0, Ordering::Release);
        if let Err(error) = self.leases.give_back(LEASE, self.owner.id()).await {
            tracing::warn!(context = %self.context, error = &error as &dyn std::error::Error, "a lease was not given back");
        }
    }
}

/// The running workers.
pub struct Workers {
    stop: CancellationToken,
    tasks: TaskTracker,
    posts: Vec<Post>,
}

impl Workers {
    /// Starts those of the contexts that live here. Needs a running tokio.
    pub(super) fn start(
        part: &Part,
        backings: &[Backing],
        keys: Option<&KeyFile>,
        keep: KeepPolicy,
        owners: &[Owner],
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut posts = Vec::with_capacity(backings.len());
        for (Backing { context, leases, keeper, .. }, owner) in backings.iter().zip(owners) {
            let (leases, owner, clock, held_until) = (Arc::clone(leases), owner.clone(), Arc::clone(clock), Arc::default());
            let post = Post { context: *context, leases, owner, clock, held_until };
            tasks.spawn(post.clone().keep(stop.clone()));
            for work in Work::ALL.iter().filter(|work| work.context() == post.context) {
                tasks.spawn(run(part.clone(), *work, post.clone(), stop.clone()));
            }
            tasks.spawn(forget(Arc::clone(keeper), keep, post.clone(), stop.clone()));
            if let (Context::Users, Some(keys)) = (post.context, keys) {
                tasks.spawn(rotate(keys.clone(), post.clone(), stop.clone()));
            }
            posts.push(post);
        }
        if let Some(catalog) = &part.catalog {
            tasks.spawn(index(catalog.clone(), stop.clone()));
        }
        tasks.close();
        Self { stop, tasks, posts }
    }

    /// And an audit every day at `minute_of_day` in UTC.
    pub(super) fn with_audit(self, shop: &Commerce, minute_of_day: Option<u32>) -> Self {
        let post = self.posts.iter().find(|post| post.context == Context::Orders);
        if let (Some(minute), Some(post)) = (minute_of_day, post) {
            let night = Nightly { shop: shop.clone(), leases: Arc::clone(&post.leases), owner: post.owner.id(), minute };
            self.tasks.spawn(night.keep(Arc::clone(&post.clock), self.stop.clone()));
        }
        self
    }

    /// Lets every worker finish its step, then gives the leases back.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        for post in &self.posts {
            post.leave().await;
        }
    }
}

async fn run(shop: Part, work: Work, post: Post, stop: CancellationToken) {
    let mut pause = pause_min(work);
    loop {
        let done = if post.is_held() { step(&shop, work).await } else { 0 };
        pause = match done {
            0 => (pause * 2).clamp(pause_min(work), pause_max(work)),
            PLENTY.. => Duration::ZERO,
            _ => pause_min(work),
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Keeps this process's view of the search index up to date; the index itself knows who may write.
async fn index(catalog: Catalog, stop: CancellationToken) {
    loop {
        if let Err(error) = catalog.index_catch_up().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the search index falls behind");
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(INDEX_PAUSE) => {}
        }
    }
}

/// Deletes what nobody asks for any more, soon after the start and then once an hour.
async fn forget(keeper: Arc<dyn Keeper>, keep: KeepPolicy, post: Post, stop: CancellationToken) {
    let mut pause = FORGET_FIRST;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(std::mem::replace(&mut pause, FORGET_PAUSE)) => {}
        }
        if post.is_held()
            && let Err(error) = keeper.forget_old(post.clock.now(), &keep).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "old rows are left for later");
        }
    }
}

/// Lets the next signing key sign once the current one has done so long enough; looks once an hour.
async fn rotate(keys: KeyFile, post: Post, stop: CancellationToken) {
    loop {
        match keys.rotate_if_due(post.clock.now()) {
            Ok(false) => {}
            Ok(true) => tracing::info!("the signing keys were rotated"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the signing keys are not rotated yet"),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(FORGET_PAUSE) => {}
        }
    }
}

async fn step(shop: &Part, work: Work) -> usize {
    match shop.step(work).await {
        Ok(done) => done,
        Err(error) => {
            tracing::warn!(work = %work, error = &error as &dyn std::error::Error, "work is left for later");
            0
        }
    }
}
