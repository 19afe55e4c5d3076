//! Payments, attempts and refunds.

use super::{
    BACK, Case, Cell, Column, ENTERED, GONE, I, Order, PAID, PUT_IN, Row, TRY, WALLET, any, case, has, later, more, one, other,
    set,
};

fn captured(row: &Row) -> bool {
    has(row, "state", "CAPTURED")
}

fn by_provider(row: &Row) -> bool {
    captured(row) && has(row, "provider", "sandbox")
}

fn for_units(row: &Row) -> bool {
    *row.cell("lines") != Cell::Null
}

fn units(sku: &str, units: u32) -> Cell {
    format!(r#"[{{"sku":"{sku}","quantity":{units}}}]"#).as_str().into()
}

fn sent_back(row: &Row) -> bool {
    has(row, "state", "SUCCEEDED") && row.text("reference").is_some_and(|name| name.starts_with("ref_"))
}

pub(super) const CASES: &[Case] = &[
    case("a payment of one more", PAID, any, set("amount_minor", more), I::Amounts, Order("order_id")),
    case("a payment is gone", PAID, any, GONE, I::Reference, Order("order_id")),
    case("more captured", PAID, any, set("captured_minor", more), I::Money, Order("order_id")),
    case("more refunded", PAID, any, set("refunded_minor", more), I::Money, Order("order_id")),
    case("another payment status", PAID, any, set("status", |_| "UNKNOWN".into()), I::Money, Order("order_id")),
    case("another method", PAID, |row| has(row, "method", "CARD"), set("method", |_| "UPI".into()), I::Money, Order("order_id")),
    case("a payment in another currency", PAID, any, set("currency", |_| "USD".into()), I::Amounts, Order("order_id")),
    case("an attempt is gone", TRY, |row| has(row, "state", "CAPTURED"), GONE, I::Money, Order("order_id")),
    case("an attempt of one more", TRY, any, set("amount_minor", more), I::Money, Order("order_id")),
    case(
        "a capture was declined",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("state", |_| "DECLINED".into()),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a decline was captured",
        TRY,
        |row| has(row, "state", "DECLINED"),
        set("state", |_| "CAPTURED".into()),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a decline without a reason",
        TRY,
        |row| has(row, "state", "DECLINED"),
        set("failure_code", |_| Cell::Null),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a final attempt is asked about",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("check_at", |_| Cell::Int(5)),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a capture without its name",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("reference", |_| Cell::Null),
        I::Money,
        Order("order_id"),
    ),
    case("less was taken", TRY, |row| has(row, "state", "CAPTURED"), set("to_capture_minor", one), I::Money, Order("order_id")),
    case(
        "a capture of nobody knows how much",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("to_capture_minor", |_| Cell::Null),
        I::Money,
        Order("order_id"),
    ),
    case("an attempt that was always there", TRY, any, set("created_at", |_| Cell::Int(5)), I::Times, Order("order_id")),
    case("an attempt in another place", TRY, any, set("position", more), I::Reference, Order("order_id")),
    case("an attempt made later", TRY, any, set("created_at", later), I::Times, Order("order_id")),
    case("a refund is gone", BACK, any, GONE, I::Money, Order("order_id")),
    case("a refund of one more", BACK, any, set("amount_minor", more), I::Money, Order("order_id")),
    case("a refund of no capture", BACK, any, set("attempt_id", other), I::Money, Order("order_id")),
    case(
        "a refund for more units than were ordered",
        BACK,
        for_units,
        set("lines", |_| units("CUP-1", 5)),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a refund for units that were not ordered",
        BACK,
        for_units,
        set("lines", |_| units("CUP-9", 1)),
        I::Money,
        Order("order_id"),
    ),
    case("a refund for no units", BACK, for_units, set("lines", |_| "[]".into()), I::Money, Order("order_id")),
    case("a refund of more than its units cost", BACK, for_units, set("amount_minor", more), I::Money, Order("order_id")),
    case("a refund failed", BACK, any, set("state", |_| "FAILED".into()), I::Paid, Order("order_id")),
    case("a refund without its name", BACK, any, set("reference", |_| Cell::Null), I::Money, Order("order_id")),
    case("a capture of another name", TRY, by_provider, set("reference", |_| "garbage".into()), I::Provider, Order("order_id")),
    case("a capture of another provider", TRY, by_provider, set("provider", |_| "stripe".into()), I::Provider, Order("order_id")),
    case(
        "a capture paid out of a wallet",
        TRY,
        by_provider,
        set("provider", |_| "wallet".into()),
        I::Provider,
        Order("order_id"),
    ),
    case(
        "a capture out of a wallet of another name",
        TRY,
        |row| has(row, "provider", "wallet"),
        set("reference", |_| "wal_7".into()),
        I::Provider,
        Order("order_id"),
    ),
    case(
        "a capture that no return paid",
        TRY,
        |row| has(row, "provider", "exchange"),
        set("reference", |_| "00000000-0000-7000-8000-000000000007".into()),
        I::Provider,
        Order("order_id"),
    ),
    case("a refund of another name", BACK, sent_back, set("reference", |_| "garbage".into()), I::Provider, Order("order_id")),
    case(
        "what went back to a return is named otherwise",
        BACK,
        |row| row.word::<uuid::Uuid>("reference").is_some(),
        set("reference", |_| "garbage".into()),
        I::Money,
        Order("order_id"),
    ),
    case("a top-up of another name", PUT_IN, captured, set("reference", |_| "garbage".into()), I::Provider, Column("user_id")),
    case("a top-up of another provider", PUT_IN, captured, set("provider", |_| "stripe".into()), I::Provider, Column("user_id")),
    case("a wallet of one more", WALLET, any, set("balance_minor", more), I::Wallet, Column("user_id")),
    case("a wallet in another currency", WALLET, any, set("currency", |_| "USD".into()), I::Wallet, Column("user_id")),
    case("a wallet is gone", WALLET, any, GONE, I::Reference, Column("user_id")),
    case("more was spent", ENTERED, |row| has(row, "kind", "SPEND"), set("amount_minor", more), I::Wallet, Column("user_id")),
    case("an entry is gone", ENTERED, |row| has(row, "kind", "REFUND"), GONE, I::Wallet, Column("user_id")),
    case(
        "an entry of another kind",
        ENTERED,
        |row| has(row, "kind", "SPEND"),
        set("kind", |_| "REFUND".into()),
        I::Wallet,
        Column("user_id"),
    ),
    case("a top-up was not captured", PUT_IN, captured, set("state", |_| "VOIDED".into()), I::Wallet, Column("user_id")),
    case("a top-up is gone", PUT_IN, captured, GONE, I::Wallet, Column("user_id")),
    case("a top-up of one more", PUT_IN, captured, set("amount_minor", more), I::Money, Column("user_id")),
    case("a top-up without its name", PUT_IN, captured, set("reference", |_| Cell::Null), I::Money, Column("user_id")),
    case("a final top-up is asked about", PUT_IN, captured, set("check_at", |_| Cell::Int(5)), I::Money, Column("user_id")),
    case(
        "a top-up that the provider refused",
        PUT_IN,
        |row| has(row, "state", "DECLINED"),
        set("state", |_| "CAPTURED".into()),
        I::Provider,
        Column("user_id"),
    ),
    case(
        "a capture that the provider refused",
        TRY,
        |row| has(row, "state", "DECLINED"),
        set("state", |_| "CAPTURED".into()),
        I::Provider,
        Order("order_id"),
    ),
    case(
        "a refusal that the provider captured",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("state", |_| "DECLINED".into()),
        I::Provider,
        Order("order_id"),
    ),
    case(
        "a refund that failed and went through",
        BACK,
        |row| has(row, "state", "SUCCEEDED"),
        set("state", |_| "FAILED".into()),
        I::Provider,
        Order("order_id"),
    ),
];
