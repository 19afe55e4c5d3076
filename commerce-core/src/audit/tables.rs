//! The tables as an audit reads them: every column, and what it may hold.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::catalog::{HoldKey, HoldState, MovementKind, ProductStatus, ReviewStatus};
use crate::commerce::Context;
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{CategoryId, ProductId};
use crate::limits::{COUPON_USES_MAX, QUANTITY_MAX, STARS_MAX, STOCK_MAX};
use crate::money::Currency;
use crate::notifications::{DeliveryStatus, EndpointStatus, NotificationStatus, Subscription, Template, WebhookSecret};
use crate::orders::{
    AttemptState, CartLine, CouponKind, OrderStatus, PaymentMethod, PaymentStatus, ProviderEventState, ProviderFact, RefundCause,
    RefundState, ReturnKind, ReturnLine, ReturnStatus, ShipmentEvent, ShipmentLine, ShipmentStatus, TaxLine, WalletKind,
};
use crate::staff::{StaffAction, SubjectKind};
use crate::text::{CountryCode, CouponCode, Email, Metadata, Sku, Slug};
use crate::users::Role;

use super::books::Kind::{self, At, Hash, Id, Int, LaterShaped, OptAt, OptId, OptInt, OptShaped, OptText, Place, Shaped, Text};
use super::books::Table;

fn is<T: FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn json<T: DeserializeOwned>(text: &str) -> bool {
    serde_json::from_str::<T>(text).is_ok()
}

fn is_route(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(method, path)| !method.is_empty() && path.starts_with('/'))
}

fn is_recipient(text: &str) -> bool {
    text == "ops" || is::<uuid::Uuid>(text)
}

fn is_outcome(text: &str) -> bool {
    matches!(text, "DONE" | "REFUSED")
}

fn is_owner_kind(text: &str) -> bool {
    matches!(text, "USER" | "GUEST")
}

/// One line that says something, as it was taken at the door.
fn is_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// A text that says something, as somebody else wrote it.
fn is_filled(text: &str) -> bool {
    !text.trim().is_empty()
}

fn is_actor(text: &str) -> bool {
    matches!(text, "anonymous" | "guest" | "customer" | "seller" | "admin" | "system")
}

fn is_cause(text: &str) -> bool {
    RefundCause::NAMES.contains(&text)
}

fn is_subscription(text: &str) -> bool {
    serde_json::from_str::<Vec<String>>(text).is_ok_and(|names| Subscription::parse(&names).is_some())
}

fn is_action(text: &str) -> bool {
    matches!(text, "redirect" | "upi_intent")
}

fn is_hold(text: &str) -> bool {
    HoldKey::from_hex(text).is_some()
}

const FLAG: Kind = Int(0, 1);
const COUNT: Kind = Int(0, i64::MAX);
const FROM_ONE: Kind = Int(1, i64::MAX);
const ANY: Kind = Int(i64::MIN, i64::MAX);
const LINE: Kind = Shaped(is_line);
const OPT_LINE: Kind = OptShaped(is_line);
const FILLED: Kind = Shaped(is_filled);
const OPT_FILLED: Kind = OptShaped(is_filled);
const OPT_USES: Kind = OptInt(1, COUPON_USES_MAX as i64);
const CURRENCY: Kind = Shaped(is::<Currency>);
const METADATA: Kind = Shaped(json::<Metadata>);
const QUANTITY: Kind = Int(1, QUANTITY_MAX as i64);

