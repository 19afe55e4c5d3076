//! A new account.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, RequestKey, Round, rounds};
use crate::error::{Outcome, Refusal};
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::Id;
use crate::limits;
use crate::staff::StaffAction;
use crate::text::{Check, Email, Metadata};
use crate::time::Timestamp;

use super::model::{PasswordHash, Role, User};
use super::passwords::check_password;
use super::ports::UserWrite;
use super::repeat::{Committed, Keyed};
use super::roles::own_seller;
use super::staff_log::Deed;
use super::{AuthPolicy, Users};

pub(crate) const ROUTE: &str = "POST /api/users";

/// What somebody says of herself when she registers.
#[derive(Clone, PartialEq, Eq)]
pub struct Register {
    /// Where her mails go.
    pub email: String,
    /// In plain; kept only as a hash.
    pub password: String,
    /// As written on parcels.
    pub full_name: String,
    /// In whatever form she writes it.
    pub phone: Option<String>,
    /// The client's own notes.
    pub metadata: Metadata,
}

impl Users {
    /// Opens a customer's account. Says `USER_REGISTERED`.
    ///
    /// # Errors
    /// `INVALID`, `EMAIL_TAKEN`, `IDEMPOTENCY_MISMATCH`.
    pub async fn register(&self, actor: &Actor, request: Register, key: Option<RequestKey>) -> Outcome<Answer<User>> {
        let keyed = self.keyed(actor, ROUTE, key);
        self.open_account(actor, request, Role::Customer, keyed).await
    }

    /// Opens an account with any role; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, else as [`register`](Self::register).
    pub async fn create_user(&self, actor: &Actor, request: Register, role: Role) -> Outcome<User> {
        actor.require_staff()?;
        let user = self.open_account(actor, request, role, None).await?.into_inner();
        if role == Role::Seller {
            self.make_seller(user.id).await?;
        }
        Ok(user)
    }

    async fn open_account(&self, actor: &Actor, request: Register, role: Role, keyed: Option<Keyed>) -> Outcome<Answer<User>> {
        let profile = Profile::parse(&request, self.policy)?;
        // In this order: an address taken by a twin of this request has its key by then.
        let taken = self.store.user_by_email(&profile.email).await?.is_some();
        if let Some(made) = self.made_before(keyed.as_ref()).await? {
            return Ok(Answer::Replayed(self.present(Id::from_uuid(made)).await?));
        }
        if taken {
            return Err(Refusal::EmailTaken.into());
        }

        let password_hash = self.passwords.hash(&request.password).await?;
        let user = self.new_user(profile, role, password_hash);
        let changes = ChangeSet::of([UserWrite::InsertUser(user.clone())])
            .claim(keyed.as_ref().map(|keyed| keyed.claim(user.id.uuid(), user.created_at)))
            .say([self.registered(&user)]);

        let (user, changes, keyed) = (&user, &changes, keyed.as_ref());
        rounds("user", || async move {
            // Anybody may open a customer's account; who opens another is told of.
            let changes = match role {
                Role::Customer => changes.clone(),
                Role::Seller | Role::Admin => self.told(actor, opened(user), changes.clone()),
            };
            match self.commit_keyed(changes, keyed).await? {
                Committed::Now => Ok(Round::Done(Answer::Fresh(user.clone()))),
                Committed::ByTwin(made) => Ok(Round::Done(Answer::Replayed(self.present(Id::from_uuid(made)).await?))),
                Committed::Stale => Ok(Round::Again),
            }
        })
        .await
    }

    fn new_user(&self, profile: Profile, role: Role, password_hash: PasswordHash) -> User {
        let id = self.ids.mint();
        User {
            id,
            email: profile.email,
            full_name: profile.full_name,
            phone: profile.phone,
            role,
            seller: (role == Role::Seller).then(|| own_seller(id)),
            password_hash,
            metadata: profile.metadata,
            created_at: self.clock.now(),
            version: 1,
        }
    }

    fn registered(&self, user: &User) -> Envelope {
        let at: Timestamp = user.created_at;
        Envelope {
            id: self.ids.mint(),
            topic: Topic::Users,
            kind: EventKind::UserRegistered,
            schema: 1,
            aggregate: user.id.uuid(),
            version: user.version,
            at,
            traceparent: self.ids.traceparent(),
            data: json!({ "userId": user.id }).into(),
        }
    }
}

fn opened(user: &User) -> Deed {
    Deed { action: StaffAction::UserCreated, subject: user.id, detail: json!({ "role": user.role }) }
}

/// A request to register whose every field holds.
struct Profile {
    email: Email,
    full_name: String,
    phone: Option<String>,
    metadata: Metadata,
}

impl Profile {
    fn parse(request: &Register, policy: AuthPolicy) -> Result<Self, Refusal> {
        let mut check = Check::new();
        let email = check.take(Email::parse("email", &request.email));
        check.take(check_password("password", &request.password, policy));
        let full_name = check.line("fullName", &request.full_name, 1, limits::SHORT_TEXT_MAX);
        let phone = check_phone(&mut check, "phone", request.phone.as_deref());
        check.metadata(&request.metadata);
        check.finish()?;
        let email = email.ok_or_else(|| Refusal::field("email", "INVALID", "must be a mail address"))?;
        Ok(Self { email, full_name, phone, metadata: request.metadata.clone() })
    }
}

/// A phone number in whatever form; an empty one is none.
pub(super) fn check_phone(check: &mut Check, field: &str, phone: Option<&str>) -> Option<String> {
    let phone = phone.map(str::trim).filter(|phone| !phone.is_empty())?;
    Some(check.line(field, phone, 1, limits::PHONE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Register {
        Register {
            email: "Asha@Example.com".to_owned(),
            password: "correct horse".to_owned(),
            full_name: " Asha Rao ".to_owned(),
            phone: Some(" ".to_owned()),
            metadata: Metadata::new(),
        }
    }

    #[test]
    fn a_profile_is_trimmed_and_its_address_lowered() {
        let profile = Profile::parse(&request(), AuthPolicy { password_min_length: 8 }).unwrap();
        assert_eq!(profile.email.as_str(), "asha@example.com");
        assert_eq!(profile.full_name, "Asha Rao");
        assert_eq!(profile.phone, None);
    }

    #[test]
    fn every_fault_is_named() {
        let request = Register {
            email: "nobody".to_owned(),
            password: "short".to_owned(),
            full_name: "Bobby\r\nBcc: x@y.zz".to_owned(),
            ..request()
        };
        let Err(Refusal::Invalid(errors)) = Profile::parse(&request, AuthPolicy { password_min_length: 8 }) else {
            panic!("three faults")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["email", "password", "fullName"]);
    }
}
