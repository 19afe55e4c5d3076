//! Every workflow with every fault at every port call, and a death at every await.
//!
//! Each run is a small world of one node: the workflow once, with one or two faults or one death at a
//! place that is counted; then the client repeats what she was not answered, everything comes to rest,
//! and all invariants are judged. Pairs of faults are tried where the second comes within [`NEAR`] calls
//! of the first, and where both are of the kind that says nothing happened or that hides what did.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::catalog::{HoldKey, ImportProduct};
use commerce_core::change::Answer;
use commerce_core::ids::{OrderId, ProductId, UserId};
use commerce_core::orders::{CartOwner, Order, OrderStatus, PaymentMethod, PlaceOrder};
use commerce_core::testing::fault::{Call, Fault};
use commerce_core::testing::sim::scheduler::Deaths;
use commerce_core::testing::sim::{Client, Heard, History, Hits, House, Plan, Setup, Told, World, close, goods, key, open};
use commerce_core::text::Quantity;
use commerce_core::{Actor, Commerce, Outcome};
use futures_util::future::BoxFuture;

/// How many calls the second fault of a pair comes after the first at most.
const NEAR: usize = 4;
/// How often a step of work is tried again.
const TRIES: u32 = 12;

type Workflow = fn(Stage) -> BoxFuture<'static, ()>;

/// One customer, one product with two variants of five units each, and staff.
#[derive(Clone)]
struct Stage {
    house: Arc<House>,
    history: Arc<History>,
    user: UserId,
    product: ProductId,
}

impl Stage {
    fn client(&self, actor: Actor) -> Client {
        Client { house: Arc::clone(&self.house), actor, gives_up: 0 }
    }

    fn asha(&self) -> Client {
        self.client(Actor::Customer(self.user))
    }

    fn staff(&self) -> Client {
        self.client(Actor::System)
    }

    /// Does everything that is due, again and again where it fails.
    async fn settle(&self) {
        for _ in 0..TRIES {
            let heard = self.staff().ask(|shop, _| async move { shop.settle().await }).await;
            if matches!(heard, Heard::Answer(Ok(()))) {
                return;
            }
            self.wait(Duration::from_secs(6)).await;
        }
        self.staff().must(false, || "the shop does not settle".to_owned());
    }

    async fn wait(&self, span: Duration) {
        self.house.ground.clockwork.sleep(span).await;
    }

    async fn order(&self, wish: PlaceOrder) -> Option<Order> {
        let request = |shop: Commerce, me| {
            let wish = wish.clone();
            async move { shop.orders.place(&me, wish, Some(key("order", 1))).await }
        };
        let told = self.asha().insist(request).await;
        let order = if let Told::Done(order) = &told { Some(order.clone()) } else { None };
        self.staff().must(order.is_some(), || format!("she never got her order: {told:?}"));
        self.history.ordered(self.user, "order", told.map(|order| order.id));
        order
    }

    async fn place(&self, method: PaymentMethod, token: Option<&'static str>) -> Option<Order> {
        self.order(goods::order(Some(vec![(goods::sku(0), 2)]), (method, token), "order")).await
    }

    async fn cancel(&self, id: OrderId) {
        let request = |shop: Commerce, me| async move { shop.orders.cancel(&me, id, None, Some(key("cancel", 1)), None).await };
        let told = self.asha().insist(request).await;
        self.staff().must(matches!(told, Told::Done(_)), || format!("she could not cancel: {told:?}"));
        self.history.cancelled(id, &self.asha().actor);
    }

    /// Without a key: done already counts as done.
    async fn set_status(&self, id: OrderId, status: OrderStatus) {
        for _ in 0..TRIES {
            match self.staff().ask(move |shop, me| async move { shop.orders.set_status(&me, id, status, None, None).await }).await
            {
                Heard::Answer(Ok(_)) => return,
                Heard::Answer(Err(error)) if error.code() == "ILLEGAL_TRANSITION" => return,
                Heard::Answer(Err(_)) | Heard::Lost | Heard::Nothing => self.wait(Duration::from_secs(6)).await,
            }
        }
    }
}

