//! Orders to be stored, from the plainest to one of the largest lines with everything set, and their parts.

use crate::ids::UserId;
use crate::limits;
use crate::money::Money;
use crate::orders::{
    Attempt, AttemptState, Cancellation, Exchange, NextAction, Order, OrderLine, OrderStatus, OrderStore, PaymentMethod, Refund,
    RefundCause, RefundState, Return, ReturnKind, ReturnLine, ReturnStatus, Shipment, ShipmentEvent, ShipmentLine,
    ShipmentStatus, TaxLine,
};
use crate::time::Timestamp;

use super::fixture::Fixture;
use super::samples::{self, fils, quantity, sku};

type Orders = Fixture<dyn OrderStore>;

pub(super) fn new_order(fixture: &Orders) -> Order {
    let user: UserId = fixture.ids.mint();
    samples::order(fixture.ids.order(user), user, fixture.now())
}

pub(super) fn attempt(fixture: &Orders, state: AttemptState) -> Attempt {
    Attempt {
        id: fixture.ids.mint(),
        provider: "sandbox".to_owned(),
        method: PaymentMethod::Upi,
        amount: samples::paise(3_998),
        to_capture: Some(samples::paise(3_998)),
        state,
        token: None,
        reference: None,
        failure_code: None,
        next_action: None,
        created_at: fixture.now(),
        check_at: None,
        checks: 0,
    }
}

pub(super) fn refund(fixture: &Orders, attempt: &Attempt, state: RefundState) -> Refund {
    Refund {
        id: fixture.ids.mint(),
        attempt: attempt.id,
        amount: samples::paise(1_000),
        cause: RefundCause::Owed,
        lines: Vec::new(),
        state,
        reason: samples::UNICODE.to_owned(),
        reference: None,
        created_at: fixture.now(),
        check_at: None,
        checks: 0,
    }
}

/// An order of the largest lines there can be, with everything set, half paid back.
pub(super) fn full(fixture: &Orders) -> Order {
    let line_total = fils(limits::PRICE_MAX_MINOR).times(limits::QUANTITY_MAX).expect("the dearest line fits 64 bits");
    let line = |n: usize| OrderLine {
        sku: sku(&format!("SKU-{n:03} ü")),
        product_id: fixture.ids.mint(),
        name: samples::UNICODE.to_owned(),
        quantity: quantity(limits::QUANTITY_MAX),
        unit_price: fils(limits::PRICE_MAX_MINOR),
        discount: fils(0),
        tax: fils(0),
        total: line_total,
    };
    let lines: Vec<OrderLine> = (0..limits::LINES_MAX).map(line).collect();
    let total = Money::sum(line_total.currency, lines.iter().map(|line| line.total)).expect("a full order fits 64 bits");
    let declined = Attempt {
        token: Some("tok_declined".to_owned()),
        to_capture: None,
        failure_code: Some("card_declined".to_owned()),
        ..attempt(fixture, AttemptState::Declined)
    };
    let paid = Attempt {
        amount: total,
        to_capture: Some(total),
        reference: Some("pay_1".to_owned()),
        next_action: Some(NextAction { kind: "redirect".to_owned(), url: "https://bank.example.com/?a=ü".to_owned() }),
        check_at: Some(samples::end_of_time()),
        checks: u32::from(u16::MAX),
        ..attempt(fixture, AttemptState::Captured)
    };
    let back = Refund {
        amount: fils(1),
        reference: Some("ref_1".to_owned()),
        check_at: Some(samples::before_the_epoch()),
        checks: 3,
        ..refund(fixture, &paid, RefundState::Succeeded)
    };
    let mut order = Order {
        status: OrderStatus::Processing,
        lines,
        subtotal: total,
        discount: fils(0),
        shipping: fils(0),
        tax: fils(0),
        total,
        tax_lines: vec![tax()],
        coupon: Some("WELCOME10".to_owned()),
        payment_due_at: Some(samples::end_of_time()),
        payment_extended: true,
        metadata: samples::many_notes(),
        updated_at: samples::end_of_time(),
        ..new_order(fixture)
    };
    order.hold.generation = u32::from(u16::MAX);
    order.payment.method = PaymentMethod::Upi;
    (order.payment.amount, order.payment.captured, order.payment.refunded) = (total, total, fils(1));
    order.payment.attempts = vec![declined, paid];
    let for_return =
        Refund { cause: RefundCause::Return(fixture.ids.mint()), ..refund(fixture, &back_to(&order), RefundState::Failed) };
    let for_units = Refund {
        cause: RefundCause::Goodwill,
        lines: vec![ShipmentLine { sku: sku("SKU-002 ü"), quantity: quantity(limits::QUANTITY_MAX) }],
        ..refund(fixture, &back_to(&order), RefundState::Failed)
    };
    order.payment.refunds = vec![back, for_return, for_units];
    order.cancellations = cancellations(fixture);
    order.shipments = shipments(fixture);
    order.returns = returns(fixture);
    order
}

