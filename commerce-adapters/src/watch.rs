//! What a process shows of its circuit breakers to whoever watches it. Changes nothing and asks nobody.

/// How somebody is called at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// As always.
    Closed,
    /// Not at all.
    Open,
    /// By one call that tries, and decides.
    HalfOpen,
}

/// Somebody whom this process calls behind a breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// What for: `payment` for providers, `call` for what services ask each other, `forward` for what a gateway brings them.
    pub kind: &'static str,
    /// Who: a provider or a context.
    pub name: &'static str,
    /// Where: host and port of an instance.
    pub at: String,
    /// What its breaker says.
    pub state: BreakerState,
}

/// Breakers to be looked at.
pub trait Watch: Send + Sync {
    /// What each says now.
    fn watched(&self) -> Vec<Watched>;
}
