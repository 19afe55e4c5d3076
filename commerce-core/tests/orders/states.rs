//! Every state and every action, and what comes of each pair.

use commerce_core::events::EventKind;
use commerce_core::orders::{Order, OrderStatus, PaymentMethod};
use commerce_core::{Clock, Outcome};
use futures_executor::block_on;

use crate::scene::{COD, STAFF, Scene, card, code, wish};

/// What can be done to an order.
#[derive(Clone, Copy, Debug)]
enum Action {
    Set(OrderStatus),
    Cancel,
    Pay,
    PaidByWebhook,
}

/// How an order got where it is.
#[derive(Clone, Copy, Debug)]
enum Money {
    /// To be paid on delivery.
    Cash,
    /// A declined card: pending.
    Declined,
    /// With the bank: pending.
    Open,
    /// A card that was charged.
    Paid,
}

fn actions() -> Vec<Action> {
    let sets = OrderStatus::ALL.iter().map(|status| Action::Set(*status));
    sets.chain([Action::Cancel, Action::Pay, Action::PaidByWebhook]).collect()
}

/// The steps from the state an order is placed in to `status`.
fn way(status: OrderStatus) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Confirmed, Delivered, OutForDelivery, Pending, Processing, Shipped};
    match status {
        Pending | Confirmed => &[],
        Processing => &[Processing],
        Shipped => &[Processing, Shipped],
        OutForDelivery => &[Shipped, OutForDelivery],
        Delivered => &[Shipped, OutForDelivery, Delivered],
        Cancelled => &[Cancelled],
    }
}

fn states() -> Vec<(OrderStatus, Money)> {
    let mut states = vec![(OrderStatus::Pending, Money::Declined), (OrderStatus::Pending, Money::Open)];
    states.push((OrderStatus::Cancelled, Money::Open));
    for status in OrderStatus::ALL.iter().filter(|status| **status != OrderStatus::Pending) {
        states.extend([(*status, Money::Cash), (*status, Money::Paid)]);
    }
    states
}

async fn order_in(scene: &Scene, status: OrderStatus, money: Money) -> Outcome<Order> {
    let payment = match money {
        Money::Cash => COD,
        Money::Declined => card("tok_declined"),
        Money::Open => card("tok_pending"),
        Money::Paid => card("tok_ok"),
    };
    let order = scene.place(wish(&[("A", 1)], payment)).await?;
    for step in way(status) {
        scene.orders.set_status(&STAFF, order.id, *step, None, None).await?;
    }
    let order = scene.order(order.id).await?;
    assert_eq!(order.status, status);
    Ok(order)
}

/// The code each pair is answered with, and the state it leaves.
fn expected(status: OrderStatus, money: Money, action: Action) -> (&'static str, OrderStatus) {
    let to_be_shipped = matches!(status, OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Processing);
    match action {
        Action::Set(OrderStatus::Confirmed) if status == OrderStatus::Pending => ("PAYMENT_REQUIRED", status),
        Action::Set(next) if status.may_become(next) => ("OK", next),
        Action::Cancel if to_be_shipped => ("OK", OrderStatus::Cancelled),
        Action::Set(_) | Action::Cancel => ("ILLEGAL_TRANSITION", status),
        Action::Pay => match (status, money) {
            (OrderStatus::Pending, Money::Open) => ("OK", status),
            (OrderStatus::Pending, Money::Declined) => ("OK", OrderStatus::Confirmed),
            _ => ("NOT_PAYABLE", status),
        },
        Action::PaidByWebhook if status == OrderStatus::Pending => ("OK", OrderStatus::Confirmed),
        Action::PaidByWebhook => ("OK", status),
    }
}

async fn act(scene: &Scene, order: &Order, action: Action) -> Outcome<()> {
    match action {
        Action::Set(status) => scene.orders.set_status(&STAFF, order.id, status, None, None).await.map(|_| ()),
        Action::Cancel => scene.orders.cancel(&scene.asha, order.id, None, None, None).await.map(|_| ()),
        Action::Pay => {
            let token = Some("tok_ok".to_owned());
            scene.orders.pay(&scene.asha, order.id, PaymentMethod::Card, token, None, None).await.map(|_| ())
        }
        Action::PaidByWebhook => {
            let attempt = order.payment.attempts.last();
            let reference = attempt.and_then(|attempt| attempt.reference.clone()).unwrap_or_else(|| "pay_none".to_owned());
            if let Some(attempt) = attempt {
                scene.gateway.finish(attempt.id, true);
            }
            let (signature, body) =
                scene.gateway.webhook_of("evt", "payment.succeeded", &reference, order.total, scene.clock.now());
            scene.orders.webhook("sandbox", Some(&signature), &body).await
        }
    }
}

#[test]
fn every_pair_of_state_and_action() -> Outcome<()> {
    block_on(async {
        for (status, money) in states() {
            for action in actions() {
                let pair = format!("{status} ({money:?}), {action:?}");
                let scene = Scene::open(1, &[("A", 10)]).await?;
                let before = order_in(&scene, status, money).await?;
                let history = scene.path(before.id).await?;
                let said = scene.said().await?.len();
                let outcome = act(&scene, &before, action).await;
                let after = scene.order(before.id).await?;
                assert_eq!((code(&outcome), after.status), expected(status, money, action), "{pair}");
                if outcome.is_err() {
                    assert_eq!(after, before, "a refusal changes nothing: {pair}");
                }

                let lines = scene.path(before.id).await?;
                let new_said: Vec<EventKind> = scene.said().await?.into_iter().skip(said).collect();
                let moved = after.status != before.status;
                assert_eq!(lines.len(), history.len() + usize::from(moved), "one line of history for a step: {pair}");
                assert_eq!(lines.last(), Some(&after.status), "{pair}");
                assert!(!moved || !new_said.is_empty(), "a step is said: {pair}");
                check_books(&scene, &after, &pair).await?;
            }
        }
        Ok(())
    })
}

/// When all is at rest, stock and money are what the order says.
async fn check_books(scene: &Scene, order: &Order, pair: &str) -> Outcome<()> {
    scene.settle().await?;
    let stock = match order.status {
        OrderStatus::Pending => (10, 1),
        OrderStatus::Cancelled => (10, 0),
        OrderStatus::Confirmed
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::OutForDelivery
        | OrderStatus::Delivered => (9, 0),
    };
    assert_eq!(scene.stock("A").await?, stock, "{pair}");
    if order.status == OrderStatus::Cancelled {
        assert_eq!(scene.gateway.captured_minor(), scene.gateway.refunded_minor(), "{pair}");
    } else {
        assert_eq!(scene.gateway.refunded_minor(), 0, "{pair}");
    }
    Ok(())
}
