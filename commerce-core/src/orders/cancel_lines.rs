//! Cancelling some of an order: units that have not left the house are given up, and their money with them.
//!
//! What was ordered stays as it was ordered, its prices and coupons included; what was given up is kept beside it. Each
//! unit takes its share of price, discount and tax along, counted from its line's beginning, and of shipping what its
//! share of the goods is; so that parts are the whole to the unit. What was paid goes back, what is paid on delivery is
//! so much less. Who gives up all that is left gives up the order.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, RequestKey, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal, Shortage};
use crate::ids::{CancellationId, IdSource, OrderId};
use crate::limits;
use crate::money::{Money, MoneyError};
use crate::staff::StaffAction;
use crate::text::{Quantity, Sku};
use crate::time::Timestamp;

use super::Orders;
use super::facts::{cancel, refund_rest};
use super::model::{Order, OrderStatus};
use super::payment::{Attempt, PaymentMethod, RefundCause};
use super::pricing::{OrderLine, named_lines};
use super::quote::parse_items;
use super::returns::share;
use super::send_back::for_sending_nothing;
use super::ship::follow;
use super::shipments::ShipmentLine;
use super::status::{parse_note, settle_keyed};
use super::story::{Decided, Happening};
use super::tax::on_shipping;

/// Units of an order that were given up before they left the house.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// Which.
    pub id: CancellationId,
    /// Each SKU once.
    pub lines: Vec<ShipmentLine>,
    /// Why, where somebody said.
    pub reason: String,
    /// So much less is to be paid, or goes back.
    pub worth: Money,
    /// When.
    #[serde(rename = "at")]
    pub created_at: Timestamp,
}

impl Orders {
    /// Gives up some of an order: its owner or staff, of what has not left the house.
    ///
    /// # Errors
    /// `CANCEL_EXCEEDS_OPEN` naming every SKU of which so many are not open, `PAYMENT_REQUIRED` while money is only promised, `ILLEGAL_TRANSITION` of an order that is not confirmed
    /// or gone, `INVALID` naming the fields, `NOT_FOUND` for strangers, `VERSION_MISMATCH` when the order is not `expected`,
    /// `IDEMPOTENCY_MISMATCH`.
    pub async fn cancel_lines(
        &self,
        actor: &Actor,
        id: OrderId,
        lines: &[(String, i64)],
        reason: Option<String>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Order>> {
        let reason = &parse_note("reason", reason)?;
        let lines = parse_items("lines", lines)?;
        let lines = &named_lines(&lines)?;
        let claim = key.map(|key| self.claim_on(actor, id, "cancel", key));
        rounds("order", || async {
            let order = self.order(actor, id).await?;
            if self.used_before(claim.as_ref()).await? {
                return Ok(Round::Done(Answer::Replayed(self.order(actor, id).await?)));
            }
            expect_version("order", expected, order.version)?;
            let decided = give_up(order, lines, reason, &self.ids, self.clock.now())?;
            let (order, changes) = self.update(decided, actor);
            let brief = |(sku, quantity): &(Sku, Quantity)| json!({ "sku": sku, "quantity": quantity });
            let detail = json!({ "lines": lines.iter().map(brief).collect::<Vec<_>>() });
            let changes = changes.say(self.told_to(order.user, actor, id, StaffAction::OrderLinesCancelled, detail));
            settle_keyed(self.store.commit(changes.claim(claim.clone())).await, Answer::Fresh(order))
        })
        .await
    }
}

fn give_up(order: Order, lines: &[(Sku, Quantity)], why: &str, ids: &IdSource, now: Timestamp) -> Result<Decided, Refusal> {
    order.check_give_up(lines)?;
    if order.payment.attempts.iter().any(Attempt::is_promise) {
        // What is given up would be captured with the rest.
        return Err(Refusal::PaymentRequired);
    }
    let left: u32 = order.open_lines().iter().map(|line| line.quantity.get()).fold(0, u32::saturating_add);
    let given_up = lines.iter().map(|(_, quantity)| quantity.get()).fold(0, u32::saturating_add);
    if order.shipments.is_empty() && left == given_up {
        return cancel(order, why, ids, now);
    }
    let worth = order.worth_given_up(lines)?;
    let id = ids.mint();
    let lines = lines.iter().map(|(sku, quantity)| ShipmentLine { sku: sku.clone(), quantity: *quantity }).collect();
    let mut decided = Decided { given_up: Some(id), ..Decided::about(order) };
    decided.order.cancellations.push(Cancellation { id, lines, reason: why.to_owned(), worth, created_at: now });
    if decided.order.payment.method != PaymentMethod::Cod {
        let refunds =
            refund_rest(&decided.order, Some(worth.minor), "some of the order was cancelled", RefundCause::Goodwill, ids, now);
        decided.order.payment.refunds.extend(refunds);
    }
    let mut decided = follow(decided.and(Happening::GaveUp).note(why), now)?;
    let refunds = for_sending_nothing(&decided.order, ids, now)?;
    decided.order.payment.refunds.extend(refunds);
    Ok(decided)
}

impl Order {
    /// Units of a SKU that were given up.
    #[must_use]
    pub fn given_up(&self, sku: &Sku) -> u32 {
        let lines = self.cancellations.iter().flat_map(|it| &it.lines).filter(|line| line.sku == *sku);
        lines.fold(0, |units, line| units.saturating_add(line.quantity.get()))
    }

