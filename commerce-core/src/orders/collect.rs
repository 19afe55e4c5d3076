//! Asking providers for money and bringing their answers into the books.

use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::change::{ChangeSet, CommitError, CommitRefusal, Round, rounds, settle};
use crate::error::{Outcome, Refusal, StoreError};
use crate::ids::{AttemptId, OrderId};

use super::Orders;
use super::facts::{Applied, apply_payment_fact};
use super::model::{Order, OrderStatus};
use super::payment::{Attempt, AttemptState, PaymentFact};
use super::ports::{OrderWrite, PaymentGateway, ProviderAnswer, ProviderEvent, ProviderEventState, ProviderFact};
use super::wallet;

impl Orders {
    /// Asks for the money of a freshly written attempt and answers the order as it then is. The
    /// order stands whatever comes of it: what fails here is done again by
    /// [`resume_attempts`](Self::resume_attempts).
    pub(crate) async fn collect(&self, order: Order) -> Order {
        let fresh = order.payment.open_attempt().filter(|attempt| attempt.state == AttemptState::Created);
        let Some(attempt) = fresh.map(|attempt| attempt.id) else { return order };
        let order = self.charge(order, attempt).await;
        // Some providers promise first what they are then asked to take.
        let promised = order.payment.attempts.iter().any(|it| it.id == attempt && it.state == AttemptState::Authorized);
        if promised { self.charge(order, attempt).await } else { order }
    }

    /// Asks for what is to be taken of an attempt, if anything is.
    pub(crate) async fn charge(&self, order: Order, attempt: AttemptId) -> Order {
        let Some(known) = order.payment.attempts.iter().find(|known| known.id == attempt) else { return order };
        if known.is_promise() || known.is_given_up() {
            return order;
        }
        let Some(gateway) = self.gateway(&known.provider) else { return order };
        let answer = gateway.charge(known).await;
        match self.take_answer(order.id, attempt, &answer).await {
            Ok(now) => now,
            Err(error) => {
                tracing::warn!(order = %order.id, error = &error as &dyn std::error::Error, "a charge is left to the worker");
                order
            }
        }
    }

    /// Brings an answer about an attempt into the books.
    ///
    /// # Errors
    /// When the store does not answer; the answer can be brought in again.
    pub async fn take_answer(&self, order: OrderId, attempt: AttemptId, answer: &ProviderAnswer) -> Outcome<Order> {
        rounds("order", || async {
            let known = self.stored(order).await?;
            let heard = |answer| apply_payment_fact(known.clone(), attempt, answer, &self.ids, self.clock.now());
            let applied = match heard(answer) {
                Applied::Contradiction(why) => {
                    tracing::error!(order = %order, why, "a provider contradicts the books");
                    // It is asked again, and later each time, as one that does not answer.
                    heard(&NO_ANSWER)
                }
                applied @ (Applied::Known | Applied::Changed(_)) => applied,
            };
            match applied {
                Applied::Known | Applied::Contradiction(_) => Ok(Round::Done(known)),
                Applied::Changed(decided) => {
                    let (order, changes) = self.update(*decided, &Actor::System);
                    settle(self.store.commit(changes).await, order)
                }
            }
        })
        .await
    }

