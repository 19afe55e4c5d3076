//! The expected ways to say no, and what a client needs besides the code.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ErrorClass;
use crate::money::{Money, MoneyError};
use crate::orders::{CouponRule, UsedUp};
use crate::text::{CouponCode, Sku};
use crate::time::Timestamp;

/// Where orders and quotes name their coupons.
const COUPON_CODE: &str = "couponCode";

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path as the client wrote it: `items[1].quantity`.
    pub field: String,
    /// A stable code: `REQUIRED`, `OUT_OF_RANGE`, `TOO_LONG`, `INVALID`, `READ_ONLY`, ….
    pub code: &'static str,
    /// One sentence for people.
    pub message: String,
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON.
    Json,
    /// A field has another JSON type.
    Type,
    /// It has a field that is not known.
    Unknown,
    /// It lacks a field.
    Missing,
    /// It has a field twice.
    Duplicate,
}

impl Unreadable {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Json => "MALFORMED_JSON",
            Self::Type => "WRONG_TYPE",
            Self::Unknown => "UNKNOWN_FIELD",
            Self::Missing => "MISSING_FIELD",
            Self::Duplicate => "DUPLICATE_FIELD",
        }
    }

    /// What is said of the field itself.
    fn field_code(self) -> &'static str {
        match self {
            Self::Missing => "REQUIRED",
            Self::Json | Self::Type | Self::Unknown | Self::Duplicate => self.code(),
        }
    }
}

/// A line that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Which SKU.
    pub sku: Sku,
    /// How many were asked for, all lines of the SKU together.
    pub requested: u32,
    /// How many could be had.
    pub available: i64,
}