    /// All that was given up, each SKU once.
    #[must_use]
    pub fn all_given_up(&self) -> Vec<ShipmentLine> {
        let units = |sku: &Sku| Quantity::new(self.given_up(sku));
        self.lines.iter().filter_map(|line| Some(ShipmentLine { sku: line.sku.clone(), quantity: units(&line.sku)? })).collect()
    }

    /// What the customer pays in the end: the total less what was given up.
    #[must_use]
    pub fn to_pay(&self) -> Money {
        let off = self.cancellations.iter().fold(0_i64, |off, it| off.saturating_add(it.worth.minor));
        Money { minor: self.payment.amount.minor.saturating_sub(off), ..self.payment.amount }
    }

    /// Passes what may be given up.
    ///
    /// # Errors
    /// As [`Orders::cancel_lines`].
    pub fn check_give_up(&self, lines: &[(Sku, Quantity)]) -> Result<(), Refusal> {
        if !matches!(self.status, OrderStatus::Confirmed | OrderStatus::Processing) {
            return Err(Refusal::IllegalTransition { from: self.status.as_str(), to: OrderStatus::Cancelled.as_str() });
        }
        if self.cancellations.len() >= limits::CANCELLATIONS_MAX {
            return Err(Refusal::field("lines", "TOO_MANY", "of one order so much is not given up bit by bit"));
        }
        for (index, (sku, _)) in lines.iter().enumerate() {
            if !self.lines.iter().any(|line| line.sku == *sku) {
                return Err(Refusal::field(format!("lines[{index}].sku"), "UNKNOWN_SKU", format!("{sku} was not ordered")));
            }
        }
        let open = self.open_lines();
        let short = |(sku, quantity): &(Sku, Quantity)| {
            let left = open.iter().find(|line| line.sku == *sku).map_or(0, |line| line.quantity.get());
            let requested = quantity.get();
            (left < requested).then(|| Shortage { sku: sku.clone(), requested, available: i64::from(left) })
        };
        let short: Vec<Shortage> = lines.iter().filter_map(short).collect();
        if short.is_empty() { Ok(()) } else { Err(Refusal::CancelExceedsOpen(short)) }
    }

    /// What these units take along: of each line the next share in its price, discount and tax, and of shipping and its taxes the
    /// share that the goods which were given up have in all.
    fn worth_given_up(&self, lines: &[(Sku, Quantity)]) -> Result<Money, MoneyError> {
        let mut worth = Money::zero(self.total.currency);
        let (mut before, mut after, mut goods) = (0_u64, 0_u64, 0_u64);
        for line in &self.lines {
            let more = lines.iter().find(|(sku, _)| *sku == line.sku).map_or(0, |(_, quantity)| quantity.get());
            let gone = self.given_up(&line.sku);
            let settled = gone.saturating_add(self.given_for(&line.sku, None));
            let part = share(line, settled.saturating_add(more)).minus(share(line, settled))?;
            worth = worth.plus(part)?;
            let minor = |units| share(line, units).minor.unsigned_abs();
            before = before.saturating_add(minor(gone));
            after = after.saturating_add(minor(gone.saturating_add(more)));
            goods = goods.saturating_add(line.total.minor.unsigned_abs());
        }
        worth.plus(self.of_shipping(after, goods)?.minus(self.of_shipping(before, goods)?)?)
    }

    /// What sending costs, with its taxes, less the shares that went with what was given up.
    pub(super) fn shipping_left(&self) -> Result<Money, MoneyError> {
        let minor = |line: &OrderLine, units| share(line, units).minor.unsigned_abs();
        let sum = |sum: u64, minor| sum.saturating_add(minor);
        let goods = self.lines.iter().map(|line| minor(line, line.quantity.get())).fold(0, sum);
        let given_up = self.lines.iter().map(|line| minor(line, self.given_up(&line.sku))).fold(0, sum);
        self.shipping_with_tax()?.minus(self.of_shipping(given_up, goods)?)
    }

    fn shipping_with_tax(&self) -> Result<Money, MoneyError> {
        self.shipping.plus(on_shipping(self.shipping.currency, &self.tax_lines)?)
    }

    /// The share of shipping that goes with goods of this worth, of all.
    fn of_shipping(&self, given_up: u64, goods: u64) -> Result<Money, MoneyError> {
        let parts = self.shipping_with_tax()?.allocate(&[given_up, goods.saturating_sub(given_up)]);
        Ok(parts.first().copied().filter(|_| goods > 0).unwrap_or(Money::zero(self.shipping.currency)))
    }
}
