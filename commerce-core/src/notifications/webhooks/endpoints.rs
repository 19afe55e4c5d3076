//! Endpoints, as staff makes, changes and removes them.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::events::{Envelope, EventKind};
use crate::ids::{Id, WebhookEndpointId};
use crate::keyed::Keyed;
use crate::limits;
use crate::page::{Page, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};
use crate::text::Check;

use super::super::Notifications;
use super::super::ports::NotificationWrite;
use super::model::{EndpointStatus, Subscription, WebhookEndpoint, WebhookSecret};

/// What staff says of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointInput {
    /// Where: an `http` or `https` address.
    pub url: String,
    /// Names of events, or `*`.
    pub events: Vec<String>,
    /// What deliveries are to be signed with; a new one is made for a new endpoint unless said, and an old one
    /// keeps its own.
    pub secret: Option<String>,
}

/// An endpoint with its secret, which is shown to whoever made it, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeEndpoint {
    /// The endpoint.
    pub endpoint: WebhookEndpoint,
    /// Its secret, unless it was made before.
    pub secret: Option<WebhookSecret>,
}

/// What was said, as it is kept.
struct Parsed {
    url: String,
    events: Subscription,
    secret: Option<WebhookSecret>,
}

impl Notifications {
    /// Makes an endpoint; for staff. Its secret is in the answer and in no later one.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID`, `IN_USE` when there are too many, `IDEMPOTENCY_MISMATCH`.
    pub async fn create_webhook_endpoint(
        &self,
        actor: &Actor,
        input: EndpointInput,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<MadeEndpoint>> {
        actor.require_staff()?;
        let keyed = &Keyed::of(actor, "POST /api/webhook-endpoints", key);
        let input = &input;
        rounds("webhook endpoint", || async move {
            if let Some(made) = keyed.seen(&*self.store).await? {
                let endpoint = self.store.webhook_endpoint(WebhookEndpointId::from_uuid(made)).await?;
                let endpoint = endpoint.ok_or(Refusal::NotFound("webhook endpoint"))?;
                return Ok(Round::Done(Answer::Replayed(MadeEndpoint { endpoint, secret: None })));
            }
            let Parsed { url, events, secret } = self.parsed(input)?;
            let all = self.store.webhook_endpoints().await?;
            if all.iter().filter(|endpoint| endpoint.status != EndpointStatus::Removed).count() >= limits::WEBHOOK_ENDPOINTS_MAX {
                return Err(Refusal::InUse("there are as many webhook endpoints as a shop may have: remove one").into());
            }
            let now = self.clock.now();
            let secret = secret.unwrap_or_else(|| self.fresh_secret());
            let endpoint = WebhookEndpoint {
                id: self.ids.mint(),
                url,
                events,
                secret: secret.clone(),
                former: None,
                status: EndpointStatus::Active,
                reason: None,
                failing_since: None,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            let told = self.told_of(actor, StaffAction::EndpointCreated, &endpoint);
            let changes = ChangeSet::of([NotificationWrite::InsertEndpoint(endpoint.clone())]).say(told);
            match self.store.commit(changes.claim(keyed.claim(endpoint.id.uuid(), now))).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => Ok(Round::Again),
                committed => settle(committed, Answer::Fresh(MadeEndpoint { endpoint, secret: Some(secret) })),
            }
        })
        .await
    }

    /// Endpoints, newest first; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn webhook_endpoints(&self, actor: &Actor, page: &PageRequest) -> Outcome<Page<WebhookEndpoint>> {
        actor.require_staff()?;
        let mut endpoints = self.store.webhook_endpoints().await?;
        let after = page.after().map(|cursor| cursor.0);
        endpoints.retain(|it| it.status != EndpointStatus::Removed && after.is_none_or(|after| it.id.uuid() < after));
        Ok(Page::cut(endpoints, page, |endpoint| endpoint.id.uuid()))
    }

