//! What a reconciliation finds in the ledgers of Stripe and Razorpay: the same of both.

use std::time::Duration;

use commerce_core::Clock;
use commerce_core::ids::Id;
use commerce_core::orders::{Capture, MismatchKind, Order, OrderStatus, PromiseWish, Reconciliation};
use commerce_core::{Currency, Money};
use serde_json::json;
use uuid::Uuid;

use super::local::{Books, Local};
use super::scene::{PRICE, STAFF, Scene};
use super::{razorpay, stripe};
use MismatchKind::{AmountDiffers, BookedNotPaid, PaidNotBooked, PaidWithoutOrder, UnknownMessage};

/// An account at a provider, as somebody else sees it.
trait Account: Books + Sized {
    async fn scene() -> Scene<Self>;
    /// An order that is paid, or paid in a moment.
    async fn order(scene: &Scene<Self>) -> Order;
    /// Entries of a list at once.
    fn pages_of(&mut self, entries: usize, endless: bool);
    fn take(&mut self, key: Option<Uuid>, amount: i64) -> String;
    fn send_back(&mut self, payment: &str, amount: i64);
    /// The provider knows nothing of a payment.
    fn forget(&mut self, payment: &str);
    /// Somebody has removed our key from a payment.
    fn unkey(&mut self, payment: &str);
    /// A payment was of this much, in euros.
    fn in_euros(&mut self, payment: &str);
    /// What stands in the query of a second page and in no first one's.
    const SECOND: &str;
}

impl Account for stripe::ledger::Ledger {
    const SECOND: &str = "starting_after";

    async fn scene() -> Scene<Self> {
        stripe::open(Capture::Automatic).await
    }

    async fn order(scene: &Scene<Self>) -> Order {
        scene.pay("pm_card_visa").await
    }

    fn pages_of(&mut self, entries: usize, endless: bool) {
        (self.page_max, self.endless) = (Some(entries), endless);
    }

    fn take(&mut self, key: Option<Uuid>, amount: i64) -> String {
        self.take(key, amount)
    }

    fn send_back(&mut self, payment: &str, amount: i64) {
        self.send_back(payment, amount);
    }

    fn forget(&mut self, payment: &str) {
        self.intents.remove(payment).unwrap();
    }

    fn unkey(&mut self, payment: &str) {
        self.intents.get_mut(payment).unwrap()["metadata"] = json!({});
    }

    fn in_euros(&mut self, payment: &str) {
        self.intents.get_mut(payment).unwrap()["currency"] = json!("eur");
    }
}

impl Account for razorpay::ledger::Ledger {
    const SECOND: &str = "skip";

    async fn scene() -> Scene<Self> {
        razorpay::open(Capture::Automatic).await
    }

    async fn order(scene: &Scene<Self>) -> Order {
        let order = scene.placed().await;
        scene.pay(&order, true);
        order
    }

    fn pages_of(&mut self, entries: usize, endless: bool) {
        (self.page_max, self.endless) = (Some(entries), endless);
    }

    fn take(&mut self, key: Option<Uuid>, amount: i64) -> String {
        self.take(key, amount)
    }

    fn send_back(&mut self, payment: &str, amount: i64) {
        self.send_back(payment, amount);
    }

    fn forget(&mut self, payment: &str) {
        self.orders.retain(|it| it["id"] != payment);
    }

    fn unkey(&mut self, payment: &str) {
        let order = self.orders.iter_mut().find(|it| it["id"] == payment).unwrap();
        (order["receipt"], order["notes"]) = (json!(null), json!([]));
    }

    fn in_euros(&mut self, payment: &str) {
        let paid = self.payments.iter_mut().find(|it| it["order_id"] == payment).unwrap();
        paid["currency"] = json!("EUR");
    }
}

/// A shop with as many paid orders.
async fn sold<A: Account>(orders: usize) -> (Scene<A>, Vec<Order>) {
    let scene = A::scene().await;
    let mut placed = Vec::new();
    for _ in 0..orders {
        placed.push(A::order(&scene).await.id);
    }
    scene.later().await;
    scene.later().await;
    let mut paid = Vec::new();
    for id in placed {
        let order = scene.shop.orders.order(&STAFF, id).await.unwrap();
        assert_eq!(order.status, OrderStatus::Confirmed);
        paid.push(order);
    }
    (scene, paid)
}