/// One run; answers the calls and the awaits that there were.
fn run(workflow: Workflow, hits: &[(usize, Fault)], death: Option<u64>) -> Result<(Vec<Call>, u64), String> {
    let mut world = World::new(Setup::quiet(1));
    let house = Arc::clone(&world.house);
    let (product, users) = world.run(open(Arc::clone(&house), 2, 5, 1))?.ok_or("the shop did not open")?;
    let history = Arc::new(History::default());
    let stage = Stage { house: Arc::clone(&house), history: Arc::clone(&history), user: users[0], product };
    world.run({
        let stage = stage.clone();
        async move { stage.settle().await }
    })?;
    world.ground.set_plan(Plan::Script(Hits { hits: hits.to_vec(), calls: Vec::new() }));
    world.ground.clockwork.set_deaths(Deaths { at: death, per_million: 0 });
    world.run(workflow(stage))?;
    let awaits = world.ground.clockwork.awaits();
    let Plan::Script(script) = world.calm_down() else { return Err("the plan is gone".to_owned()) };
    world.run(close(house, history, true))??;
    Ok((script.calls.into_iter().map(|(call, _)| call).collect(), awaits))
}

fn every_single_fault(name: &str, workflow: Workflow) {
    let (calls, awaits) = run(workflow, &[], None).unwrap_or_else(|why| panic!("{name}, undisturbed: {why}"));
    for (place, call) in calls.iter().enumerate() {
        for fault in call.menu() {
            if let Err(why) = run(workflow, &[(place, *fault)], None) {
                panic!("{name}, {fault} at call {place}: {why}");
            }
        }
    }
    for death in 1..=awaits {
        if let Err(why) = run(workflow, &[], Some(death)) {
            panic!("{name}, death at await {death}: {why}");
        }
    }
}

fn near_pairs(name: &str, workflow: Workflow) {
    let (calls, _) = run(workflow, &[], None).unwrap_or_else(|why| panic!("{name}, undisturbed: {why}"));
    let kinds = |call: Call| call.menu().iter().copied().filter(|fault| matches!(fault, Fault::Error | Fault::AppliedThenError));
    for (first, call) in calls.iter().enumerate() {
        for one in kinds(*call) {
            // The first fault changes which calls follow, so the second is whatever fits the call there.
            for second in first + 1..=first + NEAR {
                for other in [Fault::Error, Fault::AppliedThenError] {
                    if let Err(why) = run(workflow, &[(first, one), (second, other)], None) {
                        panic!("{name}, {one} at call {first} and {other} at call {second}: {why}");
                    }
                }
            }
        }
    }
}

fn register(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let visitor = stage.client(Actor::Anonymous);
        let told = visitor
            .insist(|shop, me| async move { shop.users.register(&me, goods::register(7), Some(key("register", 1))).await })
            .await;
        visitor.must(matches!(told, Told::Done(_)), || format!("nobody could register: {told:?}"));
        stage.settle().await;
    })
}

fn cash(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        stage.place(PaymentMethod::Cod, None).await;
        stage.settle().await;
    })
}

async fn prepaid(stage: Stage, token: &'static str) {
    stage.place(PaymentMethod::Card, Some(token)).await;
    stage.settle().await;
    stage.wait(Duration::from_secs(20)).await;
    stage.settle().await;
}

fn card(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(prepaid(stage, "tok_ok"))
}

fn declined(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(prepaid(stage, "tok_declined"))
}

fn slow_card(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(prepaid(stage, "tok_timeout_then_ok"))
}

fn slowly_declined(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(prepaid(stage, "tok_timeout_then_declined"))
}

fn expire(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        stage.place(PaymentMethod::Upi, Some("tok_pending")).await;
        for _ in 0..3 {
            stage.wait(Duration::from_mins(13)).await;
            stage.settle().await;
        }
    })
}

fn pay_again(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let Some(order) = stage.place(PaymentMethod::Card, Some("tok_declined")).await else { return };
        stage.wait(Duration::from_mins(1)).await;
        stage.settle().await;
        let (id, token) = (order.id, Some("tok_ok".to_owned()));
        let told = stage
            .asha()
            .insist(|shop, me| {
                let token = token.clone();
                async move { shop.orders.pay(&me, id, PaymentMethod::Card, token, Some(key("again", 1)), None).await }
            })
            .await;
        stage.staff().must(matches!(told, Told::Done(_)), || format!("she could not pay again: {told:?}"));
        stage.settle().await;
    })
}

