//! Sending something back: the customer asks, staff decides, the goods come, the money goes.
//!
//! Each step changes the order, so that of two at once one decides on what the other left: never more comes
//! back than was delivered, and never more money goes back than was captured.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, KeyClaim, KeyResult, KeyScope, RequestKey, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, IdSource, OrderId, ReturnId};
use crate::limits;
use crate::money::Money;
use crate::page::{Page, PageRequest};
use crate::staff::StaffAction;
use crate::text::Check;
use crate::time::Timestamp;

use super::Orders;
use super::facts::refund_rest;
use super::model::{Order, OrderStatus};
use super::payment::{PaymentMethod, Refund, RefundCause};
use super::pricing::named_lines;
use super::quote::parse_items;
use super::returns::{Received, Return, ReturnFilter, ReturnKind, ReturnOf, ReturnStatus, Stepped};
use super::ship::follow;
use super::status::settle_keyed;
use super::story::{Decided, Happening};

/// A wish to send something back, as it came in.
#[derive(Clone, Debug)]
pub struct RequestReturn {
    /// What is wanted for it.
    pub kind: ReturnKind,
    /// SKU and quantity.
    pub lines: Vec<(String, i64)>,
    /// Whether it is what could not be handed over (staff alone says so), or what was; `None` is what was, and where so much
    /// was not, the other.
    pub refused: Option<bool>,
    /// Why.
    pub reason: String,
}

/// What came, as it was written down: SKU, quantity, and whether it can be sold again.
pub type CameBack = (String, i64, bool);

impl Orders {
    /// Asks to send something back: the customer within [`limits::RETURN_WINDOW`] after it was delivered, staff
    /// at any time after, and of parcels that could not be handed over, which then are not delivered any more.
    ///
    /// # Errors
    /// `RETURN_EXCEEDS_DELIVERED`, `RETURN_WINDOW_CLOSED`, `INVALID` naming the fields, `NOT_FOUND` for strangers,
    /// `IDEMPOTENCY_MISMATCH`, `VERSION_MISMATCH` when the order is not `expected`.
    pub async fn request_return(
        &self,
        actor: &Actor,
        order: OrderId,
        wish: RequestReturn,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ReturnOf>> {
        let id: ReturnId = self.ids.mint();
        let claim = key.map(|key| self.claim_return(actor, format!("POST /api/orders/{order}/returns"), id, key));
        let mut check = Check::new();
        let reason = check.line("reason", &wish.reason, 1, limits::SHORT_TEXT_MAX);
        let lines = check.take(parse_items("lines", &wish.lines)).unwrap_or_default();
        check.finish()?;
        let lines = named_lines(&lines)?;
        rounds("order", || async {
            let known = self.order(actor, order).await?;
            if let Some(made) = self.made_before(claim.as_ref()).await? {
                return Ok(Round::Done(Answer::Replayed(returned(&known, made)?)));
            }
            expect_version("order", expected, known.version)?;
            if wish.refused == Some(true) && !actor.is_staff() {
                return Err(Refusal::field("refused", "INVALID", "is said by staff, to whom the parcel comes back").into());
            }
            let refused = if actor.is_staff() { wish.refused } else { Some(false) };
            let lines = known.lines_back(&lines, refused)?;
            if !actor.is_staff() {
                self.within_window(&known).await?;
            }
            let now = self.clock.now();
            let asked = Return {
                id,
                kind: wish.kind,
                status: ReturnStatus::Requested,
                lines,
                reason: reason.clone(),
                note: None,
                refund: None,
                exchange: None,
                requested_at: now,
                updated_at: now,
            };
            let (order, changes) = self.update(turned(known, asked), actor);
            let made = returned(&order, id)?;
            let detail = json!({ "return": id });
            let changes = changes.say(self.told_to(order.user, actor, order.id, StaffAction::ReturnRequested, detail));
            settle_keyed(self.store.commit(changes.claim(claim.clone())).await, Answer::Fresh(made))
        })
        .await
    }

    /// A return, for its order's owner and staff.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn return_by_id(&self, actor: &Actor, id: ReturnId) -> Outcome<ReturnOf> {
        if *actor == Actor::Anonymous {
            return Err(Refusal::Unauthenticated.into());
        }
        let order = self.store.order_of_return(id).await?.ok_or(Refusal::NotFound("return"))?;
        let order = self.stored(order).await?;
        actor.require_owner(order.user, "return")?;
        Ok(returned(&order, id)?)
    }

