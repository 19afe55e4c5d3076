//! A local Razorpay: what it keeps, and how it answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::local::{Books, Call, OPENED};

/// A local Razorpay's books. Names count upwards, as its own do.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) orders: Vec<Value>,
    pub(crate) payments: Vec<Value>,
    pub(crate) refunds: Vec<Value>,
    /// Refunds by idempotency key, with what was asked.
    keyed: BTreeMap<String, (Value, Value)>,
    /// Refunds are on their way at first.
    pub(crate) slow: bool,
    /// Refuses its keys.
    pub(crate) locked: bool,
    /// So many entries of a list at once, where that is fewer than asked for.
    pub(crate) page_max: Option<usize>,
    /// Every page of a list is the first.
    pub(crate) endless: bool,
}

fn refused(description: &str, reason: &str) -> (u16, Value) {
    let error = json!({
        "code": "BAD_REQUEST_ERROR", "description": description, "source": "business", "step": "NA", "reason": reason,
        "metadata": {},
    });
    (400, json!({"error": error}))
}

fn collection(items: &[Value]) -> (u16, Value) {
    (200, json!({"entity": "collection", "count": items.len(), "items": items}))
}

impl Books for Ledger {
    fn answer(&mut self, call: &Call) -> (u16, Value) {
        if self.locked || call.header("authorization").is_none_or(|text| !text.starts_with("Basic ")) {
            let error = json!({"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"});
            return (401, json!({"error": error}));
        }
        let parts: Vec<&str> = call.path.trim_start_matches("/v1/").split('/').collect();
        match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["orders"]) => self.create(&call.json()),
            ("GET", ["orders"]) if call.query.contains_key("from") => {
                assert_eq!(call.query["expand[]"], "payments");
                let orders: Vec<Value> = self.orders.iter().map(|order| self.expanded(order)).collect();
                self.listed(&orders, call)
            }
            ("GET", ["refunds"]) => self.listed(&self.refunds, call),
            ("GET", ["payments", id]) => match self.payments.iter().find(|it| it["id"] == *id) {
                Some(payment) => (200, payment.clone()),
                None => refused("The id provided does not exist", "NA"),
            },
            ("GET", ["orders"]) => {
                assert_eq!(call.query["expand[]"], "payments");
                let ours = self.orders.iter().rev().filter(|it| it["receipt"] == call.query["receipt"]);
                collection(&ours.map(|order| self.expanded(order)).collect::<Vec<_>>())
            }
            ("PATCH", ["orders", id]) => {
                let order = self.orders.iter_mut().find(|it| it["id"] == *id).unwrap();
                order["notes"] = call.json()["notes"].clone();
                (200, order.clone())
            }
            ("POST", ["payments", id, "capture"]) => self.capture(id, &call.json()),
            ("POST", ["payments", id, "refund"]) => self.refund(id, call),
            ("GET", ["payments", id, "refunds"]) => {
                collection(&self.refunds.iter().filter(|it| it["payment_id"] == *id).cloned().collect::<Vec<_>>())
            }
            _ => (404, json!({"error": {"code": "BAD_REQUEST_ERROR"}})),
        }
    }
}

impl Ledger {
    /// A page of a list, newest first.
    fn listed(&self, entries: &[Value], call: &Call) -> (u16, Value) {
        let number = |name: &str| call.query[name].parse::<i64>().unwrap();
        let (from, to, count) = (number("from"), number("to"), usize::try_from(number("count")).unwrap());
        if from < 946_684_800 || to > 4_765_046_400 || count > 100 {
            return refused("from must be between 946684800 and 4765046400", "input_validation_failed");
        }
        let skip = if self.endless { 0 } else { usize::try_from(number("skip")).unwrap() };
        let asked = |entry: &&Value| (from..=to).contains(&entry["created_at"].as_i64().unwrap());
        let page = entries.iter().rev().filter(asked).skip(skip).take(count.min(self.page_max.unwrap_or(100)));
        collection(&page.cloned().collect::<Vec<_>>())
    }

    /// Somebody has taken money, with a key of a shop or without.
    pub(crate) fn take(&mut self, key: Option<Uuid>, amount: i64) -> String {
        let receipt = key.map_or_else(|| "cart 7".to_owned(), |key| key.to_string());
        let wish =
            json!({"amount": amount, "currency": "INR", "receipt": receipt, "notes": [], "payment": {"capture": "automatic"}});
        let id = self.create(&wish).1["id"].as_str().unwrap().to_owned();
        self.pay(&id, true);
        id
    }

    /// Somebody has sent money back by hand.
    pub(crate) fn send_back(&mut self, order: &str, amount: i64) {
        let payment = self.payments.iter().find(|it| it["order_id"] == order).unwrap();
        self.refunds.push(json!({
            "id": format!("rfnd_{:04}", self.refunds.len()), "entity": "refund", "amount": amount, "currency": "INR",
            "payment_id": payment["id"], "receipt": null, "notes": [], "status": "processed", "created_at": OPENED,
        }));
    }

