//! A local Stripe: what it keeps, and how it answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::local::{Books, Call, OPENED};

/// A local Stripe's books.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) intents: BTreeMap<String, Value>,
    pub(crate) refunds: BTreeMap<String, Value>,
    /// Answers by idempotency key: the same key never does a thing twice.
    keyed: BTreeMap<String, (u16, Value)>,
    /// Refuses whatever is asked, with this status and for this kind of reason.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// So many entries of a list at once, where that is fewer than asked for.
    pub(crate) page_max: Option<usize>,
    /// Every page of a list is the first, and not the last.
    pub(crate) endless: bool,
}

impl Books for Ledger {
    fn answer(&mut self, call: &Call) -> (u16, Value) {
        let authorized = call.header("authorization").is_some_and(|text| text.starts_with("Basic "));
        if !authorized || call.header("stripe-version").is_none() {
            return (401, json!({"error": {"code": "unauthorized"}}));
        }
        if let Some((status, kind)) = self.refuses {
            return (status, json!({"error": {"type": kind}}));
        }
        let key = call.header("idempotency-key");
        if let Some(known) = key.as_ref().and_then(|key| self.keyed.get(key)) {
            return known.clone();
        }
        let answer = self.carry_out(call);
        if let Some(key) = key {
            self.keyed.insert(key, answer.clone());
        }
        answer
    }
}

impl Ledger {
    /// A page of a list, newest first.
    fn listed(&self, entries: &BTreeMap<String, Value>, call: &Call) -> Value {
        let number = |name: &str| call.query[name].parse::<i64>().unwrap();
        let limit = usize::try_from(number("limit")).unwrap();
        assert!((1..=100).contains(&limit), "Stripe refuses another limit");
        let after = call.query.get("starting_after").filter(|_| !self.endless);
        let asked =
            |entry: &&Value| (number("created[gte]")..number("created[lt]")).contains(&entry["created"].as_i64().unwrap());
        let mut rest =
            entries.values().rev().filter(asked).filter(|it| after.is_none_or(|after| it["id"].as_str() < Some(after)));
        let page = rest.by_ref().take(limit.min(self.page_max.unwrap_or(100)));
        let page: Vec<Value> = page.map(|entry| self.expanded(entry, call)).collect();
        json!({"object": "list", "url": call.path, "has_more": self.endless || rest.next().is_some(), "data": page})
    }

    /// An entry of a list, with the payment intent itself where that is asked for.
    fn expanded(&self, entry: &Value, call: &Call) -> Value {
        let mut entry = entry.clone();
        if call.query.get("expand[]").is_some_and(|what| what == "data.payment_intent") {
            let intent = entry["payment_intent"].as_str().and_then(|id| self.intents.get(id)).cloned();
            entry["payment_intent"] = intent.unwrap_or_default();
        }
        entry
    }

    /// Somebody has taken money, with a key of a shop or without.
    pub(crate) fn take(&mut self, key: Option<Uuid>, amount: i64) -> String {
        let id = format!("pi_{:04}", self.intents.len());
        let metadata = key.map_or_else(|| json!({"cart": "7"}), |key| json!({"attempt": key.to_string()}));
        let intent = json!({
            "id": id, "object": "payment_intent", "amount": amount, "amount_received": amount, "status": "succeeded", "currency": "inr",
            "metadata": metadata, "last_payment_error": null, "next_action": null, "created": OPENED,
        });
        self.intents.insert(id.clone(), intent);
        id
    }

    /// Somebody has sent money back by hand, or a promise was let go of.
    pub(crate) fn send_back(&mut self, intent: &str, amount: i64) {
        let id = format!("re_{:04}", self.refunds.len());
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": "inr", "status": "succeeded", "payment_intent": intent,
            "metadata": {}, "created": OPENED,
        });
        self.refunds.insert(id, refund);
    }

    fn carry_out(&mut self, call: &Call) -> (u16, Value) {
        let form = call.form();
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let number = |name: &str| text(name).parse::<i64>().unwrap_or(0);
        let parts: Vec<&str> = call.path.trim_start_matches("/v1/").split('/').collect();
        match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["payment_intents"]) => {
                let id = format!("pi_{:04}", self.intents.len());
                let (amount, later) = (number("amount"), text("capture_method") == "manual");
                let (status, received) = match (text("payment_method").as_str(), later) {
                    ("pm_card_visa", false) => ("succeeded", amount),
                    ("pm_card_visa", true) => ("requires_capture", 0),
                    ("pm_card_declined", _) => ("requires_payment_method", 0),
                    _ => ("requires_action", 0),
                };
                let declined = status == "requires_payment_method";
                let failure = declined.then(|| json!({"code": "card_declined", "decline_code": "insufficient_funds"}));
                let action = (status == "requires_action")
                    .then(|| json!({"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/3ds"}}));
                let intent = json!({
                    "id": id, "object": "payment_intent", "amount": amount, "amount_received": received, "status": status,
                    "currency": text("currency"), "metadata": {"attempt": text("metadata[attempt]")},
                    "last_payment_error": failure, "next_action": action, "created": OPENED,
                });
                self.intents.insert(id, intent.clone());
                if declined {
                    (402, json!({"error": {"type": "card_error", "code": "card_declined", "payment_intent": intent}}))
                } else {
                    (200, intent)
                }
            }
            ("GET", ["payment_intents"]) => (200, self.listed(&self.intents, call)),
            ("GET", ["payment_intents", "search"]) => {
                let found = |intent: &&Value| call.query["query"].contains(intent["metadata"]["attempt"].as_str().unwrap());
                let data: Vec<Value> = self.intents.values().filter(found).cloned().collect();
                (200, json!({"object": "search_result", "data": data}))
            }
            ("GET", ["payment_intents", id]) => self.intents.get(*id).map_or((404, json!({})), |it| (200, it.clone())),
            ("POST", ["payment_intents", id, action]) => {
                let intent = self.intents.get_mut(*id).unwrap();
                let status = intent["status"].as_str().unwrap().to_owned();
                let fits = match *action {
                    "capture" => status == "requires_capture",
                    _ => !matches!(status.as_str(), "succeeded" | "canceled"),
                };
                if !fits {
                    return (400, json!({"error": {"code": "payment_intent_unexpected_state", "payment_intent": intent}}));
                }
                let taken = if *action == "capture" { number("amount_to_capture") } else { 0 };
                intent["status"] = json!(if *action == "capture" { "succeeded" } else { "canceled" });
                intent["amount_received"] = json!(taken);
                let (intent, rest) = (intent.clone(), intent["amount"].as_i64().unwrap() - taken);
                if status == "requires_capture" && rest > 0 {
                    self.send_back(id, rest);
                }
                (200, intent)
            }
            ("POST", ["refunds"]) => {
                let id = format!("re_{:04}", self.refunds.len());
                let refund = json!({
                    "id": id, "object": "refund", "amount": number("amount"), "currency": "inr", "status": "succeeded",
                    "payment_intent": text("payment_intent"), "metadata": {"refund": text("metadata[refund]")}, "created": OPENED,
                });
                self.refunds.insert(id, refund.clone());
                (200, refund)
            }
            ("GET", ["refunds"]) if call.query.contains_key("created[gte]") => (200, self.listed(&self.refunds, call)),
            ("GET", ["refunds"]) => {
                let of_it = |refund: &&Value| refund["payment_intent"] == call.query["payment_intent"];
                (200, json!({"object": "list", "data": self.refunds.values().rev().filter(of_it).collect::<Vec<_>>()}))
            }
            _ => (404, json!({"error": {"code": "resource_missing"}})),
        }
    }
}
