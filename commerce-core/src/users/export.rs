//! Everything that is kept about a person, for herself.
//!
//! Each context says what it keeps ([`Records`]), in its own words; whoever does not answer makes the whole
//! unavailable, because a part would be taken for everything.

use serde_json::{Map, Value, json};

use crate::actor::Actor;
use crate::commerce::Context;
use crate::error::{Outcome, StoreError};
use crate::ids::UserId;

use super::Users;
use super::model::{Address, Session, User};
use super::ports::Records;

impl Users {
    /// With these ways to what other contexts keep about people.
    #[must_use]
    pub fn with_records(self, records: Vec<(Context, std::sync::Arc<dyn Records>)>) -> Self {
        Self { records, ..self }
    }

    /// Everything that is kept about a user, as JSON.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, and when a context does not answer.
    pub async fn export(&self, actor: &Actor, id: UserId) -> Outcome<Value> {
        actor.require_owner(id, "user")?;
        let user = self.present(id).await?;
        let addresses = self.store.addresses(id).await?;
        let sessions = self.every_session(id).await?;
        let mut whole = Map::new();
        whole.insert("exportedAt".to_owned(), json!(self.clock.now()));
        whole.insert("user".to_owned(), person(&user));
        whole.insert("addresses".to_owned(), addresses.iter().map(address).collect());
        whole.insert("sessions".to_owned(), sessions.iter().map(session).collect());
        for context in Context::ALL.iter().filter(|context| **context != Context::Users) {
            whole.extend(self.records_of(*context)?.of(id).await?);
        }
        Ok(Value::Object(whole))
    }

    /// What a context keeps about people.
    pub(super) fn records_of(&self, context: Context) -> Outcome<&dyn Records> {
        let known = self.records.iter().find(|(owner, _)| *owner == context);
        let (_, records) =
            known.ok_or_else(|| StoreError::unavailable("users.records", format!("{context} is not known here")))?;
        Ok(&**records)
    }
}

fn person(it: &User) -> Value {
    json!({
        "id": it.id, "email": it.email, "fullName": it.full_name, "phone": it.phone, "role": it.role, "sellerId": it.seller,
        "metadata": it.metadata, "createdAt": it.created_at,
    })
}

fn address(it: &Address) -> Value {
    json!({ "id": it.id, "address": it.postal, "isDefault": it.is_default, "createdAt": it.created_at })
}

fn session(it: &Session) -> Value {
    json!({ "id": it.id, "createdAt": it.created_at, "lastUsedAt": it.last_used_at })
}
