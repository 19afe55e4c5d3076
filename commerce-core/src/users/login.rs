//! Mail address and password for a session and its first tokens.

use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, RequestKey};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, SessionId};
use crate::limits;
use crate::text::Email;
use crate::time::Timestamp;

use super::Users;
use super::model::{Claims, RefreshToken, Session, Tokens, User};
use super::ports::{UserWrite, Verdict};

/// Where the keys of logins count: for whom they let in.
const ROUTE: &str = "POST /api/auth/login";

impl Users {
    /// Begins a session.
    ///
    /// # Errors
    /// `BAD_CREDENTIALS`, the same and after the same time for an unknown address and a wrong password.
    pub async fn login(&self, email: &str, password: &str) -> Outcome<Tokens> {
        Ok(self.login_keyed(email, password, None).await?.into_inner())
    }

    /// The same of a request that may have a key. No token is kept to be answered again: repeated, it begins a session
    /// of its own, and says that it is a replay. The key is looked at only once the password is proved.
    ///
    /// # Errors
    /// As [`login`](Self::login), and `IDEMPOTENCY_MISMATCH`.
    pub async fn login_keyed(&self, email: &str, password: &str, key: Option<RequestKey>) -> Outcome<Answer<Tokens>> {
        if password.chars().count() > limits::PASSWORD_MAX {
            return Err(Refusal::BadCredentials.into());
        }
        let known = match email.trim().parse::<Email>() {
            Ok(email) => self.store.user_by_email(&email).await?.filter(|user| !user.is_erased()),
            Err(_) => None,
        };
        let verdict = self.passwords.verify(password, known.as_ref().map(|user| &user.password_hash)).await?;
        let user = known.filter(|_| verdict != Verdict::Wrong).ok_or(Refusal::BadCredentials)?;
        let keyed = self.keyed(&Actor::Customer(user.id), ROUTE, key);
        let seen = self.made_before(keyed.as_ref()).await?.is_some();

        let now = self.clock.now();
        let session = Session { id: self.ids.mint(), user: user.id, created_at: now, last_used_at: now, revoked_at: None };
        let refresh_token = self.ids.secret();
        let hash = token_hash(&refresh_token);
        let first = RefreshToken { hash, session: session.id, user: user.id, created_at: now, rotated_at: None };
        let id = session.id;
        self.store.commit(ChangeSet::of([UserWrite::InsertSession(session), UserWrite::InsertRefreshToken(first)])).await?;

        let user = self.still_holds(user, password, id).await?;
        let used = if seen { Ok(true) } else { self.use_up(keyed.as_ref(), id.uuid()).await };
        let replayed = match used {
            Ok(replayed) => replayed,
            Err(refused) => {
                // Nobody gets its tokens.
                self.end(id).await?;
                return Err(refused);
            }
        };
        if verdict == Verdict::RightButOld {
            self.renew_hash(&user, password).await;
        }
        let tokens = self.tokens_for(user, id, refresh_token, now);
        Ok(if replayed { Answer::Replayed(tokens) } else { Answer::Fresh(tokens) })
    }

    /// Whether the account with this address has this password; for whoever looks after the house. Begins no session.
    ///
    /// # Errors
    /// `FORBIDDEN`; when the store does not answer.
    pub async fn has_password(&self, actor: &Actor, email: &Email, password: &str) -> Outcome<bool> {
        actor.require_staff()?;
        match self.store.user_by_email(email).await?.filter(|user| !user.is_erased()) {
            Some(user) => self.is_password_of(&user, password).await,
            None => Ok(false),
        }
    }

    /// Whoever changed the password since it was compared ended only the sessions she saw: this one
    /// must then stand the test again.
    async fn still_holds(&self, compared: User, password: &str, session: SessionId) -> Outcome<User> {
        let user = self.store.user(compared.id).await?.filter(|user| !user.is_erased());
        if let Some(user) = user
            && (user.password_hash == compared.password_hash || self.is_password_of(&user, password).await?)
        {
            return Ok(user);
        }
        self.end(session).await?;
        Err(Refusal::BadCredentials.into())
    }

    async fn end(&self, session: SessionId) -> Outcome<()> {
        Ok(self.store.commit(ChangeSet::of([UserWrite::RevokeSession(session, self.clock.now())])).await?)
    }

    /// Hashes the password as one hashes today. The login does not depend on it: the next one tries again.
    async fn renew_hash(&self, user: &User, password: &str) {
        let renewed = async {
            let password_hash = self.passwords.hash(password).await?;
            let changed = User { password_hash, ..user.clone() }.next_version();
            Outcome::Ok(self.store.commit(ChangeSet::of([UserWrite::UpdateUser(changed)])).await?)
        };
        if let Err(error) = renewed.await {
            tracing::info!(user = %user.id, %error, "the password's hash was not renewed");
        }
    }

    pub(super) fn tokens_for(&self, user: User, session: SessionId, refresh_token: String, now: Timestamp) -> Tokens {
        let claims = Claims {
            user: user.id,
            session,
            role: user.role,
            seller: user.seller,
            issued_at: now,
            expires_at: now.plus(limits::ACCESS_TOKEN_FOR),
        };
        Tokens {
            access_token: self.tokens.sign(&claims),
            expires_in_seconds: limits::ACCESS_TOKEN_FOR.as_secs(),
            refresh_token,
            user,
            session,
        }
    }
}

/// What is kept of a refresh token. It has 256 random bits, so one fast hash is enough.
pub(super) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
