//! Coupons: what takes something off an order, for whom, and how often. Pure.
//!
//! Owns the rules of one coupon; what several of them take off an order is summed up in `discount`.
//! How often a coupon counts as used is the store's to keep: a use is redeemed in the change set of
//! its order, and given back in the one that cancels it.

use serde::Serialize;

use crate::error::Refusal;
use crate::events::wire_names;
use crate::ids::{CategoryId, CouponId, OrderId, ProductId, UserId};
use crate::money::{Currency, Money};
use crate::text::{CouponCode, Metadata};
use crate::time::Timestamp;

wire_names! {
    /// What a coupon takes off.
    CouponKind {
        /// So many hundredths of what it is for.
        Percentage = "PERCENTAGE",
        /// An amount.
        Fixed = "FIXED",
        /// What shipping costs.
        FreeShipping = "FREE_SHIPPING",
    }
}

/// What a coupon takes off, and how much of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CouponOff {
    /// So many whole hundredths, 1 to 100, of what the lines in its scope cost.
    Percentage(u32),
    /// This much of what the lines in its scope cost, and no more than that.
    Fixed(Money),
    /// What shipping costs.
    FreeShipping,
}

impl CouponOff {
    /// Which kind.
    #[must_use]
    pub const fn kind(self) -> CouponKind {
        match self {
            Self::Percentage(_) => CouponKind::Percentage,
            Self::Fixed(_) => CouponKind::Fixed,
            Self::FreeShipping => CouponKind::FreeShipping,
        }
    }
}

/// What takes something off an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coupon {
    /// Which; a code may be given to another coupon once this one is gone.
    pub id: CouponId,
    /// What a customer types.
    pub code: CouponCode,
    /// What it takes off.
    pub off: CouponOff,
    /// Uses in all.
    pub usage_limit: Option<u32>,
    /// Uses of one customer.
    pub per_user_limit: Option<u32>,
    /// From when it can be used.
    pub starts_at: Option<Timestamp>,
    /// Until when; at this instant no more.
    pub ends_at: Option<Timestamp>,
    /// What the lines of an order cost at least, before anything is taken off.
    pub minimum_subtotal: Option<Money>,
    /// What it takes off at most.
    pub maximum_discount: Option<Money>,
    /// Only for products of these categories and of those below them; with `products`, for either. For all
    /// products when both are empty.
    pub categories: Vec<CategoryId>,
    /// Only for these products.
    pub products: Vec<ProductId>,
    /// Whether it can be used together with others that can.
    pub combinable: bool,
    /// The client's own notes.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Uses that count now. Kept by the store: who saves a coupon does not change it.
    pub used: u32,
    /// Grows by one with every change, uses apart.
    pub version: u64,
}

/// One use of a coupon, by one order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redemption {
    /// By which order.
    pub order: OrderId,
    /// Of which coupon.
    pub coupon: CouponId,
    /// Its code then.
    pub code: CouponCode,
    /// The coupon's version that the order was judged by. The store takes no other.
    pub version: u64,
    /// By whom.
    pub user: UserId,
    /// When.
    pub redeemed_at: Timestamp,
    /// When it was given back, because the order was cancelled: it counts no more.
    pub returned_at: Option<Timestamp>,
}

/// That all uses of a coupon are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the coupon {coupon} has been used {used} times{}, and may be {limit} times", by(*.rule))]
pub struct UsedUp {
    /// Which coupon.
    pub coupon: CouponCode,
    /// Which limit.
    pub rule: UseLimit,
    /// Uses that are allowed.
    pub limit: u32,
    /// Uses that count now.
    pub used: u32,
}

wire_names! {
    /// How uses of a coupon are limited.
    UseLimit {
        /// In all.
        Usage = "USAGE_LIMIT",
        /// For one customer.
        PerUser = "PER_USER_LIMIT",
    }
}

fn by(rule: UseLimit) -> &'static str {
    match rule {
        UseLimit::Usage => "",
        UseLimit::PerUser => " by this customer",
    }
}

