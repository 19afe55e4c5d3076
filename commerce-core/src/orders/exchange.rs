//! Exchanging: what came back is worth a new order, and pays it.
//!
//! The rule, to the unit. What came back is worth its share of price, discount and tax, as for a refund, and no more
//! than is left of what was captured. The same things again cost just that, whatever they cost by now. Other things
//! cost what they cost; what they cost less goes back, and what would cost more is refused
//! (`EXCHANGE_EXCEEDS_CREDIT`), because an exchange never asks for money. Shipping is the shop's.
//!
//! The return becomes EXCHANGED and the new order is placed in one change set, so that there is either both or
//! neither. Money does not move then: the new order is paid by an attempt of the provider [`EXCHANGE`], and the return
//! says what of its worth pays it. Where the new order gives money back, because it is cancelled or something of it
//! returned, a worker brings that to the return's own order, which gives it back the way it came.

use serde_json::json;

use crate::actor::Actor;
use crate::catalog::HoldKey;
use crate::change::{
    Answer, ChangeSet, KeyClaim, KeyResult, KeyScope, RequestKey, Round, digest, expect_version, rounds, settle,
};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId, RefundId, ReturnId};
use crate::limits;
use crate::money::Money;
use crate::staff::StaffAction;
use crate::text::{IdempotencyKey, Metadata, Quantity, Sku};
use crate::time::Timestamp;
use crate::users::PostalAddress;

use super::Orders;
use super::draft::{Draft, Tender};
use super::facts::refund_rest;
use super::model::Order;
use super::payment::{AttemptState, Capture, PaymentMethod, Refund, RefundCause, RefundState};
use super::ports::{OrderWrite, PricedItem};
use super::pricing::{OrderLine, Quote, demand};
use super::quote::{AddressChoice, PlaceOrder, Wish, parse_items};
use super::returns::{Exchange, Return, ReturnOf, ReturnStatus, Stepped};
use super::send_back::{give, returned, turned};
use super::ship::become_status;
use super::shipping::Destination;
use super::status::settle_keyed;
use super::story::{Decided, Happening};
use super::tax::on_shipping;

/// The provider of attempts that are paid by what came back.
pub const EXCHANGE: &str = "exchange";

/// What is to be sent for a return, and for how much.
struct Swap {
    order: Order,
    it: Return,
    /// What came back is worth, as far as its money is left.
    credit: Money,
    quote: Quote,
    items: Vec<PricedItem>,
    lines: Vec<(Sku, Quantity)>,
}