/// The expected ways to say no. Each has a stable [code](Self::code) and a [class](Self::class).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has logged in, or the token does not hold.
    #[error("log in first")]
    Unauthenticated,
    /// Wrong mail address or wrong password; which of them is not said.
    #[error("the mail address or the password is wrong")]
    BadCredentials,
    /// The caller may see it, but not do this.
    #[error("this needs another role")]
    Forbidden,
    /// There is no such thing, or not for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Values out of their range.
    #[error("{}", fields_text(.0))]
    Invalid(Vec<FieldError>),
    /// A field that cannot be changed is to be another than it is.
    #[error("{}: {}", .0.field, .0.message)]
    ReadOnly(FieldError),
    /// A body that cannot be read.
    #[error("{}{text}", field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default())]
    Unreadable {
        /// Why.
        why: Unreadable,
        /// Which field, where it is one.
        field: Option<String>,
        /// What the reader says.
        text: String,
    },
    /// A cursor that this engine did not make.
    #[error("the cursor is not one that this list gave out")]
    BadCursor,
    /// Somebody has this mail address already.
    #[error("this mail address has an account already")]
    EmailTaken,
    /// Another variant has this SKU.
    #[error("another variant has the SKU {0} already")]
    SkuTaken(String),
    /// She has reviewed this product.
    #[error("this product has a review of yours already")]
    ReviewExists,
    /// Another entity has this slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// The user runs another seller.
    #[error("this user runs another seller: let somebody else, or nobody, run that one first")]
    OwnerTaken,
    /// Stock does not suffice.
    #[error("not enough stock")]
    SoldOut(Vec<Shortage>),
    /// An adjustment would go below what is reserved.
    #[error("the stock of {sku} cannot fall below the {reserved} units that are reserved")]
    BelowReserved {
        /// Which SKU.
        sku: Sku,
        /// Units reserved.
        reserved: i64,
    },
    /// The order's total is not what the client expected.
    #[error("the total is not the expected one")]
    PriceChanged {
        /// The quote as it is now, as JSON in the shape of the quote endpoint.
        quote: Value,
    },
    /// There is nothing to order.
    #[error("there is nothing to order")]
    EmptyOrder,
    /// Another request ordered the cart already.
    #[error("this cart has been ordered already")]
    CartOrdered,
    /// One order has one currency.
    #[error("all amounts of one order must be of one currency")]
    CurrencyMismatch,
    /// An amount does not fit.
    #[error("the amount is too large")]
    AmountTooLarge,
    /// The coupon does not exist, or not for this order.
    #[error("the coupon {coupon} cannot be used here: {rule}")]
    CouponNotApplicable {
        /// Where it was named: `couponCode`, in a cart `code`.
        field: &'static str,
        /// The coupon, as it was named.
        coupon: String,
        /// What it breaks.
        rule: CouponRule,
    },
    /// All uses of the coupon are taken.
    #[error("{0}")]
    CouponExhausted(UsedUp),
    /// Another coupon has this code.
    #[error("another coupon has the code {0} already")]
    CouponTaken(CouponCode),
    /// The state graph has no such step.
    #[error("what is {from} cannot become {to}")]
    IllegalTransition {
        /// The present status.
        from: &'static str,
        /// The status asked for.
        to: &'static str,
    },
    /// So many orders of this customer wait for their money already.
    #[error("{most} of your orders wait for their money: pay or cancel one of them first")]
    TooManyUnpaid {
        /// How many may.
        most: u32,
    },
    /// The order must be paid before this step.
    #[error("the order is not paid")]
    PaymentRequired,
    /// The order takes no more payments.
    #[error("the order cannot be paid: {0}")]
    NotPayable(&'static str),
    /// Nothing of the payment can be captured, or not this.
    #[error("the payment cannot be captured: {0}")]
    NotCapturable(&'static str),
    /// More would be captured than was promised.
    #[error("at most {most} can be captured")]
    CaptureExceedsAuthorized {
        /// What was promised.
        most: Money,
    },
    /// The payment cannot be given up.
    #[error("the payment cannot be voided: {0}")]
    NotVoidable(&'static str),
    /// A refund would exceed what was captured.
    #[error("at most {most} can go back")]
    RefundExceedsCaptured {
        /// What can go back.
        most: Money,
    },
    /// The order cannot go elsewhere.
    #[error("the order cannot go elsewhere: {0}")]
    NotRedirectable(&'static str),
    /// More would be given up than has not left the house.
    #[error("more would be given up than has not left the house")]
    CancelExceedsOpen(Vec<Shortage>),
    /// What is to be sent for a return costs more than that is worth.
    #[error("this costs {total}, and what came back is worth {credit}")]
    ExchangeExceedsCredit {
        /// What came back is worth.
        credit: Money,
        /// What is to be sent costs.
        total: Money,
    },
    /// More would leave the house than was ordered and has not left it.
    #[error("more would leave the house than was ordered and has not left it")]
    OverShipment(Vec<Shortage>),
    /// More would come back than was delivered.
    #[error("more would come back than was delivered and has not come back")]
    ReturnExceedsDelivered(Vec<Shortage>),
    /// It is too late to send something back.
    #[error("this could be sent back until {until}")]
    ReturnWindowClosed {
        /// Until when it was time.
        until: Timestamp,
        /// How long ago that was.
        late: Duration,
    },
    /// The webhook's signature does not hold.
    #[error("the signature does not hold")]
    BadSignature,
    /// The key was used with another body.
    #[error("this idempotency key was used with another request body")]
    IdempotencyMismatch,
    /// Other than the expected version.
    #[error("the {0} has changed since the version in If-Match")]
    VersionMismatch(&'static str),
    /// If-Match is needed.
    #[error("say in If-Match which version this changes")]
    VersionRequired,
    /// A category cannot be below itself.
    #[error("a category cannot be below itself")]
    CategoryCycle,
    /// The shop would be left without an ADMIN.
    #[error("nobody else is ADMIN: make somebody else one first")]
    LastAdmin,
    /// Something still refers to it.
    #[error("{0}")]
    InUse(&'static str),
    /// Others kept changing the same thing.
    #[error("the {0} kept changing, try again")]
    Conflict(&'static str),
    /// Too many tries.
    #[error("too many tries, come back in {seconds} s")]
    TooMany {
        /// When the next one may be made.
        seconds: u64,
    },
}

impl Refusal {
    /// One invalid field.
    #[must_use]
    pub fn field(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), code, message: message.into() }])
    }

    /// A body that cannot be read as a whole.
    #[must_use]
    pub fn unreadable(why: Unreadable, text: impl Into<String>) -> Self {
        Self::Unreadable { why, field: None, text: text.into() }
    }

    /// One field that cannot be read.
    #[must_use]
    pub fn unreadable_at(why: Unreadable, field: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Unreadable { why, field: Some(field.into()), text: text.into() }
    }

    /// One field that is not to be changed.
    #[must_use]
    pub fn read_only(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::ReadOnly(FieldError { field: field.into(), code: "READ_ONLY", message: message.into() })
    }

    /// That a coupon which an order names cannot be used.
    #[must_use]
    pub fn coupon(coupon: impl Into<String>, rule: CouponRule) -> Self {
        Self::CouponNotApplicable { field: COUPON_CODE, coupon: coupon.into(), rule }
    }

    /// The same of a request that names its coupons in `code`, as carts do.
    #[must_use]
    pub fn of_cart(mut self) -> Self {
        if let Self::CouponNotApplicable { field, .. } = &mut self {
            *field = "code";
        }
        if let Self::Invalid(errors) = &mut self {
            for error in errors.iter_mut().filter(|error| error.field == COUPON_CODE) {
                "code".clone_into(&mut error.field);
            }
        }
        self
    }

    /// The stable code clients may rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.entry().0
    }

    /// The class of the code.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.entry().1
    }

    /// What a client needs besides the text, as members of the problem object.
    #[must_use]
    pub fn members(&self) -> Option<Value> {
        match self {
            Self::Invalid(errors) => Some(json!({ "errors": errors })),
            Self::ReadOnly(error) => Some(json!({ "errors": [error] })),
            Self::SoldOut(lines)
            | Self::OverShipment(lines)
            | Self::CancelExceedsOpen(lines)
            | Self::ReturnExceedsDelivered(lines) => Some(json!({ "lines": lines })),
            Self::ExchangeExceedsCredit { credit, total } => {
                let missing = Money { minor: total.minor.saturating_sub(credit.minor), ..*total };
                Some(json!({ "credit": credit, "total": total, "missing": missing }))
            }
            Self::RefundExceedsCaptured { most } | Self::CaptureExceedsAuthorized { most } => Some(json!({ "most": most })),
            Self::ReturnWindowClosed { until, late } => Some(json!({ "until": until, "secondsLate": late.as_secs() })),
            Self::PriceChanged { quote } => Some(json!({ "quote": quote })),
            Self::Unreadable { why, field: Some(field), text } => {
                let error = FieldError { field: field.clone(), code: why.field_code(), message: text.clone() };
                Some(json!({ "errors": [error] }))
            }
            Self::OwnerTaken => Some(self.about("userId")),
            Self::EmptyOrder => Some(self.about("items")),
            Self::CurrencyMismatch => Some(self.about("currency")),
            Self::AmountTooLarge => Some(self.about("amount")),
            Self::IdempotencyMismatch => Some(self.about("Idempotency-Key")),
            Self::CouponNotApplicable { field, coupon, rule } => {
                let errors = [FieldError { field: (*field).to_owned(), code: rule.code(), message: rule.to_string() }];
                Some(json!(Judged { coupon, rule, errors }))
            }
            Self::CouponExhausted(used_up) => Some(json!(used_up)),
            Self::TooManyUnpaid { most } => Some(json!({ "most": most })),
            Self::BelowReserved { sku, reserved } => Some(json!({ "sku": sku, "reserved": reserved })),
            Self::IllegalTransition { from, to } => Some(json!({ "from": from, "to": to })),
            Self::Unauthenticated
            | Self::BadCredentials
            | Self::Forbidden
            | Self::NotFound(_)
            | Self::Unreadable { field: None, .. }
            | Self::BadCursor
            | Self::EmailTaken
            | Self::SkuTaken(_)
            | Self::SlugTaken
            | Self::ReviewExists
            | Self::CartOrdered
            | Self::CouponTaken(_)
            | Self::PaymentRequired
            | Self::NotPayable(_)
            | Self::NotRedirectable(_)
            | Self::NotCapturable(_)
            | Self::NotVoidable(_)
            | Self::BadSignature
            | Self::VersionMismatch(_)
            | Self::VersionRequired
            | Self::CategoryCycle
            | Self::LastAdmin
            | Self::InUse(_)
            | Self::Conflict(_)
            | Self::TooMany { .. } => None,
        }
    }

    /// The one thing that is wrong with a request, as every refusal of its content says it.
    fn about(&self, field: &str) -> Value {
        let error = FieldError { field: field.to_owned(), code: self.code(), message: self.to_string() };
        json!({ "errors": [error] })
    }
}

impl From<MoneyError> for Refusal {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::CurrencyMismatch => Self::CurrencyMismatch,
            MoneyError::Overflow => Self::AmountTooLarge,
        }
    }
}

/// A coupon and the rule it breaks, side by side.
#[derive(Serialize)]
struct Judged<'a> {
    coupon: &'a str,
    #[serde(flatten)]
    rule: &'a CouponRule,
    errors: [FieldError; 1],
}

fn fields_text(errors: &[FieldError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    texts.join("; ")
}
