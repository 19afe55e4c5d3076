//! Stripe.

use std::sync::{Arc, Mutex, PoisonError};

use commerce_tests::{Answer, Client, Options, Order, Server, cod, sign_webhook, unique};
use serde_json::{Value, json};

use super::{an_hour_before, play, reconcile};

const SECRET: &str = "whsec_of_this_shop";

/// Takes every card at once, and lists the payment intents that it has.
#[derive(Clone, Default)]
struct Stripe(Arc<Mutex<Vec<Value>>>);

impl Stripe {
    async fn open() -> (String, Self) {
        let stripe = Self::default();
        let kept = stripe.clone();
        (play(move |head, body| kept.answer(head, body)).await, stripe)
    }

    fn answer(&self, head: &str, body: &str) -> Value {
        if head.starts_with("POST /v1/payment_intents ") {
            let form: Vec<(&str, &str)> = body.split('&').filter_map(|pair| pair.split_once('=')).collect();
            let field = |name: &str| form.iter().find(|(key, _)| *key == name).unwrap().1;
            return self.take(field("amount").parse().unwrap(), field("metadata%5Battempt%5D"));
        }
        let intents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let data = if head.starts_with("GET /v1/payment_intents?") { intents.clone() } else { Vec::new() };
        json!({"object": "list", "has_more": false, "data": data})
    }

    fn take(&self, amount: i64, attempt: &str) -> Value {
        let intent = json!({
            "id": format!("pi_{}", unique("T").replace('-', "")), "object": "payment_intent", "amount": amount, "amount_received": amount,
            "status": "succeeded", "currency": "inr", "metadata": {"attempt": attempt}, "last_payment_error": null, "next_action": null,
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(intent.clone());
        intent
    }

    /// Money is taken under a key like the shop's, which no order of it has: how Stripe's intent is called.
    fn take_for_nobody(&self, amount: i64) -> String {
        let key = {
            let intents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            an_hour_before(intents[0]["metadata"]["attempt"].as_str().unwrap())
        };
        self.take(amount, &key)["id"].as_str().unwrap().to_owned()
    }

    /// An intent is gone.
    fn forget(&self, named: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|intent| intent["id"] != named);
    }
}

fn shop(at: &str) -> Server {
    let env = vec![
        ("COMMERCE_PAYMENTS__STRIPE__API_URL", at.to_owned()),
        ("COMMERCE_PAYMENTS__STRIPE__SECRET_KEY", "sk_test_word".to_owned()),
        ("COMMERCE_PAYMENTS__STRIPE__WEBHOOK_SECRET", SECRET.to_owned()),
    ];
    Server::start_with(Options { env, ..Options::default() })
}

async fn say(client: &Client, body: &Value, secret: &str) -> Answer {
    let bytes = body.to_string().into_bytes();
    let signature = sign_webhook(secret, &bytes, 0);
    client.post_bytes("/api/payments/webhooks/stripe", bytes).header("stripe-signature", &signature).send().await
}

fn refunded(id: &str, amount: i64) -> Value {
    let refund =
        json!({"id": id, "object": "refund", "amount": amount, "currency": "inr", "status": "succeeded", "metadata": {}});
    json!({"id": unique("evt"), "object": "event", "type": "refund.created", "data": {"object": refund}})
}

/// Where the operator asks, Stripe's own books are read: what it took that nobody asked for, and what the shop says was paid and
/// Stripe has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_holds_payments_against_stripes_books() {
    let (at, stripe) = Stripe::open().await;
    let shop = shop(&at);
    let cup = shop.admin().await.product(1_000, 50).await;
    let (buyer, provider) = (shop.customer().await, shop.anyone());
    let mut body = cod(&[(cup.sku.as_str(), 1)]);
    body["payment"] = json!({"method": "CARD", "token": "pm_card_visa"});
    let mut sold = Vec::new();
    for _ in 0..2 {
        let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
        assert_eq!((&order.body["status"], &order.body["payment"]["captured"]), (&json!("CONFIRMED"), &order.body["total"]));
        sold.push((order.number, order.body["payment"]["providerReference"].as_str().unwrap().to_owned()));
    }
    let word = refunded("re_of_nobody", 500);
    say(&provider, &word, "another secret").await.problem(401, "BAD_SIGNATURE");
    say(&provider, &word, SECRET).await.expect(200);
    assert_eq!(reconcile(&shop), (vec![], json!(2)), "it fits, and a message of this minute may be about what is on its way");

    let nobodys = stripe.take_for_nobody(70_000);
    let (number, named) = &sold[0];
    stripe.forget(named);
    let expected = vec![json!(["BOOKED_NOT_PAID", number, named]), json!(["PAID_WITHOUT_ORDER", null, nobodys])];
    assert_eq!(reconcile(&shop).0, expected);
}
