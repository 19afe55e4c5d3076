//! What a context in another process keeps about people, and forgets of them.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::commerce::Context;
use commerce_core::error::Outcome;
use commerce_core::ids::UserId;
use commerce_core::users::Records;
use serde_json::{Map, Value};

use super::call::{Caller, Net};
use super::target::Target;
use super::wire;

/// Asks the service of a context.
pub struct RemoteRecords {
    caller: Caller,
    context: Context,
}

impl RemoteRecords {
    /// Over this net, at this place, where this context lives.
    pub fn new(net: &Net, target: &Arc<Target>, context: Context) -> Self {
        Self { caller: net.to(target), context }
    }
}

#[async_trait]
impl Records for RemoteRecords {
    async fn of(&self, user: UserId) -> Outcome<Map<String, Value>> {
        self.caller.ask("records.of", &format!("/internal/records/{}/{user}", self.context)).await
    }

    async fn forget(&self, user: UserId) -> Outcome<bool> {
        let path = format!("/internal/records/{}/forget", self.context);
        let wire::Forgotten { nothing_left } = self.caller.say("records.forget", &path, &wire::Forget { user }).await?;
        Ok(nothing_left)
    }
}
