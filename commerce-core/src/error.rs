//! What a use case may answer besides success: a [`Refusal`] with a stable code, or an [`Error`]
//! for what stopped it.

mod store;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::money::{Money, MoneyError};
use crate::orders::{CouponRule, UsedUp};
use crate::text::{CouponCode, Sku};
use crate::time::Timestamp;

pub use store::{Source, StoreError, StoreErrorKind};

/// What a use case returns.
pub type Outcome<T> = Result<T, Error>;

/// Why a use case did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expected answer: the rules say no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// A port could not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The refusal, if the rules said no.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Store(_) => None,
        }
    }

    /// The stable code: a refusal's own, or the store error's kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Store(error) => error.kind.code(),
        }
    }

    /// The class, from which shells make a status or an exit code.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(refusal) => refusal.class(),
            Self::Store(error) => error.kind.class(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<MoneyError> for Error {
    fn from(error: MoneyError) -> Self {
        Refusal::from(error).into()
    }
}

/// The few kinds of failure a shell tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request cannot be read. HTTP 400.
    Malformed,
    /// Who asks is not known. HTTP 401.
    Unauthenticated,
    /// Who asks may not. HTTP 403.
    Forbidden,
    /// Not there, or not for who asks. HTTP 404.
    NotFound,
    /// Against the present state. HTTP 409.
    Conflict,
    /// Another version than the client expected. HTTP 412.
    Precondition,
    /// Read, but a value is out of its range. HTTP 422.
    Invalid,
    /// The client must say which version it changes. HTTP 428.
    PreconditionRequired,
    /// Too many, come back later. HTTP 429.
    TooMany,
    /// A dependency is down, come back later. HTTP 503.
    Unavailable,
    /// A defect. HTTP 500.
    Internal,
}

