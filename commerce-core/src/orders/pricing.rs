//! What an order costs. Pure, and rounded once per line.

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::ids::ProductId;
use crate::money::{Currency, Money};
use crate::text::{Quantity, Sku};

use super::coupon::join_codes;
use super::discount::Coupons;
use super::ports::PricedItem;
use super::shipping::{Destination, Parcel, ShippingOption};
use super::tax::TaxLine;

/// One line of a quote or order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// Of what.
    pub sku: Sku,
    /// Its product.
    pub product_id: ProductId,
    /// Its name when it was ordered.
    pub name: String,
    /// How many.
    pub quantity: Quantity,
    /// What one costs.
    pub unit_price: Money,
    /// This line's share of the discount.
    pub discount: Money,
    /// This line's taxes that its price does not include.
    pub tax: Money,
    /// Units times price, less discount, plus tax.
    pub total: Money,
}

/// What an order costs, part by part. `total = subtotal - discount + shipping + tax`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Each SKU once.
    pub lines: Vec<OrderLine>,
    /// Sum of unit price times quantity.
    pub subtotal: Money,
    /// Never negative.
    pub discount: Money,
    /// The chosen way to ship.
    pub shipping: Money,
    /// Sum of the lines' taxes and of those on shipping.
    pub tax: Money,
    /// What is to be paid.
    pub total: Money,
    /// The taxes one by one, those that prices include among them.
    pub tax_lines: Vec<TaxLine>,
    /// Which way to ship was chosen.
    pub shipping_option: ShippingOption,
    /// The codes of the coupons that are used, a comma between them.
    pub coupon_code: Option<String>,
}

/// Adds up lines of the same SKU, keeping the order of first mention.
///
/// # Errors
/// `EMPTY_ORDER` for none, `INVALID` above 999 units of one SKU or 200 SKUs.
pub fn demand(lines: &[(Sku, Quantity)]) -> Result<Vec<(Sku, Quantity)>, Refusal> {
    if lines.is_empty() { Err(Refusal::EmptyOrder) } else { add_up("items", lines) }
}

/// The same for what `lines` name of an order that there is. Who means all of it leaves them out.
///
/// # Errors
/// `INVALID` for none, above 999 units of one SKU and above 200 SKUs.
pub fn named_lines(lines: &[(Sku, Quantity)]) -> Result<Vec<(Sku, Quantity)>, Refusal> {
    if lines.is_empty() {
        return Err(Refusal::field("lines", "REQUIRED", "name at least one"));
    }
    add_up("lines", lines)
}

fn add_up(field: &str, lines: &[(Sku, Quantity)]) -> Result<Vec<(Sku, Quantity)>, Refusal> {
    let mut demand: Vec<(Sku, Quantity)> = Vec::new();
    for (sku, quantity) in lines {
        match demand.iter_mut().find(|(known, _)| known == sku) {
            None => demand.push((sku.clone(), *quantity)),
            Some((_, sum)) => {
                *sum = Quantity::new(sum.get().saturating_add(quantity.get()))
                    .ok_or_else(|| Refusal::field(field, "OUT_OF_RANGE", format!("more than 999 of {sku}")))?;
            }
        }
    }
    if demand.len() > crate::limits::LINES_MAX {
        return Err(Refusal::field(field, "TOO_MANY", "an order has at most 200 lines"));
    }
    Ok(demand)
}

/// What the catalog knows of a SKU that is ordered at this place.
fn on_sale<'a>(index: usize, sku: &Sku, items: &'a [PricedItem]) -> Result<&'a PricedItem, Refusal> {
    let unknown = || Refusal::field(format!("items[{index}].sku"), "UNKNOWN_SKU", format!("{sku} is not on sale"));
    items.iter().find(|item| item.sku == *sku && item.on_sale).ok_or_else(unknown)
}

