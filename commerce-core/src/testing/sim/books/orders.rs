//! Orders and their history.

use std::time::Duration;

use super::money::{says_its_money, taken};
use super::{Books, CLOCKS_DIFFER, OrderEntry, name};
use crate::catalog::HoldState;
use crate::change::ChangeSet;
use crate::events::{Envelope, EventKind};
use crate::ids::Id;
use crate::orders::{
    Attempt, AttemptState, EXCHANGE, Order, OrderStatus, OrderWrite, PaymentMethod, ProviderEventState, RefundState,
    ShipmentStatus, TimelineEntry,
};
use crate::time::Timestamp;

use super::super::situations::Situation;

/// How histories call what the shop does by itself; whoever runs it is staff here, and has a name.
const ENGINE: &str = "system";

/// Under this key the simulation's clients write into an order's metadata what they call it.
pub(in crate::testing::sim) const NOTE: &str = "note";

/// What a hold must have left when an order appears on it: longer than any sweeper takes that has asked
/// about it.
const HOLD_LEFT: Duration = Duration::from_mins(5);

impl Books {
    pub(super) fn orders(&mut self, changes: &ChangeSet<OrderWrite>, now: Timestamp, met: &mut Vec<Situation>) {
        self.common(changes);
        for write in &changes.writes {
            match write {
                OrderWrite::Insert(order) => self.inserted(order, changes, now),
                OrderWrite::Update(order) => self.updated(order, changes, now, met),
                OrderWrite::Restate(order, ..) => self.must(false, || format!("{order} is restated, and nobody repairs here")),
                OrderWrite::Timeline(entry) => self.told(entry, changes),
                OrderWrite::Reword(entry) => {
                    self.must(entry.note.is_empty(), || format!("{} is told in other words", entry.order));
                }
                OrderWrite::ClaimCart(..) => {}
                OrderWrite::SaveCoupon(coupon) => self.coupon_saved(coupon),
                OrderWrite::DropCoupon(coupon, _) => self.must(false, || format!("{coupon} is gone, and nobody removes it here")),
                OrderWrite::Redeem(redemption) => self.redeemed(redemption, changes, now),
                OrderWrite::GiveBack(order, _) => self.given_back(*order, changes, met),
                OrderWrite::Enter(entry) => self.entered(entry, changes, met),
                OrderWrite::TopUp(top_up) => self.topped_up(top_up, changes),
                OrderWrite::Provider(event) => match event.state {
                    ProviderEventState::Applied => self.believed(event),
                    ProviderEventState::Parked => met.push(Situation::WebhookParked),
                    ProviderEventState::Quarantined => met.push(Situation::WebhookQuarantined),
                },
            }
        }
        self.said_of(changes);
    }

