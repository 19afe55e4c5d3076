//! Accounts, read and changed.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, CommitError, CommitRefusal, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, UserId};
use crate::limits;
use crate::page::{Page, PageRequest, sifted};
use crate::staff::StaffAction;
use crate::text::{Check, Email, Metadata};

use super::Users;
use super::model::{Role, User};
use super::ports::UserWrite;
use super::register::check_phone;
use super::repeat::email_taken;
use super::staff_log::Deed;

/// What is to be changed of an account; what is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateUser {
    /// Where her mails go.
    pub email: Option<String>,
    /// As written on parcels.
    pub full_name: Option<String>,
    /// In whatever form; an empty one takes it away.
    pub phone: Option<String>,
    /// The client's own notes, all of them.
    pub metadata: Option<Metadata>,
}

/// What is otherwise on `changed` than it was `before`, by name.
fn differing(before: &User, changed: &User) -> Vec<&'static str> {
    let differs = [
        ("email", before.email != changed.email),
        ("fullName", before.full_name != changed.full_name),
        ("phone", before.phone != changed.phone),
        ("metadata", before.metadata != changed.metadata),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

impl Users {
    /// A user.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn user(&self, actor: &Actor, id: UserId) -> Outcome<User> {
        actor.require_owner(id, "user")?;
        self.present(id).await
    }

    /// Users, newest first; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn users(&self, actor: &Actor, role: Option<Role>, page: &PageRequest) -> Outcome<Page<User>> {
        actor.require_staff()?;
        let list = async |page| self.store.users(role, &page).await;
        Ok(sifted(page, list, |user| !user.is_erased(), |user| user.id.uuid()).await?)
    }

    /// A user by her mail address; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn user_by_email(&self, actor: &Actor, email: &Email) -> Outcome<Option<User>> {
        actor.require_staff()?;
        Ok(self.store.user_by_email(email).await?.filter(|user| !user.is_erased()))
    }

    /// Changes a user's account.
    ///
    /// # Errors
    /// `NOT_FOUND`, `INVALID`, `EMAIL_TAKEN`, `VERSION_MISMATCH` when it is not `expected_version`.
    pub async fn update_user(
        &self,
        actor: &Actor,
        id: UserId,
        update: UpdateUser,
        expected_version: Option<u64>,
    ) -> Outcome<User> {
        actor.require_owner(id, "user")?;
        let update = &update;
        rounds("user", || async move {
            let user = self.present(id).await?;
            expect_version("user", expected_version, user.version)?;
            let changed = updated(user.clone(), update)?;
            if changed == user {
                return Ok(Round::Done(user));
            }
            let detail = json!({ "changed": differing(&user, &changed) });
            let changed = changed.next_version();
            let changes = ChangeSet::of([UserWrite::UpdateUser(changed.clone())]);
            let deed = Deed { action: StaffAction::UserChanged, subject: id, detail };
            match self.store.commit(self.told(actor, deed, changes)).await {
                Ok(()) => Ok(Round::Done(changed)),
                Err(CommitError::Refused(CommitRefusal::Stale(_))) => Ok(Round::Again),
                Err(error) => Err(email_taken(error)),
            }
        })
        .await
    }
}

fn updated(user: User, update: &UpdateUser) -> Result<User, Refusal> {
    let mut check = Check::new();
    let email = update.email.as_deref().and_then(|email| check.take(Email::parse("email", email)));
    let full_name = update.full_name.as_deref().map(|name| check.line("fullName", name, 1, limits::SHORT_TEXT_MAX));
    let phone = match &update.phone {
        Some(phone) => check_phone(&mut check, "phone", Some(phone)),
        None => user.phone,
    };
    if let Some(metadata) = &update.metadata {
        check.metadata(metadata);
    }
    check.finish()?;
    Ok(User {
        email: email.unwrap_or(user.email),
        full_name: full_name.unwrap_or(user.full_name),
        phone,
        metadata: update.metadata.clone().unwrap_or(user.metadata),
        ..user
    })
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::Id;
    use crate::time::Timestamp;
    use crate::users::PasswordHash;

    pub(in crate::users) fn asha() -> User {
        User {
            id: UserId::from_uuid(Uuid::from_u128(1)),
            email: "asha@example.com".parse().unwrap(),
            full_name: "Asha Rao".to_owned(),
            phone: Some("+91 98450 00000".to_owned()),
            role: Role::Customer,
            seller: None,
            password_hash: PasswordHash("$argon2id$…".to_owned()),
            metadata: Metadata::new(),
            created_at: Timestamp::EPOCH,
            version: 3,
        }
    }

    #[test]
    fn what_is_not_said_stays() {
        assert_eq!(updated(asha(), &UpdateUser::default()).unwrap(), asha());
        let changed = updated(asha(), &UpdateUser { phone: Some(String::new()), ..UpdateUser::default() }).unwrap();
        assert_eq!(changed, User { phone: None, ..asha() });
        let changed =
            updated(asha(), &UpdateUser { email: Some("A.Rao@example.org".to_owned()), ..UpdateUser::default() }).unwrap();
        assert_eq!(changed.email.as_str(), "a.rao@example.org");
    }

    #[test]
    fn faults_name_their_fields() {
        let update = UpdateUser { email: Some("x".to_owned()), full_name: Some(" ".to_owned()), ..UpdateUser::default() };
        let Err(Refusal::Invalid(errors)) = updated(asha(), &update) else { panic!("two faults") };
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["email", "fullName"]);
    }
}