fn cancel(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let Some(order) = stage.place(PaymentMethod::Cod, None).await else { return };
        stage.cancel(order.id).await;
        stage.settle().await;
    })
}

fn refund(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let Some(order) = stage.place(PaymentMethod::Card, Some("tok_ok")).await else { return };
        stage.settle().await;
        stage.cancel(order.id).await;
        stage.settle().await;
    })
}

fn sweep(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let lines = vec![(goods::sku(0), Quantity::new(3).expect("three is a quantity"))];
        let hold = HoldKey::of(stage.user, &key("abandoned", 1).key);
        let request = |shop: Commerce, _| {
            let lines = lines.clone();
            async move { shop.catalog.reserve(hold, &lines).await.map(Answer::Fresh) }
        };
        stage.staff().insist(request).await;
        stage.wait(Duration::from_mins(16)).await;
        stage.settle().await;
    })
}

fn deliver(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let Some(order) = stage.place(PaymentMethod::Cod, None).await else { return };
        for status in [OrderStatus::Processing, OrderStatus::Shipped, OrderStatus::OutForDelivery, OrderStatus::Delivered] {
            stage.set_status(order.id, status).await;
        }
        stage.settle().await;
    })
}

fn cart(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let owner = CartOwner::User(stage.user);
        let items = vec![(goods::sku(0).to_string(), 2), (goods::sku(1).to_string(), 1)];
        let told = stage
            .asha()
            .insist(|shop, me| {
                let items = items.clone();
                async move { shop.orders.add_to_cart(&me, owner, &items, None, Some(key("add", 1)), None).await }
            })
            .await;
        stage.staff().must(matches!(told, Told::Done(_)), || format!("she could not fill her cart: {told:?}"));
        stage.history.carted(stage.user, goods::sku(0), 2, true);
        let removed = |shop: Commerce, me| async move {
            shop.orders.remove_cart_line(&me, owner, goods::sku(1).as_str(), None).await.map(Answer::Fresh)
        };
        stage.asha().insist(removed).await;
        stage.order(goods::order(None, (PaymentMethod::Cod, None), "order")).await;
        stage.settle().await;
    })
}

fn import(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        for price in [60_000, 60_000, 70_000] {
            let variants = (0..3).map(|number| goods::variant(number, price, 4)).collect();
            let slug = goods::SLUG.parse().expect("it is well formed");
            let import = ImportProduct::whole(slug, goods::product(variants));
            let request = |shop: Commerce, me| {
                let import = import.clone();
                async move { shop.catalog.import_product(&me, import).await.map(Answer::Fresh) }
            };
            let told = stage.staff().insist(request).await;
            stage.staff().must(matches!(told, Told::Done(_)), || format!("the import failed: {told:?}"));
        }
        stage.settle().await;
    })
}

fn adjust(stage: Stage) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let adjusted = |shop: Commerce, me| async move {
            shop.catalog.adjust_stock(&me, &goods::sku(1), -2, "broken".to_owned(), Some(key("broken", 1)), None).await
        };
        let told = stage.staff().insist(adjusted).await;
        stage.staff().must(matches!(told, Told::Done(_)), || format!("nobody could count: {told:?}"));
        stage.history.adjusted(goods::sku(1), "broken".to_owned(), told.map(|_| ()));
        let product = stage.product;
        let dropped = |shop: Commerce, me| async move {
            let dropped: Outcome<_> = shop.catalog.remove_variant(&me, product, &goods::sku(1), None).await;
            dropped.map(Answer::Fresh)
        };
        stage.staff().insist(dropped).await;
        stage.settle().await;
    })
}

macro_rules! cases {
    ($($check:ident: $($workflow:ident)+;)+) => {$(
        mod $check {
            $(#[test]
            fn $workflow() {
                super::$check(stringify!($workflow), super::$workflow);
            })+
        }
    )+};
}

cases! {
    every_single_fault: register cash card declined slow_card slowly_declined expire pay_again cancel refund sweep deliver cart import adjust;
    near_pairs: cash card refund cart;
}
