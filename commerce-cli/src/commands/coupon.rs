//! `coupon`: what takes something off an order.

use commerce_core::ids::{CategoryId, ProductId};
use commerce_core::orders::{CouponInput, CouponKind, CouponValue};
use commerce_core::text::Metadata;
use commerce_core::{Actor, Currency, Money, Refusal, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{Paging, one_of, time};
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::Column;
use crate::remote::part;
use crate::views;

const COLUMNS: &[Column] = &[
    ("CODE", "/code"),
    ("TYPE", "/type"),
    ("VALUE", "/value"),
    ("USED", "/usedCount"),
    ("OF", "/usageLimit"),
    ("FROM", "/startsAt"),
    ("UNTIL", "/endsAt"),
];

const WHOLE: &[Column] = &[
    ("Code", "/code"),
    ("Type", "/type"),
    ("Value", "/value"),
    ("Used", "/usedCount"),
    ("Usage limit", "/usageLimit"),
    ("Per-user limit", "/perUserLimit"),
    ("From", "/startsAt"),
    ("Until", "/endsAt"),
    ("Minimum subtotal", "/minimumSubtotal"),
    ("Maximum discount", "/maximumDiscount"),
    ("Categories", "/categoryIds"),
    ("Products", "/productIds"),
    ("Combinable", "/combinable"),
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a coupon
    #[command(after_help = EXAMPLES)]
    Create(Box<Create>),
    /// Coupons, newest first
    List(Paging),
    /// One coupon
    Show {
        /// Its code
        code: String,
    },
    /// Remove a coupon; what it took off stays
    Delete {
        /// Its code
        code: String,
    },
}

const EXAMPLES: &str = "\
Examples:
  commerce coupon create SAVE10 --type PERCENTAGE --value 10 --maximum-discount 500.00
  commerce coupon create WELCOME --type FIXED --value 100.00 --minimum-subtotal 999.00
  commerce coupon create SHIPFREE --type FREE_SHIPPING --ends-at 2027-01-01T00:00:00Z";

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// What a customer types: 1 to 40 letters, digits, - and _
    code: String,
    /// What it takes off
    #[arg(long = "type", value_parser = one_of(CouponKind::ALL, CouponKind::as_str), ignore_case = true)]
    kind: CouponKind,
    /// How much: a whole percentage (10), or an amount of --currency (100.00)
    #[arg(long)]
    value: Option<String>,
    /// The currency of all amounts; server.currency unless said
    #[arg(long)]
    currency: Option<Currency>,
    /// Uses in all
    #[arg(long)]
    usage_limit: Option<i64>,
    /// Uses of one customer
    #[arg(long)]
    per_user_limit: Option<i64>,
    /// From when it can be used (RFC 3339)
    #[arg(long, value_parser = time)]
    starts_at: Option<Timestamp>,
    /// Until when; at this time no more
    #[arg(long, value_parser = time)]
    ends_at: Option<Timestamp>,
    /// What the lines of an order cost at least
    #[arg(long, value_name = "AMOUNT")]
    minimum_subtotal: Option<String>,
    /// What it takes off at most
    #[arg(long, value_name = "AMOUNT")]
    maximum_discount: Option<String>,
    /// Only for products of this category and those below it; may be repeated
    #[arg(long = "category", value_name = "ID")]
    categories: Vec<CategoryId>,
    /// Only for this product; may be repeated
    #[arg(long = "product", value_name = "ID")]
    products: Vec<ProductId>,
    /// It can be used together with others that can
    #[arg(long)]
    combinable: bool,
}

impl Create {
    /// The coupon, with amounts of this currency where no other is named.
    fn input(self, currency: Currency) -> Result<CouponInput, Refusal> {
        let currency = self.currency.unwrap_or(currency);
        let money = |field: &str, text: &str| {
            let refuse = || Refusal::field(field, "INVALID", format!("must be an amount of {currency} such as 100.00"));
            Money::parse_major(text, currency).ok_or_else(refuse)
        };
        let amount = |field: &str, text: &Option<String>| text.as_deref().map(|text| money(field, text)).transpose();
        let value = match (self.kind, self.value.as_deref()) {
            (_, None) => CouponValue::None,
            (CouponKind::Fixed, Some(text)) => CouponValue::Amount(money("value", text)?),
            (CouponKind::Percentage | CouponKind::FreeShipping, Some(text)) => {
                let number = text.strip_suffix('%').unwrap_or(text).parse();
                CouponValue::Hundredths(number.map_err(|_| Refusal::field("value", "INVALID", "must be a whole percentage"))?)
            }
        };
        Ok(CouponInput {
            minimum_subtotal: amount("minimumSubtotal", &self.minimum_subtotal)?,
            maximum_discount: amount("maximumDiscount", &self.maximum_discount)?,
            code: self.code,
            kind: self.kind,
            value,
            usage_limit: self.usage_limit,
            per_user_limit: self.per_user_limit,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            category_ids: self.categories,
            product_ids: self.products,
            combinable: self.combinable,
            metadata: Metadata::new(),
        })
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(cx, args.input(cx.settings()?.server.currency)?).await,
        Command::List(paging) => list(cx, &paging).await,
        Command::Show { code } => show(cx, &code).await,
        Command::Delete { code } => {
            cx.confirm(&format!("Remove the coupon {code}?"))?;
            delete(cx, &code).await
        }
    }
}

async fn create(cx: &Context, input: CouponInput) -> Result<(), Failure> {
    match cx.target_or_new().await? {
        Target::Local(shop) => {
            let coupon = shop.orders.create_coupon(&Actor::System, input, None).await?.into_inner();
            cx.out.record(&views::coupon(coupon), WHOLE)?;
            shop.finish().await
        }
        Target::Remote(remote) => cx.out.record(&remote.call(Method::POST, "/api/coupons", &body(&input)).await?, WHOLE),
    }
}

async fn list(cx: &Context, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let page = shop.orders.coupons(&Actor::System, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::coupon), COLUMNS)?;
            shop.close().await
        }
        Target::Remote(remote) => cx.out.page(&remote.get("/api/coupons", &paging.query()).await?, COLUMNS),
    }
}

async fn show(cx: &Context, code: &str) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let coupon = shop.orders.coupon(&Actor::System, code).await?;
            cx.out.record(&views::coupon(coupon), WHOLE)?;
            shop.close().await
        }
        Target::Remote(remote) => cx.out.record(&remote.get(&format!("/api/coupons/{}", part(code)), &[]).await?, WHOLE),
    }
}

async fn delete(cx: &Context, code: &str) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            shop.orders.delete_coupon(&Actor::System, code, None).await?;
            shop.finish().await?;
        }
        Target::Remote(remote) => {
            remote.call(Method::DELETE, &format!("/api/coupons/{}", part(code)), &Value::Null).await?;
        }
    }
    cx.out.say(&format!("{code} is removed"), &json!({ "code": code, "removed": true }))
}

/// The body that makes this coupon.
fn body(input: &CouponInput) -> Value {
    let value = match input.value {
        CouponValue::None => Value::Null,
        CouponValue::Hundredths(hundredths) => json!(hundredths),
        CouponValue::Amount(amount) => json!(amount),
    };
    json!({
        "code": input.code, "type": input.kind, "value": value, "usageLimit": input.usage_limit,
        "perUserLimit": input.per_user_limit, "startsAt": input.starts_at, "endsAt": input.ends_at,
        "minimumSubtotal": input.minimum_subtotal, "maximumDiscount": input.maximum_discount,
        "categoryIds": input.category_ids, "productIds": input.product_ids, "combinable": input.combinable,
    })
}