/// Something that was given up.
pub(super) fn cancellations(fixture: &Orders) -> Vec<Cancellation> {
    let lines = vec![ShipmentLine { sku: sku("SKU-002 ü"), quantity: quantity(limits::QUANTITY_MAX) }];
    let (id, worth) = (fixture.ids.mint(), fils(limits::PRICE_MAX_MINOR));
    vec![Cancellation { id, lines, reason: samples::UNICODE.to_owned(), worth, created_at: fixture.now() }]
}

/// A parcel as far as it can be, and one of which nothing is known.
pub(super) fn shipments(fixture: &Orders) -> Vec<Shipment> {
    let event = |status, at, note: Option<&str>| ShipmentEvent { status, at, note: note.map(str::to_owned) };
    let plain = Shipment {
        id: fixture.ids.mint(),
        carrier: None,
        tracking_number: None,
        lines: vec![ShipmentLine { sku: sku("SKU-001 ü"), quantity: quantity(limits::QUANTITY_MAX) }],
        events: Vec::new(),
        created_at: fixture.now(),
        updated_at: fixture.now(),
    };
    let told = Shipment {
        id: fixture.ids.mint(),
        carrier: Some(samples::UNICODE.to_owned()),
        tracking_number: Some(samples::UNICODE.to_owned()),
        lines: vec![ShipmentLine { sku: sku("SKU-000 ü"), quantity: quantity(1) }],
        events: vec![
            event(ShipmentStatus::InTransit, Timestamp::from_micros(1), Some(samples::UNICODE)),
            event(ShipmentStatus::Failed, fixture.now(), None),
            event(ShipmentStatus::Delivered, samples::end_of_time(), None),
        ],
        updated_at: samples::end_of_time(),
        ..plain.clone()
    };
    vec![told, plain]
}

/// A tax that the price includes, with everything that can be said of one.
fn tax() -> TaxLine {
    TaxLine {
        name: "GST 18 %".to_owned(),
        amount: fils(1),
        sku: Some(samples::sku("TOP-S")),
        base: Some(fils(i64::MAX)),
        included: true,
        reason: Some("within Tamil Nadu, ü".to_owned()),
    }
}

/// Returns of every kind, as far as each can be.
fn returns(fixture: &Orders) -> Vec<Return> {
    let line =
        |received, restocked| ReturnLine { sku: sku("SKU-000 ü"), quantity: quantity(9), received, restocked, refused: false };
    let one = |kind, status, line| Return {
        id: fixture.ids.mint(),
        kind,
        status,
        lines: vec![line],
        reason: samples::UNICODE.to_owned(),
        note: None,
        refund: None,
        exchange: None,
        requested_at: fixture.now(),
        updated_at: fixture.now(),
    };
    let asked = one(ReturnKind::Refund, ReturnStatus::Requested, line(None, 0));
    let rejected = one(ReturnKind::Exchange, ReturnStatus::Rejected, line(None, 0));
    let paid = one(ReturnKind::Return, ReturnStatus::Refunded, line(Some(8), 7));
    let exchanged = one(ReturnKind::Exchange, ReturnStatus::Exchanged, line(Some(9), 9));
    vec![
        asked,
        Return { note: Some(samples::UNICODE.to_owned()), ..rejected },
        Return { refund: Some(fils(limits::PRICE_MAX_MINOR)), updated_at: samples::end_of_time(), ..paid },
        Return { exchange: Some(Exchange { order: fixture.ids.mint(), worth: fils(9), credit: fils(7) }), ..exchanged },
    ]
}

/// The same of an order that is paid in rupees.
pub(super) fn returns_in_paise(fixture: &Orders) -> Vec<Return> {
    let in_paise = |it: Return| {
        let (worth, credit) = (samples::paise(9), samples::paise(7));
        let exchange = it.exchange.map(|exchange| Exchange { worth, credit, ..exchange });
        Return { refund: it.refund.map(|_| samples::paise(1)), exchange, ..it }
    };
    returns(fixture).into_iter().map(in_paise).collect()
}

/// What is given back comes out of the last attempt.
fn back_to(order: &Order) -> Attempt {
    order.payment.attempts.last().cloned().expect("a full order has attempts")
}
