//! What is on sale in a world, and what its people write on their forms.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalog::{NewProduct, NewVariant};
use crate::money::{Currency, Money};
use crate::orders::{AddressChoice, CouponInput, PaymentMethod, PlaceOrder};
use crate::testing::samples;
use crate::text::{Metadata, Sku};
use crate::users::Register;

use super::books::NOTE;

/// The product that everybody buys; its variants are called after its slug.
pub const SLUG: &str = "tea";

/// At this many units ops are told. Some variants begin with more and come down to it, others never have more.
pub const LOW_AT: i64 = 1;
/// For how long ops are not told again.
pub const LOW_QUIET: Duration = Duration::from_secs(20);

/// The SKU of a variant.
pub fn sku(variant: usize) -> Sku {
    format!("{SLUG}-{variant}").parse().expect("it is well formed")
}

/// A variant at a price, with so many units.
pub fn variant(number: usize, price: i64, stock: i64) -> NewVariant {
    NewVariant {
        sku: sku(number).to_string(),
        price: Money::new(price, Currency::INR),
        compare_at: None,
        options: BTreeMap::from([("Size".to_owned(), number.to_string())]),
        stock,
        weight_grams: None,
        barcode: None,
        metadata: None,
    }
}

/// The product with these variants.
pub fn product(variants: Vec<NewVariant>) -> NewProduct {
    NewProduct {
        name: "Tea".to_owned(),
        description: String::new(),
        slug: Some(SLUG.to_owned()),
        category: None,
        seller: None,
        status: None,
        variants,
        metadata: Metadata::new(),
        images: Vec::new(),
    }
}

/// A customer's form.
pub fn register(number: usize) -> Register {
    Register { full_name: format!("Buyer {number}"), ..samples::register(&format!("buyer{number}@example.com")) }
}

/// An order of these items, or of the cart, that its customer calls `note`.
pub fn order(items: Option<Vec<(Sku, i64)>>, payment: (PaymentMethod, Option<&str>), note: &str) -> PlaceOrder {
    PlaceOrder {
        items: items.map(|items| items.into_iter().map(|(sku, quantity)| (sku.to_string(), quantity)).collect()),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(samples::address())),
        shipping_option: None,
        payment: Some((payment.0, payment.1.map(str::to_owned))),
        expected_total: None,
        metadata: Metadata::from([(NOTE.to_owned(), note.to_owned())]),
    }
}

/// The coupon that everybody knows: few may use it, and each but once.
pub const COUPON: &str = "TEATIME";

/// That coupon. A third of three lines does not come out even.
pub fn coupon() -> CouponInput {
    CouponInput { usage_limit: Some(2), per_user_limit: Some(1), ..samples::percent_off(COUPON, 33) }
}