async fn report<A: Account>(scene: &Scene<A>) -> Reconciliation {
    let since = scene.shop.clock.now().minus(Duration::from_hours(1));
    scene.shop.orders.reconcile(&STAFF, since).await.unwrap()
}

fn named(order: &Order) -> String {
    order.payment.attempts[0].reference.clone().unwrap()
}

fn found(report: &Reconciliation) -> Vec<(MismatchKind, Option<String>, Option<String>)> {
    let mut found: Vec<_> = report.mismatches.iter().map(|it| (it.kind, it.order.clone(), it.reference.clone())).collect();
    found.sort();
    found
}

fn books<A: Account, R>(provider: &Local<A>, work: impl FnOnce(&mut A) -> R) -> R {
    work(&mut provider.desk().books)
}

/// Money without an order, an order without its money, and what fits, each on a page of its own.
async fn both_directions<A: Account>() {
    let (scene, orders) = sold::<A>(4).await;
    let kept = scene.shop.orders.cancel(&scene.asha, orders[3].id, None, None, None).await.unwrap().into_inner();
    scene.later().await;
    scene.later().await;
    assert_eq!(scene.order(&kept).await.payment.refunded.minor, PRICE);
    books(&scene.provider, |it| it.pages_of(1, false));
    let fits = report(&scene).await;
    assert_eq!((found(&fits), fits.unasked.len(), fits.checked, fits.foreign), (Vec::new(), 0, 5, 0));

    let key = uuid::Builder::from_unix_timestamp_millis(scene.shop.clock.now().as_millis(), &[7; 10]).into_uuid();
    let strange = books(&scene.provider, |it| it.take(Some(key), 7_700));
    books(&scene.provider, |it| it.forget(&named(&orders[1])));
    books(&scene.provider, |it| it.in_euros(&named(&orders[2])));
    assert!(!found(&report(&scene).await).iter().any(|it| it.0 == PaidWithoutOrder), "that is on its way");
    scene.later().await;
    scene.later().await;
    let report = report(&scene).await;
    let expected = [
        (PaidWithoutOrder, None, Some(strange)),
        (BookedNotPaid, Some(orders[1].number.clone()), Some(named(&orders[1]))),
        (AmountDiffers, Some(orders[2].number.clone()), Some(named(&orders[2]))),
    ];
    assert_eq!(found(&report), expected);
    let strange = report.mismatches.iter().find(|it| it.kind == PaidWithoutOrder).unwrap();
    assert_eq!((strange.key, strange.theirs.as_str()), (Some(key), Money::new(7_700, Currency::INR).to_string().as_str()));
}

/// The same account is used by somebody else, and our own payments by hand.
async fn an_account_of_two<A: Account>() {
    let (scene, orders) = sold::<A>(2).await;
    let theirs = books(&scene.provider, |it| {
        it.unkey(&named(&orders[0]));
        let theirs = it.take(None, 5_000);
        it.send_back(&theirs, 1_000);
        theirs
    });
    let fits = report(&scene).await;
    assert_eq!((found(&fits), fits.foreign), (Vec::new(), 2), "{theirs} is nobody's, and ours is known by its name");
    books(&scene.provider, |it| it.send_back(&named(&orders[1]), 2_500));
    let report = report(&scene).await;
    let by_hand: Vec<_> = report.mismatches.iter().map(|it| (it.kind, it.order.clone(), it.theirs.clone())).collect();
    let back = Money::new(2_500, Currency::INR).to_string();
    assert_eq!(by_hand, [(PaidNotBooked, Some(orders[1].number.clone()), back)]);
}

/// What went back of an order from before the asked span is that order's.
async fn an_old_order<A: Account>() {
    let (scene, orders) = sold::<A>(1).await;
    scene.shop.wait(Duration::from_mins(5));
    let since = scene.shop.clock.now();
    scene.shop.wait(Duration::from_mins(1));
    scene.shop.orders.cancel(&scene.asha, orders[0].id, None, None, None).await.unwrap();
    for _ in 0..3 {
        scene.later().await;
    }
    assert_eq!(scene.order(&orders[0]).await.payment.refunded.minor, PRICE);
    let report = scene.shop.orders.reconcile(&STAFF, since).await.unwrap();
    assert_eq!((found(&report), report.checked, report.unasked.len()), (Vec::new(), 0, 0));
}

