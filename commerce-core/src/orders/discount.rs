//! What coupons take off an order. Pure: the same for a cart, a quote and an order.
//!
//! Each coupon is counted once, on what those before it have left, and what it takes off is split over
//! the lines in its scope by what they cost (largest remainder, [`Money::allocate`]), so that the parts
//! are the whole to the unit.

use std::collections::BTreeMap;

use crate::error::Refusal;
use crate::ids::{CategoryId, ProductId};
use crate::money::{Money, MoneyError};

use super::coupon::{Coupon, CouponOff, CouponRule};
use super::pricing::OrderLine;

/// Coupons that somebody named and that may be used now, and what must be known of the products.
#[derive(Clone, Debug, Default)]
pub struct Coupons {
    /// In the order in which they were named.
    pub named: Vec<Coupon>,
    /// The categories that each product is in, those above its own included, as far as a coupon asks.
    pub inside: BTreeMap<ProductId, Vec<CategoryId>>,
}

impl Coupons {
    /// Takes what the coupons take off the lines and the shipping.
    ///
    /// # Errors
    /// `COUPON_NOT_APPLICABLE` with the rule that the lines do not keep; `AMOUNT_TOO_LARGE`.
    pub fn take_off(&self, lines: &mut [OrderLine], shipping: &mut Money) -> Result<(), Refusal> {
        let subtotal = Money::sum(shipping.currency, lines.iter().map(|line| line.total))?;
        for coupon in &self.named {
            self.check(coupon, subtotal).map_err(|rule| coupon.refuse(rule))?;
            let places: Vec<usize> = lines.iter().zip(0..).filter(|(line, _)| self.covers(coupon, line)).map(|it| it.1).collect();
            if places.is_empty() {
                return Err(coupon.refuse(CouponRule::NotForThese { lines: lines.len() }));
            }
            let costs: Vec<Money> = places.iter().filter_map(|place| lines.get(*place)).map(|line| line.total).collect();
            let base = Money::sum(shipping.currency, costs.iter().copied())?;
            let most = coupon.maximum_discount.map_or(i64::MAX, |most| most.minor);
            let off = match coupon.off {
                CouponOff::FreeShipping => {
                    shipping.minor = shipping.minor.saturating_sub(shipping.minor.min(most));
                    continue;
                }
                CouponOff::Percentage(hundredths) => hundredths_of(base, hundredths)?.minor,
                CouponOff::Fixed(amount) => amount.minor,
            };
            let off = Money { minor: off.min(most).min(base.minor), ..base };
            let weights: Vec<u64> = costs.iter().map(|cost| cost.minor.unsigned_abs()).collect();
            for (place, part) in places.into_iter().zip(off.allocate(&weights)) {
                let Some(line) = lines.get_mut(place) else { continue };
                line.discount = line.discount.plus(part)?;
                line.total = line.total.minus(part)?;
            }
        }
        Ok(())
    }

    fn covers(&self, coupon: &Coupon, line: &OrderLine) -> bool {
        coupon.is_for(line.product_id, self.inside.get(&line.product_id).map_or(&[], Vec::as_slice))
    }

    /// The rules about the order as a whole.
    fn check(&self, coupon: &Coupon, subtotal: Money) -> Result<(), CouponRule> {
        if self.named.len() > 1 && !coupon.combinable {
            return Err(CouponRule::NotCombinable { codes: self.named.len() });
        }
        if let Some(currency) = coupon.currency().filter(|currency| *currency != subtotal.currency) {
            return Err(CouponRule::Currency { coupon: currency, order: subtotal.currency });
        }
        match coupon.minimum_subtotal {
            Some(minimum) if subtotal.minor < minimum.minor => {
                let missing = Money { minor: minimum.minor.saturating_sub(subtotal.minor), ..minimum };
                Err(CouponRule::MinimumSubtotal { minimum, subtotal, missing })
            }
            _ => Ok(()),
        }
    }
}

/// So many hundredths of an amount that is not negative; a half of a unit is rounded up, to the customer's gain.
fn hundredths_of(base: Money, hundredths: u32) -> Result<Money, MoneyError> {
    let scaled = i128::from(base.minor).saturating_mul(i128::from(hundredths)).saturating_add(50);
    let minor = i64::try_from(scaled.div_euclid(100)).map_err(|_| MoneyError::Overflow)?;
    Ok(Money { minor, ..base })
}