    /// A promise has run out, and went back by itself.
    pub(crate) fn lapse(&mut self, order: &str) {
        let payment = self.payments.iter_mut().find(|it| it["order_id"] == order && it["status"] == "authorized").unwrap();
        let amount = payment["amount"].as_i64().unwrap();
        (payment["status"], payment["refund_status"]) = (json!("refunded"), json!("full"));
        payment["amount_refunded"] = json!(amount);
        self.send_back(order, amount);
    }

    fn create(&mut self, wish: &Value) -> (u16, Value) {
        let amount = wish["amount"].as_i64().unwrap();
        if amount < 100 {
            return refused("The amount must be at least INR 1.00", "input_validation_failed");
        }
        assert!(wish["receipt"].as_str().unwrap().len() <= 40);
        let order = json!({
            "id": format!("order_{:04}", self.orders.len()), "entity": "order", "amount": amount, "amount_paid": 0,
            "amount_due": amount, "currency": wish["currency"], "receipt": wish["receipt"], "status": "created", "attempts": 0,
            "notes": wish["notes"], "created_at": OPENED, "capture": wish["payment"]["capture"],
        });
        self.orders.push(order.clone());
        (200, order)
    }

    fn expanded(&self, order: &Value) -> Value {
        let payments: Vec<&Value> = self.payments.iter().rev().filter(|it| it["order_id"] == order["id"]).collect();
        let mut order = order.clone();
        order["payments"] = json!({"entity": "collection", "count": payments.len(), "items": payments});
        order
    }

    /// The customer tries to pay an order in the checkout; what came of it.
    pub(crate) fn pay(&mut self, order: &str, works: bool) -> Value {
        let order = self.orders.iter_mut().find(|it| it["id"] == order).unwrap();
        let captured = order["capture"] == "automatic";
        let status = match (works, captured) {
            (false, _) => "failed",
            (true, false) => "authorized",
            (true, true) => "captured",
        };
        order["attempts"] = json!(order["attempts"].as_i64().unwrap() + 1);
        order["status"] = json!(if status == "captured" { "paid" } else { "attempted" });
        let payment = json!({
            "id": format!("pay_{:04}", self.payments.len()), "entity": "payment", "amount": order["amount"],
            "currency": order["currency"], "status": status, "order_id": order["id"], "method": "upi", "amount_refunded": 0,
            "refund_status": null, "captured": status == "captured", "notes": [],
            "error_code": (!works).then_some("BAD_REQUEST_ERROR"), "error_reason": (!works).then_some("payment_cancelled"),
        });
        self.payments.push(payment.clone());
        payment
    }

    fn capture(&mut self, id: &str, wish: &Value) -> (u16, Value) {
        let payment = self.payments.iter_mut().find(|it| it["id"] == id).unwrap();
        if payment["status"] != "authorized" {
            return refused("This payment has already been captured", "NA");
        }
        if (&payment["amount"], &payment["currency"]) != (&wish["amount"], &wish["currency"]) {
            return refused("Capture amount must be equal to the amount authorized", "NA");
        }
        payment["status"] = json!("captured");
        payment["captured"] = json!(true);
        (200, payment.clone())
    }

    fn refund(&mut self, payment: &str, call: &Call) -> (u16, Value) {
        let (wish, key) = (call.json(), call.header("x-refund-idempotency").unwrap());
        assert!(key.len() >= 10 && key.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_'));
        if let Some((asked, known)) = self.keyed.get(&key) {
            let same = *asked == wish;
            return if same { (200, known.clone()) } else { refused("Different request with the same idempotency key", "NA") };
        }
        let back: i64 =
            self.refunds.iter().filter(|it| it["payment_id"] == payment).map(|it| it["amount"].as_i64().unwrap()).sum();
        let paid = self.payments.iter_mut().find(|it| it["id"] == payment).unwrap();
        if paid["captured"] != true || back + wish["amount"].as_i64().unwrap() > paid["amount"].as_i64().unwrap() {
            return refused("The total refund amount is greater than the refund payment amount", "NA");
        }
        paid["amount_refunded"] = json!(back + wish["amount"].as_i64().unwrap());
        let refund = json!({
            "id": format!("rfnd_{:04}", self.refunds.len()), "entity": "refund", "amount": wish["amount"], "currency": "INR",
            "payment_id": payment, "receipt": wish["receipt"], "notes": wish["notes"],
            "status": if self.slow { "pending" } else { "processed" }, "created_at": OPENED,
        });
        self.refunds.push(refund.clone());
        self.keyed.insert(key, (wish, refund.clone()));
        (200, refund)
    }
}