/// Which rule of a coupon an order does not keep, and by how much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "rule", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum CouponRule {
    /// No coupon has this code.
    #[error("there is no such coupon")]
    Unknown,
    /// It cannot be used yet.
    #[error("it can be used from {starts_at}")]
    NotStarted {
        /// From when.
        starts_at: Timestamp,
        /// How many seconds are left until then.
        seconds_left: u64,
    },
    /// It cannot be used any more.
    #[error("it could be used until {ends_at}")]
    Ended {
        /// Until when.
        ends_at: Timestamp,
        /// How many seconds ago that was.
        seconds_ago: u64,
    },
    /// The order is too small.
    #[error("the order needs {minimum} and has {subtotal}, {missing} are missing")]
    MinimumSubtotal {
        /// What the lines must cost together.
        minimum: Money,
        /// What they cost.
        subtotal: Money,
        /// The difference.
        missing: Money,
    },
    /// Nothing of the order is what the coupon is for.
    #[error("none of the {lines} lines is of its products or categories")]
    NotForThese {
        /// Lines of the order.
        lines: usize,
    },
    /// Its amounts are in another currency than the order's.
    #[error("it is in {coupon} and the order in {order}")]
    Currency {
        /// The coupon's.
        #[serde(rename = "couponCurrency")]
        coupon: Currency,
        /// The order's.
        #[serde(rename = "orderCurrency")]
        order: Currency,
    },
    /// It cannot be used together with another one.
    #[error("it cannot be combined, and {codes} coupons were named")]
    NotCombinable {
        /// Coupons that were named.
        codes: usize,
    },
    /// More coupons were named than one order takes.
    #[error("an order takes {most} coupons, and {codes} were named")]
    TooMany {
        /// Coupons that may be named.
        most: usize,
        /// Coupons that were named.
        codes: usize,
    },
}

impl CouponRule {
    /// The rule's stable code, as it is written.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::NotStarted { .. } => "NOT_STARTED",
            Self::Ended { .. } => "ENDED",
            Self::MinimumSubtotal { .. } => "MINIMUM_SUBTOTAL",
            Self::NotForThese { .. } => "NOT_FOR_THESE",
            Self::Currency { .. } => "CURRENCY",
            Self::NotCombinable { .. } => "NOT_COMBINABLE",
            Self::TooMany { .. } => "TOO_MANY",
        }
    }
}

impl Coupon {
    /// Whether it can be used at `now`: the window is half open, so that one that ends at noon cannot be
    /// used at noon.
    ///
    /// # Errors
    /// [`CouponRule::NotStarted`], [`CouponRule::Ended`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), CouponRule> {
        if let Some(starts_at) = self.starts_at.filter(|starts_at| now < *starts_at) {
            return Err(CouponRule::NotStarted { starts_at, seconds_left: starts_at.since(now).as_secs() });
        }
        match self.ends_at.filter(|ends_at| *ends_at <= now) {
            Some(ends_at) => Err(CouponRule::Ended { ends_at, seconds_ago: now.since(ends_at).as_secs() }),
            None => Ok(()),
        }
    }

    /// Whether one more use fits its limits, of which `by_user` are the customer's own. The store judges
    /// by the same rule when it counts the use.
    ///
    /// # Errors
    /// [`UsedUp`], the limit in all first.
    pub fn check_uses(&self, by_user: u32) -> Result<(), UsedUp> {
        check_uses(&self.code, (self.used, self.usage_limit), (by_user, self.per_user_limit))
    }

    /// What its amounts are in, if it has any.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        let fixed = match self.off {
            CouponOff::Fixed(amount) => Some(amount),
            CouponOff::Percentage(_) | CouponOff::FreeShipping => None,
        };
        fixed.or(self.minimum_subtotal).or(self.maximum_discount).map(|amount| amount.currency)
    }

    /// Whether it is for some categories only, so that somebody must ask which those of a product are.
    #[must_use]
    pub fn asks_categories(&self) -> bool {
        !self.categories.is_empty()
    }

    /// Whether it is for a product that is in these categories.
    #[must_use]
    pub fn is_for(&self, product: ProductId, inside: &[CategoryId]) -> bool {
        let everything = self.products.is_empty() && self.categories.is_empty();
        everything || self.products.contains(&product) || self.categories.iter().any(|category| inside.contains(category))
    }

    /// The refusal of an order that breaks one of its rules.
    #[must_use]
    pub fn refuse(&self, rule: CouponRule) -> Refusal {
        Refusal::coupon(self.code.to_string(), rule)
    }
}

/// Whether one more use of `coupon` fits: uses that count and their limit, in all and by one customer.
///
/// # Errors
/// [`UsedUp`], the limit in all first.
pub fn check_uses(coupon: &CouponCode, all: (u32, Option<u32>), by_user: (u32, Option<u32>)) -> Result<(), UsedUp> {
    for (rule, (used, limit)) in [(UseLimit::Usage, all), (UseLimit::PerUser, by_user)] {
        if let Some(limit) = limit.filter(|limit| *limit <= used) {
            return Err(UsedUp { coupon: coupon.clone(), rule, limit, used });
        }
    }
    Ok(())
}