    /// Returns, newest first: a customer's own, for staff all that match.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub async fn returns(&self, actor: &Actor, filter: ReturnFilter, page: &PageRequest) -> Outcome<Page<ReturnOf>> {
        let user = if actor.is_staff() { filter.user } else { Some(actor.require_user()?) };
        Ok(self.store.returns(&ReturnFilter { user, ..filter }, page).await?)
    }

    /// What comes back of an order, oldest first, for who sees the order.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn returns_of(&self, actor: &Actor, order: OrderId) -> Outcome<Vec<ReturnOf>> {
        let order = self.order(actor, order).await?;
        let (id, user) = (order.id, order.user);
        Ok(order.returns.into_iter().map(|it| ReturnOf { order: id, user, it }).collect())
    }

    /// Agrees to a return. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_TRANSITION`, `VERSION_MISMATCH` when its order is not `expected`; once more is no
    /// error.
    pub async fn approve_return(
        &self,
        actor: &Actor,
        id: ReturnId,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ReturnOf>> {
        let step = ("approve", ReturnStatus::Approved, StaffAction::ReturnApproved);
        self.step_return(actor, id, step, key, expected, |_, it, _| Ok((it, Vec::new()))).await
    }

    /// Does not agree to a return. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_TRANSITION`, `INVALID` for the reason, `VERSION_MISMATCH` when its order is not
    /// `expected`; once more is no error.
    pub async fn reject_return(
        &self,
        actor: &Actor,
        id: ReturnId,
        reason: Option<String>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ReturnOf>> {
        let mut check = Check::new();
        let note = reason.map(|reason| check.line("reason", &reason, 0, limits::SHORT_TEXT_MAX));
        check.finish()?;
        let note = note.filter(|note| !note.is_empty());
        let reject = |_: &Order, it: Return, _| Ok((Return { note: note.clone(), ..it }, Vec::new()));
        let step = ("reject", ReturnStatus::Rejected, StaffAction::ReturnRejected);
        self.step_return(actor, id, step, key, expected, reject).await
    }

    /// Takes in what came: back on the shelf, or written off. Nothing named means everything, to be sold
    /// again. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_TRANSITION`, `INVALID` for no lines and for more than was to come, `VERSION_MISMATCH` when its order
    /// is not `expected`; once more is no error.
    pub async fn receive_return(
        &self,
        actor: &Actor,
        id: ReturnId,
        came: Option<Vec<CameBack>>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ReturnOf>> {
        let came = came.map(|came| parse_came(&came)).transpose()?;
        let receive = |_: &Order, it: Return, _| Ok((it.receive(came.as_deref())?, Vec::new()));
        let step = ("receive", ReturnStatus::Received, StaffAction::ReturnReceived);
        self.step_return(actor, id, step, key, expected, receive).await
    }

    /// Gives the money back: the exact share of what came in price, discount and tax, or less. Staff.
    ///
    /// # Errors
    /// `REFUND_EXCEEDS_CAPTURED` for more than the share or than is left of what was captured, `PAYMENT_REQUIRED` while the
    /// courier has not collected, `FORBIDDEN`,
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `INVALID` for the amount, `VERSION_MISMATCH` when its order is not `expected`; once
    /// more is no error.
    pub async fn refund_return(
        &self,
        actor: &Actor,
        id: ReturnId,
        amount: Option<Money>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ReturnOf>> {
        let refund = |order: &Order, it: Return, now| {
            order.is_paid_for()?;
            let left = Money::new(order.refundable(), order.total.currency);
            let worth = order.worth_of(&it)?;
            let most = if worth.minor < left.minor { worth } else { left };
            let amount = match amount {
                Some(amount) => exact(amount, most)?,
                None => most,
            };
            let why = format!("return {id}");
            let mut refunds = refund_rest(order, Some(amount.minor), &why, RefundCause::Return(id), &self.ids, now);
            if amount == most {
                let after = give(turned(order.clone(), it.clone()), &refunds).order;
                refunds.extend(for_sending_nothing(&after, &self.ids, now)?);
            }
            Ok((Return { refund: Some(amount), ..it }, refunds))
        };
        let step = ("refund", ReturnStatus::Refunded, StaffAction::ReturnRefunded);
        self.step_return(actor, id, step, key, expected, refund).await
    }

    async fn step_return(
        &self,
        actor: &Actor,
        id: ReturnId,
        (name, next, deed): (&str, ReturnStatus, StaffAction),
        key: Option<RequestKey>,
        expected: Option<u64>,
        turn: impl Fn(&Order, Return, Timestamp) -> Result<(Return, Vec<Refund>), Refusal>,
    ) -> Outcome<Answer<ReturnOf>> {
        let claim = key.map(|key| self.claim_return(actor, format!("POST /api/returns/{id}/{name}"), id, key));
        let turn = &turn;
        rounds("order", || async {
            let known = self.return_by_id(actor, id).await?;
            actor.require_staff()?;
            let order = self.stored(known.order).await?;
            // In this order: what a twin of this request did has its key by then.
            if self.made_before(claim.as_ref()).await?.is_some() {
                return Ok(Round::Done(Answer::Replayed(self.return_by_id(actor, id).await?)));
            }
            expect_version("order", expected, order.version)?;
            let now = self.clock.now();
            let it = order.return_of(id).ok_or(Refusal::NotFound("return"))?;
            let Stepped::On(it) = it.step(next, now)? else {
                return Ok(Round::Done(Answer::Fresh(returned(&order, id)?)));
            };
            let (it, refunds) = turn(&order, it, now)?;
            let detail = json!({ "return": id, "amount": it.refund });
            let was = order.status;
            let mut decided = follow(give(turned(order, it), &refunds), now)?;
            if decided.order.status != was {
                decided = decided.note("what could not be handed over is back");
            }
            let (order, changes) = self.update(decided, actor);
            let made = returned(&order, id)?;
            let changes = changes.say(self.told(actor, order.id, deed, detail));
            settle_keyed(self.store.commit(changes.claim(claim.clone())).await, Answer::Fresh(made))
        })
        .await
    }

    fn claim_return(&self, actor: &Actor, route: String, id: ReturnId, key: RequestKey) -> KeyClaim {
        KeyClaim {
            scope: KeyScope { user: actor.user(), route, key: key.key },
            body_hash: key.body_hash,
            result: KeyResult::Done(id.uuid()),
            generation: 1,
            at: self.clock.now(),
        }
    }

    /// What a key made before.
    pub(super) async fn made_before(&self, claim: Option<&KeyClaim>) -> Outcome<Option<ReturnId>> {
        let Some(claim) = claim else { return Ok(None) };
        let Some(record) = self.store.key(&claim.scope).await? else { return Ok(None) };
        Ok(record.replay(&claim.body_hash)?.map(ReturnId::from_uuid))
    }

    /// Whether a customer may still send something back.
    async fn within_window(&self, order: &Order) -> Outcome<()> {
        let history = self.store.timeline(order.id, &PageRequest::first()).await?;
        let delivered = history.items.iter().find(|entry| entry.status == OrderStatus::Delivered);
        let Some(until) = delivered.map(|entry| entry.at.plus(limits::RETURN_WINDOW)) else { return Ok(()) };
        let now = self.clock.now();
        if now < until { Ok(()) } else { Err(Refusal::ReturnWindowClosed { until, late: now.since(until) }.into()) }
    }
}

/// What was paid for sending an order of which nothing arrived, once all else was paid back: it goes back, too.
///
/// # Errors
/// When the amounts do not fit.
pub(super) fn for_sending_nothing(order: &Order, ids: &IdSource, now: Timestamp) -> Result<Vec<Refund>, Refusal> {
    let mut returns = order.returns.iter().filter(|it| it.status != ReturnStatus::Rejected);
    let paid_back = order.nothing_arrived() && returns.all(|it| it.status == ReturnStatus::Refunded);
    if !paid_back || order.payment.method == PaymentMethod::Cod {
        return Ok(Vec::new());
    }
    let most = Some(order.shipping_left()?.minor);
    Ok(refund_rest(order, most, "nothing of the order arrived", RefundCause::Goodwill, ids, now))
}

/// The order with a return as it is now, and that it was turned so.
pub(super) fn turned(order: Order, it: Return) -> Decided {
    let (id, status) = (it.id, it.status);
    let mut decided = Decided { returned: Some(id), ..Decided::about(order) };
    match decided.order.returns.iter_mut().find(|known| known.id == id) {
        Some(known) => *known = it,
        None => decided.order.returns.push(it),
    }
    decided.and(Happening::Returned(status))
}

/// With money on its way back. Cash is handed over at once.
pub(super) fn give(mut decided: Decided, refunds: &[Refund]) -> Decided {
    let payment = &mut decided.order.payment;
    let mut handed = 0_usize;
    for refund in refunds {
        if refund.check_at.is_none() {
            payment.refunded.minor = payment.refunded.minor.saturating_add(refund.amount.minor);
            handed = handed.saturating_add(1);
        }
        payment.refunds.push(refund.clone());
    }
    (0..handed).fold(decided, |decided, _| decided.and(Happening::Refunded))
}

pub(super) fn returned(order: &Order, id: ReturnId) -> Result<ReturnOf, Refusal> {
    let it = order.return_of(id).cloned().ok_or(Refusal::NotFound("return"))?;
    Ok(ReturnOf { order: order.id, user: order.user, it })
}

/// An amount of money above nothing and no more than `most`.
pub(super) fn exact(amount: Money, most: Money) -> Result<Money, Refusal> {
    if amount.currency != most.currency {
        return Err(Refusal::CurrencyMismatch);
    }
    if amount.minor < 1 && most.minor > 0 {
        return Err(Refusal::field("amount", "OUT_OF_RANGE", "must be above nothing"));
    }
    if amount.minor > most.minor || amount.minor < 1 { Err(Refusal::RefundExceedsCaptured { most }) } else { Ok(amount) }
}

fn parse_came(came: &[CameBack]) -> Result<Vec<Received>, Refusal> {
    if came.is_empty() {
        return Err(Refusal::field("lines", "REQUIRED", "say what came, or leave it out for everything"));
    }
    let lines: Vec<(String, i64)> = came.iter().map(|(sku, quantity, _)| (sku.clone(), *quantity)).collect();
    let parsed = parse_items("lines", &lines)?;
    let restock = came.iter().map(|(_, _, restock)| *restock);
    Ok(parsed.into_iter().zip(restock).map(|((sku, quantity), restock)| Received { sku, quantity, restock }).collect())
}