    fn inserted(&mut self, order: &Order, changes: &ChangeSet<OrderWrite>, now: Timestamp) {
        let id = order.id;
        let hold = self.holds.get(&name(order.hold));
        let active = hold.is_some_and(|hold| hold.state == HoldState::Active);
        let held_so = hold.is_some_and(|hold| {
            order.lines.len() == hold.lines.len()
                && order.lines.iter().all(|line| hold.lines.contains(&(line.sku.clone(), line.quantity.get(), line.unit_price)))
        });
        let priced =
            order.lines.iter().all(|line| self.stock.get(&line.sku).is_some_and(|stock| stock.cost(line.unit_price, now)));
        let in_time = hold.is_some_and(|hold| now < hold.expires_at.minus(HOLD_LEFT));
        self.must(active, || format!("order {id} appeared on a hold that is not active"));
        self.must(in_time, || format!("order {id} appeared on a hold that is about to run out"));
        self.must(held_so, || format!("order {id} is not what its hold holds"));
        self.must(priced, || format!("order {id} has a price that is not the catalog's"));
        self.must(adds_up(order), || format!("the parts of order {id} do not add up to {}", order.total));
        self.must(order.version == 1 && changes.claim.is_some(), || format!("order {id} was placed without a key"));
        let unpaid = |known: &&OrderEntry| known.order.user == order.user && known.order.status == OrderStatus::Pending;
        let (unpaid, most) = (self.orders.values().filter(unpaid).count(), usize::try_from(self.unpaid_max).unwrap_or(0));
        self.must(most == 0 || order.status != OrderStatus::Pending || unpaid < most, || {
            format!("order {id} waits for its money beside {unpaid} others of its buyer")
        });
        let begins = match order.status {
            OrderStatus::Pending => order.payment.attempts.len() == 1 && order.payment_due_at.is_some(),
            OrderStatus::Confirmed => {
                let free = order.total.minor == 0;
                let on_delivery = (free || order.payment.method == PaymentMethod::Cod) && order.payment.attempts.is_empty();
                on_delivery || is_exchange(order)
            }
            OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::OutForDelivery
            | OrderStatus::Delivered
            | OrderStatus::Cancelled => false,
        };
        let unpaid = order.payment.captured.minor == 0 || is_exchange(order);
        self.must(begins && unpaid, || format!("order {id} begins as {}", order.status));
        if let Some(note) = order.metadata.get(NOTE) {
            let first = self.by_note.insert((order.user, note.clone()), id).is_none();
            self.must(first, || format!("{note} of {} was ordered twice", order.user));
        }
        let alone = self.on_hold.insert(name(order.hold), id).is_none();
        self.must(alone, || format!("two orders stand on the hold of {id}"));
        let says = |event: &Envelope| *super::Words::of(event).at("/fromCart") == true;
        let from_cart = changes.events.iter().any(says);
        if from_cart {
            let claims = |write: &OrderWrite| matches!(write, OrderWrite::ClaimCart(_, order) if *order == id);
            let claimed = changes.writes.iter().any(claims);
            self.must(claimed, || format!("order {id} is out of a cart that was not claimed"));
            let says =
                changes.events.iter().find_map(|event| super::Words::of(event).at("/guestCart").as_str().map(str::to_owned));
            let owner = says.and_then(|cart| cart.parse().ok()).unwrap_or(order.user.uuid());
            let first = self.leaving.insert(owner, id);
            self.must(first.is_none(), || format!("order {id} is out of a cart that {first:?} has not left yet"));
        }
        let entry = OrderEntry {
            order: order.clone(),
            path: Vec::new(),
            from_cart,
            first_due: order.payment_due_at,
            cancelled_by: String::new(),
            was_confirmed: order.status == OrderStatus::Confirmed,
        };
        let fresh = self.orders.insert(id, entry).is_none();
        self.must(fresh, || format!("order {id} was placed twice"));
    }

    fn updated(&mut self, order: &Order, changes: &ChangeSet<OrderWrite>, now: Timestamp, met: &mut Vec<Situation>) {
        let id = order.id;
        let Some(entry) = self.orders.get_mut(&id) else {
            return self.must(false, || format!("order {id} changed and was never placed"));
        };
        let before = std::mem::replace(&mut entry.order, order.clone());
        entry.was_confirmed |= order.status == OrderStatus::Confirmed;
        let first_due = entry.first_due;
        self.must(order.version == before.version.saturating_add(1), || {
            format!("order {id} went from version {} to {}", before.version, order.version)
        });
        // All of it may leave the house while a parcel of it is with its courier already.
        let by_way = may_follow(before.status, OrderStatus::Shipped) && order.status == OrderStatus::OutForDelivery;
        let legal = order.status == before.status || by_way || may_follow(before.status, order.status);
        self.must(legal, || format!("order {id} went from {} to {}", before.status, order.status));
        let same = (&before.number, before.user, &before.lines, before.total, before.hold)
            == (&order.number, order.user, &order.lines, order.total, order.hold)
            && before.coupon == order.coupon;
        self.must(same && adds_up(order), || format!("order {id} is not what was ordered any more"));
        let redirected = before.shipping_address != order.shipping_address;
        let told = changes.events.iter().any(|event| event.kind == EventKind::OrderRedirected);
        let forgotten = self.is_gone(order.user) && order.is_through() && order.is_anonymous();
        let may = redirected == told && (!redirected || before.shipments.is_empty());
        self.must(may || forgotten && !told, || format!("order {id} went elsewhere"));
        let said = says_its_money(&before, order, changes);
        self.must(said, || format!("money moved for order {id} and nobody was told"));
        let by_engine = |write: &OrderWrite| matches!(write, OrderWrite::Timeline(line) if line.actor == ENGINE);
        let given_up = order.status == OrderStatus::Cancelled && changes.writes.iter().any(by_engine);
        let overdue = before.payment_due_at.is_some_and(|due| due <= now.plus(CLOCKS_DIFFER));
        let lapsed = |old: &Attempt| {
            let now = order.payment.attempts.iter().find(|new| new.id == old.id);
            old.state == AttemptState::Authorized && now.is_some_and(|new| new.state == AttemptState::Voided)
        };
        let lapsed = before.payment.attempts.iter().any(lapsed);
        self.must(!given_up || overdue || lapsed, || format!("order {id} was given up before its time was over"));
        if forgotten && !before.is_anonymous() {
            let only = *order == Order { version: order.version, updated_at: order.updated_at, ..before.anonymous() };
            return self.must(only, || format!("more of order {id} changed than what was personal"));
        }
        self.money(&before, order);
        self.shipments(&before, order, changes, met);
        self.returns(&before, order, met);
        situations(&before, order, first_due, now, met);
    }

