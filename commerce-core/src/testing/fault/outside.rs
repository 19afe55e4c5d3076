//! The ports that lead out of the house: bus, provider, mailer, and the letters that stay behind.

use std::collections::BTreeMap;
use std::future::Future;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Call, Fault, Faulty, HANG, Happened, failed};
use crate::error::{Outcome, StoreError};
use crate::events::{DeadLetter, DeadLetters, Envelope, EventBus, LetterId, Queue, Queued, Unreadable};
use crate::ids::EventId;
use crate::notifications::{Handover, Mail, Mailer, Notification};
use crate::orders::{
    Attempt, LedgerPage, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer, ProviderEvent, ProviderLedger, Refund,
    RefundAnswer, Stated,
};
use crate::page::{Page, PageRequest};
use crate::time::Timestamp;

#[async_trait]
impl EventBus for Faulty<dyn EventBus> {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        let fault = self.enter(Call::Publish, "bus.publish").await;
        match fault {
            Some(Fault::Error) => return Err(failed("bus.publish")),
            Some(Fault::Phantom) => return Ok(Vec::new()),
            _ => {}
        }
        self.faults.happened("bus.publish", Happened::Publishing(events));
        let taken = match fault {
            Some(Fault::Duplicate) => {
                self.port.publish(events).await?;
                self.port.publish(events).await
            }
            Some(Fault::Reorder) => {
                let order = self.faults.shuffle(events.len());
                let shuffled: Vec<Envelope> = order.into_iter().filter_map(|place| events.get(place)).cloned().collect();
                self.port.publish(&shuffled).await
            }
            _ => self.port.publish(events).await,
        };
        self.faults.happened("bus.publish", Happened::Published);
        self.leave().await;
        if fault == Some(Fault::DroppedAcknowledgement) { Ok(Vec::new()) } else { taken }
    }

    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        self.port.queued(queues).await
    }
}

#[async_trait]
impl DeadLetters for Faulty<dyn DeadLetters> {
    async fn bury(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let bury = async {
            self.port.bury(letter).await?;
            self.faults.happened("letters.bury", Happened::Buried(letter));
            Ok(())
        };
        self.effect("letters.bury", bury).await
    }

    async fn letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
        self.read("letters.letters", self.port.letters(page)).await
    }

    async fn exhume(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        self.effect("letters.exhume", self.port.exhume(consumer, event, told)).await
    }

    async fn give_up(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        self.effect("letters.give_up", self.port.give_up(consumer, event, told)).await
    }

    async fn tell(&self, told: &Envelope) -> Result<(), StoreError> {
        self.effect("letters.tell", self.port.tell(told)).await
    }

    async fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        self.read("letters.unreadable", self.port.unreadable()).await
    }

    async fn discard(&self, letter: &LetterId, told: Option<&Envelope>) -> Result<Option<Unreadable>, StoreError> {
        self.effect("letters.discard", self.port.discard(letter, told)).await
    }
}

/// A call to a provider that may not be heard: what it says when it is not.
const UNHEARD: ProviderAnswer = ProviderAnswer { fact: PaymentFact::NoAnswer, reference: None };

impl Faulty<dyn PaymentGateway> {
    /// `Some` unless the call, or its answer, is lost.
    async fn ask<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = T> + Send,
        happened: impl Fn(&T) + Send + Sync,
    ) -> Option<T>
    where
        T: Send,
    {
        let fault = self.enter(Call::Provider, operation).await;
        match fault {
            Some(Fault::Error) => return None,
            Some(Fault::Hang) => {
                self.faults.pause(HANG).await;
                return None;
            }
            _ => {}
        }
        let answer = call.await;
        happened(&answer);
        self.leave().await;
        match fault {
            Some(Fault::AppliedThenError) => None,
            Some(Fault::HangAfterEffect) => {
                self.faults.pause(HANG).await;
                None
            }
            _ => Some(answer),
        }
    }

    async fn ask_about(
        &self,
        operation: &'static str,
        attempt: &Attempt,
        call: impl Future<Output = ProviderAnswer> + Send,
    ) -> ProviderAnswer {
        let happened = |answer: &ProviderAnswer| self.faults.happened(operation, Happened::Answered(attempt, &answer.fact));
        self.ask(operation, call, happened).await.unwrap_or(UNHEARD)
    }
}

#[async_trait]
impl ProviderLedger for Faulty<dyn PaymentGateway> {
    async fn statement(&self, keys: &[Uuid]) -> Option<BTreeMap<Uuid, Stated>> {
        self.port.statement(keys).await
    }

    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        self.port.ledger(from, until, next).await
    }
}

#[async_trait]
impl PaymentGateway for Faulty<dyn PaymentGateway> {
    fn is_asked_after_messages(&self) -> bool {
        self.port.is_asked_after_messages()
    }

    fn name(&self) -> &'static str {
        self.port.name()
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        self.port.takes(method)
    }

    fn takes_in_part(&self) -> bool {
        self.port.takes_in_part()
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        self.ask_about("gateway.charge", attempt, self.port.charge(attempt)).await
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        self.ask_about("gateway.query", attempt, self.port.query(attempt)).await
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        self.faults.happened("gateway.void", Happened::Voiding(attempt));
        self.ask_about("gateway.void", attempt, self.port.void(attempt)).await
    }

    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer {
        let happened = |answer: &RefundAnswer| self.faults.happened("gateway.refund", Happened::Refunded(refund, answer));
        let answer = self.ask("gateway.refund", self.port.refund(refund, attempt), happened).await;
        answer.unwrap_or(RefundAnswer::NoAnswer)
    }

    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        self.port.webhook(signature, body, now)
    }
}

#[async_trait]
impl Mailer for Faulty<dyn Mailer> {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        let fault = self.enter(Call::Mail, "mailer.send").await;
        match fault {
            Some(Fault::Error) => return Err(failed("mailer.send")),
            Some(Fault::Hang) => {
                self.faults.pause(HANG).await;
                return Err(failed("mailer.send"));
            }
            _ => {}
        }
        let answer = self.port.send(mail).await;
        let told = fault != Some(Fault::AppliedThenError);
        if let Ok(Handover::Accepted) = answer {
            self.faults.happened("mailer.send", Happened::Mailed(mail, told));
        }
        self.leave().await;
        if told { answer } else { Err(failed("mailer.send")) }
    }

    fn is_idempotent(&self) -> bool {
        self.port.is_idempotent()
    }

    async fn forget(&self, message: &Notification) -> Result<(), StoreError> {
        self.port.forget(message).await
    }
}
