//! What a user may do, decided by staff.

use std::sync::Arc;

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, SellerId, UserId};
use crate::page::PageRequest;
use crate::staff::StaffAction;

use super::Users;
use super::model::{Role, User};
use super::ports::{Sellers, UserWrite};
use super::staff_log::Deed;

impl Users {
    /// With this way to who sells.
    #[must_use]
    pub fn with_sellers(self, sellers: Option<Arc<dyn Sellers>>) -> Self {
        Self { sellers, ..self }
    }

    /// Gives a user a role. Holds from her next request. Who becomes a seller acts for the one that she runs, and gets a seller
    /// of her own, which is there before she has the role, where she runs none. Only the operator takes the role of the last ADMIN.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `LAST_ADMIN`, `VERSION_MISMATCH` when she is not `expected`, `INVALID` for a seller where no catalog can be
    /// asked; when the catalog does not answer.
    pub async fn set_role(&self, actor: &Actor, id: UserId, role: Role, expected: Option<u64>) -> Outcome<User> {
        actor.require_owner(id, "user")?;
        actor.require_staff()?;
        let deed = |user: &User| Deed {
            action: StaffAction::RoleChanged,
            subject: id,
            detail: json!({ "from": user.role, "to": role }),
        };
        let seller = if role == Role::Seller {
            let user = self.present(id).await?;
            expect_version("user", expected, user.version)?;
            self.who_stays(actor, &user).await?;
            Some(self.make_seller(id).await?)
        } else {
            None
        };
        self.change_user(actor, id, expected, |user| User { role, seller, ..user }, deed).await
    }

    /// The seller that a user runs, of her own if she has none.
    pub(super) async fn make_seller(&self, id: UserId) -> Outcome<SellerId> {
        let nobody = || Refusal::field("role", "NO_CATALOG", "a seller is kept by the catalog, which cannot be asked from here");
        self.sellers.as_ref().ok_or_else(nobody)?.of_her_own(id).await
    }

    /// Makes a user act for this seller. Staff acts for every seller, and stays staff.
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
        let acting = |user: User| match user.role {
            Role::Admin => user,
            Role::Customer | Role::Seller => User { role: Role::Seller, seller: Some(seller), ..user },
        };
        self.change_user(actor, id, None, acting, deed).await
    }

    /// Makes a user who acts for this seller a customer again. Who was erased acts for nobody.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn end_seller(&self, actor: &Actor, id: UserId, seller: SellerId) -> Outcome<()> {
        actor.require_staff()?;
        if self.store.user(id).await?.is_some_and(|user| user.is_erased()) {
            return Ok(());
        }
        let deed = |user: &User| Deed {
            action: StaffAction::SellerChanged,
            subject: id,
            detail: json!({ "from": user.seller, "to": Option::<SellerId>::None }),
        };
        let nobody = |user: User| User { role: Role::Customer, seller: None, ..user };
        let ended = |user: User| if user.seller == Some(seller) { nobody(user) } else { user };
        self.change_user(actor, id, None, ended, deed).await.map(|_| ())
    }

    /// Another ADMIN, when one ceases to be it. She goes along with her next version, so that of two who cease at once the
    /// second decides again. Nobody has to stay where the user is no ADMIN, or the operator wants it so.
    ///
    /// # Errors
    /// `LAST_ADMIN` when there is no other.
    pub(super) async fn who_stays(&self, actor: &Actor, ceases: &User) -> Outcome<Option<User>> {
        if ceases.role != Role::Admin || *actor == Actor::System {
            return Ok(None);
        }
        let admins = self.store.users(Some(Role::Admin), &PageRequest::first()).await?.items;
        let other = admins.into_iter().find(|admin| admin.id != ceases.id);
        Ok(Some(other.ok_or(Refusal::LastAdmin)?.next_version()))
    }

    /// Changes what a user may do by a pure rule; a rule that changes nothing writes nothing. No customer may do that to
    /// herself, so that it is a deed of staff whoever the user is.
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
            let stays = if changed.role == Role::Admin { None } else { self.who_stays(actor, &user).await? };
            let changed = changed.next_version();
            let changes = ChangeSet::of([changed.clone()].into_iter().chain(stays).map(UserWrite::UpdateUser));
            let changes = self.told_also_of_herself(actor, deed(&user), changes);
            settle(self.store.commit(changes).await, changed)
        })
        .await
    }
}

/// A user's own seller is known by her id, so that it is made once however often that is asked for.
#[must_use]
pub fn own_seller(user: UserId) -> SellerId {
    SellerId::from_uuid(user.uuid())
}
