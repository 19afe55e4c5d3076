//! Orders and their history.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitRefusal};
use crate::ids::{IdSource, OrderId, UserId};
use crate::orders::{
    HoldRef, Order, OrderFilter, OrderStatus, OrderStore, OrderWrite, ReturnFilter, ReturnOf, ReturnStatus, ShipmentEvent,
    ShipmentStatus, TimelineEntry,
};
use crate::testing::{ManualClock, SeededEntropy};
use crate::text::Metadata;
use crate::time::Timestamp;

use super::fixture::{Fixture, Opened, got, walk};
use super::whole_orders::{cancellations, full, new_order, returns_in_paise, shipments};
use super::{cases, samples};

type Orders = Fixture<dyn OrderStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn OrderStore>) {
    cases! { make;
        an_order_is_read_as_written,
        a_number_belongs_to_one_order,
        versions_grow_by_one,
        of_many_who_change_one_version_one_wins,
        a_payment_is_restated_only_for_the_order_as_it_was_seen,
        orders_are_listed_newest_first,
        orders_are_filtered_by_date,
        orders_in_which_something_personal_is_left_are_listed,
        a_history_is_kept_in_order,
        an_order_is_found_by_its_hold,
        a_cart_is_ordered_once,
        shipments_go_with_their_order,
        returns_are_found_and_listed,
    }
}

async fn shipments_go_with_their_order(fixture: &Orders) {
    let (mut order, other) = (new_order(fixture), new_order(fixture));
    fixture.write([order.clone(), other.clone()].map(OrderWrite::Insert)).await;
    order.cancellations = cancellations(fixture);
    order.shipments = shipments(fixture);
    order.version = 2;
    fixture.write([OrderWrite::Update(order.clone())]).await;
    assert_eq!(got(fixture.store.order(order.id).await), Some(order.clone()));
    if let Some(it) = order.shipments.last_mut() {
        it.events.push(ShipmentEvent { status: ShipmentStatus::OutForDelivery, at: fixture.now(), note: None });
    }
    order.cancellations.extend(cancellations(fixture));
    order.version = 3;
    fixture.write([OrderWrite::Update(order.clone())]).await;
    assert_eq!(got(fixture.store.order(order.id).await), Some(order.clone()), "a word more at the same instant");
    assert_eq!(got(fixture.store.order(other.id).await), Some(other.clone()), "which are nobody else's");
    let listed = walk(async |page| got(fixture.store.orders(&OrderFilter::default(), &page).await)).await;
    assert_eq!(listed, [other, order]);
}

async fn returns_are_found_and_listed(fixture: &Orders) {
    let mut order = new_order(fixture);
    fixture.write([OrderWrite::Insert(order.clone())]).await;
    order.returns = returns_in_paise(fixture);
    order.version = 2;
    fixture.write([OrderWrite::Update(order.clone())]).await;
    assert_eq!(got(fixture.store.order(order.id).await), Some(order.clone()));
    for it in &mut order.returns {
        assert_eq!(got(fixture.store.order_of_return(it.id).await), Some(order.id));
    }
    assert_eq!(got(fixture.store.order_of_return(fixture.ids.mint()).await), None);
    if let Some(first) = order.returns.first_mut() {
        (first.status, first.updated_at) = (ReturnStatus::Approved, samples::end_of_time());
    }
    order.version = 3;
    fixture.write([OrderWrite::Update(order.clone())]).await;
    let other = Order { returns: returns_in_paise(fixture), ..new_order(fixture) };
    fixture.write([OrderWrite::Insert(other.clone())]).await;
    let of = |order: &Order| {
        let (id, user) = (order.id, order.user);
        let all: Vec<ReturnOf> = order.returns.iter().rev().cloned().map(|it| ReturnOf { order: id, user, it }).collect();
        all
    };
    let list = async |filter: ReturnFilter| walk(async |page| got(fixture.store.returns(&filter, &page).await)).await;
    assert_eq!(list(ReturnFilter::default()).await, [of(&other), of(&order)].concat(), "newest first");
    assert_eq!(list(ReturnFilter { user: Some(order.user), status: None }).await, of(&order));
    let approved = list(ReturnFilter { user: None, status: Some(ReturnStatus::Approved) }).await;
    assert_eq!(approved, of(&order).into_iter().filter(|it| it.it.status == ReturnStatus::Approved).collect::<Vec<_>>());
}

