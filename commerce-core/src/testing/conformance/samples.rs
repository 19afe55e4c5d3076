//! Valid things to store, each derived from its identity, so that two of them never clash.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use crate::catalog::{
    Category, Hold, HoldKey, HoldLine, HoldState, Image, Movement, MovementKind, Product, ProductStatus, Rating, Seller, Variant,
};
use crate::change::{KeyClaim, KeyResult, KeyScope, digest};
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{
    AddressId, CategoryId, EventId, Id, IdSource, ImageId, MovementId, NotificationId, OrderId, PaymentId, ProductId, SellerId,
    UserId, WebhookDeliveryId, WebhookEndpointId,
};
use crate::limits;
use crate::money::{Currency, Money};
use crate::notifications::{
    DeliveryStatus, EndpointStatus, Notification, NotificationStatus, Recipient, Subscription, Template, WebhookDelivery,
    WebhookEndpoint, WebhookSecret,
};
use crate::orders::{HoldRef, Order, OrderLine, OrderStatus, Payment, PaymentMethod};
use crate::text::{Metadata, Quantity, Sku, Slug};
use crate::time::Timestamp;
use crate::users::{Address, PasswordHash, PostalAddress, Role, User};

/// Text that breaks careless stores: several scripts, an emoji, quotes, a line break, a NUL-like look.
pub(super) const UNICODE: &str = "Zoë \"O'Hara\" अनीता 日本語 👩‍🚀 \u{202e}left\u{202c}\n\\0 %_;--";

/// Names that careless stores take for one another.
pub(super) const LOOKALIKES: [&str; 10] =
    ["name", "Name", "NAME", "name ", " name", "nam\u{e9}", "name\u{301}", "name\u{200f}", "𝓷ame", "nαme"];

/// Rupees, in paise.
pub(super) const fn paise(minor: i64) -> Money {
    Money::new(minor, Currency::INR)
}

/// Kuwaiti dinars, in fils: another currency with another exponent.
pub(super) fn fils(minor: i64) -> Money {
    Money::new(minor, "KWD".parse().expect("KWD is a currency"))
}

pub(super) fn sku(text: &str) -> Sku {
    text.parse().expect("the case writes well-formed SKUs")
}

pub(super) fn quantity(count: u32) -> Quantity {
    Quantity::new(count).expect("the case writes quantities in range")
}

/// The last instant that RFC 3339 can write.
pub(super) fn end_of_time() -> Timestamp {
    Timestamp::parse("9999-12-31T23:59:59.999999Z").expect("the text is RFC 3339")
}

/// An instant before 1970.
pub(super) fn before_the_epoch() -> Timestamp {
    Timestamp::parse("1955-11-05T06:15:00.000001Z").expect("the text is RFC 3339")
}

pub(super) fn notes() -> Metadata {
    Metadata::from([("note".to_owned(), UNICODE.to_owned()), ("empty".to_owned(), String::new())])
}

/// As many pairs as may be, each as long as may be.
pub(super) fn many_notes() -> Metadata {
    let pair = |n: usize| (format!("{n:0>width$}", width = limits::METADATA_KEY_MAX), "ü".repeat(limits::METADATA_VALUE_MAX));
    (0..limits::METADATA_PAIRS_MAX).map(pair).collect()
}

pub(super) fn user(id: UserId, now: Timestamp) -> User {
    User {
        id,
        email: format!("u{}@example.com", id.uuid().simple()).parse().expect("the mail address is well formed"),
        full_name: "Asha Rao".to_owned(),
        phone: None,
        role: Role::Customer,
        seller: None,
        password_hash: PasswordHash("plain:secret".to_owned()),
        metadata: Metadata::new(),
        created_at: now,
        version: 1,
    }
}

