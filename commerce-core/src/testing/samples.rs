//! What people write on their forms, for tests and benches; each says with `..` what it is about.

use crate::ids::CouponId;
use crate::money::Money;
use crate::orders::{Coupon, CouponInput, CouponKind, CouponOff, CouponValue};
use crate::text::{CouponCode, Metadata};
use crate::time::Timestamp;
use crate::users::{NewAddress, RawAddress, Register};

/// The password of everybody who is made here.
pub const PASSWORD: &str = "correct horse";

/// Asha Rao registers with this mail address.
#[must_use]
pub fn register(email: &str) -> Register {
    Register {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        full_name: "Asha Rao".to_owned(),
        phone: None,
        metadata: Metadata::new(),
    }
}

/// Where Asha Rao lives.
#[must_use]
pub fn address() -> RawAddress {
    RawAddress {
        full_name: "Asha Rao".to_owned(),
        line1: "12 MG Road".to_owned(),
        line2: None,
        city: "Bengaluru".to_owned(),
        state: Some("KA".to_owned()),
        postal_code: "560001".to_owned(),
        country: "IN".to_owned(),
        phone: None,
    }
}

/// The same, for an address book.
#[must_use]
pub fn new_address() -> NewAddress {
    let RawAddress { full_name, line1, line2, city, state, postal_code, country, phone } = address();
    NewAddress { full_name, line1, line2, city, state, postal_code, country, phone, is_default: None }
}

/// So many hundredths off, for everybody and for ever.
#[must_use]
pub fn percent_off(code: &str, hundredths: i64) -> CouponInput {
    CouponInput {
        code: code.to_owned(),
        kind: CouponKind::Percentage,
        value: CouponValue::Hundredths(hundredths),
        usage_limit: None,
        per_user_limit: None,
        starts_at: None,
        ends_at: None,
        minimum_subtotal: None,
        maximum_discount: None,
        category_ids: Vec::new(),
        product_ids: Vec::new(),
        combinable: false,
        metadata: Metadata::new(),
    }
}

/// So much off, likewise.
#[must_use]
pub fn amount_off(code: &str, amount: Money) -> CouponInput {
    CouponInput { kind: CouponKind::Fixed, value: CouponValue::Amount(amount), ..percent_off(code, 0) }
}

/// A tenth off, for everybody and for ever, as a shop keeps it.
#[must_use]
pub fn coupon(id: CouponId, code: CouponCode, created_at: Timestamp) -> Coupon {
    Coupon {
        id,
        code,
        off: CouponOff::Percentage(10),
        usage_limit: None,
        per_user_limit: None,
        starts_at: None,
        ends_at: None,
        minimum_subtotal: None,
        maximum_discount: None,
        categories: Vec::new(),
        products: Vec::new(),
        combinable: false,
        metadata: Metadata::new(),
        created_at,
        used: 0,
        version: 1,
    }
}