/// What is to be shipped of a demand. `items` as for [`quote`].
///
/// # Errors
/// `EMPTY_ORDER`, `CURRENCY_MISMATCH`, `AMOUNT_TOO_LARGE`, and `INVALID` for a SKU that is not on sale.
pub fn parcel(demand: &[(Sku, Quantity)], items: &[PricedItem], to: Destination) -> Result<Parcel, Refusal> {
    let mut grams = 0_u64;
    let mut subtotal: Option<Money> = None;
    for (index, (sku, quantity)) in demand.iter().enumerate() {
        let item = on_sale(index, sku, items)?;
        let weight = u64::from(item.weight_grams.unwrap_or(0)).saturating_mul(u64::from(quantity.get()));
        grams = grams.saturating_add(weight);
        let amount = item.unit_price.times(quantity.get())?;
        subtotal = Some(subtotal.map_or(Ok(amount), |sum| sum.plus(amount))?);
    }
    Ok(Parcel { to, grams, subtotal: subtotal.ok_or(Refusal::EmptyOrder)? })
}

/// Prices a demand, less what the coupons take off. `items` says what the catalog knows of each SKU; every SKU of `demand` must be
/// among them. Taxes come on top: [`Quote::taxed`].
///
/// # Errors
/// `CURRENCY_MISMATCH`, `AMOUNT_TOO_LARGE`, `COUPON_NOT_APPLICABLE`, and `INVALID` for a SKU that is not on sale.
pub fn quote(
    demand: &[(Sku, Quantity)],
    items: &[PricedItem],
    shipping: &ShippingOption,
    coupons: &Coupons,
) -> Result<Quote, Refusal> {
    let mut lines = Vec::with_capacity(demand.len());
    for (index, (sku, quantity)) in demand.iter().enumerate() {
        let item = on_sale(index, sku, items)?;
        let amount = item.unit_price.times(quantity.get())?;
        let nothing = Money::zero(amount.currency);
        lines.push(OrderLine {
            sku: sku.clone(),
            product_id: item.product,
            name: item.name.clone(),
            quantity: *quantity,
            unit_price: item.unit_price,
            discount: nothing,
            tax: nothing,
            total: amount,
        });
    }
    let currency: Currency = lines.first().ok_or(Refusal::EmptyOrder)?.unit_price.currency;
    let subtotal = Money::sum(currency, lines.iter().map(|line| line.total))?;
    let nothing = Money::zero(currency);
    let shipping_price = if shipping.price.minor == 0 { nothing } else { shipping.price };
    let mut shipping_cost = shipping_price;
    if !coupons.named.is_empty() {
        if shipping_cost.currency != currency {
            return Err(Refusal::CurrencyMismatch);
        }
        coupons.take_off(&mut lines, &mut shipping_cost)?;
    }
    let discount = Money::sum(currency, lines.iter().map(|line| line.discount))?;
    Ok(Quote {
        subtotal,
        discount,
        shipping: shipping_cost,
        tax: nothing,
        total: subtotal.minus(discount)?.plus(shipping_cost)?,
        tax_lines: Vec::new(),
        shipping_option: ShippingOption { price: shipping_price, ..shipping.clone() },
        coupon_code: join_codes(coupons.named.iter().map(|coupon| &coupon.code)),
        lines,
    })
}

impl Quote {
    /// With these taxes: what prices do not include is added to its line, if it is on one, and to what is to be paid.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `AMOUNT_TOO_LARGE`; `INVALID` for a tax on no line of it, or less than nothing.
    pub fn taxed(mut self, taxes: Vec<TaxLine>) -> Result<Self, Refusal> {
        for tax in taxes.iter().filter(|tax| !tax.included) {
            let unknown = || Refusal::field("taxLines", "UNKNOWN", format!("{} is on no line of this order", tax.name));
            if tax.amount.minor < 0 {
                return Err(unknown());
            }
            if let Some(sku) = &tax.sku {
                let line = self.lines.iter_mut().find(|line| line.sku == *sku).ok_or_else(unknown)?;
                line.tax = line.tax.plus(tax.amount)?;
                line.total = line.total.plus(tax.amount)?;
            }
            self.tax = self.tax.plus(tax.amount)?;
            self.total = self.total.plus(tax.amount)?;
        }
        self.tax_lines = taxes;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_sku_twice_is_one_demand() {
        let two = Quantity::new(2).unwrap();
        let sum = demand(&[(sku("A"), two), (sku("B"), two), (sku("A"), two)]).unwrap();
        assert_eq!(sum, [(sku("A"), Quantity::new(4).unwrap()), (sku("B"), two)]);
        assert_eq!(demand(&[]), Err(Refusal::EmptyOrder));
        let most = Quantity::new(999).unwrap();
        assert!(demand(&[(sku("A"), most), (sku("A"), two)]).is_err());
    }
}