    /// A line of history: its step is legal, and an event of the same change set says the same.
    fn told(&mut self, entry: &TimelineEntry, changes: &ChangeSet<OrderWrite>) {
        let id = entry.order;
        let event = changes.events.iter().find(|event| event.id.uuid() == entry.id.uuid());
        let said = event.is_some_and(|event| event.aggregate == id.uuid() && status_of(event.kind) == Some(entry.status));
        self.must(said, || format!("order {id} became {} and nobody was told", entry.status));
        let by_customer = matches!(entry.actor.as_str(), "customer" | "guest");
        // Who gives up all that has not left yet makes the order what its parcels are.
        let gave_up =
            changes.events.iter().any(|event| event.aggregate == id.uuid() && event.kind == EventKind::OrderLinesCancelled);
        let fits = match entry.status {
            OrderStatus::Pending => by_customer || self.orders.get(&id).is_some_and(|known| is_exchange(&known.order)),
            OrderStatus::Confirmed | OrderStatus::Cancelled => true,
            OrderStatus::Processing | OrderStatus::Shipped | OrderStatus::OutForDelivery | OrderStatus::Delivered => {
                !by_customer || gave_up
            }
        };
        self.must(fits, || format!("order {id} became {} by a {}", entry.status, entry.actor));
        if entry.status == OrderStatus::Cancelled && entry.actor == ENGINE {
            self.called_off(id);
        }
        let Some(known) = self.orders.get_mut(&id) else { return };
        if entry.status == OrderStatus::Cancelled {
            known.cancelled_by.clone_from(&entry.actor);
        }
        let last = known.path.last().copied();
        known.path.push(entry.status);
        let legal = match last {
            None => entry.status == OrderStatus::Pending,
            Some(last) => may_follow(last, entry.status),
        };
        self.must(legal, || format!("the history of order {id} goes from {last:?} to {}", entry.status));
    }

    /// Every order that the change set writes (two where one is exchanged for another) has its status as the last
    /// line of its history, and every event is about what was written.
    fn said_of(&mut self, changes: &ChangeSet<OrderWrite>) {
        let written: Vec<&Order> = changes
            .writes
            .iter()
            .filter_map(
                |write| if let OrderWrite::Insert(order) | OrderWrite::Update(order) = write { Some(order) } else { None },
            )
            .collect();
        for order in &written {
            let last = self.orders.get(&order.id).and_then(|entry| entry.path.last().copied());
            self.must(last == Some(order.status), || {
                format!("order {} is {} and its history ends with {last:?}", order.id, order.status)
            });
        }
        let about = |event: &Envelope, order: &Order| {
            event.aggregate == order.id.uuid() && event.version == order.version && is_true_of(event, order)
        };
        let mut said = changes.events.iter().filter(|event| event.kind != EventKind::StaffActed);
        let ours = said.all(|event| written.iter().any(|order| about(event, order)));
        self.must(ours || written.is_empty(), || "something is said about another state of an order".to_owned());
    }
}

/// Whether it is paid by what came back of another one.
fn is_exchange(order: &Order) -> bool {
    order.payment.attempts.iter().any(|attempt| attempt.provider == EXCHANGE)
}

/// The steps that an order may take.
fn may_follow(last: OrderStatus, next: OrderStatus) -> bool {
    use OrderStatus::{Cancelled, Confirmed, Delivered, OutForDelivery, Pending, Processing, Shipped};
    matches!(
        (last, next),
        (Pending, Confirmed | Cancelled)
            | (Confirmed, Processing | Shipped | Cancelled)
            | (Processing, Shipped | Cancelled)
            | (Shipped, OutForDelivery | Delivered)
            | (OutForDelivery, Delivered)
    )
}

/// Whether an event's data are those of the order that was written with it.
fn is_true_of(event: &Envelope, order: &Order) -> bool {
    let words = super::Words::of(event);
    words.at("/status") == order.status.as_str()
        && *words.at("/userId") == order.user.to_string()
        && *words.at("/orderId") == order.id.to_string()
        && *words.at("/hold/key") == order.hold.key.to_hex()
        && *words.at("/hold/generation") == order.hold.generation
        && words.at("/lines").as_array().map(Vec::len) == Some(order.lines.len())
}

