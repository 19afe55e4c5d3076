//! A new order, from everything that was read for it. Pure.

use crate::error::Refusal;
use crate::ids::{Id, IdSource, OrderId, UserId};
use crate::limits;
use crate::money::Money;
use crate::text::Metadata;
use crate::time::Timestamp;
use crate::users::PostalAddress;

use super::Orders;
use super::cart::Cart;
use super::model::{Order, OrderStatus};
use super::payment::{Attempt, AttemptState, Capture, Payment, PaymentMethod};
use super::ports::Held;
use super::pricing::Quote;
use super::story::{Decided, Happening};
use super::wallet;

/// How an order is to be paid: the method, through whom, and what the customer's browser brought.
#[derive(Clone, Debug)]
pub(crate) struct Tender {
    pub(crate) method: PaymentMethod,
    /// None for cash on delivery.
    pub(crate) provider: Option<&'static str>,
    pub(crate) token: Option<String>,
    /// When it is taken.
    pub(crate) capture: Capture,
}

/// Everything a new order is made of.
pub(crate) struct Draft<'a> {
    pub(crate) user: UserId,
    pub(crate) quote: &'a Quote,
    pub(crate) held: &'a Held,
    pub(crate) address: PostalAddress,
    pub(crate) tender: &'a Tender,
    pub(crate) metadata: Metadata,
    /// The cart that it comes out of.
    pub(crate) cart: Option<&'a Cart>,
}

impl Draft<'_> {
    /// The order: cash on delivery is confirmed at once, and so is what costs nothing, of which no provider hears;
    /// everything else waits for its money.
    pub(crate) fn decide(self, ids: &IdSource, now: Timestamp) -> Decided {
        let id = ids.order(self.user);
        let prepaid = self.tender.provider.is_some() && self.quote.total.minor > 0;
        let order = Order {
            id,
            number: number_of(id),
            user: self.user,
            status: if prepaid { OrderStatus::Pending } else { OrderStatus::Confirmed },
            lines: self.quote.lines.clone(),
            subtotal: self.quote.subtotal,
            discount: self.quote.discount,
            shipping: self.quote.shipping,
            tax: self.quote.tax,
            total: self.quote.total,
            tax_lines: self.quote.tax_lines.clone(),
            coupon: self.quote.coupon_code.clone(),
            shipping_address: self.address,
            shipping_option: self.quote.shipping_option.id.clone(),
            cancellations: Vec::new(),
            shipments: Vec::new(),
            returns: Vec::new(),
            payment: payment(self.tender, self.quote.total, ids, now),
            hold: self.held.hold,
            payment_due_at: prepaid.then(|| now.plus(limits::PAYMENT_DUE)),
            payment_extended: false,
            metadata: self.metadata,
            updated_at: now,
            version: 0,
        };
        let cart = self.cart.map(|cart| (cart.owner, cart.claim()));
        let placed = Decided { cart, ..Decided::about(order) };
        let placed = Decided { was_confirmed: false, ..placed }.and(Happening::Placed);
        if prepaid { placed } else { placed.and(Happening::Became(OrderStatus::Confirmed)) }
    }
}

fn payment(tender: &Tender, amount: Money, ids: &IdSource, now: Timestamp) -> Payment {
    Payment {
        id: ids.mint(),
        method: tender.method,
        amount,
        captured: Money::zero(amount.currency),
        refunded: Money::zero(amount.currency),
        attempts: attempt(tender, amount, ids, now).into_iter().filter(|_| amount.minor > 0).collect(),
        refunds: Vec::new(),
    }
}

/// The next try to collect, with its provider key; none for cash on delivery. Should this process
/// die before it hears from the provider, a worker asks when `check_at` has come.
pub(crate) fn attempt(tender: &Tender, amount: Money, ids: &IdSource, now: Timestamp) -> Option<Attempt> {
    let provider = tender.provider?;
    Some(Attempt {
        id: ids.mint(),
        provider: provider.to_owned(),
        method: tender.method,
        amount,
        to_capture: (tender.capture == Capture::Automatic).then_some(amount),
        state: AttemptState::Created,
        token: tender.token.clone(),
        reference: None,
        failure_code: None,
        next_action: None,
        created_at: now,
        check_at: Some(now.plus(limits::CHARGE_ANSWER_WITHIN)),
        checks: 0,
    })
}

/// A number for people, thirteen characters of Crockford's base 32: the millisecond and the upper
/// random bits of the id, so that numbers grow and hardly ever collide (the store refuses those
/// that do). It is shown, searched for and printed; it opens nothing.
#[must_use]
pub fn number_of(id: OrderId) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let uuid = id.uuid().as_u128();
    let millis = uuid >> 80;
    let random = (uuid >> 20) & 0xff_ffff;
    let mut bits = ((millis & 0x1ff_ffff_ffff) << 24) | random;
    let mut digits = [b'0'; 13];
    for digit in digits.iter_mut().rev() {
        *digit = usize::try_from(bits & 31).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'0');
        bits >>= 5;
    }
    format!("ORD-{}", String::from_utf8_lossy(&digits))
}

/// A field of what says how something is paid, as the client wrote it.
pub(super) fn field_of(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

impl Orders {
    /// Which provider takes what this user tenders: none for cash on delivery. The wallet is the shop's own, so that
    /// nothing of it is promised, and is known by its user. `at` is where the body says how it is paid: `payment`, or nothing.
    pub(crate) fn tender(&self, at: &str, user: UserId, method: PaymentMethod, token: Option<String>) -> Result<Tender, Refusal> {
        let token = token.filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| token.chars().count() > limits::SHORT_TEXT_MAX) {
            return Err(Refusal::field(field_of(at, "token"), "TOO_LONG", "must have at most 255 characters"));
        }
        if token.as_ref().is_some_and(|token| token.contains(char::is_control)) {
            return Err(Refusal::field(field_of(at, "token"), "CONTROL_CHARACTER", "must not have control characters"));
        }
        let capture = self.policy.capture;
        match method {
            PaymentMethod::Cod => return Ok(Tender { method, provider: None, token: None, capture }),
            PaymentMethod::Wallet => {
                let (provider, token) = (Some(wallet::NAME), Some(user.to_string()));
                return Ok(Tender { method, provider, token, capture: Capture::Automatic });
            }
            PaymentMethod::Upi | PaymentMethod::Card | PaymentMethod::NetBanking => {}
        }
        let unknown =
            || Refusal::field(field_of(at, "method"), "NOT_AVAILABLE", format!("{method} is not available in this shop"));
        let provider = self.provider_of(method).ok_or_else(unknown)?;
        Ok(Tender { method, provider: Some(provider), token, capture })
    }
}
