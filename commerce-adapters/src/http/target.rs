//! One service as its callers see it: its instances, which of them are fit, and whose turn it is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use commerce_core::commerce::Context;
use http::uri::{Authority, PathAndQuery};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::breaker::{Breaker, Budget};
use super::call::{Net, READY_WITHIN};
use super::source::Source;
use crate::watch::{Watch, Watched};

/// Pause between two looks at an instance. What stops says so for four times as long before it goes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks without an answer after which an instance is unfit. One that says no is unfit at once.
const SILENCES_MAX: u32 = 2;
/// Looks without an answer after which nobody waits any longer for what an instance was told to do. It may be done.
const SILENCES_LOST: u32 = 4;
/// How many looks are between two questions for the addresses of a name.
const RESOLVE_EVERY: u32 = 10;

/// A service, and where it is.
pub struct Target {
    name: Context,
    sources: Vec<Source>,
    instances: RwLock<Arc<Vec<Arc<Instance>>>>,
    next: AtomicUsize,
    pub(super) budget: Budget,
}

/// One process of a service.
pub(super) struct Instance {
    pub(super) authority: Authority,
    breaker: Breaker,
    /// As the last look found it; unknown counts as fit.
    fit: AtomicBool,
    /// Looks without an answer, one after the other.
    silences: watch::Sender<u32>,
}

/// The breakers of a service's instances.
pub(super) struct Lookout {
    /// What the service is called for.
    pub(super) kind: &'static str,
    pub(super) target: Arc<Target>,
}

impl Watch for Lookout {
    fn watched(&self) -> Vec<Watched> {
        let (kind, name, now) = (self.kind, self.target.name.as_str(), Instant::now());
        let seen = |instance: &Arc<Instance>| {
            let at = instance.authority.as_str().to_owned();
            Watched { kind, name, at, state: instance.breaker.state(now) }
        };
        self.target.instances().iter().map(seen).collect()
    }
}

/// What a look at an instance found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Fit,
    Refused,
    Silent,
}

impl Instance {
    fn at(authority: Authority) -> Arc<Self> {
        let (breaker, fit, silences) = (Breaker::default(), AtomicBool::new(true), watch::Sender::new(0));
        Arc::new(Self { authority, breaker, fit, silences })
    }

    pub(super) fn passed(&self) {
        self.breaker.passed();
    }

    pub(super) fn failed(&self) {
        self.breaker.failed(Instant::now());
    }

    /// Comes back when the instance has been silent for so long that waiting for its answer makes no sense: for a while if
    /// nothing changes by the request, twice as long if something may.
    pub(super) async fn silence(&self, safe: bool) {
        let most = if safe { SILENCES_MAX } else { SILENCES_LOST };
        // The sender is this instance's own.
        _ = self.silences.subscribe().wait_for(|silences| *silences >= most).await;
    }

    fn note(&self, look: Look) -> bool {
        let silences = if look == Look::Silent { self.silences.borrow().saturating_add(1) } else { 0 };
        self.silences.send_replace(silences);
        let fit = match look {
            Look::Fit => true,
            Look::Refused => false,
            Look::Silent => silences < SILENCES_MAX && self.fit.load(Ordering::Relaxed),
        };
        if look == Look::Fit {
            self.breaker.passed();
        }
        self.fit.swap(fit, Ordering::Relaxed) != fit
    }
}

impl Target {
    /// The service `name` at these places.
    pub fn new(name: Context, sources: Vec<Source>) -> Self {
        let fixed = |source: &Source| match source {
            Source::Fixed(authority) => Some(Instance::at(authority.clone())),
            Source::Named(_) | Source::Registered(_) => None,
        };
        let instances = RwLock::new(Arc::new(sources.iter().filter_map(fixed).collect()));
        Self { name, sources, instances, next: AtomicUsize::new(0), budget: Budget::default() }
    }

    /// Which context it serves.
    #[must_use]
    pub fn name(&self) -> Context {
        self.name
    }