macro_rules! tables {
    (@key) => {
        1
    };
    (@key $key:literal) => {
        $key
    };
    ($($(#[$doc:meta])* $id:ident = $name:literal $([$key:literal])? { $($column:literal: $kind:expr),+ $(,)? })+) => {$(
        $(#[$doc])*
        pub const $id: &Table = &Table { name: $name, key: tables!(@key $($key)?), columns: &[$(($column, $kind)),+] };
    )+};
}

tables! {
    /// Sellers.
    SELLERS = "sellers" {
        "id": Id, "slug": Shaped(is::<Slug>), "name": LINE, "user_id": OptId, "created_at": At, "version": FROM_ONE,
        "seal": Hash,
    }
    /// Categories.
    CATEGORIES = "categories" {
        "id": Id, "slug": Shaped(is::<Slug>), "name": LINE, "parent_id": OptId, "created_at": At, "version": FROM_ONE,
        "seal": Hash,
    }
    /// The version of the category tree.
    CATEGORY_TREE = "category_tree" { "only": Int(1, 1), "version": COUNT, "seal": Hash }
    /// Products.
    PRODUCTS = "products" {
        "id": Id, "slug": Shaped(is::<Slug>), "name": LINE, "description": Text, "status": Shaped(is::<ProductStatus>),
        "category_id": OptId, "seller_id": Id, "rating_count": COUNT, "rating_sum": COUNT, "metadata": METADATA,
        "created_at": At, "updated_at": At, "version": FROM_ONE, "seal": Hash, "changed_at": At,
        "changed_check": At,
    }
    /// Variants.
    VARIANTS = "product_variants" {
        "sku": Shaped(is::<Sku>), "product_id": Id, "position": COUNT, "price_minor": COUNT, "currency": CURRENCY,
        "compare_at_minor": OptInt(1, i64::MAX), "compare_at_currency": OptShaped(is::<Currency>),
        "options": Shaped(json::<BTreeMap<String, String>>), "weight_grams": OptInt(0, u32::MAX as i64), "barcode": OPT_LINE,
        "metadata": METADATA, "seal": Hash,
    }
    /// Pictures.
    IMAGES = "product_images" { "id": Id, "product_id": Id, "position": COUNT, "url": FILLED, "alt": Text, "seal": Hash }
    /// Reviews.
    REVIEWS = "reviews" {
        "id": Id, "product_id": Id, "user_id": Id, "rating": Int(1, STARS_MAX as i64), "title": OPT_LINE, "body": FILLED,
        "verified_purchase": FLAG, "status": Shaped(is::<ReviewStatus>), "reason": OPT_LINE, "created_at": At,
        "moderated_at": OptAt, "moderated_by": OptId, "version": FROM_ONE, "seal": Hash,
    }
    /// What the reviews of each product add up to: all, the approved ones, and the stars of those.
    REVIEW_SUMS = "review_sums" { "product_id": Id, "reviews": COUNT, "approved": COUNT, "stars": ANY }
    /// Wishlists.
    WISHLISTS = "wishlists" { "id": Id, "user_id": Id, "product_id": Id, "added_at": At, "seal": Hash }
    /// Stock.
    INVENTORY = "inventory" {
        "sku": Shaped(is::<Sku>), "product_id": Id, "low_stock_threshold": Int(0, STOCK_MAX), "on_hand": Int(0, STOCK_MAX),
        "reserved": Int(0, STOCK_MAX), "low_stock_alerted": FLAG, "version": FROM_ONE, "seal": Hash,
    }
    /// Holds, one row for each SKU of each generation.
    RESERVATIONS = "reservations" {
        "hold_key": Hash, "generation": Int(1, u32::MAX as i64), "sku": Shaped(is::<Sku>), "quantity": QUANTITY,
        "unit_price_minor": COUNT, "currency": CURRENCY, "state": Shaped(is::<HoldState>), "created_at": At, "expires_at": At,
        "expires_check": At,
    }
    /// Every change of stock.
    LEDGER = "stock_ledger" [2] {
        "sku": Shaped(is::<Sku>), "id": Id, "kind": Shaped(is::<MovementKind>), "on_hand_change": Int(-STOCK_MAX, STOCK_MAX),
        "reserved_change": Int(-STOCK_MAX, STOCK_MAX), "reference": OptShaped(is_hold), "reason": LINE, "actor_id": OptId, "moved_at": At,
        "seal": Hash,
    }
    /// What the ledger of each SKU adds up to.
    LEDGER_SUMS = "ledger_sums" { "sku": Shaped(is::<Sku>), "on_hand": ANY, "reserved": ANY, "movements": COUNT,
        "last_at": At,
    }
    /// What the active holds of each SKU add up to.
    LIVE_HOLDS = "live_holds" { "sku": Shaped(is::<Sku>), "quantity": ANY }
    /// Orders.
    ORDERS = "orders" {
        "id": Id, "number": LINE, "user_id": Id, "status": Shaped(is::<OrderStatus>), "currency": CURRENCY,
        "subtotal_minor": COUNT, "discount_minor": COUNT, "shipping_minor": COUNT, "tax_minor": COUNT, "total_minor": COUNT,
        "tax_lines": Shaped(json::<Vec<TaxLine>>), "coupon": OPT_LINE, "ship_full_name": LINE, "ship_line1": LINE,
        "ship_line2": OPT_LINE, "ship_city": LINE, "ship_state": OPT_LINE, "ship_postal_code": LINE,
        "ship_country": Shaped(is::<CountryCode>), "ship_phone": OPT_LINE, "shipping_option": LINE, "hold_key": Hash,
        "hold_generation": Int(1, u32::MAX as i64), "payment_due_at": OptAt, "payment_extended": FLAG, "metadata": METADATA,
        "updated_at": At, "version": FROM_ONE, "seal": Hash,
    }
    /// Lines of orders.
    ITEMS = "order_items" [2] {
        "order_id": Id, "position": COUNT, "sku": Shaped(is::<Sku>), "product_id": Id, "name": LINE, "quantity": QUANTITY,
        "currency": CURRENCY, "unit_price_minor": COUNT, "discount_minor": COUNT, "tax_minor": COUNT, "total_minor": COUNT,
        "seal": Hash,
    }
    /// Histories of orders.
    HISTORY = "order_status_history" [2] {
        "order_id": Id, "id": Id, "status": Shaped(is::<OrderStatus>), "reached_at": At, "note": Text, "actor": Shaped(is_actor),
        "seal": Hash,
    }
    /// Payments of orders.
    PAYMENTS = "payments" {
        "order_id": Id, "id": Id, "method": Shaped(is::<PaymentMethod>), "currency": CURRENCY, "amount_minor": COUNT,
        "captured_minor": COUNT, "refunded_minor": COUNT, "seal": Hash, "status": Shaped(is::<PaymentStatus>),
    }
    /// Attempts to collect.
    ATTEMPTS = "payment_attempts" [2] {
        "order_id": Id, "position": COUNT, "id": Id, "provider": LINE, "method": Shaped(is::<PaymentMethod>),
        "currency": CURRENCY, "amount_minor": COUNT, "state": Shaped(is::<AttemptState>), "token": OPT_FILLED,
        "reference": OPT_FILLED, "failure_code": OPT_FILLED, "next_action_type": OptShaped(is_action),
        "next_action_url": OPT_FILLED,
        "created_at": At, "check_at": OptAt, "checks": Int(0, u32::MAX as i64), "to_capture_minor": OptInt(0, i64::MAX),
        "seal": Hash,
    }
    /// Refunds.
    REFUNDS = "refunds" [2] {
        "order_id": Id, "position": COUNT, "id": Id, "attempt_id": Id, "currency": CURRENCY, "amount_minor": FROM_ONE,
        "state": Shaped(is::<RefundState>), "reason": FILLED, "reference": OPT_FILLED, "created_at": At, "check_at": OptAt,
        "checks": Int(0, u32::MAX as i64), "cause": Shaped(is_cause), "return_id": OptId,
        "lines": LaterShaped(json::<Vec<ShipmentLine>>), "seal": Hash,
    }
    /// What was given up of orders.
    CANCELLATIONS = "order_cancellations" [2] {
        "order_id": Id, "position": COUNT, "id": Id, "lines": Shaped(json::<Vec<ShipmentLine>>), "reason": Text,
        "currency": CURRENCY, "worth_minor": COUNT, "created_at": At, "seal": Hash,
    }
    /// Shipments of orders.
    SHIPMENTS = "shipments" [2] {
        "order_id": Id, "position": COUNT, "id": Id, "carrier": OPT_LINE, "tracking_number": OPT_LINE,
        "status": Shaped(is::<ShipmentStatus>), "lines": Shaped(json::<Vec<ShipmentLine>>),
        "events": Shaped(json::<Vec<ShipmentEvent>>), "created_at": At, "updated_at": At, "seal": Hash,
    }
    /// Returns of orders.
    RETURNS = "returns_refunds" [2] {
        "order_id": Id, "position": COUNT, "id": Id, "user_id": Id, "kind": Shaped(is::<ReturnKind>),
        "status": Shaped(is::<ReturnStatus>), "lines": Shaped(json::<Vec<ReturnLine>>), "reason": FILLED, "note": OPT_FILLED,
        "currency": CURRENCY, "refund_minor": OptInt(0, i64::MAX), "requested_at": At, "updated_at": At, "exchanged_for": OptId,
        "worth_minor": OptInt(0, i64::MAX), "credit_minor": OptInt(0, i64::MAX), "seal": Hash,
    }
    /// Messages of payment providers.
    PROVIDER_EVENTS = "provider_events" [2] {
        "provider": FILLED, "event_id": FILLED, "reference": FILLED, "fact": Shaped(json::<ProviderFact>),
        "state": Shaped(is::<ProviderEventState>), "received_at": At, "seal": Hash,
    }
    /// Carts.
    CARTS = "carts" {
        "owner_id": Id, "owner_kind": Shaped(is_owner_kind), "lines": Shaped(json::<Vec<CartLine>>), "coupon": OPT_LINE,
        "metadata": METADATA, "updated_at": At, "expires_at": At, "version": FROM_ONE,
        "begun_at": At, "seal": Hash,
    }
    /// Carts that were ordered.
    CART_CLAIMS = "cart_claims" { "claim": Id, "claimed_at": At, "order_id": Id, "seal": Hash }
    /// Coupons.
    COUPONS = "coupons" {
        "id": Id, "code": Shaped(is::<CouponCode>), "kind": Shaped(is::<CouponKind>), "percent": OptInt(1, 100),
        "amount_minor": OptInt(1, i64::MAX), "currency": OptShaped(is::<Currency>), "usage_limit": OPT_USES,
        "per_user_limit": OPT_USES, "starts_at": OptAt, "ends_at": OptAt, "minimum_minor": OptInt(1, i64::MAX),
        "maximum_minor": OptInt(1, i64::MAX), "categories": Shaped(json::<Vec<CategoryId>>),
        "products": Shaped(json::<Vec<ProductId>>), "combinable": FLAG, "metadata": METADATA, "created_at": At,
        "version": FROM_ONE, "seal": Hash, "used": Int(0, COUPON_USES_MAX as i64),
    }
    /// What orders have used of coupons.
    REDEMPTIONS = "coupon_redemptions" [2] {
        "order_id": Id, "coupon_id": Id, "code": Shaped(is::<CouponCode>), "coupon_version": FROM_ONE, "user_id": Id,
        "redeemed_at": At, "returned_at": OptAt, "seal": Hash,
    }
    /// What the uses that count of each version of a coupon add up to, in all and by the customer who has most,
    /// and when the first and the last were.
    USES = "coupon_uses" {
        "coupon_id": Id, "coupon_version": FROM_ONE, "live": COUNT, "most": COUNT, "first_at": At, "last_at": At,
    }
    /// Wallets.
    WALLETS = "wallets" { "user_id": Id, "currency": CURRENCY, "balance_minor": COUNT, "seal": Hash }
    /// What went into wallets and out of them.
    WALLET_ENTRIES = "wallet_entries" {
        "id": Id, "user_id": Id, "kind": Shaped(is::<WalletKind>), "currency": CURRENCY, "amount_minor": ANY, "entered_at": At,
        "seal": Hash,
    }
    /// What the entries of each wallet add up to.
    WALLET_SUMS = "wallet_sums" { "user_id": Id, "balance_minor": ANY, "entries": COUNT }
    /// Money on its way into wallets.
    TOP_UPS = "wallet_top_ups" {
        "id": Id, "user_id": Id, "provider": LINE, "method": Shaped(is::<PaymentMethod>), "currency": CURRENCY,
        "amount_minor": FROM_ONE, "to_capture_minor": OptInt(0, i64::MAX), "state": Shaped(is::<AttemptState>),
        "token": OPT_FILLED, "reference": OPT_FILLED, "failure_code": OPT_FILLED, "next_action_type": OptShaped(is_action),
        "next_action_url": OPT_FILLED, "created_at": At, "check_at": OptAt, "checks": Int(0, u32::MAX as i64),
        "version": FROM_ONE, "seal": Hash,
    }
    /// Users.
    USERS = "users" {
        "id": Id, "email": Shaped(is::<Email>), "full_name": LINE, "phone": OPT_LINE, "role": Shaped(is::<Role>),
        "seller_id": OptId, "password_hash": Text, "metadata": METADATA, "created_at": At, "version": FROM_ONE, "seal": Hash,
    }
    /// Guests.
    GUESTS = "guests" { "id": Id, "email": Shaped(is::<Email>), "created_at": At, "version": FROM_ONE, "seal": Hash }
    /// Who was erased.
    ERASURES = "erasures" { "user_id": Id, "erased_at": At, "due_at": OptAt, "seal": Hash }
    /// Addresses.
    ADDRESSES = "addresses" {
        "id": Id, "user_id": Id, "full_name": LINE, "line1": LINE, "line2": OPT_LINE, "city": LINE, "state": OPT_LINE,
        "postal_code": LINE, "country": Shaped(is::<CountryCode>), "phone": OPT_LINE, "is_default": FLAG, "created_at": At,
        "seal": Hash,
    }
    /// Sessions.
    SESSIONS = "sessions" { "id": Id, "user_id": Id, "created_at": At, "last_used_at": At, "revoked_at": OptAt, "seal": Hash }
    /// Refresh tokens.
    TOKENS = "refresh_tokens" { "hash": Hash, "session_id": Id, "created_at": At, "rotated_at": OptAt, "user_id": OptId, "seal": Hash }
    /// What staff did.
    STAFF_LOG = "staff_log" {
        "position": FROM_ONE, "happened_at": At, "actor_id": OptId, "action": Shaped(is::<StaffAction>), "subject_id": Id,
        "detail": Shaped(json::<Value>), "previous": Hash, "hash": Hash, "subject_kind": Shaped(is::<SubjectKind>), "event_id": OptId,
    }
    /// Messages to people.
    NOTIFICATIONS = "notification_logs" {
        "id": Id, "event_id": Id, "kind": Shaped(is::<EventKind>), "template": Shaped(is::<Template>),
        "recipient": Shaped(is_recipient), "address": OptShaped(is::<Email>), "data": Shaped(json::<Value>),
        "status": Shaped(is::<NotificationStatus>), "tries": Int(0, u32::MAX as i64), "due_at": OptAt, "error": OptText,
        "created_at": At, "sent_at": OptAt, "maybe_twice": FLAG, "version": FROM_ONE, "traceparent": OPT_FILLED,
        "held_at": OptAt, "seal": Hash,
    }
    /// Addresses of other systems.
    WEBHOOK_ENDPOINTS = "webhook_endpoints" {
        "id": Id, "url": LINE, "events": Shaped(is_subscription), "secret": Shaped(is::<WebhookSecret>),
        "former_secret": OptShaped(is::<WebhookSecret>), "former_until": OptAt, "status": Shaped(is::<EndpointStatus>),
        "reason": OPT_FILLED, "failing_since": OptAt, "created_at": At, "updated_at": At, "version": FROM_ONE,
        "seal": Hash,
    }
    /// What other systems are told.
    WEBHOOK_DELIVERIES = "webhook_deliveries" {
        "id": Id, "endpoint_id": Id, "event_id": Id, "kind": Shaped(is::<EventKind>), "occurred_at": At,
        "data": Shaped(json::<Value>), "status": Shaped(is::<DeliveryStatus>), "tries": Int(0, u32::MAX as i64),
        "due_at": OptAt, "held_at": OptAt, "answered": OptInt(0, u16::MAX as i64), "error": OptText, "created_at": At,
        "delivered_at": OptAt, "traceparent": OPT_FILLED, "version": FROM_ONE, "seal": Hash,
    }
    /// Events on their way, and those of the last days.
    OUTBOX = "outbox" {
        "position": Place, "id": Id, "topic": Shaped(is::<Topic>), "type": Shaped(is::<EventKind>), "schema": Int(1, 1),
        "aggregate_id": Id, "version": COUNT, "occurred_at": At, "traceparent": OPT_FILLED, "data": Shaped(json::<Value>),
        "seal": Hash, "published_at": OptAt, "published_check": OptInt(1, i64::MAX),
    }
    /// Deliveries that were handled.
    INBOX = "inbox" [2] { "consumer": LINE, "event_id": Id, "handled_at": At, "seal": Hash }
    /// Deliveries that failed for good.
    DEAD_LETTERS = "dead_letters" {
        "place": Id, "consumer": LINE, "event_id": Id, "event": Shaped(json::<Envelope>), "reason": Text, "receives": COUNT,
        "buried_at": At, "seal": Hash,
    }
    /// The last batch of each writer.
    WRITERS = "writers" { "id": Id, "batch": FROM_ONE, "committed_at": At }
    /// Leases.
    LEASES = "leases" { "name": LINE, "owner_id": Id, "epoch": FROM_ONE, "until_at": OptAt, "seal": Hash }
    /// Used idempotency keys.
    KEYS = "idempotency_keys" {
        "scope": Hash, "route": Shaped(is_route), "body_hash": Hash, "outcome": Shaped(is_outcome), "result_id": OptId,
        "generation": COUNT, "used_at": At, "seal": Hash,
    }
}

/// What every database has besides its context's own tables.
const EVERYWHERE: [&Table; 5] = [OUTBOX, INBOX, DEAD_LETTERS, LEASES, KEYS];

/// The stored tables of a context.
pub fn of(context: Context) -> impl Iterator<Item = &'static Table> {
    let own: &[&Table] = match context {
        Context::Users => &[USERS, GUESTS, ERASURES, ADDRESSES, SESSIONS, TOKENS, STAFF_LOG],
        Context::Catalog => {
            &[SELLERS, CATEGORIES, CATEGORY_TREE, PRODUCTS, VARIANTS, IMAGES, INVENTORY, RESERVATIONS, LEDGER, REVIEWS, WISHLISTS]
        }
        Context::Orders => &[
            ORDERS,
            ITEMS,
            HISTORY,
            PAYMENTS,
            ATTEMPTS,
            REFUNDS,
            CANCELLATIONS,
            SHIPMENTS,
            RETURNS,
            PROVIDER_EVENTS,
            CARTS,
            CART_CLAIMS,
            COUPONS,
            REDEMPTIONS,
            WALLETS,
            WALLET_ENTRIES,
            TOP_UPS,
        ],
        Context::Notifications => &[NOTIFICATIONS, WEBHOOK_ENDPOINTS, WEBHOOK_DELIVERIES],
    };
    own.iter().chain(&EVERYWHERE).copied()
}
