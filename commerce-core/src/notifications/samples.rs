//! Data for each mail as its event carries it, for previews, trial mails and tests.

use serde_json::{Value, json};

use super::model::Template;

/// What the recipient of a sample is called.
pub const SAMPLE_NAME: &str = "Asha Rao";

/// An event's data from which the mail can be rendered.
#[must_use]
pub fn sample(template: Template) -> Value {
    match template {
        Template::Welcome => json!({ "userId": USER }),
        Template::PasswordReset => json!({ "userId": USER, "resetId": PRODUCT, "token": "c2FtcGxl" }),
        Template::LowStock => {
            json!({ "sku": "TSHIRT-S", "productId": PRODUCT, "name": "Ocean Blue T-Shirt", "available": 4, "threshold": 5 })
        }
        Template::OrderPlaced => order("PENDING", None),
        Template::OrderConfirmed | Template::PaymentReceived => order("CONFIRMED", None),
        Template::OrderLink => with(order("CONFIRMED", None), "orderLink", "c2FtcGxl"),
        Template::OrderShipped => order("SHIPPED", Some("Blue Dart, tracking number 1234567890")),
        Template::OrderDelivered => order("DELIVERED", None),
        Template::OrderCancelled => order("CANCELLED", Some("ordered by mistake")),
        Template::PaymentFailed => order("PENDING", Some("the bank declined")),
    }
}

const USER: &str = "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";
const PRODUCT: &str = "0195a1b2-c3d4-7e5f-8a6b-000000000001";

fn order(status: &str, note: Option<&str>) -> Value {
    let inr = |amount: i64| json!({ "amount": amount, "currency": "INR" });
    let facts = json!({
        "orderId": "0195a1b2-c3d4-7e5f-8a6b-000000000002",
        "number": "ORD-123456",
        "userId": USER,
        "status": status,
        "lines": [
            {
                "sku": "TSHIRT-S", "productId": PRODUCT, "name": "Ocean Blue T-Shirt", "quantity": 2,
                "unitPrice": inr(79_900), "discount": inr(15_980), "tax": inr(25_888), "total": inr(169_708),
            },
            {
                "sku": "MUG", "productId": PRODUCT, "name": "Mug & Saucer", "quantity": 1,
                "unitPrice": inr(34_900), "discount": inr(3_490), "tax": inr(5_654), "total": inr(37_064),
            },
        ],
        "subtotal": inr(194_700),
        "discount": inr(19_470),
        "shipping": inr(4_900),
        "tax": inr(31_542),
        "total": inr(211_672),
        "paymentMethod": "UPI",
        "hold": { "key": "00".repeat(32), "generation": 1 },
        "wasConfirmed": status != "PENDING",
    });
    match note {
        Some(note) => with(facts, "note", note),
        None => facts,
    }
}

fn with(mut facts: Value, name: &str, text: &str) -> Value {
    if let Some(facts) = facts.as_object_mut() {
        facts.insert(name.to_owned(), json!(text));
    }
    facts
}