    fn instances(&self) -> Arc<Vec<Arc<Instance>>> {
        Arc::clone(&self.instances.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next fit instance in turn, another than those tried if there is one.
    pub(super) fn pick(&self, tried: &[Arc<Instance>]) -> Option<Arc<Instance>> {
        let (instances, now) = (self.instances(), Instant::now());
        let from = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..instances.len()).map(|step| &instances[from.wrapping_add(step) % instances.len()]);
        let fresh = |instance: &&Arc<Instance>| !tried.iter().any(|known| Arc::ptr_eq(known, instance));
        let may = |instance: &&Arc<Instance>| instance.fit.load(Ordering::Relaxed) && instance.breaker.admits(now);
        in_turn().filter(fresh).find(may).or_else(|| in_turn().filter(|instance| !fresh(instance)).find(may)).cloned()
    }

    /// Whether an instance that may be called says, at `path`, that it serves.
    pub(super) async fn is_ready(&self, net: &Net, path: PathAndQuery) -> bool {
        match self.pick(&[]) {
            Some(instance) => net.look(self.name, instance.authority.clone(), path, READY_WITHIN).await == Look::Fit,
            None => false,
        }
    }

    /// Looks at every instance again and again until `stop`, with `look`.
    pub(super) async fn watch<F>(&self, look: impl Fn(Authority) -> F, stop: CancellationToken)
    where
        F: Future<Output = Look>,
    {
        let mut round = 0;
        loop {
            // Somebody who is not there yet is looked for again at once.
            if round % RESOLVE_EVERY == 0 || self.instances().is_empty() {
                self.resolve().await;
            }
            round += 1;
            let instances = self.instances();
            let looks = instances.iter().map(|instance| look(instance.authority.clone()));
            for (instance, found) in instances.iter().zip(futures_util::future::join_all(looks).await) {
                if instance.note(found) {
                    let (service, at) = (self.name.as_str(), instance.authority.as_str());
                    tracing::info!(service, at, ?found, "an instance changed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Asks anew where the instances are; those that stay keep what is known of them.
    async fn resolve(&self) {
        if self.sources.iter().all(|source| matches!(source, Source::Fixed(_))) {
            return;
        }
        let mut found = Vec::new();
        for source in &self.sources {
            found.extend(source.addresses().await);
        }
        let known = self.instances();
        if found.is_empty() {
            return;
        }
        let kept =
            |at: Authority| known.iter().find(|instance| instance.authority == at).cloned().unwrap_or_else(|| Instance::at(at));
        let instances = Arc::new(found.into_iter().map(kept).collect());
        *self.instances.write().unwrap_or_else(PoisonError::into_inner) = instances;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        let at = |text: &'static str| Source::Fixed(Authority::from_static(text));
        Target::new(Context::Catalog, vec![at("a:1"), at("b:1"), at("c:1")])
    }

    fn picked(target: &Target, tried: &[Arc<Instance>]) -> String {
        target.pick(tried).map_or_else(String::new, |instance| instance.authority.host().to_owned())
    }

    #[test]
    fn instances_take_turns_and_a_second_try_goes_elsewhere() {
        let target = target();
        assert_eq!([(); 4].map(|()| picked(&target, &[])), ["a", "b", "c", "a"]);
        let first = target.pick(&[]).unwrap();
        assert_eq!(first.authority.host(), "b");
        assert_eq!(picked(&target, &[first]), "c");
    }

    #[test]
    fn the_unfit_are_left_out_and_come_back() {
        let target = target();
        let instances = target.instances();
        assert!(instances[1].note(Look::Refused));
        assert!(!instances[0].note(Look::Silent), "once may happen");
        assert!(instances[0].note(Look::Silent));
        assert_eq!([(); 3].map(|()| picked(&target, &[])), ["c", "c", "c"]);
        assert_eq!(picked(&target, &[Arc::clone(&instances[2])]), "c", "better the same again than nobody");
        assert!(instances[2].note(Look::Refused));
        assert_eq!(picked(&target, &[]), "");
        assert!(instances[0].note(Look::Fit));
        assert_eq!(picked(&target, &[]), "a");
    }

    #[test]
    fn who_keeps_failing_is_left_alone() {
        let target = Arc::new(target());
        let instances = target.instances();
        for _ in 0..5 {
            instances[0].failed();
        }
        assert!(!(0..6).any(|_| picked(&target, &[]) == "a"));
        let seen = Lookout { kind: "call", target: Arc::clone(&target) }.watched();
        let states: Vec<_> = seen.iter().map(|it| (it.kind, it.name, it.at.as_str(), it.state)).collect();
        let (open, closed) = (crate::watch::BreakerState::Open, crate::watch::BreakerState::Closed);
        assert_eq!(
            states,
            [("call", "catalog", "a:1", open), ("call", "catalog", "b:1", closed), ("call", "catalog", "c:1", closed)]
        );
        instances[0].note(Look::Fit);
        assert!((0..3).any(|_| picked(&target, &[]) == "a"));
    }
}
