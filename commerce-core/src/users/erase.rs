//! An account that goes: nothing of it is left here but the identity, a pseudonym that its orders keep. They also keep
//! where they went to, and messages where they were sent, which are not touched yet.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::UserId;
use crate::staff::StaffAction;
use crate::text::{Email, Metadata};

use super::Users;
use super::model::{PasswordHash, Role, User};
use super::passwords::endings;
use super::ports::UserWrite;
use super::staff_log::Deed;

impl Users {
    /// Erases a user: her mail address is free again, her address book is gone, her sessions end. Erases a guest, too, for
    /// staff: the links of her orders end with her mail address.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers and when she is gone already; `VERSION_MISMATCH` when she is not
    /// `expected`.
    pub async fn delete_user(&self, actor: &Actor, id: UserId, expected: Option<u64>) -> Outcome<()> {
        actor.require_owner(id, "user")?;
        if actor.is_staff() && self.store.user(id).await?.is_none() {
            return self.erase_guest(actor, id, expected).await;
        }
        rounds("user", || async {
            let user = self.present(id).await?;
            expect_version("user", expected, user.version)?;
            let addresses = self.store.addresses(id).await?;
            let sessions = self.store.sessions(id).await?;

            let changes = ChangeSet::of([UserWrite::UpdateUser(erased(&user)?.next_version())]);
            let changes = addresses.iter().map(|address| UserWrite::DeleteAddress(address.id)).fold(changes, ChangeSet::and);
            let changes = endings(&sessions, None, self.clock.now()).into_iter().fold(changes, ChangeSet::and);
            let deed = Deed { action: StaffAction::UserErased, subject: id, detail: json!({}) };
            settle(self.store.commit(self.told(actor, deed, changes)).await, ())
        })
        .await
    }

    async fn erase_guest(&self, actor: &Actor, id: UserId, expected: Option<u64>) -> Outcome<()> {
        rounds("guest", || async {
            let guest = self.store.guest(id).await?.filter(|guest| !guest.is_erased()).ok_or(Refusal::NotFound("user"))?;
            expect_version("user", expected, guest.version)?;
            let changes = ChangeSet::of([UserWrite::SaveGuest(guest.erased()?)]);
            let deed = Deed { action: StaffAction::UserErased, subject: id, detail: json!({}) };
            settle(self.store.commit(self.told(actor, deed, changes)).await, ())
        })
        .await
    }
}

/// The identity alone. `.invalid` can never be anybody's mail address (RFC 2606).
fn erased(user: &User) -> Result<User, Refusal> {
    Ok(User {
        email: Email::parse("email", &format!("erased-{}@erased.invalid", user.id))?,
        full_name: "Erased".to_owned(),
        phone: None,
        role: Role::Customer,
        seller: None,
        password_hash: PasswordHash(String::new()),
        metadata: Metadata::new(),
        ..user.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::asha;
    use super::*;

    #[test]
    fn nothing_personal_is_left() {
        let erased = erased(&asha()).unwrap();
        assert!(erased.is_erased());
        let shown = format!("{erased:?} {}", erased.email);
        for trace in ["asha", "Asha", "98450", "argon2"] {
            assert!(!shown.contains(trace), "{trace} in {shown}");
        }
    }
}