fn adds_up(order: &Order) -> bool {
    let lines: i64 = order.lines.iter().map(|line| line.unit_price.minor * i64::from(line.quantity.get())).sum();
    let total = order.subtotal.minor - order.discount.minor + order.shipping.minor + order.tax.minor;
    let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
    let taken =
        off == order.discount.minor && (off == 0 || order.coupon.is_some() || is_exchange(order) || order.total.minor == 0);
    taken && lines == order.subtotal.minor && total == order.total.minor && order.payment.amount == order.total && total >= 0
}

fn status_of(kind: EventKind) -> Option<OrderStatus> {
    match kind {
        EventKind::OrderCreated => Some(OrderStatus::Pending),
        EventKind::OrderConfirmed => Some(OrderStatus::Confirmed),
        EventKind::OrderProcessing => Some(OrderStatus::Processing),
        EventKind::OrderShipped => Some(OrderStatus::Shipped),
        EventKind::OrderOutForDelivery => Some(OrderStatus::OutForDelivery),
        EventKind::OrderDelivered => Some(OrderStatus::Delivered),
        EventKind::OrderCancelled => Some(OrderStatus::Cancelled),
        EventKind::UserRegistered
        | EventKind::PasswordResetRequested
        | EventKind::ProductUpdated
        | EventKind::LowStockAlert
        | EventKind::PaymentSuccess
        | EventKind::PaymentFailed
        | EventKind::RefundSucceeded
        | EventKind::OrderLinesCancelled
        | EventKind::OrderRedirected
        | EventKind::OrderLinkRequested
        | EventKind::ShipmentCreated
        | EventKind::ShipmentUpdated
        | EventKind::ReturnRequested
        | EventKind::ReturnApproved
        | EventKind::ReturnRejected
        | EventKind::ReturnReceived
        | EventKind::ReturnRefunded
        | EventKind::ReturnExchanged
        | EventKind::StaffActed => None,
    }
}

fn situations(before: &Order, order: &Order, first_due: Option<Timestamp>, now: Timestamp, met: &mut Vec<Situation>) {
    let (was, is) = (&before.payment, &order.payment);
    let newly = |status| order.status == status && before.status != status;
    let captured = |payment: &crate::orders::Payment| {
        payment.attempts.iter().filter(|attempt| attempt.state == AttemptState::Captured).count()
    };
    if captured(is) > captured(was) {
        if before.status == OrderStatus::Cancelled {
            met.push(Situation::CapturedAfterCancel);
        }
        if captured(is) > 1 {
            met.push(Situation::PaidTwice);
        }
        if first_due.is_some_and(|due| due < now) {
            met.push(Situation::LatePayment);
        }
        if is.attempts.iter().any(|attempt| attempt.state == AttemptState::Declined) {
            met.push(Situation::PaidAfterDecline);
        }
    }
    let promises = |payment: &crate::orders::Payment| {
        payment.attempts.iter().filter(|attempt| attempt.state == AttemptState::Authorized).count()
    };
    if promises(is) < promises(was) {
        let voided = is.attempts.iter().any(|attempt| attempt.state == AttemptState::Voided);
        let part = is.attempts.iter().any(|it| taken(it) > 0 && taken(it) < it.amount.minor);
        if part {
            met.push(Situation::CapturedInPart);
        } else if voided {
            met.push(Situation::PromiseVoided);
        }
    }
    if is.method == PaymentMethod::Cod && was.method != PaymentMethod::Cod {
        met.push(Situation::SwitchedToCash);
    }
    if newly(OrderStatus::Delivered) {
        let refused = order.returns.iter().flat_map(|it| &it.lines).any(|line| line.refused);
        let arrived = order.shipments.iter().any(|it| it.status() == ShipmentStatus::Delivered);
        met.push(if refused && !arrived { Situation::NothingArrived } else { Situation::Delivered });
    }
    if newly(OrderStatus::Cancelled) && before.payment_due_at.is_some_and(|due| due <= now) {
        met.push(Situation::Unpaid);
    }
    let unknown = |refund: &&crate::orders::Refund| refund.state == RefundState::Unknown;
    let now_done =
        |old: &crate::orders::Refund| is.refunds.iter().any(|new| new.id == old.id && new.state == RefundState::Succeeded);
    if was.refunds.iter().filter(unknown).any(now_done) {
        met.push(Situation::RefundUnknownThenSucceeded);
    }
}