    /// Worker: asks providers what became of attempts whose answer is overdue. Answers how many
    /// orders it looked at.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn resume_attempts(&self, limit: u32) -> Outcome<usize> {
        let due = self.store.due(super::DueWork::Attempts, self.clock.now(), limit).await?;
        for order in &due {
            self.resume(*order).await?;
        }
        Ok(due.len().saturating_add(self.resume_top_ups(limit).await?))
    }

    async fn resume(&self, order: OrderId) -> Outcome<()> {
        let order = self.stored(order).await?;
        let now = self.clock.now();
        let overdue = |attempt: &&Attempt| attempt.state.is_open() && attempt.check_at.is_some_and(|at| at <= now);
        for attempt in order.payment.attempts.iter().filter(overdue) {
            if attempt.is_promise() && order.status != OrderStatus::Cancelled {
                self.take_before_it_lapses(order.id, attempt.id).await?;
                continue;
            }
            let answer = self.ask(&order, attempt).await;
            self.take_answer(order.id, attempt.id, &answer).await?;
        }
        Ok(())
    }

    /// The question that fits: an attempt of an order that waits for money goes on, one of an order that is
    /// dead, or paid otherwise, is given up.
    /// An attempt the provider never heard of is charged under its own key, which is safe even if
    /// the first call is still on its way.
    async fn ask(&self, order: &Order, attempt: &Attempt) -> ProviderAnswer {
        let Some(gateway) = self.gateway(&attempt.provider) else { return NO_ANSWER };
        let live = !matches!(order.status, OrderStatus::Pending | OrderStatus::Cancelled);
        let stands = order.status == OrderStatus::Pending || (live && attempt.state == AttemptState::Authorized);
        if !stands || attempt.is_given_up() {
            return give_up(gateway.void(attempt).await);
        }
        ask_again(gateway, attempt).await
    }

    /// Brings a provider's message in: once, parked while nobody knows its reference, quarantined
    /// when it contradicts the books, the provider's own among them where these are asked.
    pub(crate) async fn take_event(&self, event: ProviderEvent) -> Outcome<()> {
        let is_lie = self.is_lie(&event).await?;
        rounds("order", || async {
            let changes = if is_lie {
                ChangeSet::of([OrderWrite::Provider(ProviderEvent { state: ProviderEventState::Quarantined, ..event.clone() })])
            } else {
                self.event_changes(event.clone()).await?
            };
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => Ok(Round::Done(())),
                other => settle(other, ()),
            }
        })
        .await
    }

    /// Whether a message says that money came in and its provider, asked about it, does not say the same: the same amount, and
    /// taken where the message says so. Where it says less by now, whoever asks later learns of the rest.
    ///
    /// # Errors
    /// When the provider does not answer: it sends the message again.
    async fn is_lie(&self, event: &ProviderEvent) -> Outcome<bool> {
        let ProviderFact::Payment(said @ (PaymentFact::Captured { .. } | PaymentFact::Authorized { .. })) = &event.fact else {
            return Ok(false);
        };
        let Some(gateway) = self.named(&event.provider).filter(|gateway| gateway.is_asked_after_messages()) else {
            return Ok(false);
        };
        let Some(attempt) = self.attempt_of(event).await?.filter(|attempt| attempt.state != AttemptState::Captured) else {
            return Ok(false);
        };
        let is_true = match (said, gateway.query(&attempt).await.fact) {
            (_, PaymentFact::NoAnswer) => {
                return Err(StoreError::unavailable("payments.query", "a provider is silent about its own message").into());
            }
            (PaymentFact::Captured { amount: said }, PaymentFact::Captured { amount }) => *said == amount,
            // Since then it may have been taken, or lapsed.
            (PaymentFact::Authorized { amount: said }, PaymentFact::Authorized { amount } | PaymentFact::Captured { amount }) => {
                *said == amount
            }
            (PaymentFact::Authorized { .. }, PaymentFact::Voided) => true,
            (
                _,
                PaymentFact::Captured { .. }
                | PaymentFact::Authorized { .. }
                | PaymentFact::Voided
                | PaymentFact::Pending { .. }
                | PaymentFact::Declined { .. }
                | PaymentFact::Unheard,
            ) => false,
        };
        if !is_true {
            tracing::error!(provider = event.provider, event = event.event_id, "a provider's message is not in its books");
        }
        Ok(!is_true)
    }

    /// The attempt that a message is about, of an order or a top-up; none while nobody knows its reference.
    async fn attempt_of(&self, event: &ProviderEvent) -> Outcome<Option<Attempt>> {
        let (provider, reference) = (&event.provider, &event.reference);
        if let Some(order) = self.store.order_by_reference(provider, reference).await? {
            let attempts = self.stored(order).await?.payment.attempts;
            let ours = |it: &Attempt| it.provider == *provider && it.reference.as_ref() == Some(reference);
            return Ok(attempts.into_iter().find(ours));
        }
        Ok(match self.store.top_up_by_reference(provider, reference).await? {
            Some(id) => self.store.top_up(id).await?.map(|top_up| top_up.attempt),
            None => None,
        })
    }

    async fn event_changes(&self, event: ProviderEvent) -> Outcome<ChangeSet<OrderWrite>> {
        let note = |state| ChangeSet::of([OrderWrite::Provider(ProviderEvent { state, ..event.clone() })]);
        let Some(order) = self.store.order_by_reference(&event.provider, &event.reference).await? else {
            return match self.store.top_up_by_reference(&event.provider, &event.reference).await? {
                Some(top_up) => self.top_up_event(top_up, event).await,
                None => Ok(note(ProviderEventState::Parked)),
            };
        };
        let order = self.stored(order).await?;
        Ok(match self.apply_event(order, &event) {
            Applied::Known => note(ProviderEventState::Applied),
            Applied::Contradiction(why) => {
                tracing::error!(provider = event.provider, event = event.event_id, why, "a provider contradicts the books");
                note(ProviderEventState::Quarantined)
            }
            Applied::Changed(decided) => {
                let (_, changes) = self.update(*decided, &Actor::System);
                changes.and(OrderWrite::Provider(ProviderEvent { state: ProviderEventState::Applied, ..event }))
            }
        })
    }

    fn apply_event(&self, order: Order, event: &ProviderEvent) -> Applied {
        let (provider, reference) = (&event.provider, Some(&event.reference));
        match &event.fact {
            ProviderFact::Other => Applied::Known,
            ProviderFact::RefundSucceeded(amount) => super::refund::apply_refund_fact(order, event.reference.as_str(), *amount),
            ProviderFact::Payment(fact) => {
                let ours = |attempt: &&Attempt| attempt.provider == *provider && attempt.reference.as_ref() == reference;
                let Some(attempt) = order.payment.attempts.iter().find(ours).map(|attempt| attempt.id) else {
                    return Applied::Contradiction(format!("{} is not an attempt of its order", event.reference));
                };
                let answer = ProviderAnswer { fact: fact.clone(), reference: reference.cloned() };
                apply_payment_fact(order, attempt, &answer, &self.ids, self.clock.now())
            }
        }
    }

    /// Worker: tries parked messages again, now that their attempts may have a reference. A provider that is silent about its
    /// own holds up nobody else's.
    ///
    /// # Errors
    /// When the store does not answer, or a provider that is asked first; what could be taken is taken all the same.
    pub async fn retry_parked(&self, limit: u32) -> Outcome<usize> {
        let mut taken = 0usize;
        let mut silent = BTreeMap::new();
        for event in self.store.parked(limit).await? {
            let (provider, reference) = (event.provider.clone(), &event.reference);
            let is_known = self.store.order_by_reference(&provider, reference).await?.is_some()
                || self.store.top_up_by_reference(&provider, reference).await?.is_some();
            if !is_known || silent.contains_key(&provider) {
                continue;
            }
            match self.take_event(event).await {
                Ok(()) => taken = taken.saturating_add(1),
                Err(error) => {
                    silent.insert(provider, error);
                }
            }
        }
        silent.into_values().next().map_or(Ok(taken), Err)
    }

    /// A provider's webhook, from its raw bytes. Taken over before it is answered; a repeat is a
    /// success.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown provider, `BAD_SIGNATURE`, `INVALID`.
    pub async fn webhook(&self, provider: &str, signature: Option<&str>, body: &[u8]) -> Outcome<()> {
        let known = self.named(provider).filter(|gateway| gateway.name() != wallet::NAME);
        let gateway = known.ok_or(Refusal::NotFound("payment provider"))?;
        let event = gateway.webhook(signature, body, self.clock.now())?;
        if event.fact == ProviderFact::Other { Ok(()) } else { self.take_event(event).await }
    }

    /// The provider of this name. One that is not configured any more is reported and, like one
    /// that does not answer, asked again later.
    pub(crate) fn gateway(&self, provider: &str) -> Option<&dyn PaymentGateway> {
        let known = self.named(provider);
        if known.is_none() {
            tracing::error!(provider, "open money is with a payment provider that is not configured");
        }
        known
    }

    fn named(&self, provider: &str) -> Option<&dyn PaymentGateway> {
        self.gateways.iter().find(|gateway| gateway.name() == provider).map(|gateway| &**gateway)
    }
}

