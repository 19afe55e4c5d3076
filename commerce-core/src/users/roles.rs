//! What a user may do, decided by staff.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, Round, expect_version, rounds, settle};
use crate::error::Outcome;
use crate::ids::{Id, SellerId, UserId};
use crate::staff::StaffAction;

use super::Users;
use super::model::{Role, User};
use super::ports::UserWrite;
use super::staff_log::Deed;

impl Users {
    /// Gives a user a role. Holds from her next request. Who becomes a seller without having one
    /// gets a seller of her own.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `VERSION_MISMATCH` when she is not `expected`.
    pub async fn set_role(&self, actor: &Actor, id: UserId, role: Role, expected: Option<u64>) -> Outcome<User> {
        actor.require_owner(id, "user")?;
        actor.require_staff()?;
        let deed = |user: &User| Deed {
            action: StaffAction::RoleChanged,
            subject: id,
            detail: json!({ "from": user.role, "to": role }),
        };
        self.change_user(actor, id, expected, |user| with_role(user, role), deed).await
    }

    /// Makes a user act for this seller.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn set_seller(&self, actor: &Actor, id: UserId, seller: SellerId) -> Outcome<User> {
        actor.require_staff()?;
        let deed = |user: &User| Deed {
            action: StaffAction::SellerChanged,
            subject: id,
            detail: json!({ "from": user.seller, "to": seller }),
        };
        self.change_user(actor, id, None, |user| User { role: Role::Seller, seller: Some(seller), ..user }, deed).await
    }

    /// Changes a user by a pure rule; a rule that changes nothing writes nothing.
    async fn change_user(
        &self,
        actor: &Actor,
        id: UserId,
        expected: Option<u64>,
        rule: impl Fn(User) -> User,
        deed: impl Fn(&User) -> Deed,
    ) -> Outcome<User> {
        let (rule, deed) = (&rule, &deed);
        rounds("user", || async move {
            let user = self.present(id).await?;
            expect_version("user", expected, user.version)?;
            let changed = rule(user.clone());
            if changed == user {
                return Ok(Round::Done(user));
            }
            let changed = changed.next_version();
            let changes = ChangeSet::of([UserWrite::UpdateUser(changed.clone())]);
            let changes = self.told(actor, deed(&user), changes);
            settle(self.store.commit(changes).await, changed)
        })
        .await
    }
}

fn with_role(user: User, role: Role) -> User {
    let seller = match role {
        Role::Seller => user.seller.or_else(|| Some(SellerId::from_uuid(user.id.uuid()))),
        Role::Customer | Role::Admin => None,
    };
    User { role, seller, ..user }
}
