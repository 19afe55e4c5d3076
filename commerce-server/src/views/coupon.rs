//! Coupons.

use std::fmt;

use commerce_core::ids::{CategoryId, ProductId};
use commerce_core::orders::{Coupon, CouponInput, CouponKind, CouponOff, CouponValue};
use commerce_core::text::{CouponCode, Metadata};
use commerce_core::{Money, Timestamp};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::schema::MoneySchema;

/// What takes something off an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Coupon)]
pub struct CouponView {
    #[schema(value_type = String, example = "SAVE10")]
    code: CouponCode,
    #[schema(value_type = String, example = "PERCENTAGE")]
    r#type: CouponKind,
    /// A whole percentage, an amount, or nothing for free shipping.
    #[schema(value_type = Option<ValueSchema>)]
    value: Option<Value>,
    usage_limit: Option<u32>,
    per_user_limit: Option<u32>,
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
    #[schema(value_type = Option<MoneySchema>)]
    minimum_subtotal: Option<Money>,
    #[schema(value_type = Option<MoneySchema>)]
    maximum_discount: Option<Money>,
    #[schema(value_type = Vec<String>)]
    category_ids: Vec<CategoryId>,
    #[schema(value_type = Vec<String>)]
    product_ids: Vec<ProductId>,
    combinable: bool,
    metadata: Metadata,
    /// Uses that count now.
    used_count: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    version: u64,
}

/// How much a coupon takes off, as it is shown.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Whole hundredths.
    Hundredths(u32),
    /// An amount.
    Amount(Money),
}

/// How much a coupon takes off.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = CouponValue)]
pub enum ValueSchema {
    /// A whole percentage, 1 to 100.
    Percentage(u32),
    /// An amount.
    Amount(MoneySchema),
}

impl From<Coupon> for CouponView {
    fn from(coupon: Coupon) -> Self {
        let value = match coupon.off {
            CouponOff::Percentage(hundredths) => Some(Value::Hundredths(hundredths)),
            CouponOff::Fixed(amount) => Some(Value::Amount(amount)),
            CouponOff::FreeShipping => None,
        };
        Self {
            r#type: coupon.off.kind(),
            code: coupon.code,
            value,
            usage_limit: coupon.usage_limit,
            per_user_limit: coupon.per_user_limit,
            starts_at: coupon.starts_at,
            ends_at: coupon.ends_at,
            minimum_subtotal: coupon.minimum_subtotal,
            maximum_discount: coupon.maximum_discount,
            category_ids: coupon.categories,
            product_ids: coupon.products,
            combinable: coupon.combinable,
            metadata: coupon.metadata,
            used_count: coupon.used,
            created_at: coupon.created_at,
            version: coupon.version,
        }
    }
}

impl CouponView {
    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/coupons/{}", self.code)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// A coupon to be made, or as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCoupon)]
pub struct CouponBody {
    /// 1 to 40 letters, digits, `-` and `_`; however it is typed.
    #[serde(default)]
    pub code: Option<String>,
    #[schema(value_type = String, example = "PERCENTAGE")]
    r#type: CouponKind,
    /// A whole percentage, an amount, or nothing for free shipping.
    #[serde(default, deserialize_with = "value")]
    #[schema(value_type = Option<ValueSchema>)]
    value: CouponValue,
    /// Uses in all.
    #[serde(default)]
    usage_limit: Option<i64>,
    /// Uses of one customer.
    #[serde(default)]
    per_user_limit: Option<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// At this instant it cannot be used any more.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
    /// What the lines of an order cost at least, before anything is taken off.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    minimum_subtotal: Option<Money>,
    /// What it takes off at most.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    maximum_discount: Option<Money>,
    /// Only for products of these categories and of those below them, or of `productIds`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    category_ids: Option<Vec<CategoryId>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    product_ids: Option<Vec<ProductId>>,
    /// Whether it can be used together with others that can.
    #[serde(default)]
    combinable: Option<bool>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl CouponBody {
    /// The coupon of this code, or of the one in the body.
    #[must_use]
    pub fn input(self, code: &str) -> CouponInput {
        CouponInput {
            code: self.code.unwrap_or_else(|| code.to_owned()),
            kind: self.r#type,
            value: self.value,
            usage_limit: self.usage_limit,
            per_user_limit: self.per_user_limit,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            minimum_subtotal: self.minimum_subtotal,
            maximum_discount: self.maximum_discount,
            category_ids: self.category_ids.unwrap_or_default(),
            product_ids: self.product_ids.unwrap_or_default(),
            combinable: self.combinable.unwrap_or(false),
            metadata: self.metadata.unwrap_or_default(),
        }
    }
}

/// Coupons to be tried on a cart.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CartCoupon)]
pub struct CartCouponBody {
    /// One code, or several that can be combined, with a comma between them.
    pub code: String,
}

/// A whole number, an amount, or nothing.
fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CouponValue, D::Error> {
    struct Either;

    impl<'de> Visitor<'de> for Either {
        type Value = CouponValue;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole percentage or an amount")
        }

        fn visit_unit<E: Error>(self) -> Result<CouponValue, E> {
            Ok(CouponValue::None)
        }

        fn visit_none<E: Error>(self) -> Result<CouponValue, E> {
            Ok(CouponValue::None)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<CouponValue, E> {
            Ok(CouponValue::Hundredths(number))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<CouponValue, E> {
            Ok(CouponValue::Hundredths(i64::try_from(number).unwrap_or(i64::MAX)))
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<CouponValue, E> {
            Err(E::invalid_type(Unexpected::Float(number), &"i64"))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CouponValue, A::Error> {
            Money::deserialize(MapAccessDeserializer::new(map)).map(CouponValue::Amount)
        }
    }

    deserializer.deserialize_any(Either)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_percentage_or_an_amount() {
        let read = |value: &str| {
            let body = format!(r#"{{"code":"X","type":"FIXED","value":{value}}}"#);
            serde_json::from_str::<CouponBody>(&body).map(|body| body.value)
        };
        assert_eq!(read("10").unwrap(), CouponValue::Hundredths(10));
        assert_eq!(read("null").unwrap(), CouponValue::None);
        let amount = Money::new(500, commerce_core::Currency::INR);
        assert_eq!(read(r#"{"amount":500,"currency":"INR"}"#).unwrap(), CouponValue::Amount(amount));
        for bad in ["1.5", "\"10\"", "[]", r#"{"amount":5}"#, r#"{"amount":5,"currency":"INR","x":1}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