/// The codes that a client named: one, or several with a comma between them.
///
/// # Errors
/// `COUPON_NOT_APPLICABLE` for what is no code, or too many; `INVALID` for one that is named twice.
pub fn parse_codes(text: &str) -> Result<Vec<CouponCode>, Refusal> {
    let mut codes: Vec<CouponCode> = Vec::new();
    let named = text.split(',').count();
    if named > crate::limits::COUPONS_MAX {
        let rule = CouponRule::TooMany { most: crate::limits::COUPONS_MAX, codes: named };
        return Err(Refusal::coupon(shortened(text), rule));
    }
    for part in text.split(',') {
        let code: CouponCode = part.parse().map_err(|_| Refusal::coupon(shortened(part.trim()), CouponRule::Unknown))?;
        if codes.contains(&code) {
            return Err(Refusal::field("couponCode", "TWICE", format!("names {code} twice")));
        }
        codes.push(code);
    }
    Ok(codes)
}

/// These codes as an order and a cart keep them.
#[must_use]
pub fn join_codes<'a>(codes: impl IntoIterator<Item = &'a CouponCode>) -> Option<String> {
    let codes: Vec<&str> = codes.into_iter().map(CouponCode::as_str).collect();
    (!codes.is_empty()).then(|| codes.join(","))
}

/// So much of what somebody sent as an answer repeats.
fn shortened(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(crate::limits::COUPON_CODE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::ids::Id;
    use crate::testing::samples;

    fn coupon() -> Coupon {
        samples::coupon(CouponId::from_uuid(Uuid::from_u128(1)), "SAVE".parse().unwrap(), Timestamp::EPOCH)
    }

    #[test]
    fn the_window_is_half_open() {
        let (from, to) = (Timestamp::from_micros(1_000_000), Timestamp::from_micros(9_000_000));
        let coupon = Coupon { starts_at: Some(from), ends_at: Some(to), ..coupon() };
        let tick = Duration::from_micros(1);
        for fits in [from, to.minus(tick)] {
            assert_eq!(coupon.check_time(fits), Ok(()));
        }
        let early = coupon.check_time(Timestamp::EPOCH);
        assert_eq!(early, Err(CouponRule::NotStarted { starts_at: from, seconds_left: 1 }));
        assert!(coupon.check_time(from.minus(tick)).is_err());
        assert_eq!(coupon.check_time(to), Err(CouponRule::Ended { ends_at: to, seconds_ago: 0 }));
        let late = coupon.check_time(to.plus(Duration::from_secs(90)));
        assert_eq!(late, Err(CouponRule::Ended { ends_at: to, seconds_ago: 90 }));
    }

    #[test]
    fn exactly_the_limit_fits() {
        let coupon = Coupon { usage_limit: Some(3), per_user_limit: Some(2), used: 2, ..coupon() };
        assert_eq!(coupon.check_uses(1), Ok(()));
        let used_up = |rule, limit, used| UsedUp { coupon: coupon.code.clone(), rule, limit, used };
        assert_eq!(coupon.check_uses(2), Err(used_up(UseLimit::PerUser, 2, 2)));
        let full = Coupon { used: 3, ..coupon.clone() };
        assert_eq!(full.check_uses(0), Err(used_up(UseLimit::Usage, 3, 3)));
    }

    #[test]
    fn a_scope_is_any_of_its_products_and_categories() {
        let (product, other) = (ProductId::from_uuid(Uuid::from_u128(1)), ProductId::from_uuid(Uuid::from_u128(2)));
        let inside = CategoryId::from_uuid(Uuid::from_u128(3));
        assert!(coupon().is_for(product, &[]), "without a scope it is for everything");
        let scoped = Coupon { products: vec![product], categories: vec![inside], ..coupon() };
        assert!(scoped.is_for(product, &[]) && scoped.is_for(other, &[inside]));
        assert!(!scoped.is_for(other, &[]));
    }

    #[test]
    fn several_codes_stand_in_one_text() {
        let codes = parse_codes("save, Ship").unwrap();
        assert_eq!(join_codes(&codes).as_deref(), Some("SAVE,SHIP"));
        assert_eq!(join_codes([]), None);
        assert_eq!(parse_codes("a,A").unwrap_err().code(), "INVALID");
        for bad in ["", "a b", "A,,B", "1,2,3,4,5,6"] {
            assert_eq!(parse_codes(bad).unwrap_err().code(), "COUPON_NOT_APPLICABLE", "{bad}");
        }
    }
}
