//! Allowances counted in this process alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::traffic::{Allowance, Left, RateLimiter};

/// Clients remembered at most: bounds memory at a few megabytes. Those whose allowance is whole are
/// forgotten first; under more clients than this, forgetting one only favours it.
const CLIENTS_MAX: usize = 65_536;

/// Counts what this process serves.
#[derive(Default)]
pub struct LocalLimiter {
    whole_at: Mutex<HashMap<String, Timestamp>>,
}

#[async_trait]
impl RateLimiter for LocalLimiter {
    async fn take(&self, client: &str, allowance: Allowance, now: Timestamp) -> Left {
        let mut clients = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, whole_at) = Left::after(clients.get(client).copied(), now, allowance);
        if left.wait.is_none() && allowance.requests > 0 {
            make_room(&mut clients, now);
            clients.insert(client.to_owned(), whole_at);
        }
        left
    }
}

fn make_room(clients: &mut HashMap<String, Timestamp>, now: Timestamp) {
    if clients.len() < CLIENTS_MAX {
        return;
    }
    clients.retain(|_, whole_at| *whole_at > now);
    if clients.len() >= CLIENTS_MAX {
        let any: Vec<String> = clients.keys().take(CLIENTS_MAX / 8).cloned().collect();
        for client in any {
            clients.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_bounded() {
        let limiter = LocalLimiter::default();
        for client in 0..CLIENTS_MAX + 10 {
            limiter.take(&client.to_string(), Allowance::per_minute(5), Timestamp::EPOCH).await;
        }
        assert!(limiter.whole_at.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