async fn an_order_is_read_as_written(fixture: &Orders) {
    for order in [new_order(fixture), full(fixture)] {
        fixture.write([OrderWrite::Insert(order.clone())]).await;
        assert_eq!(got(fixture.store.order(order.id).await), Some(order));
    }
    for at in [Timestamp::EPOCH, Timestamp::from_micros(1), samples::before_the_epoch()] {
        let order = Order { payment_due_at: Some(at), updated_at: at, ..new_order(fixture) };
        fixture.write([OrderWrite::Insert(order.clone())]).await;
        assert_eq!(got(fixture.store.order(order.id).await), Some(order), "every microsecond is kept");
    }
    let plain = new_order(fixture);
    fixture.write([OrderWrite::Insert(plain.clone())]).await;
    let mut filled = full(fixture);
    (filled.id, filled.number, filled.user, filled.version) = (plain.id, plain.number, plain.user, 2);
    (filled.hold, filled.payment.id) = (plain.hold, plain.payment.id);
    fixture.write([OrderWrite::Update(filled.clone())]).await;
    let stored = got(fixture.store.order(plain.id).await).expect("it is there");
    assert_eq!((&stored.payment, &stored.status), (&filled.payment, &filled.status));
    assert_eq!((stored.payment_due_at, stored.payment_extended), (filled.payment_due_at, true));
    assert_eq!((stored.updated_at, stored.version, &stored.metadata), (filled.updated_at, 2, &filled.metadata));
    assert_eq!(got(fixture.store.order(fixture.ids.mint()).await), None);
}

async fn a_number_belongs_to_one_order(fixture: &Orders) {
    let one = new_order(fixture);
    fixture.write([OrderWrite::Insert(one.clone())]).await;
    let same_number = Order { number: one.number.clone(), ..new_order(fixture) };
    assert_eq!(fixture.refused([OrderWrite::Insert(same_number)]).await, CommitRefusal::Duplicate("number"));
    let same_id = Order { id: one.id, ..new_order(fixture) };
    assert_eq!(fixture.refused([OrderWrite::Insert(same_id)]).await, CommitRefusal::Duplicate("id"));
}

async fn versions_grow_by_one(fixture: &Orders) {
    let order = new_order(fixture);
    fixture.write([OrderWrite::Insert(order.clone())]).await;
    for wrong in [1, 3] {
        let wrong = Order { version: wrong, ..order.clone() };
        assert!(matches!(fixture.refused([OrderWrite::Update(wrong)]).await, CommitRefusal::Stale(_)));
    }
    assert!(matches!(fixture.refused([OrderWrite::Update(new_order(fixture))]).await, CommitRefusal::Stale(_)));
    let steps = [(2, OrderStatus::Confirmed), (3, OrderStatus::Cancelled)];
    let steps = steps.map(|(version, status)| Order { status, version, ..order.clone() });
    fixture.write(steps.clone().map(OrderWrite::Update)).await;
    assert_eq!(got(fixture.store.order(order.id).await).as_ref(), steps.last());
    let insert_and_step = new_order(fixture);
    let step = Order { version: 2, status: OrderStatus::Confirmed, ..insert_and_step.clone() };
    fixture.write([OrderWrite::Insert(insert_and_step), OrderWrite::Update(step.clone())]).await;
    assert_eq!(got(fixture.store.order(step.id).await), Some(step));
}

async fn of_many_who_change_one_version_one_wins(fixture: &Orders) {
    let order = new_order(fixture);
    fixture.write([OrderWrite::Insert(order.clone())]).await;
    let states = [OrderStatus::Confirmed, OrderStatus::Cancelled];
    let step = |n: usize| Order { status: states.get(n % 2).copied().unwrap_or(order.status), version: 2, ..order.clone() };
    let results = fixture.race((0..20).map(|n| ChangeSet::of([OrderWrite::Update(step(n))]))).await;
    let winners: Vec<Order> = (0..20).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| step(n)).collect();
    let stored = got(fixture.store.order(order.id).await).expect("it is there");
    assert_eq!(winners, [stored]);
}

