//! Deliveries, seen and made again by staff.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, WebhookDeliveryId, WebhookEndpointId};
use crate::keyed::Keyed;
use crate::page::{Page, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};

use super::super::Notifications;
use super::super::ports::NotificationWrite;
use super::model::{DeliveryStatus, EndpointStatus, WebhookDelivery};

impl Notifications {
    /// The deliveries of an endpoint, newest first; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn webhook_deliveries(
        &self,
        actor: &Actor,
        endpoint: WebhookEndpointId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Outcome<Page<WebhookDelivery>> {
        self.webhook_endpoint(actor, endpoint).await?;
        Ok(self.store.webhook_deliveries(endpoint, status, page).await?)
    }

    /// Puts a delivery up to be made now, whatever became of it before; for staff. It keeps its id, so a receiver
    /// that has it already knows it.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_TRANSITION` while its endpoint is disabled, `IDEMPOTENCY_MISMATCH`.
    pub async fn resend_webhook(
        &self,
        actor: &Actor,
        endpoint: WebhookEndpointId,
        id: WebhookDeliveryId,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<WebhookDelivery>> {
        let keyed = &Keyed::of(actor, format!("POST /api/webhook-endpoints/{endpoint}/deliveries/{id}/resend"), key);
        rounds("webhook delivery", || async move {
            let to = self.webhook_endpoint(actor, endpoint).await?;
            let used = keyed.seen(&*self.store).await?.is_some();
            let found = self.store.webhook_delivery(id).await?.filter(|delivery| delivery.endpoint == endpoint);
            let delivery = found.ok_or(Refusal::NotFound("webhook delivery"))?;
            if used {
                return Ok(Round::Done(Answer::Replayed(delivery)));
            }
            if to.status != EndpointStatus::Active {
                let (from, to) = (to.status.as_str(), DeliveryStatus::Pending.as_str());
                return Err(Refusal::IllegalTransition { from, to }.into());
            }
            let now = self.clock.now();
            let due = delivery.again(now).next_version();
            let subject = Subject::of(SubjectKind::WebhookEndpoint, endpoint);
            let told = self.told(actor, Deed::of(StaffAction::DeliveryResent, subject, json!({ "delivery": id })));
            let changes = ChangeSet::of([NotificationWrite::UpdateDelivery(due.clone())]).say(told);
            match self.store.commit(changes.claim(keyed.claim(id.uuid(), now))).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => Ok(Round::Again),
                committed => settle(committed, Answer::Fresh(due)),
            }
        })
        .await
    }
}