pub(super) fn postal() -> PostalAddress {
    PostalAddress {
        full_name: UNICODE.replace('\n', " "),
        line1: "14, MG Road".to_owned(),
        line2: Some("Flat 3".to_owned()),
        city: "बेंगलुरु".to_owned(),
        state: None,
        postal_code: "560001".to_owned(),
        country: "IN".parse().expect("IN is a country"),
        phone: Some("+91 98450 00000".to_owned()),
    }
}

pub(super) fn address(id: AddressId, user: UserId, is_default: bool, now: Timestamp) -> Address {
    Address { id, user, postal: postal(), is_default, created_at: now }
}

/// A slug out of an identity.
fn slug(prefix: &str, id: Uuid) -> Slug {
    format!("{prefix}-{}", id.simple()).parse().expect("the slug is well formed")
}

pub(super) fn seller(id: SellerId, now: Timestamp) -> Seller {
    Seller { id, name: "The House".to_owned(), slug: slug("seller", id.uuid()), user: None, created_at: now, version: 1 }
}

pub(super) fn category(id: CategoryId, parent: Option<CategoryId>, now: Timestamp) -> Category {
    Category { id, slug: slug("category", id.uuid()), name: "Tops".to_owned(), parent, created_at: now, version: 1 }
}

pub(super) fn variant(sku: &Sku, price: Money) -> Variant {
    Variant {
        sku: sku.clone(),
        price,
        compare_at: None,
        options: BTreeMap::new(),
        weight_grams: None,
        barcode: None,
        metadata: Metadata::new(),
    }
}

