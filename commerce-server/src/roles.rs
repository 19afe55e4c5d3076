//! Which parts of the platform a process is.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use commerce_core::commerce::Context;

/// The roles of one process, as a list of words: `all`, or some of `gateway`, `users`, `catalog`, `orders`,
/// `notifications`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    gateway: bool,
    contexts: BTreeSet<Context>,
}

/// The word for a process that is everything.
const ALL: &str = "all";
/// The word for the process that clients speak to.
const GATEWAY: &str = "gateway";
/// How far above its public port a service answers other services, unless it is told where.
const INTERNAL_ABOVE: u16 = 1_000;

impl Default for Roles {
    fn default() -> Self {
        Self { gateway: true, contexts: Context::ALL.iter().copied().collect() }
    }
}

impl Roles {
    /// Every word there is.
    pub const WORDS: [&'static str; 6] = [ALL, GATEWAY, "users", "catalog", "orders", "notifications"];

    /// Of these words.
    ///
    /// # Errors
    /// One sentence about a word that is none, or about none at all.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut roles = Self { gateway: false, contexts: BTreeSet::new() };
        for word in words {
            match (word, Context::from_str(word)) {
                (ALL, _) => roles = Self::default(),
                (GATEWAY, _) => roles.gateway = true,
                (_, Ok(context)) => _ = roles.contexts.insert(context),
                (other, Err(_)) => return Err(format!("there is no role {other:?}: {}", Self::WORDS.join(", "))),
            }
        }
        if roles.gateway || !roles.contexts.is_empty() { Ok(roles) } else { Err("a process needs a role".to_owned()) }
    }

    /// Whether it is the whole shop.
    #[must_use]
    pub fn are_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether clients speak to it for all contexts, those of other processes included.
    #[must_use]
    pub fn gateway(&self) -> bool {
        self.gateway
    }

    /// The contexts that live in it.
    pub fn contexts(&self) -> impl Iterator<Item = Context> + '_ {
        self.contexts.iter().copied()
    }

    /// The contexts that live in other processes.
    pub fn elsewhere(&self) -> impl Iterator<Item = Context> + '_ {
        Context::ALL.iter().copied().filter(|context| !self.contexts.contains(context))
    }

    /// Its name to other services.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.contexts.first() {
            Some(context) if !self.gateway => context.as_str(),
            _ => GATEWAY,
        }
    }

    /// Where it listens unless it is told: on a port of its first role's.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        let port = match self.contexts.first().filter(|_| !self.gateway) {
            Some(Context::Users) => 8_081,
            Some(Context::Catalog) => 8_082,
            Some(Context::Orders) => 8_083,
            Some(Context::Notifications) => 8_084,
            None => 8_080,
        };
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// Where it answers other services unless it is told, if any context lives in it.
    #[must_use]
    pub fn internal_listen(&self, public: SocketAddr) -> Option<SocketAddr> {
        let port = if public.port() == 0 { 0 } else { public.port().saturating_add(INTERNAL_ABOVE) };
        (!self.contexts.is_empty()).then(|| SocketAddr::new(public.ip(), port))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_all() {
            return f.write_str(ALL);
        }
        let contexts = self.contexts.iter().map(|context| context.as_str());
        f.write_str(&self.gateway.then_some(GATEWAY).into_iter().chain(contexts).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_list_of_words() {
        assert!(Roles::of(["all"]).unwrap().are_all());
        assert!(Roles::of(["users", "gateway", "catalog", "orders", "notifications"]).unwrap().are_all());
        let two = Roles::of(["users", "catalog"]).unwrap();
        assert_eq!(two.to_string(), "users,catalog");
        assert_eq!(two.elsewhere().collect::<Vec<_>>(), [Context::Orders, Context::Notifications]);
        assert!(Roles::of(["user"]).unwrap_err().contains("users"));
        assert!(Roles::of([]).is_err());
    }

    #[test]
    fn each_role_has_a_port_of_its_own() {
        let port = |words: &[&str]| Roles::of(words.iter().copied()).unwrap().listen().port();
        let all = [&["gateway"][..], &["users"], &["catalog"], &["orders"], &["notifications"], &["users", "gateway"]];
        assert_eq!(all.map(port), [8_080, 8_081, 8_082, 8_083, 8_084, 8_080]);
        let internal = |words: &[&str]| {
            let roles = Roles::of(words.iter().copied()).unwrap();
            roles.internal_listen(roles.listen()).map(|address| address.port())
        };
        assert_eq!(internal(&["orders"]), Some(9_083));
        assert_eq!(internal(&["gateway"]), None);
    }
}