    /// An endpoint; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn webhook_endpoint(&self, actor: &Actor, id: WebhookEndpointId) -> Outcome<WebhookEndpoint> {
        actor.require_staff()?;
        let found = self.store.webhook_endpoint(id).await?.filter(|endpoint| endpoint.status != EndpointStatus::Removed);
        Ok(found.ok_or(Refusal::NotFound("webhook endpoint"))?)
    }

    /// Changes an endpoint to what `input` says, and enables it; for staff. A changed secret and the one before it
    /// are both signed with for a day.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID`, `VERSION_MISMATCH`.
    pub async fn update_webhook_endpoint(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
        input: EndpointInput,
        expected: Option<u64>,
    ) -> Outcome<WebhookEndpoint> {
        let input = &input;
        rounds("webhook endpoint", || async move {
            let known = self.webhook_endpoint(actor, id).await?;
            expect_version("webhook endpoint", expected, known.version)?;
            let Parsed { url, events, secret } = self.parsed(input)?;
            let now = self.clock.now();
            let changed = WebhookEndpoint {
                url,
                events,
                status: EndpointStatus::Active,
                reason: None,
                failing_since: None,
                ..known.clone()
            };
            let changed = match secret {
                Some(secret) => changed.with_secret(secret, now),
                None => changed,
            };
            if changed == known {
                return Ok(Round::Done(known));
            }
            let changed = changed.next_version(now);
            let told = self.told_of(actor, StaffAction::EndpointChanged, &changed);
            let changes = ChangeSet::of([NotificationWrite::UpdateEndpoint(changed.clone())]).say(told);
            settle(self.store.commit(changes).await, changed)
        })
        .await
    }

    /// Removes an endpoint; for staff. What was not delivered to it is given up.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `VERSION_MISMATCH`.
    pub async fn delete_webhook_endpoint(&self, actor: &Actor, id: WebhookEndpointId, expected: Option<u64>) -> Outcome<()> {
        rounds("webhook endpoint", || async move {
            let known = self.webhook_endpoint(actor, id).await?;
            expect_version("webhook endpoint", expected, known.version)?;
            let reason = Some("staff removed it".to_owned());
            let removed = WebhookEndpoint { status: EndpointStatus::Removed, reason, former: None, ..known };
            let removed = removed.next_version(self.clock.now());
            let told = self.told_of(actor, StaffAction::EndpointRemoved, &removed);
            settle(self.store.commit(ChangeSet::of([NotificationWrite::UpdateEndpoint(removed)]).say(told)).await, ())
        })
        .await
    }

    /// Where an endpoint is may hold a token, so that it is not told.
    fn told_of(&self, actor: &Actor, action: StaffAction, endpoint: &WebhookEndpoint) -> Option<Envelope> {
        let subject = Subject::of(SubjectKind::WebhookEndpoint, endpoint.id);
        self.told(actor, Deed::of(action, subject, json!({ "events": endpoint.events.names() })))
    }

    fn parsed(&self, input: &EndpointInput) -> Result<Parsed, Refusal> {
        let mut check = Check::new();
        let url = check.line("url", &input.url, 1, limits::WEBHOOK_URL_MAX);
        if !url.is_empty()
            && let Err(why) = self.webhooks.accepts(&url)
        {
            check.fault("url", "INVALID", format!("must {why}"));
        }
        let events = Subscription::parse(&input.events);
        if events.is_none() {
            let known = EventKind::ALL.iter().filter(|kind| !kind.is_internal()).map(|kind| kind.as_str());
            let known: Vec<&str> = known.collect();
            check.fault("events", "INVALID", format!("must be * or names of events: {}", known.join(", ")));
        }
        let secret = input.secret.as_deref().map(str::parse::<WebhookSecret>).transpose();
        if let Err(why) = &secret {
            check.fault("secret", "INVALID", *why);
        }
        check.finish()?;
        Ok(Parsed { url, events: events.unwrap_or(Subscription::Everything), secret: secret.unwrap_or_default() })
    }

    fn fresh_secret(&self) -> WebhookSecret {
        let mut bytes = [0; 32];
        let (first, second) = bytes.split_at_mut(16);
        first.copy_from_slice(&self.ids.random());
        second.copy_from_slice(&self.ids.random());
        WebhookSecret::of(bytes)
    }
}
