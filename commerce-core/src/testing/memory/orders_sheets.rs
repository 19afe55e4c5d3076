//! The rows of orders and carts as their tables hold them.

use uuid::Uuid;

use crate::audit::books::{Cell, Row};
use crate::audit::tables::{
    ATTEMPTS, CANCELLATIONS, CART_CLAIMS, CARTS, COUPONS, HISTORY, ITEMS, ORDERS, PAYMENTS, PROVIDER_EVENTS, REDEMPTIONS,
    REFUNDS, RETURNS, SHIPMENTS,
};
use crate::ids::Id;
use crate::money::{Currency, Money};
use crate::orders::{Cart, CartOwner, Coupon, CouponOff, Order, Payment, Redemption};

use super::books::{Sheets, row, text};
use super::orders::Rows;

impl Sheets for Rows {
    fn sheets(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for it in self.orders.values() {
            order(&mut rows, it);
            payment(&mut rows, it.id.uuid(), &it.payment);
            cancellations(&mut rows, it);
            shipments(&mut rows, it);
            returns(&mut rows, it);
        }
        for it in self.timeline.values() {
            let step = row![HISTORY; it.order.uuid(), it.id.uuid(), it.status.as_str(), it.at, it.note.as_str(), it.actor.as_str(),
                Cell::Null];
            rows.push(step.sealed());
        }
        for it in self.provider_events.values() {
            let heard = row![PROVIDER_EVENTS; it.provider.as_str(), it.event_id.as_str(), it.reference.as_str(), text(&it.fact),
                it.state.as_str(), it.at, Cell::Null];
            rows.push(heard.sealed());
        }
        let claims = self.claimed_carts.iter();
        rows.extend(claims.map(|(claim, (order, at))| row![CART_CLAIMS; *claim, *at, order.uuid(), Cell::Null].sealed()));
        rows.extend(self.carts.values().map(cart));
        rows.extend(self.coupons.values().map(coupon));
        rows.extend(self.redemptions.values().map(redemption));
        self.wallet_sheets(&mut rows);
        rows
    }
}

fn order(rows: &mut Vec<Row>, it: &Order) {
    let to = &it.shipping_address;
    let order = row![ORDERS; it.id.uuid(), it.number.as_str(), it.user.uuid(), it.status.as_str(), it.total.currency.code(),
        it.subtotal.minor, it.discount.minor, it.shipping.minor, it.tax.minor, it.total.minor, text(&it.tax_lines),
        it.coupon.as_deref(), to.full_name.as_str(), to.line1.as_str(), to.line2.as_deref(), to.city.as_str(),
        to.state.as_deref(), to.postal_code.as_str(), to.country.as_str(), to.phone.as_deref(), it.shipping_option.as_str(),
        Cell::Blob(it.hold.key.0.to_vec()), it.hold.generation, it.payment_due_at, i64::from(it.payment_extended),
        text(&it.metadata), it.updated_at, it.version, Cell::Null];
    rows.push(order.sealed());
    for (line, position) in it.lines.iter().zip(0_u32..) {
        let item = row![ITEMS; it.id.uuid(), position, line.sku.as_str(), line.product_id.uuid(), line.name.as_str(),
            line.quantity.get(), line.total.currency.code(), line.unit_price.minor, line.discount.minor, line.tax.minor,
            line.total.minor, Cell::Null];
        rows.push(item.sealed());
    }
}