/// Too many calls, no answer, and pages without an end.
async fn a_ledger_that_cannot_be_read<A: Account>(name: &str) {
    let (scene, orders) = sold::<A>(3).await;
    books(&scene.provider, |it| it.pages_of(1, false));
    scene.provider.desk().busy = 2;
    let calls = scene.provider.desk().calls.len();
    let whole = report(&scene).await;
    assert_eq!((found(&whole), whole.unasked.len()), (Vec::new(), 0), "too many calls are made again");
    assert!(scene.provider.desk().calls.len() > calls + 5, "there was more than one page");

    books(&scene.provider, |it| it.forget(&named(&orders[1])));
    books(&scene.provider, |it| it.pages_of(1, true));
    let endless = report(&scene).await;
    assert_eq!(endless.unasked.iter().collect::<Vec<_>>(), [name]);
    assert!(found(&endless).iter().all(|it| it.1 == Some(orders[1].number.clone())), "{endless:?}");

    books(&scene.provider, |it| it.pages_of(1, false));
    scene.provider.desk().deaf_to = Some(A::SECOND);
    let deaf = report(&scene).await;
    assert_eq!(deaf.unasked.iter().collect::<Vec<_>>(), [name]);
    assert!(found(&deaf).iter().all(|it| it.1 == Some(orders[1].number.clone())), "{deaf:?}");
}