impl Orders {
    /// Sends other things for what came back, or the same again where none are named: at no more than that is worth, unless
    /// money went back for some of them without a return. Staff.
    ///
    /// # Errors
    /// `EXCHANGE_EXCEEDS_CREDIT`, `SOLD_OUT`, `PAYMENT_REQUIRED` while the courier has not collected, `ILLEGAL_TRANSITION`,
    /// `EMPTY_ORDER` where nothing came or is to be sent, `INVALID` naming the fields, `FORBIDDEN`, `NOT_FOUND`, `IDEMPOTENCY_MISMATCH`,
    /// `VERSION_MISMATCH` when its order is not `expected`; once more is no error.
    pub async fn exchange_return(
        &self,
        actor: &Actor,
        id: ReturnId,
        items: Option<Vec<(String, i64)>>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ReturnOf>> {
        let key = key.unwrap_or_else(|| self.key_of_our_own());
        let scope = KeyScope { user: actor.user(), route: format!("POST /api/returns/{id}/exchange"), key: key.key };
        let items = items.map(|items| parse_items("items", &items)).transpose()?;
        let items = &items.as_deref().map(demand).transpose()?;
        let (scope, body_hash) = (&scope, key.body_hash);
        rounds("order", || async {
            let known = self.return_by_id(actor, id).await?;
            actor.require_staff()?;
            // In this order: what a twin of this request did has its key by then.
            let order = self.stored(known.order).await?;
            if let Some(record) = self.store.key(scope).await?
                && record.replay(&body_hash)?.is_some()
            {
                return Ok(Round::Done(Answer::Replayed(self.return_by_id(actor, id).await?)));
            }
            expect_version("order", expected, order.version)?;
            let it = order.return_of(id).ok_or(Refusal::NotFound("return"))?;
            let Stepped::On(it) = it.step(ReturnStatus::Exchanged, self.clock.now())? else {
                return Ok(Round::Done(Answer::Fresh(returned(&order, id)?)));
            };
            let swap = self.swap(order, it, items.as_deref()).await?;
            let (made, changes) = self.exchange(actor, swap, scope, body_hash).await?;
            settle_keyed(self.store.commit(changes).await, Answer::Fresh(made))
        })
        .await
    }

    /// First beat: what is sent, and what it costs.
    async fn swap(&self, order: Order, it: Return, items: Option<&[(Sku, Quantity)]>) -> Outcome<Swap> {
        order.is_paid_for()?;
        let worth = order.worth_of(&it)?;
        let credit = Money { minor: worth.minor.min(order.refundable()), ..worth };
        let came = it.lines.iter().filter_map(|line| Some((line.sku.clone(), Quantity::new(line.units())?)));
        let lines = items.map_or_else(|| came.collect(), <[_]>::to_vec);
        if lines.is_empty() || it.lines.iter().all(|line| line.units() == 0) {
            return Err(Refusal::EmptyOrder.into());
        }
        let wish = Wish { demand: lines.clone(), cart: None, codes: None };
        let to = Destination::from(&order.shipping_address);
        let priced = self.price(Some(order.user), &wish, &again(&order), &to).await?;
        let mut quote = sent_free(priced.quote)?;
        // Who has the money of some of them does not get them again as well.
        let unpaid_back = it.lines.iter().all(|line| order.paid_back(&line.sku) == 0);
        if items.is_none() && unpaid_back {
            quote = no_dearer(quote, credit)?;
        }
        if quote.total.currency != credit.currency {
            return Err(Refusal::CurrencyMismatch.into());
        }
        if quote.total.minor > credit.minor {
            return Err(Refusal::ExchangeExceedsCredit { credit, total: quote.total }.into());
        }
        Ok(Swap { order, it, credit, quote, items: priced.items, lines })
    }

    /// Second beat: hold the stock, decide both orders.
    async fn exchange(
        &self,
        actor: &Actor,
        swap: Swap,
        scope: &KeyScope,
        body_hash: [u8; 32],
    ) -> Outcome<(ReturnOf, ChangeSet<OrderWrite>)> {
        let Swap { order, it, credit, quote, items, mut lines } = swap;
        lines.sort();
        let held = self.catalog.reserve(hold_key(&order, it.id, &lines, &quote), &lines, &items).await?;
        let now = self.clock.now();
        let tender = Tender { method: PaymentMethod::Wallet, provider: Some(EXCHANGE), token: None, capture: Capture::Automatic };
        let address = order.shipping_address.clone();
        let (user, quote, held, tender, metadata) = (order.user, &quote, &held, &tender, Metadata::new());
        let draft = Draft { user, quote, held, address, tender, metadata, cart: None }.decide(&self.ids, now);
        let (new, placed) = self.insert(paid_by(draft, it.id, now)?, actor);

        let left = credit.minor.saturating_sub(quote.total.minor);
        let exchange = Exchange { order: new.id, worth: credit, credit: quote.total };
        let id = it.id;
        let decided = turned(order, Return { exchange: Some(exchange), ..it });
        let refunds = refund_rest(&decided.order, Some(left), &format!("return {id}"), RefundCause::Return(id), &self.ids, now);
        let (old, changed) = self.update(give(decided, &refunds), actor);
        let claim = KeyClaim {
            scope: scope.clone(),
            body_hash,
            result: KeyResult::Done(new.id.uuid()),
            generation: held.hold.generation,
            at: now,
        };
        let told = self.told(actor, old.id, StaffAction::ReturnExchanged, json!({ "return": id, "order": new.id }));
        let changes = placed.with(changed).say(told).claim(Some(claim)).before(held.expires_at.minus(limits::HOLD_MARGIN));
        Ok((returned(&old, id)?, changes))
    }

    /// Worker: brings what a new order gives back to the order that paid it, in one change set; that gives it back
    /// the way it came.
    pub(crate) async fn bring_back(&self, order: OrderId, refund: RefundId) -> Outcome<()> {
        rounds("order", || async {
            let new = self.stored(order).await?;
            let Some((back, source)) = waiting(&new, refund) else { return Ok(Round::Done(())) };
            let Some(first) = self.store.order_of_return(source).await? else {
                tracing::error!(%order, %refund, "an order is paid by a return that does not exist");
                return Ok(Round::Done(()));
            };
            let old = self.stored(first).await?;
            let now = self.clock.now();
            let Some(it) = old.return_of(source).map(|it| it.without_credit(back.amount)) else { return Ok(Round::Done(())) };
            let decided = turned(old, it);
            let why = format!("{} gave back what paid it", new.number);
            let refunds = refund_rest(&decided.order, Some(back.amount.minor), &why, RefundCause::Return(source), &self.ids, now);
            let (_, changed) = self.update(give(decided, &refunds), &Actor::System);
            let (_, done) = self.update(brought(new, refund, source), &Actor::System);
            settle(self.store.commit(done.with(changed)).await, ())
        })
        .await
    }
}

impl Return {
    /// With so much less of its worth that pays the new order.
    fn without_credit(&self, amount: Money) -> Self {
        let mut it = self.clone();
        if let Some(exchange) = &mut it.exchange {
            exchange.credit.minor = exchange.credit.minor.saturating_sub(amount.minor);
        }
        it
    }
}

/// A refund that waits to be brought to the order that paid for this one, and the return it is to go to.
fn waiting(order: &Order, id: RefundId) -> Option<(&Refund, ReturnId)> {
    let refund = order.payment.refunds.iter().find(|refund| refund.id == id && refund.check_at.is_some())?;
    let attempt = order.payment.attempts.iter().find(|attempt| attempt.id == refund.attempt)?;
    let source = attempt.reference.as_ref().and_then(|reference| reference.parse().ok());
    if source.is_none() {
        tracing::error!(order = %order.id, refund = %id, "an order is paid by a return that has no name");
    }
    Some((refund, source?))
}

fn brought(order: Order, id: RefundId, source: ReturnId) -> Decided {
    let mut decided = Decided::about(order);
    let payment = &mut decided.order.payment;
    if let Some(refund) = payment.refunds.iter_mut().find(|refund| refund.id == id) {
        refund.state = RefundState::Succeeded;
        refund.reference = Some(source.to_string());
        refund.check_at = None;
        payment.refunded.minor = payment.refunded.minor.saturating_add(refund.amount.minor);
    }
    decided.and(Happening::Refunded)
}

/// The new order, paid by what came back and confirmed.
fn paid_by(mut placed: Decided, source: ReturnId, now: Timestamp) -> Result<Decided, Refusal> {
    if placed.order.payment.attempts.is_empty() {
        // It costs nothing, and is confirmed already.
        return Ok(placed);
    }
    let payment = &mut placed.order.payment;
    for attempt in &mut payment.attempts {
        attempt.state = AttemptState::Captured;
        attempt.reference = Some(source.to_string());
        attempt.check_at = None;
        payment.captured = attempt.amount;
    }
    become_status(placed.and(Happening::Paid), super::OrderStatus::Confirmed, now)
}

/// The shop pays what it costs to send things once more.
fn sent_free(mut quote: Quote) -> Result<Quote, Refusal> {
    let taxed = on_shipping(quote.tax.currency, &quote.tax_lines)?;
    quote.total = quote.total.minus(quote.shipping)?.minus(taxed)?;
    quote.tax = quote.tax.minus(taxed)?;
    quote.tax_lines.retain(|tax| tax.sku.is_some());
    quote.shipping.minor = 0;
    Ok(quote)
}

/// The same things again, at no more than what came back is worth. The shop takes what is more off their prices; and the
/// taxes, where those alone are more than that.
fn no_dearer(mut quote: Quote, credit: Money) -> Result<Quote, Refusal> {
    if quote.tax.minor > credit.minor {
        quote.total = quote.total.minus(quote.tax)?;
        quote.tax.minor = 0;
        quote.tax_lines.retain(|tax| tax.included);
        for line in &mut quote.lines {
            line.total = line.total.minus(line.tax)?;
            line.tax.minor = 0;
        }
    }
    let off = Money { minor: quote.total.minor.saturating_sub(credit.minor).max(0), ..quote.total };
    let price = |line: &OrderLine| line.total.minor.saturating_sub(line.tax.minor).unsigned_abs();
    let weights: Vec<u64> = quote.lines.iter().map(price).collect();
    for (line, part) in quote.lines.iter_mut().zip(off.allocate(&weights)) {
        line.discount = line.discount.plus(part)?;
        line.total = line.total.minus(part)?;
    }
    quote.discount = quote.discount.plus(off)?;
    quote.total = quote.total.minus(off)?;
    Ok(quote)
}

/// An order to where this one went.
fn again(order: &Order) -> PlaceOrder {
    PlaceOrder {
        items: None,
        coupon_code: None,
        address: AddressChoice::Given(Box::new(raw(&order.shipping_address))),
        shipping_option: None,
        payment: None,
        expected_total: None,
        metadata: Metadata::new(),
    }
}

fn raw(address: &PostalAddress) -> crate::users::RawAddress {
    let PostalAddress { full_name, line1, line2, city, state, postal_code, country, phone } = address.clone();
    crate::users::RawAddress { full_name, line1, line2, city, state, postal_code, country: country.to_string(), phone }
}

/// The hold of an exchange: the same while the same is sent at the same prices, so that who repeats herself holds once.
fn hold_key(order: &Order, id: ReturnId, lines: &[(Sku, Quantity)], quote: &Quote) -> HoldKey {
    let words = |(sku, quantity): &(Sku, Quantity)| {
        let price = quote.lines.iter().find(|line| line.sku == *sku).map_or(0, |line| line.unit_price.minor);
        format!("{sku}={quantity}={price}", quantity = quantity.get())
    };
    let words: Vec<String> = lines.iter().map(words).collect();
    let parts: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    let key = format!("{EXCHANGE} {id} {}", hex::encode(digest(&parts)));
    let key: IdempotencyKey = key.parse().expect("a word, an id and a digest are a key");
    HoldKey::of(order.user, &key)
}