fn payment(rows: &mut Vec<Row>, order: Uuid, it: &Payment) {
    let currency = it.amount.currency.code();
    let payment = row![PAYMENTS; order, it.id.uuid(), it.method.as_str(), currency, it.amount.minor, it.captured.minor,
        it.refunded.minor, Cell::Null, it.status().as_str()];
    rows.push(payment.sealed());
    for (it, position) in it.attempts.iter().zip(0_u32..) {
        let next = it.next_action.as_ref();
        let attempt = row![ATTEMPTS; order, position, it.id.uuid(), it.provider.as_str(), it.method.as_str(),
            it.amount.currency.code(), it.amount.minor, it.state.as_str(), it.token.as_deref(), it.reference.as_deref(),
            it.failure_code.as_deref(), next.map(|next| next.kind.as_str()), next.map(|next| next.url.as_str()), it.created_at,
            it.check_at, it.checks, it.to_capture.map(|amount| amount.minor), Cell::Null];
        rows.push(attempt.sealed());
    }
    for (it, position) in it.refunds.iter().zip(0_u32..) {
        let lines = (!it.lines.is_empty()).then(|| text(&it.lines));
        let refund = row![REFUNDS; order, position, it.id.uuid(), it.attempt.uuid(), it.amount.currency.code(),
            it.amount.minor, it.state.as_str(), it.reason.as_str(), it.reference.as_deref(), it.created_at, it.check_at,
            it.checks, it.cause.as_str(), it.cause.return_id().map(Id::uuid), lines, Cell::Null];
        rows.push(refund.sealed());
    }
}

fn cart(it: &Cart) -> Row {
    let kind = match it.owner {
        CartOwner::User(_) => "USER",
        CartOwner::Guest(_) => "GUEST",
    };
    let cart = row![CARTS; it.owner.key(), kind, text(&it.lines), it.coupon.as_deref(), text(&it.metadata), it.updated_at,
        it.expires_at(), it.version, it.begun_at, Cell::Null];
    cart.sealed()
}

fn coupon(it: &Coupon) -> Row {
    let (percent, amount) = match it.off {
        CouponOff::Percentage(percent) => (Some(percent), None),
        CouponOff::Fixed(amount) => (None, Some(amount)),
        CouponOff::FreeShipping => (None, None),
    };
    let currency = it.currency();
    let minor = |amount: Option<Money>| amount.map_or(Cell::Null, |amount| amount.minor.into());
    let coupon = row![COUPONS; it.id.uuid(), it.code.as_str(), it.off.kind().as_str(), percent, minor(amount),
        currency.as_ref().map(Currency::code), it.usage_limit, it.per_user_limit, it.starts_at, it.ends_at,
        minor(it.minimum_subtotal), minor(it.maximum_discount), text(&it.categories), text(&it.products),
        i64::from(it.combinable), text(&it.metadata), it.created_at, it.version, Cell::Null, it.used];
    coupon.sealed()
}

fn redemption(it: &Redemption) -> Row {
    let used = row![REDEMPTIONS; it.order.uuid(), it.coupon.uuid(), it.code.as_str(), it.version, it.user.uuid(), it.redeemed_at,
        it.returned_at, Cell::Null];
    used.sealed()
}

fn cancellations(rows: &mut Vec<Row>, order: &Order) {
    for (it, position) in order.cancellations.iter().zip(0_u32..) {
        let gone = row![CANCELLATIONS; order.id.uuid(), position, it.id.uuid(), text(&it.lines), it.reason.as_str(),
            it.worth.currency.code(), it.worth.minor, it.created_at, Cell::Null];
        rows.push(gone.sealed());
    }
}

fn shipments(rows: &mut Vec<Row>, order: &Order) {
    for (it, position) in order.shipments.iter().zip(0_u32..) {
        let parcel = row![SHIPMENTS; order.id.uuid(), position, it.id.uuid(), it.carrier.as_deref(), it.tracking_number.as_deref(),
            it.status().as_str(), text(&it.lines), text(&it.events), it.created_at, it.updated_at, Cell::Null];
        rows.push(parcel.sealed());
    }
}

fn returns(rows: &mut Vec<Row>, order: &Order) {
    for (it, position) in order.returns.iter().zip(0_u32..) {
        let back = row![RETURNS; order.id.uuid(), position, it.id.uuid(), order.user.uuid(), it.kind.as_str(),
            it.status.as_str(), text(&it.lines), it.reason.as_str(), it.note.as_deref(), order.total.currency.code(),
            it.refund.map_or(Cell::Null, |refund| refund.minor.into()), it.requested_at, it.updated_at,
            it.exchange.map(|exchange| exchange.order.uuid()), it.exchange.map_or(Cell::Null, |exchange| exchange.worth.minor.into()),
            it.exchange.map_or(Cell::Null, |exchange| exchange.credit.minor.into()), Cell::Null];
        rows.push(back.sealed());
    }
}
