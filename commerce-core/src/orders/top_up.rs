//! Putting money into a wallet: asked for through a provider like an order's, entered once.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Error, Outcome, Refusal};
use crate::ids::{AttemptId, Id, UserId};
use crate::keyed::Keyed;
use crate::limits;
use crate::money::Money;
use crate::page::{Page, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};

use super::Orders;
use super::collect::{NO_ANSWER, ask_again, give_up};
use super::draft::{Tender, attempt};
use super::facts::advance;
use super::payment::{AttemptState, Capture, PaymentMethod};
use super::ports::{OrderWrite, ProviderAnswer, ProviderEvent, ProviderEventState, ProviderFact};
use super::wallet::{TopUp, Wallet, WalletEntry, WalletKind};

/// How a top-up is paid: the first of these that the shop takes.
const METHODS: [PaymentMethod; 3] = [PaymentMethod::Card, PaymentMethod::Upi, PaymentMethod::NetBanking];

impl Orders {
    /// What a user has with the shop. Hers alone; the operator may look.
    ///
    /// # Errors
    /// `NOT_FOUND` for everybody else.
    pub async fn wallet(&self, actor: &Actor, user: UserId) -> Outcome<Wallet> {
        require_self(actor, user)?;
        let nothing = Wallet { user, balance: Money::zero(self.policy.currency) };
        Ok(self.store.wallet(user).await?.unwrap_or(nothing))
    }

    /// What went into her wallet and out of it, newest key first.
    ///
    /// # Errors
    /// `NOT_FOUND` for everybody else.
    pub async fn wallet_entries(&self, actor: &Actor, user: UserId, page: &PageRequest) -> Outcome<Page<WalletEntry>> {
        require_self(actor, user)?;
        Ok(self.store.wallet_entries(user, page).await?)
    }