macro_rules! of_both {
    ($($name:ident, $of:ident $(, $word:literal, $other:literal)?;)+) => {
        mod of_stripe {
            $(#[tokio::test] async fn $name() { super::$of::<super::stripe::ledger::Ledger>($($word)?).await; })+
        }
        mod of_razorpay {
            $(#[tokio::test] async fn $name() { super::$of::<super::razorpay::ledger::Ledger>($($other)?).await; })+
        }
    };
}

of_both! {
    money_without_an_order_and_orders_without_money_are_found, both_directions;
    what_is_of_others_is_counted_and_what_is_ours_is_not_hidden, an_account_of_two;
    a_refund_of_an_old_order_is_known, an_old_order;
    a_ledger_that_cannot_be_read_is_said_to_be_unread, a_ledger_that_cannot_be_read, "stripe", "razorpay";
}

#[tokio::test]
async fn what_is_taken_or_given_back_in_part_fits() {
    let scene = stripe::open(Capture::Manual).await;
    let order = scene.pay("pm_card_visa").await;
    let part = Some(Money::new(20_000, Currency::INR));
    scene.shop.orders.capture_payment(&STAFF, order.id, PromiseWish::all_of(order.payment.id.uuid()).of(part)).await.unwrap();
    scene.later().await;
    scene.later().await;
    let fits = report(&scene).await;
    assert_eq!((found(&fits), fits.checked), (Vec::new(), 1));
    scene.provider.desk().books.refunds.clear();
    scene.provider.desk().books.intents.values_mut().for_each(|it| it["amount_received"] = json!(PRICE));
    assert_eq!(found(&report(&scene).await), [(AmountDiffers, Some(order.number.clone()), Some(named(&order)))]);
}

#[tokio::test]
async fn what_stripe_lets_go_of_a_promise_is_no_money_that_went_back() {
    let scene = stripe::open(Capture::Manual).await;
    let (given_up, in_part) = (scene.pay("pm_card_visa").await, scene.pay("pm_card_visa").await);
    let part = Some(Money::new(20_000, Currency::INR));
    scene.shop.orders.capture_payment(&STAFF, in_part.id, PromiseWish::all_of(in_part.payment.id.uuid()).of(part)).await.unwrap();
    scene.shop.orders.cancel(&scene.asha, given_up.id, None, None, None).await.unwrap();
    scene.later().await;
    scene.later().await;
    assert_eq!(scene.provider.desk().books.refunds.len(), 2);
    scene.hears_of_refunds().await;
    let fits = report(&scene).await;
    assert_eq!((found(&fits), fits.foreign, fits.unasked.len()), (Vec::new(), 0, 0), "nor is what Stripe says of it");
    books(&scene.provider, |it| it.send_back(&named(&in_part), PRICE - 20_000));
    scene.hears_of_refunds().await;
    for entries in [100, 1] {
        books(&scene.provider, |it| it.pages_of(entries, false));
        let by_hand = Some("re_0002".to_owned());
        let expected = [(PaidNotBooked, Some(in_part.number.clone()), by_hand.clone()), (UnknownMessage, None, by_hand)];
        assert_eq!(found(&report(&scene).await), expected, "as much, but later");
    }
    scene.shop.wait(Duration::from_hours(3));
    let since = scene.shop.clock.now();
    let later = scene.shop.orders.reconcile(&STAFF, since).await.unwrap();
    assert_eq!(found(&later), [], "of what was said before the span nothing is said");
}

#[tokio::test]
async fn what_razorpay_never_took_is_no_money_that_went_back() {
    let scene = razorpay::open(Capture::Manual).await;
    let order = scene.placed().await;
    scene.pay(&order, true);
    scene.later().await;
    scene.shop.orders.void_payment(&STAFF, order.id, PromiseWish::all_of(order.payment.id.uuid())).await.unwrap();
    scene.later().await;
    books(&scene.provider, |it| it.lapse(&named(&order)));
    let fits = report(&scene).await;
    assert_eq!((found(&fits), fits.foreign, fits.unasked.len()), (Vec::new(), 0, 0));
    books(&scene.provider, |it| it.payments[0]["captured"] = json!(true));
    let taken = found(&report(&scene).await);
    assert!(taken.iter().any(|it| it.2.as_deref() == Some("rfnd_0000")), "what was taken and went back is said: {taken:?}");
}

#[tokio::test]
async fn what_went_back_of_an_old_order_at_razorpay_is_that_orders_before_anybody_booked_it() {
    let (scene, orders) = sold::<razorpay::ledger::Ledger>(1).await;
    let since = scene.shop.clock.now();
    scene.shop.wait(Duration::from_mins(1));
    books(&scene.provider, |it| it.slow = true);
    scene.shop.orders.cancel(&scene.asha, orders[0].id, None, None, None).await.unwrap();
    scene.later().await;
    scene.later().await;
    assert_eq!(scene.order(&orders[0]).await.payment.refunded.minor, 0, "it is on its way");
    books(&scene.provider, |it| it.refunds[0]["status"] = json!("processed"));
    scene.shop.wait(Duration::from_mins(2));
    let report = scene.shop.orders.reconcile(&STAFF, since).await.unwrap();
    let said: Vec<_> = report.mismatches.iter().map(|it| (it.kind, it.order.as_deref())).collect();
    assert_eq!(said, [(PaidNotBooked, Some(orders[0].number.as_str()))]);
}

#[tokio::test]
async fn a_ledger_that_does_not_answer_keeps_nobody_from_paying() {
    let scene = stripe::open(Capture::Automatic).await;
    scene.provider.desk().broken = Some(503);
    for _ in 0..4 {
        assert_eq!(scene.pay("pm_card_visa").await.status, OrderStatus::Pending);
    }
    assert_eq!(report(&scene).await.unasked.len(), 1);
    assert_eq!(scene.provider.desk().called("GET /v1/payment_intents"), 3);
    scene.provider.desk().broken = None;
    assert_eq!(scene.pay("pm_card_visa").await.status, OrderStatus::Confirmed);
}

#[tokio::test]
async fn of_two_orders_at_razorpay_for_one_attempt_the_paid_one_counts() {
    let (scene, orders) = sold::<razorpay::ledger::Ledger>(1).await;
    let key = orders[0].payment.attempts[0].id.uuid();
    let twin = books(&scene.provider, |it| it.take(Some(key), PRICE));
    let paid_twice = report(&scene).await;
    assert_eq!(found(&paid_twice).iter().map(|it| it.0).collect::<Vec<_>>(), [MismatchKind::ReferenceDiffers]);
    assert_eq!(paid_twice.mismatches[0].theirs, twin);
    books(&scene.provider, |it| it.payments.retain(|it| it["order_id"] != twin.as_str()));
    assert_eq!(found(&report(&scene).await), [], "a twin that nobody paid moves nothing");
}
