//! Money that staff gives back without a return: an amount, all that is left, or what units of lines cost.
//!
//! A refund remembers the units it is for, so that what a unit cost goes back once: whether it is named again, comes back with
//! a return, or is given up.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, KeyClaim, KeyResult, RequestKey, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId};
use crate::limits;
use crate::money::{Money, MoneyError};
use crate::staff::StaffAction;
use crate::text::{Check, Quantity, Sku};

use super::Orders;
use super::facts::refund_rest;
use super::model::Order;
use super::payment::{Refund, RefundCause, RefundState};
use super::pricing::{OrderLine, named_lines};
use super::quote::parse_items;
use super::returns::share;
use super::send_back::{exact, give};
use super::shipments::ShipmentLine;
use super::status::settle_keyed;
use super::story::Decided;

/// What staff gives back without a return.
#[derive(Clone, Debug, Default)]
pub struct GiveMoney {
    /// So much; without lines and amount, all that is left.
    pub amount: Option<Money>,
    /// What these cost: SKU and quantity.
    pub lines: Option<Vec<(String, i64)>>,
    /// Why.
    pub reason: String,
}

impl Orders {
    /// Gives money back without a return. Staff. Answers the refund; where it comes out of several captures,
    /// the first of several.
    ///
    /// # Errors
    /// `REFUND_EXCEEDS_CAPTURED` for more than is left of what was captured, or than has not gone back of what those units
    /// cost, `INVALID` naming the fields, `FORBIDDEN` for its customer, `NOT_FOUND` for strangers, `IDEMPOTENCY_MISMATCH`,
    /// `VERSION_MISMATCH` when the order is not `expected`.
    pub async fn give_money_back(
        &self,
        actor: &Actor,
        id: OrderId,
        wish: GiveMoney,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Refund>> {
        let claim = key.map(|key| self.claim_on(actor, id, "refunds", key));
        let mut check = Check::new();
        let reason = check.line("reason", &wish.reason, 1, limits::SHORT_TEXT_MAX);
        let lines = wish.lines.as_ref().and_then(|lines| check.take(parse_named(lines)));
        if wish.amount.is_some() && lines.is_some() {
            check.fault("amount", "INVALID", "cannot stand beside lines");
        }
        if wish.amount.is_some_and(|amount| amount.minor < 1) {
            check.fault("amount", "OUT_OF_RANGE", "must be above nothing");
        }
        check.finish()?;
        rounds("order", || async {
            let order = self.owned(actor, id).await?;
            actor.require_staff()?;
            if let Some(made) = self.made_before(claim.as_ref()).await? {
                let refunds = self.stored(id).await?.payment.refunds;
                let made = refunds.into_iter().find(|refund| refund.id.uuid() == made.uuid());
                return Ok(Round::Done(Answer::Replayed(made.ok_or(Refusal::NotFound("refund"))?)));
            }
            expect_version("order", expected, order.version)?;
            let left = Money::new(order.refundable(), order.total.currency);
            let wanted = match &lines {
                Some(lines) => order.worth_of_units(lines)?,
                None => wish.amount.unwrap_or(left),
            };
            let amount = exact(wanted, left)?;
            let now = self.clock.now();
            let mut given = refund_rest(&order, Some(amount.minor), &reason, RefundCause::Goodwill, &self.ids, now);
            let first = given.first_mut().ok_or(Refusal::RefundExceedsCaptured { most: left })?;
            first.lines =
                lines.iter().flatten().map(|(sku, quantity)| ShipmentLine { sku: sku.clone(), quantity: *quantity }).collect();
            let first = first.clone();
            let decided = give(Decided::about(order), &given);
            let (_, changes) = self.update(decided, actor);
            let changes = changes.say(self.told(actor, id, StaffAction::RefundGiven, json!({ "amount": amount })));
            let claim = claim.clone().map(|claim| KeyClaim { result: KeyResult::Done(first.id.uuid()), ..claim });
            settle_keyed(self.store.commit(changes.claim(claim)).await, Answer::Fresh(first))
        })
        .await
    }
}

impl Order {
    /// Units of a SKU whose money went back without a return.
    #[must_use]
    pub fn paid_back(&self, sku: &Sku) -> u32 {
        let alive = self.payment.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
        let lines = alive.flat_map(|refund| &refund.lines).filter(|line| line.sku == *sku);
        lines.fold(0, |units, line| units.saturating_add(line.quantity.get()))
    }

    /// What so many more units of lines cost, each counted on from those whose money went back or was never paid.
    fn worth_of_units(&self, lines: &[(Sku, Quantity)]) -> Result<Money, Refusal> {
        let mut worth = Money::zero(self.total.currency);
        let mut is_too_much = false;
        for (index, (sku, quantity)) in lines.iter().enumerate() {
            let unknown = || Refusal::field(format!("lines[{index}].sku"), "UNKNOWN_SKU", format!("{sku} was not ordered"));
            let line = self.lines.iter().find(|line| line.sku == *sku).ok_or_else(unknown)?;
            if quantity.get() > line.quantity.get() {
                let message = format!("more of {sku} than were ordered");
                return Err(Refusal::field(format!("lines[{index}].quantity"), "OUT_OF_RANGE", message));
            }
            let before = self.settled(sku, None);
            let after = before.saturating_add(quantity.get());
            is_too_much |= after > line.quantity.get();
            worth = worth.plus(share_between(line, before, after)?)?;
        }
        if is_too_much { Err(Refusal::RefundExceedsCaptured { most: worth }) } else { Ok(worth) }
    }
}

fn share_between(line: &OrderLine, before: u32, after: u32) -> Result<Money, MoneyError> {
    share(line, after).minus(share(line, before))
}

fn parse_named(lines: &[(String, i64)]) -> Result<Vec<(Sku, Quantity)>, Refusal> {
    named_lines(&parse_items("lines", lines)?)
}