impl ErrorClass {
    /// The HTTP status of the class.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Precondition => 412,
            Self::Invalid => 422,
            Self::PreconditionRequired => 428,
            Self::TooMany => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

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
    fn code(self) -> &'static str {
        match self {
            Self::Json => "MALFORMED_JSON",
            Self::Type => "WRONG_TYPE",
            Self::Unknown => "UNKNOWN_FIELD",
            Self::Missing => "MISSING_FIELD",
            Self::Duplicate => "DUPLICATE_FIELD",
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
    /// A body that cannot be read, and what the reader says.
    #[error("{1}")]
    Unreadable(Unreadable, String),
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
    #[error("the coupon {0} cannot be used here: {1}")]
    CouponNotApplicable(String, CouponRule),
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
    /// Something still refers to it.
    #[error("{0}")]
    InUse(&'static str),
    /// Others kept changing the same thing.
    #[error("the {0} kept changing, try again")]
    Conflict(&'static str),
    /// Too many tries.
    #[error("too many tries, come back later")]
    TooMany,
}

impl Refusal {
    /// One invalid field.
    #[must_use]
    pub fn field(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), code, message: message.into() }])
    }

    /// One field that is not to be changed.
    #[must_use]
    pub fn read_only(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::ReadOnly(FieldError { field: field.into(), code: "READ_ONLY", message: message.into() })
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
            Self::CouponNotApplicable(coupon, rule) => {
                let errors = [FieldError { field: "couponCode".to_owned(), code: rule.code(), message: rule.to_string() }];
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
            | Self::Unreadable(..)
            | Self::BadCursor
            | Self::EmailTaken
            | Self::SkuTaken(_)
            | Self::SlugTaken
            | Self::ReviewExists
            | Self::EmptyOrder
            | Self::CartOrdered
            | Self::CurrencyMismatch
            | Self::AmountTooLarge
            | Self::CouponTaken(_)
            | Self::PaymentRequired
            | Self::NotPayable(_)
            | Self::NotRedirectable(_)
            | Self::NotCapturable(_)
            | Self::NotVoidable(_)
            | Self::BadSignature
            | Self::IdempotencyMismatch
            | Self::VersionMismatch(_)
            | Self::VersionRequired
            | Self::CategoryCycle
            | Self::InUse(_)
            | Self::Conflict(_)
            | Self::TooMany => None,
        }
    }

    fn entry(&self) -> (&'static str, ErrorClass) {
        match self {
            Self::Unauthenticated => ("UNAUTHENTICATED", ErrorClass::Unauthenticated),
            Self::BadCredentials => ("BAD_CREDENTIALS", ErrorClass::Unauthenticated),
            Self::Forbidden => ("FORBIDDEN", ErrorClass::Forbidden),
            Self::NotFound(_) => ("NOT_FOUND", ErrorClass::NotFound),
            Self::Invalid(_) => ("INVALID", ErrorClass::Invalid),
            Self::ReadOnly(_) => ("READ_ONLY", ErrorClass::Invalid),
            Self::Unreadable(why, _) => (why.code(), ErrorClass::Malformed),
            Self::BadCursor => ("BAD_CURSOR", ErrorClass::Malformed),
            Self::EmailTaken => ("EMAIL_TAKEN", ErrorClass::Conflict),
            Self::SkuTaken(_) => ("SKU_TAKEN", ErrorClass::Conflict),
            Self::SlugTaken => ("SLUG_TAKEN", ErrorClass::Conflict),
            Self::ReviewExists => ("REVIEW_EXISTS", ErrorClass::Conflict),
            Self::SoldOut(_) => ("SOLD_OUT", ErrorClass::Conflict),
            Self::BelowReserved { .. } => ("BELOW_RESERVED", ErrorClass::Conflict),
            Self::PriceChanged { .. } => ("PRICE_CHANGED", ErrorClass::Conflict),
            Self::EmptyOrder => ("EMPTY_ORDER", ErrorClass::Invalid),
            Self::CartOrdered => ("CART_ORDERED", ErrorClass::Conflict),
            Self::CurrencyMismatch => ("CURRENCY_MISMATCH", ErrorClass::Invalid),
            Self::AmountTooLarge => ("AMOUNT_TOO_LARGE", ErrorClass::Invalid),
            Self::CouponNotApplicable(..) => ("COUPON_NOT_APPLICABLE", ErrorClass::Invalid),
            Self::CouponExhausted(_) => ("COUPON_EXHAUSTED", ErrorClass::Conflict),
            Self::CouponTaken(_) => ("COUPON_TAKEN", ErrorClass::Conflict),
            Self::IllegalTransition { .. } => ("ILLEGAL_TRANSITION", ErrorClass::Conflict),
            Self::TooManyUnpaid { .. } => ("TOO_MANY_UNPAID", ErrorClass::Conflict),
            Self::PaymentRequired => ("PAYMENT_REQUIRED", ErrorClass::Conflict),
            Self::NotPayable(_) => ("NOT_PAYABLE", ErrorClass::Conflict),
            Self::NotCapturable(_) => ("NOT_CAPTURABLE", ErrorClass::Conflict),
            Self::CaptureExceedsAuthorized { .. } => ("CAPTURE_EXCEEDS_AUTHORIZED", ErrorClass::Conflict),
            Self::NotVoidable(_) => ("NOT_VOIDABLE", ErrorClass::Conflict),
            Self::RefundExceedsCaptured { .. } => ("REFUND_EXCEEDS_CAPTURED", ErrorClass::Conflict),
            Self::NotRedirectable(_) => ("NOT_REDIRECTABLE", ErrorClass::Conflict),
            Self::ExchangeExceedsCredit { .. } => ("EXCHANGE_EXCEEDS_CREDIT", ErrorClass::Conflict),
            Self::CancelExceedsOpen(_) => ("CANCEL_EXCEEDS_OPEN", ErrorClass::Conflict),
            Self::OverShipment(_) => ("OVER_SHIPMENT", ErrorClass::Conflict),
            Self::ReturnExceedsDelivered(_) => ("RETURN_EXCEEDS_DELIVERED", ErrorClass::Conflict),
            Self::ReturnWindowClosed { .. } => ("RETURN_WINDOW_CLOSED", ErrorClass::Conflict),
            Self::BadSignature => ("BAD_SIGNATURE", ErrorClass::Unauthenticated),
            Self::IdempotencyMismatch => ("IDEMPOTENCY_MISMATCH", ErrorClass::Invalid),
            Self::VersionMismatch(_) => ("VERSION_MISMATCH", ErrorClass::Precondition),
            Self::VersionRequired => ("VERSION_REQUIRED", ErrorClass::PreconditionRequired),
            Self::CategoryCycle => ("CATEGORY_CYCLE", ErrorClass::Conflict),
            Self::InUse(_) => ("IN_USE", ErrorClass::Conflict),
            Self::Conflict(_) => ("CONFLICT", ErrorClass::Conflict),
            Self::TooMany => ("TOO_MANY", ErrorClass::TooMany),
        }
    }

    /// Every code with its class and what it means, for documentation.
    pub const CODES: &'static [(&'static str, ErrorClass, &'static str)] = &[
        ("UNAUTHENTICATED", ErrorClass::Unauthenticated, "No token, or one that does not hold."),
        ("BAD_CREDENTIALS", ErrorClass::Unauthenticated, "Wrong mail address or wrong password."),
        ("BAD_SIGNATURE", ErrorClass::Unauthenticated, "A webhook whose signature is missing, wrong or too old."),
        ("FORBIDDEN", ErrorClass::Forbidden, "The action needs another role."),
        ("NOT_FOUND", ErrorClass::NotFound, "There is no such thing, or not for this caller."),
        ("MALFORMED_JSON", ErrorClass::Malformed, "The body is not JSON in UTF-8."),
        ("WRONG_TYPE", ErrorClass::Malformed, "A field has another JSON type."),
        (
            "UNKNOWN_FIELD",
            ErrorClass::Malformed,
            "The body has a field that this request does not know; the nearest known one is named.",
        ),
        ("MISSING_FIELD", ErrorClass::Malformed, "A field that is needed is not there."),
        ("DUPLICATE_FIELD", ErrorClass::Malformed, "A field is there twice."),
        ("BAD_CURSOR", ErrorClass::Malformed, "The cursor was not given out by this list."),
        ("INVALID", ErrorClass::Invalid, "Fields out of their range; `errors` names each."),
        ("READ_ONLY", ErrorClass::Invalid, "A field that cannot be changed has another value than it has now."),
        ("EMPTY_ORDER", ErrorClass::Invalid, "No items and nothing in the cart."),
        ("CURRENCY_MISMATCH", ErrorClass::Invalid, "One order has one currency."),
        ("AMOUNT_TOO_LARGE", ErrorClass::Invalid, "An amount does not fit 64 bits."),
        (
            "COUPON_NOT_APPLICABLE",
            ErrorClass::Invalid,
            "The coupon does not exist or does not apply; `rule` says why and by how much.",
        ),
        ("IDEMPOTENCY_MISMATCH", ErrorClass::Invalid, "The idempotency key was used with another body."),
        ("EMAIL_TAKEN", ErrorClass::Conflict, "The mail address has an account."),
        ("SKU_TAKEN", ErrorClass::Conflict, "Another variant has the SKU."),
        ("SLUG_TAKEN", ErrorClass::Conflict, "Another entity has the slug."),
        ("REVIEW_EXISTS", ErrorClass::Conflict, "One review for each user and product; there is one."),
        ("SOLD_OUT", ErrorClass::Conflict, "Not enough stock; `lines` says of what."),
        ("BELOW_RESERVED", ErrorClass::Conflict, "Stock cannot fall below what is reserved."),
        ("PRICE_CHANGED", ErrorClass::Conflict, "The total differs from `expectedTotal`; `quote` has the new one."),
        ("COUPON_EXHAUSTED", ErrorClass::Conflict, "All uses of the coupon are taken; `rule` says which limit."),
        ("COUPON_TAKEN", ErrorClass::Conflict, "Another coupon has the code."),
        ("CART_ORDERED", ErrorClass::Conflict, "Another request ordered the cart already."),
        ("ILLEGAL_TRANSITION", ErrorClass::Conflict, "The status graph has no such step."),
        (
            "TOO_MANY_UNPAID",
            ErrorClass::Conflict,
            "So many orders of this customer wait for their money; pay or cancel one first.",
        ),
        ("PAYMENT_REQUIRED", ErrorClass::Conflict, "The order is not paid."),
        ("NOT_PAYABLE", ErrorClass::Conflict, "The order takes no more payments."),
        ("NOT_REDIRECTABLE", ErrorClass::Conflict, "The order is on its way, or would be taxed and shipped otherwise there."),
        ("NOT_CAPTURABLE", ErrorClass::Conflict, "Nothing is promised, or it is captured or given back already."),
        ("CAPTURE_EXCEEDS_AUTHORIZED", ErrorClass::Conflict, "More than was promised; `most` can be captured."),
        ("NOT_VOIDABLE", ErrorClass::Conflict, "It was captured, declined, or is being captured."),
        (
            "REFUND_EXCEEDS_CAPTURED",
            ErrorClass::Conflict,
            "More than was captured, or than came back is worth; `most` can go back.",
        ),
        ("CANCEL_EXCEEDS_OPEN", ErrorClass::Conflict, "More than has not left the house; `lines` says of what."),
        ("OVER_SHIPMENT", ErrorClass::Conflict, "More than was ordered and has not left the house; `lines` says of what."),
        (
            "RETURN_EXCEEDS_DELIVERED",
            ErrorClass::Conflict,
            "More than was delivered and has not come back; `lines` says of what.",
        ),
        (
            "EXCHANGE_EXCEEDS_CREDIT",
            ErrorClass::Conflict,
            "What is to be sent costs more than what came back is worth; `missing` says by how much.",
        ),
        ("RETURN_WINDOW_CLOSED", ErrorClass::Conflict, "It is too late to send it back."),
        ("CATEGORY_CYCLE", ErrorClass::Conflict, "A category cannot be below itself."),
        ("IN_USE", ErrorClass::Conflict, "Something still refers to it."),
        ("CONFLICT", ErrorClass::Conflict, "Others kept changing the same thing."),
        ("VERSION_MISMATCH", ErrorClass::Precondition, "Another version than in `If-Match`."),
        ("VERSION_REQUIRED", ErrorClass::PreconditionRequired, "`If-Match` is missing."),
        ("TOO_MANY", ErrorClass::TooMany, "Too many tries."),
        ("UNAVAILABLE", ErrorClass::Unavailable, "A dependency is down."),
        ("STORAGE_FULL", ErrorClass::Unavailable, "No space is left for new data."),
        ("STORAGE_READ_ONLY", ErrorClass::Unavailable, "The data cannot be written."),
        ("OUTCOME_UNKNOWN", ErrorClass::Unavailable, "Whether it was done cannot be said yet; repeat it with the same key."),
        ("INTERNAL", ErrorClass::Internal, "A defect of the shop."),
    ];
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
