//! Many at once: nothing is sold twice, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use commerce_tests::{Client, Server, cod, eventually, shared, unique};
use futures_util::future::join_all;
use serde_json::json;

/// Runs `work` for each of `total` numbers from `connections` tasks.
async fn from_connections<F>(connections: usize, total: usize, work: impl Fn(usize) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send,
{
    let work = Arc::new(work);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks = (0..connections).map(|_| {
        let (work, next) = (Arc::clone(&work), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    break;
                }
                work(number).await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no buyer panics");
    }
}

/// Customers with a token each. They are few: logging in costs a password hash.
async fn customers(shop: &Server, count: usize) -> Vec<Client> {
    let mut customers = Vec::new();
    for _ in 0..count {
        customers.push(shop.customer().await);
    }
    customers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_buyers_for_five_hundred_units() {
    let shop = shared();
    let admin = shop.admin().await;
    let ticket = admin.product(100, 500).await;
    let buyers = Arc::new(customers(&shop, 16).await);
    let (sold, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let buy = {
        let (sold, refused, buyers, sku) = (Arc::clone(&sold), Arc::clone(&refused), Arc::clone(&buyers), ticket.sku.clone());
        move |number: usize| {
            let (sold, refused, buyer, body) =
                (Arc::clone(&sold), Arc::clone(&refused), buyers[number % buyers.len()].clone(), cod(&[(&sku, 1)]));
            async move {
                let answer = buyer.post("/api/orders", &body).key(&format!("buy-{number}")).send().await;
                if answer.status == 201 {
                    sold.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                let problem = answer.problem(409, "SOLD_OUT");
                assert_eq!(problem["lines"][0]["requested"], 1);
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    from_connections(64, 1_000, buy).await;
    assert_eq!((sold.load(Ordering::Relaxed), refused.load(Ordering::Relaxed)), (500, 500));
    eventually("every hold becomes a sale", async || admin.stock(&ticket.sku).await, |stock| *stock == (0, 0, 0)).await;
    let mut orders = 0;
    for buyer in buyers.iter() {
        let mut cursor = String::new();
        loop {
            let page = buyer.read(&format!("/api/orders?limit=100&cursor={cursor}")).await;
            orders += page["items"].as_array().unwrap().len();
            match page["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
    }
    assert_eq!(orders, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_twins_make_one_order() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(100, 500).await;
    let buyer = shop.customer().await;
    for (token, before) in [(None, 500), (Some("tok_ok"), 499)] {
        let mut body = cod(&[(&cup.sku, 1)]);
        if let Some(token) = token {
            body["payment"] = json!({"method": "CARD", "token": token});
        }
        let key = unique("twins");
        let answers = join_all((0..50).map(|_| buyer.post("/api/orders", &body).key(&key).send())).await;
        let fresh: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(fresh.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        let id = fresh[0].json()["id"].clone();
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(answer.expect(200)["id"], id);
            assert_eq!(answer.header("idempotent-replayed"), "true");
        }
        eventually("one is sold", async || admin.stock(&cup.sku).await, |stock| *stock == (before - 1, 0, before - 1)).await;
    }
    assert_eq!(buyer.read("/api/orders").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_unit_is_sold_once() {
    let shop = shared();
    let admin = shop.admin().await;
    let (first, second) = (shop.customer().await, shop.customer().await);
    for _ in 0..10 {
        let last = admin.product(100, 1).await;
        let body = cod(&[(&last.sku, 1)]);
        let answers = join_all([first.post("/api/orders", &body).send(), second.post("/api/orders", &body).send()]).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossed_carts_of_two_products_do_not_lock_each_other() {
    let shop = shared();
    let admin = shop.admin().await;
    let (left, right) = (admin.product(100, 40).await, admin.product(100, 40).await);
    let buyers = customers(&shop, 4).await;
    let calls = (0..80).map(|number| {
        let lines = if number % 2 == 0 {
            [(left.sku.as_str(), 1), (right.sku.as_str(), 1)]
        } else {
            [(right.sku.as_str(), 1), (left.sku.as_str(), 1)]
        };
        buyers[number % buyers.len()].post("/api/orders", &cod(&lines)).send()
    });
    let answers = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 40);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 40);
    eventually(
        "all is sold",
        async || (admin.stock(&left.sku).await, admin.stock(&right.sku).await),
        |both| *both == ((0, 0, 0), (0, 0, 0)),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_cancelled_once() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(100, 5).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_ok").await;
    let cancel = format!("/api/orders/{}/cancel", order.id);
    let answers = join_all((0..20).map(|_| buyer.post(&cancel, &json!({})).send())).await;
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    assert!(answers.iter().any(|answer| answer.status == 200));
    let path = format!("/api/orders/{}", order.id);
    let order =
        eventually("the money goes back", async || buyer.read(&path).await, |order| order["payment"]["status"] == "REFUNDED")
            .await;
    assert_eq!(order["payment"]["refunded"], order["total"]);
    eventually("the goods come back", async || admin.stock(&cup.sku).await, |stock| *stock == (5, 0, 5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_address_is_registered_once() {
    let shop = shared();
    let anyone = shop.anyone();
    let body = json!({"email": format!("{}@example.com", unique("race")), "password": "long enough", "fullName": "Ann"});
    let answers = join_all((0..10).map(|_| anyone.post("/api/users", &body).send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adjustments_add_up() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(100, 0).await;
    let path = format!("/api/inventory/{}/adjust", cup.sku);
    let body = json!({"delta": 3, "reason": "count"});
    let answers = join_all((0..40).map(|_| admin.post(&path, &body).send())).await;
    assert!(
        answers.iter().all(|answer| answer.status < 300),
        "{:?}",
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    );
    assert_eq!(admin.stock(&cup.sku).await, (120, 0, 120));
}