    /// Asks a provider for money and puts it into the wallet of whoever pays. Repeated with the same key it asks once.
    ///
    /// # Errors
    /// `INVALID`, `CURRENCY_MISMATCH`, `IDEMPOTENCY_MISMATCH`, `NOT_FOUND` for everybody else.
    pub async fn top_up(
        &self,
        actor: &Actor,
        user: UserId,
        amount: Money,
        token: Option<String>,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<TopUp>> {
        require_self(actor, user)?;
        let keyed = Keyed::of(actor, format!("POST /api/wallet/{user}/topup"), key);
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(self.stored_top_up(Id::from_uuid(made)).await?));
        }
        let (balance, most) = (self.wallet(actor, user).await?.balance, limits::WALLET_MAX_MINOR);
        if amount.currency != balance.currency {
            return Err(Refusal::CurrencyMismatch.into());
        }
        if amount.minor < 1 || balance.minor.saturating_add(amount.minor) > most {
            let message = format!("must be positive, and leave the wallet with at most {}", Money::new(most, balance.currency));
            return Err(Refusal::field("amount", "OUT_OF_RANGE", message).into());
        }
        let method = METHODS.into_iter().find(|method| self.provider_of(*method).is_some());
        let method = method.ok_or_else(|| Refusal::field("token", "NOT_AVAILABLE", "nobody takes payments for this shop"))?;
        let tender = Tender { capture: Capture::Automatic, ..self.tender("", user, method, token)? };
        let now = self.clock.now();
        let attempt = attempt(&tender, amount, &self.ids, now).ok_or(Refusal::NotFound("payment provider"))?;
        let top_up = TopUp { user, attempt, version: 1 };
        let deed = Deed::of(StaffAction::WalletToppedUp, Subject::of(SubjectKind::User, user), json!({ "amount": amount }));
        let told = deed.said_to(user, actor, &self.ids, now);
        let changes = ChangeSet::of([OrderWrite::TopUp(top_up.clone())]).say(told);
        let changes = changes.claim(keyed.claim(top_up.attempt.id.uuid(), now));
        match self.store.commit(changes).await {
            Ok(()) => Ok(Answer::Fresh(self.collect_top_up(top_up).await)),
            Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                Ok(Answer::Replayed(self.stored_top_up(Id::from_uuid(keyed.twin(&record)?)).await?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for the money; what fails here a worker does again.
    async fn collect_top_up(&self, top_up: TopUp) -> TopUp {
        let Some(gateway) = self.gateway(&top_up.attempt.provider) else { return top_up };
        let answer = match gateway.charge(&top_up.attempt).await {
            promised if matches!(promised.fact, super::PaymentFact::Authorized { .. }) => {
                ask_again(gateway, &top_up.attempt).await
            }
            answer => answer,
        };
        match self.take_top_up(top_up.attempt.id, &answer).await {
            Ok(now) => now,
            Err(error) => {
                let id = top_up.attempt.id;
                tracing::warn!(top_up = %id, error = &error as &dyn std::error::Error, "a top-up is left to the worker");
                top_up
            }
        }
    }

    /// Brings an answer about a top-up into the books; what was captured is entered with it.
    async fn take_top_up(&self, id: AttemptId, answer: &ProviderAnswer) -> Outcome<TopUp> {
        rounds("top-up", || async {
            let known = self.stored_top_up(id).await?;
            let heard = self.changed(&known, answer).or_else(|why| {
                tracing::error!(top_up = %id, why, "a provider contradicts the books");
                // It is asked again, and later each time, as one that does not answer.
                self.changed(&known, &NO_ANSWER)
            });
            match heard.ok().flatten() {
                Some((next, changes)) => settle(self.store.commit(changes).await, next),
                None => Ok(Round::Done(known)),
            }
        })
        .await
    }

    /// The top-up after an answer, and what makes it so; none where nothing changes.
    fn changed(&self, known: &TopUp, answer: &ProviderAnswer) -> Result<Option<(TopUp, ChangeSet<OrderWrite>)>, String> {
        let now = self.clock.now();
        let attempt = advance(&known.attempt, answer, true, now)?;
        if attempt == known.attempt {
            return Ok(None);
        }
        let newly = attempt.state == AttemptState::Captured && known.attempt.state != AttemptState::Captured;
        let next = TopUp { user: known.user, attempt, version: known.version.saturating_add(1) };
        let (id, amount) = (next.attempt.id.uuid(), Money::new(next.attempt.taken(), next.attempt.amount.currency));
        let entry = WalletEntry { id, user: next.user, kind: WalletKind::TopUp, amount, at: now };
        let changes = ChangeSet::of([OrderWrite::TopUp(next.clone())]);
        Ok(Some((next, if newly { changes.and(OrderWrite::Enter(entry)) } else { changes })))
    }

    /// What a provider's message about a top-up comes to.
    pub(crate) async fn top_up_event(&self, id: AttemptId, event: ProviderEvent) -> Outcome<ChangeSet<OrderWrite>> {
        let note = |state| OrderWrite::Provider(ProviderEvent { state, ..event.clone() });
        let known = self.stored_top_up(id).await?;
        let changed = match &event.fact {
            ProviderFact::Payment(fact) => {
                self.changed(&known, &ProviderAnswer { fact: fact.clone(), reference: Some(event.reference.clone()) })
            }
            ProviderFact::Other => Ok(None),
            ProviderFact::RefundSucceeded(_) => Err(format!("{} is not a refund", event.reference)),
        };
        Ok(match changed {
            Ok(None) => ChangeSet::of([note(ProviderEventState::Applied)]),
            Ok(Some((_, changes))) => changes.and(note(ProviderEventState::Applied)),
            Err(why) => {
                tracing::error!(provider = event.provider, event = event.event_id, why, "a provider contradicts the books");
                ChangeSet::of([note(ProviderEventState::Quarantined)])
            }
        })
    }

    /// Worker: asks what became of top-ups whose answer is overdue, and gives up those whose time is over.
    pub(crate) async fn resume_top_ups(&self, limit: u32) -> Outcome<usize> {
        let due = self.store.due_top_ups(self.clock.now(), limit).await?;
        for id in &due {
            let top_up = self.stored_top_up(*id).await?;
            let over = top_up.attempt.created_at.plus(limits::TOP_UP_DUE) <= self.clock.now();
            let answer = match self.gateway(&top_up.attempt.provider) {
                Some(gateway) if over => give_up(gateway.void(&top_up.attempt).await),
                Some(gateway) => ask_again(gateway, &top_up.attempt).await,
                None => NO_ANSWER,
            };
            self.take_top_up(*id, &answer).await?;
        }
        Ok(due.len())
    }

    /// A top-up of this user's, as it is by now.
    ///
    /// # Errors
    /// `NOT_FOUND`, for everybody else too.
    pub async fn top_up_of(&self, actor: &Actor, user: UserId, id: AttemptId) -> Outcome<TopUp> {
        require_self(actor, user)?;
        let top_up = self.stored_top_up(id).await?;
        if top_up.user == user { Ok(top_up) } else { Err(Refusal::NotFound("top-up").into()) }
    }

    async fn stored_top_up(&self, id: AttemptId) -> Outcome<TopUp> {
        self.store.top_up(id).await?.ok_or(Error::from(Refusal::NotFound("top-up")))
    }
}

/// Passes the user herself, and the engine.
fn require_self(actor: &Actor, user: UserId) -> Result<(), Refusal> {
    match actor {
        Actor::System => Ok(()),
        Actor::Anonymous | Actor::Guest(..) => Err(Refusal::Unauthenticated),
        Actor::Customer(_) | Actor::Seller(..) | Actor::Admin(_) if actor.user() == Some(user) => Ok(()),
        Actor::Customer(_) | Actor::Seller(..) | Actor::Admin(_) => Err(Refusal::NotFound("wallet")),
    }
}