async fn orders_are_listed_newest_first(fixture: &Orders) {
    let user: UserId = fixture.ids.mint();
    let mut orders = Vec::new();
    for n in 0..12 {
        fixture.clock.advance(Duration::from_millis(1));
        let hers = samples::order(fixture.ids.order(user), user, fixture.now());
        let order = if n % 2 == 0 { hers } else { new_order(fixture) };
        orders.push(Order { status: if n % 3 == 0 { OrderStatus::Cancelled } else { OrderStatus::Pending }, ..order });
    }
    fixture.write(orders.iter().cloned().map(OrderWrite::Insert)).await;
    orders.reverse();
    let number = orders.first().map(|order| order.number.clone());
    let filters: [OrderFilter; 6] = [
        OrderFilter::default(),
        OrderFilter { user: Some(user), ..OrderFilter::default() },
        OrderFilter { status: Some(OrderStatus::Cancelled), ..OrderFilter::default() },
        OrderFilter { user: Some(user), status: Some(OrderStatus::Pending), ..OrderFilter::default() },
        OrderFilter { number, ..OrderFilter::default() },
        OrderFilter { number: Some("ORD-NONE".to_owned()), ..OrderFilter::default() },
    ];
    for filter in filters {
        let shown = |order: &&Order| {
            filter.user.is_none_or(|user| order.user == user)
                && filter.status.is_none_or(|status| order.status == status)
                && filter.number.as_ref().is_none_or(|number| order.number == *number)
        };
        let expected: Vec<OrderId> = orders.iter().filter(shown).map(|order| order.id).collect();
        let listed = walk(async |page| got(fixture.store.orders(&filter, &page).await)).await;
        assert_eq!(listed.iter().map(|order| order.id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

async fn orders_in_which_something_personal_is_left_are_listed(fixture: &Orders) {
    let user: UserId = fixture.ids.mint();
    let anonymous = || {
        let order = samples::order(fixture.ids.order(user), user, fixture.now());
        Order { shipping_address: order.shipping_address.erased(), metadata: Metadata::new(), ..order }
    };
    let told: [fn(&mut Order); 7] = [
        |order| "Asha Rao".clone_into(&mut order.shipping_address.full_name),
        |order| "12 MG Road".clone_into(&mut order.shipping_address.line1),
        |order| order.shipping_address.line2 = Some("Flat 4".to_owned()),
        |order| "Bengaluru".clone_into(&mut order.shipping_address.city),
        |order| "560001".clone_into(&mut order.shipping_address.postal_code),
        |order| order.shipping_address.phone = Some("+91 98450 00000".to_owned()),
        |order| order.metadata = Metadata::from([("gift".to_owned(), "yes".to_owned())]),
    ];
    let mut personal = Vec::new();
    for tell in told {
        let mut order = anonymous();
        tell(&mut order);
        personal.push(order.id);
        fixture.write([OrderWrite::Insert(order), OrderWrite::Insert(anonymous())]).await;
    }
    personal.sort_unstable_by(|one, other| other.cmp(one));
    let filter = OrderFilter { user: Some(user), personal: true, ..OrderFilter::default() };
    let listed = walk(async |page| got(fixture.store.orders(&filter, &page).await)).await;
    assert_eq!(listed.iter().map(|order| order.id).collect::<Vec<_>>(), personal);
}

async fn orders_are_filtered_by_date(fixture: &Orders) {
    let mut placed: Vec<(Timestamp, OrderId)> = Vec::new();
    for _ in 0..6 {
        let order = new_order(fixture);
        placed.push((fixture.now(), order.id));
        fixture.write([OrderWrite::Insert(order)]).await;
        fixture.clock.advance(Duration::from_hours(24));
    }
    placed.reverse();
    let [(_, newest), (from, second), (_, third), (to, _), ..] = placed.as_slice() else { panic!("there are six") };
    let listed = async |from, to| {
        let filter = OrderFilter { from, to, ..OrderFilter::default() };
        let orders = walk(async |page| got(fixture.store.orders(&filter, &page).await)).await;
        orders.iter().map(|order| order.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(Some(*from), None).await, [*newest, *second], "from this instant on");
    let older: Vec<OrderId> = placed.iter().skip(4).map(|(_, id)| *id).collect();
    assert_eq!(listed(None, Some(*to)).await, older, "before that instant");
    assert_eq!(listed(Some(*to), Some(from.plus(Duration::from_millis(1)))).await.len(), 3);
    assert!(listed(Some(*to), Some(*from)).await.contains(third));
    assert_eq!(listed(Some(*from), Some(*from)).await, []);
    assert_eq!(listed(Some(samples::end_of_time()), None).await, []);
    assert_eq!(listed(None, Some(Timestamp::EPOCH)).await, []);
}

fn entry(fixture: &Orders, ids: &IdSource, order: OrderId, n: usize) -> TimelineEntry {
    let status = OrderStatus::ALL.iter().cycle().nth(n).copied().unwrap_or(OrderStatus::Pending);
    let note = if n.is_multiple_of(2) { samples::UNICODE.to_owned() } else { String::new() };
    TimelineEntry { id: ids.mint(), order, status, at: fixture.now(), note, actor: "system".to_owned() }
}

async fn a_history_is_kept_in_order(fixture: &Orders) {
    let (one, other) = (new_order(fixture), new_order(fixture));
    fixture.write([one.clone(), other.clone()].map(OrderWrite::Insert)).await;
    let mut history = Vec::new();
    for n in 0..8 {
        let line = entry(fixture, &fixture.ids, one.id, n);
        fixture.write([OrderWrite::Timeline(line.clone())]).await;
        fixture.write([OrderWrite::Timeline(entry(fixture, &fixture.ids, other.id, n))]).await;
        history.push(line);
        if n % 3 == 0 {
            fixture.clock.advance(Duration::from_secs(1));
        }
    }
    let read = walk(async |page| got(fixture.store.timeline(one.id, &page).await)).await;
    assert_eq!(read, history, "oldest first, and only of this order");
    let again = history.pop().expect("there are eight");
    assert_eq!(fixture.refused([OrderWrite::Timeline(again)]).await, CommitRefusal::Duplicate("id"));
    let worded = history.first().cloned().expect("there are some");
    let forgotten = TimelineEntry { note: String::new(), ..worded.clone() };
    let update = |version| OrderWrite::Update(Order { version, ..one.clone() });
    assert_eq!(fixture.refused([update(1), OrderWrite::Reword(forgotten.clone())]).await, CommitRefusal::Stale("order"));
    let read = walk(async |page| got(fixture.store.timeline(one.id, &page).await)).await;
    assert!(!worded.note.is_empty() && read.first() == Some(&worded), "what is refused changes no word");
    fixture.write([update(2), OrderWrite::Reword(forgotten.clone())]).await;
    let read = walk(async |page| got(fixture.store.timeline(one.id, &page).await)).await;
    assert_eq!((read.first(), read.get(1..7)), (Some(&forgotten), history.get(1..)), "one line, and no other");
    let nobody: OrderId = IdSource::new(fixture.clock.clone(), Arc::new(SeededEntropy::new(8))).mint();
    assert!(walk(async |page| got(fixture.store.timeline(nobody, &page).await)).await.is_empty());
}

async fn an_order_is_found_by_its_hold(fixture: &Orders) {
    let order = new_order(fixture);
    fixture.write([OrderWrite::Insert(order.clone())]).await;
    let found = async |hold| got(fixture.store.order_on_hold(hold).await);
    assert_eq!(found(order.hold).await, Some((order.id, OrderStatus::Pending)));
    assert_eq!(found(HoldRef { generation: 2, ..order.hold }).await, None, "another generation is another hold");
    assert_eq!(found(new_order(fixture).hold).await, None);
    let cancelled = Order { status: OrderStatus::Cancelled, version: 2, ..order };
    fixture.write([OrderWrite::Update(cancelled.clone())]).await;
    assert_eq!(found(cancelled.hold).await, Some((cancelled.id, OrderStatus::Cancelled)), "with its present status");
}

async fn a_payment_is_restated_only_for_the_order_as_it_was_seen(fixture: &Orders) {
    let order = new_order(fixture);
    let restate = |version| [OrderWrite::Restate(order.id, version, order.payment.status())];
    assert_eq!(fixture.refused(restate(1)).await, CommitRefusal::Stale("order"), "it is not there");
    fixture.write([OrderWrite::Insert(order.clone())]).await;
    assert_eq!(fixture.refused(restate(2)).await, CommitRefusal::Stale("order"), "it has another version");
    fixture.write(restate(1)).await;
    assert_eq!(got(fixture.store.order(order.id).await), Some(order.clone()), "nothing else changes");
}

async fn a_cart_is_ordered_once(fixture: &Orders) {
    let claim = |name, order: &Order| OrderWrite::ClaimCart(uuid::Uuid::from_u128(name), order.id);
    let orders: Vec<Order> = (0..10).map(|_| new_order(fixture)).collect();
    let place = |order: &Order| ChangeSet::of([OrderWrite::Insert(order.clone()), claim(42, order)]);
    let results = fixture.race(orders.iter().map(place)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let listed = walk(async |page| got(fixture.store.orders(&OrderFilter::default(), &page).await)).await;
    let [first] = listed.as_slice() else { panic!("one order came of it, not {}", listed.len()) };
    let said = CommitRefusal::CartOrdered(first.id);
    assert_eq!(fixture.refusal(place(&new_order(fixture))).await, said, "and whoever comes later hears which");
    for result in results.into_iter().filter(Result::is_err) {
        assert_eq!(super::fixture::refusal(result), said, "as do those who came at the same time");
    }
    fixture.write([claim(43, first)]).await;
}