/// A product on sale with one variant for each SKU.
pub(super) fn product(ids: &IdSource, skus: &[&str], now: Timestamp) -> Product {
    let id: ProductId = ids.mint();
    Product {
        id,
        slug: slug("product", id.uuid()),
        name: "Varsity Top".to_owned(),
        description: String::new(),
        status: ProductStatus::Active,
        category: None,
        seller: ids.mint(),
        variants: skus.iter().map(|text| variant(&sku(text), paise(1_999))).collect(),
        images: Vec::new(),
        rating: Rating::default(),
        metadata: Metadata::new(),
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

pub(super) fn image(ids: &IdSource) -> Image {
    let id: ImageId = ids.mint();
    Image { id, url: format!("https://cdn.example.com/{id}.jpg?a=1&b=ü"), alt: UNICODE.to_owned() }
}

pub(super) fn movement(ids: &IdSource, sku: &Sku, kind: MovementKind, on_hand: i64, reserved: i64, at: Timestamp) -> Movement {
    let id: MovementId = ids.mint();
    Movement {
        id,
        sku: sku.clone(),
        kind,
        on_hand,
        reserved,
        reference: None,
        reason: "for the case".to_owned(),
        actor: None,
        at,
    }
}

pub(super) fn receipt(ids: &IdSource, sku: &Sku, count: i64, at: Timestamp) -> Movement {
    movement(ids, sku, MovementKind::Receipt, count, 0, at)
}

pub(super) fn reservation(ids: &IdSource, sku: &Sku, count: i64, at: Timestamp) -> Movement {
    movement(ids, sku, MovementKind::Reservation, 0, count, at)
}

pub(super) fn hold(key: HoldKey, generation: u32, lines: &[(&Sku, u32)], at: Timestamp) -> Hold {
    let line = |(sku, quantity): &(&Sku, u32)| HoldLine { sku: (*sku).clone(), quantity: *quantity, unit_price: paise(1_999) };
    let expires_at = at.plus(limits::HOLD_FOR);
    Hold { key, generation, lines: lines.iter().map(line).collect(), state: HoldState::Active, created_at: at, expires_at }
}

/// A pending order of two shirts by card.
pub(super) fn order(id: OrderId, user: UserId, now: Timestamp) -> Order {
    let nothing = paise(0);
    let line = OrderLine {
        sku: sku("TSHIRT-S"),
        product_id: ProductId::from_uuid(id.uuid()),
        name: "T-Shirt (S)".to_owned(),
        quantity: quantity(2),
        unit_price: paise(1_999),
        discount: nothing,
        tax: nothing,
        total: paise(3_998),
    };
    Order {
        id,
        number: format!("ORD-{}", id.uuid().simple()),
        user,
        status: OrderStatus::Pending,
        lines: vec![line],
        subtotal: paise(3_998),
        discount: nothing,
        shipping: nothing,
        tax: nothing,
        total: paise(3_998),
        tax_lines: Vec::new(),
        coupon: None,
        shipping_address: postal(),
        shipping_option: "standard".to_owned(),
        cancellations: Vec::new(),
        shipments: Vec::new(),
        returns: Vec::new(),
        payment: payment(PaymentId::from_uuid(id.uuid()), paise(3_998)),
        hold: HoldRef { key: HoldKey(digest(&[id.uuid().as_bytes()])), generation: 1 },
        payment_due_at: None,
        payment_extended: false,
        metadata: Metadata::new(),
        updated_at: now,
        version: 1,
    }
}

fn payment(id: PaymentId, amount: Money) -> Payment {
    let nothing = Money::zero(amount.currency);
    Payment {
        id,
        method: PaymentMethod::Card,
        amount,
        captured: nothing,
        refunded: nothing,
        attempts: Vec::new(),
        refunds: Vec::new(),
    }
}

pub(super) fn notification(id: NotificationId, now: Timestamp) -> Notification {
    Notification {
        id,
        event: EventId::from_uuid(id.uuid()),
        kind: EventKind::OrderCreated,
        template: Template::OrderPlaced,
        recipient: Recipient::User(UserId::from_uuid(id.uuid())),
        address: None,
        data: json!({ "number": "ORD-1" }).into(),
        status: NotificationStatus::Pending,
        tries: 0,
        due_at: Some(now),
        held_at: None,
        error: None,
        created_at: now,
        sent_at: None,
        maybe_twice: false,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        version: 1,
    }
}

pub(super) fn endpoint(id: WebhookEndpointId, now: Timestamp) -> WebhookEndpoint {
    WebhookEndpoint {
        id,
        url: "https://hooks.example/in".to_owned(),
        events: Subscription::Everything,
        secret: WebhookSecret::of([7; 32]),
        former: None,
        status: EndpointStatus::Active,
        reason: None,
        failing_since: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

pub(super) fn delivery(id: WebhookDeliveryId, endpoint: WebhookEndpointId, now: Timestamp) -> WebhookDelivery {
    WebhookDelivery {
        id,
        endpoint,
        event: EventId::from_uuid(id.uuid()),
        kind: EventKind::OrderCreated,
        occurred_at: now,
        data: json!({ "number": "ORD-1" }).into(),
        status: DeliveryStatus::Pending,
        tries: 0,
        due_at: Some(now),
        held_at: None,
        answered: None,
        error: None,
        created_at: now,
        delivered_at: None,
        traceparent: None,
        version: 1,
    }
}

pub(super) fn envelope(ids: &IdSource, at: Timestamp) -> Envelope {
    Envelope {
        id: ids.mint(),
        topic: Topic::Orders,
        kind: EventKind::OrderCreated,
        schema: 1,
        aggregate: ids.mint::<OrderId>().uuid(),
        version: 1,
        at,
        traceparent: None,
        data: json!({ "number": "ORD-1" }).into(),
    }
}

/// The claim of a key by a request that made `thing`.
pub(super) fn claim(scope: &KeyScope, body: &str, thing: Uuid, at: Timestamp) -> KeyClaim {
    let body_hash = digest(&[body.as_bytes()]);
    KeyClaim { scope: scope.clone(), body_hash, result: KeyResult::Done(thing), generation: 1, at }
}

pub(super) fn scope(user: Option<UserId>, key: &str) -> KeyScope {
    KeyScope { user, route: "POST /api/orders".to_owned(), key: key.parse().expect("the key is well formed") }
}
