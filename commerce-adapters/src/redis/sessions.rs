//! What is known of sessions, for services that are not users.
//!
//! The truth is in the users' database; here is noted who was found alive, and who ended. That a session
//! ended is noted *before* it is committed and outlives every access token of it, so that nothing can
//! bring it back and a logout holds from the next request on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use commerce_core::Actor;
use commerce_core::error::{Outcome, Refusal, StoreError};
use commerce_core::ids::{SellerId, SessionId, UserId};
use commerce_core::limits;
use commerce_core::text::Email;
use commerce_core::users::{Accounts, Authenticated, Claimed};
use redis::Script;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Redis, failed};

/// How long a session that was found alive needs not be asked about. A changed role holds within that time, and
/// users note once in it that the session is used, so that it does not end as an idle one.
const KEEP: Duration = Duration::from_mins(1);
/// How long Redis is left alone after it did not answer, so that its silence does not hold up every request.
const LEAVE_ALONE: Duration = Duration::from_secs(1);
/// In the place of who was found alive.
const ENDED: &str = "ended";

/// Notes who is alive, unless the session is known to have ended.
const NOTE: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end";

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// Nothing: ask users.
    Nothing,
    /// It was found alive, with this said about it.
    Alive(T),
    /// It ended.
    Ended,
}

/// Sessions as every service sees them.
#[derive(Clone)]
pub struct RedisSessions {
    redis: Redis,
    note: Script,
}

impl RedisSessions {
    /// On this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, note: Script::new(NOTE) }
    }

    /// What is known of a session.
    ///
    /// # Errors
    /// When Redis does not answer: ask users.
    pub async fn known<T: DeserializeOwned>(&self, session: SessionId) -> Result<Known<T>, StoreError> {
        const OPERATION: &str = "sessions.known";
        let mut read = redis::cmd("GET");
        let text: Option<String> = read
            .arg(self.key(session))
            .query_async(&mut self.redis.connection())
            .await
            .map_err(|error| failed(OPERATION, error))?;
        match text.as_deref() {
            None => Ok(Known::Nothing),
            Some(ENDED) => Ok(Known::Ended),
            // What cannot be read is of another version of the program.
            Some(text) => Ok(serde_json::from_str(text).map_or(Known::Nothing, Known::Alive)),
        }
    }

    /// Notes what users said about a session that is alive.
    ///
    /// # Errors
    /// When Redis does not answer: users are asked again the next time.
    pub async fn note<T: Serialize + Sync>(&self, session: SessionId, who: &T) -> Result<(), StoreError> {
        const OPERATION: &str = "sessions.note";
        let text = serde_json::to_string(who).map_err(|error| StoreError::corrupt(OPERATION, error))?;
        let mut call = self.note.key(self.key(session));
        call.arg(ENDED).arg(text).arg(millis(KEEP));
        call.invoke_async(&mut self.redis.connection()).await.map_err(|error| failed(OPERATION, error))
    }

    /// Notes that a session ends, before that is committed.
    ///
    /// # Errors
    /// When Redis does not answer: then it must not be committed, for others would go on believing in it.
    pub async fn end(&self, session: SessionId) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(session)).arg(ENDED).arg("PX").arg(millis(limits::ACCESS_TOKEN_FOR * 2));
        set.exec_async(&mut self.redis.connection()).await.map_err(|error| failed("sessions.end", error))
    }

    fn key(&self, session: SessionId) -> String {
        self.redis.key(&session.to_string(), "session")
    }
}

/// Who asks, by what is noted of her session; users are asked when nothing is, or Redis does not answer.
#[derive(Clone)]
pub struct NotedAccounts {
    users: Arc<dyn Accounts>,
    sessions: RedisSessions,
    alone_until: Arc<Mutex<Option<Instant>>>,
}

impl NotedAccounts {
    /// In front of `users`.
    #[must_use]
    pub fn new(users: Arc<dyn Accounts>, sessions: RedisSessions) -> Self {
        Self { users, sessions, alone_until: Arc::default() }
    }

    async fn known(&self, session: SessionId) -> Known<Authenticated> {
        let alone = |until: Option<Instant>| until.is_some_and(|until| Instant::now() < until);
        if alone(*self.alone_until.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Known::Nothing;
        }
        match self.sessions.known(session).await {
            Ok(known) => known,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "sessions are asked of users");
                *self.alone_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + LEAVE_ALONE);
                Known::Nothing
            }
        }
    }
}

#[async_trait]
impl Accounts for NotedAccounts {
    async fn authenticate(&self, access_token: &str) -> Outcome<Authenticated> {
        if let Claimed::By(claimed) = self.users.claimed(access_token) {
            match self.known(claimed.session).await {
                Known::Alive(who) if who.actor.user() == claimed.actor.user() => return Ok(who),
                Known::Ended => return Err(Refusal::Unauthenticated.into()),
                Known::Alive(_) | Known::Nothing => {}
            }
        }
        let who = self.users.authenticate(access_token).await?;
        if let Err(error) = self.sessions.note(who.session, &who).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a session is not noted");
        }
        Ok(who)
    }

    fn claimed(&self, access_token: &str) -> Claimed {
        self.users.claimed(access_token)
    }

    async fn find(&self, actor: &Actor, email: &Email) -> Outcome<Vec<UserId>> {
        self.users.find(actor, email).await
    }

    async fn expect(&self, actor: &Actor, user: UserId) -> Outcome<()> {
        self.users.expect(actor, user).await
    }

    async fn set_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        self.users.set_seller(actor, user, seller).await
    }

    async fn end_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        self.users.end_seller(actor, user, seller).await
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn Accounts>> {
        Some(Arc::new(Self { users: self.users.in_trace(traceparent)?, ..self.clone() }))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