/// What became of an attempt that waits for money. One that the provider never heard of is charged under its own key;
/// of a promise that stands what is to be taken is taken.
pub(crate) async fn ask_again(gateway: &dyn PaymentGateway, attempt: &Attempt) -> ProviderAnswer {
    let answer = gateway.query(attempt).await;
    match &answer.fact {
        PaymentFact::Unheard => gateway.charge(attempt).await,
        PaymentFact::Authorized { .. } if attempt.to_capture.is_some() => {
            let reference = answer.reference.or_else(|| attempt.reference.clone());
            gateway.charge(&Attempt { state: AttemptState::Authorized, reference, ..attempt.clone() }).await
        }
        PaymentFact::Authorized { .. }
        | PaymentFact::Captured { .. }
        | PaymentFact::Pending { .. }
        | PaymentFact::Declined { .. }
        | PaymentFact::Voided
        | PaymentFact::NoAnswer => answer,
    }
}

/// What a provider that cannot be reached says.
pub(crate) const NO_ANSWER: ProviderAnswer = ProviderAnswer { fact: PaymentFact::NoAnswer, reference: None };

/// What giving an attempt up comes to: a provider that has never heard of it cannot capture it.
pub(crate) fn give_up(answer: ProviderAnswer) -> ProviderAnswer {
    match answer.fact {
        PaymentFact::Unheard => ProviderAnswer { fact: PaymentFact::Voided, ..answer },
        PaymentFact::Captured { .. }
        | PaymentFact::Authorized { .. }
        | PaymentFact::Pending { .. }
        | PaymentFact::Declined { .. }
        | PaymentFact::Voided
        | PaymentFact::NoAnswer => answer,
    }
}
