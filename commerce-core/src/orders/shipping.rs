//! What shipping costs: a port, and the table of rates that a shop has unless it brings its own.
//!
//! A way to ship is judged by where an order goes, what it weighs and what its goods cost. Start reading at
//! [`ShippingRates`], then [`RateTable`].

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Outcome;
use crate::money::Money;
use crate::text::CountryCode;
use crate::users::PostalAddress;

/// Where an order goes, as far as prices depend on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The country.
    pub country: CountryCode,
    /// State, province or region, as the customer wrote it or by its code.
    pub state: Option<String>,
    /// ZIP or PIN; none where only the region is known.
    pub postal_code: Option<String>,
}

impl From<&PostalAddress> for Destination {
    fn from(address: &PostalAddress) -> Self {
        Self { country: address.country.clone(), state: address.state.clone(), postal_code: Some(address.postal_code.clone()) }
    }
}

/// What is to be shipped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parcel {
    /// Where to.
    pub to: Destination,
    /// Weight in grams of all units together; what nobody weighed weighs nothing.
    pub grams: u64,
    /// What the goods cost before discounts; its currency is the order's.
    pub subtotal: Money,
}

/// A way to ship an order, at this price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShippingOption {
    /// What an order names: `standard`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it costs, in the currency of the order.
    pub price: Money,
    /// How long it takes.
    pub estimated_days: u32,
}

/// Says how something can be shipped and at what price: a table, or a carrier that is asked.
#[async_trait]
pub trait ShippingRates: fmt::Debug + Send + Sync {
    /// The ways to ship this parcel, the default first; none where the shop ships nothing. Asked twice about the
    /// same parcel it answers the same, or a quote is not what the order costs.
    async fn options(&self, parcel: &Parcel) -> Outcome<Vec<ShippingOption>>;
}

/// Rates by destination and weight.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RateTable(pub Vec<Rate>);

/// One way to ship and what it costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rate {
    /// What an order names.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it costs whatever it weighs, where there are no tiers. A price other than nothing is only
    /// offered to orders in its currency.
    pub price: Money,
    /// Prices by weight, lightest first: the first tier that carries the parcel. What is heavier than the last is
    /// not shipped this way. In the currency of `price`.
    pub tiers: Vec<WeightTier>,
    /// Where to; empty for everywhere.
    pub countries: Vec<CountryCode>,
    /// From this subtotal on, in its currency, it costs nothing.
    pub free_from: Option<Money>,
    /// How long it takes.
    pub estimated_days: u32,
}

/// The price of a parcel up to a weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeightTier {
    /// In grams, itself included.
    pub up_to_grams: u64,
    /// In minor units.
    pub price_minor: i64,
}

impl Rate {
    /// A rate at one price for every parcel to everywhere.
    #[must_use]
    pub fn flat(id: &str, name: &str, price: Money, estimated_days: u32) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            price,
            tiers: Vec::new(),
            countries: Vec::new(),
            free_from: None,
            estimated_days,
        }
    }

    /// This rate for a parcel; none where it is not shipped this way.
    #[must_use]
    pub fn option(&self, parcel: &Parcel) -> Option<ShippingOption> {
        if !self.countries.is_empty() && !self.countries.contains(&parcel.to.country) {
            return None;
        }
        let carries = |tier: &&WeightTier| parcel.grams <= tier.up_to_grams;
        let minor = if self.tiers.is_empty() { self.price.minor } else { self.tiers.iter().find(carries)?.price_minor };
        let currency = parcel.subtotal.currency;
        let free = |from: Money| from.currency == currency && parcel.subtotal.minor >= from.minor;
        let minor = if self.free_from.is_some_and(free) { 0 } else { minor };
        (minor == 0 || self.price.currency == currency).then(|| ShippingOption {
            id: self.id.clone(),
            name: self.name.clone(),
            price: Money::new(minor, currency),
            estimated_days: self.estimated_days,
        })
    }
}

#[async_trait]
impl ShippingRates for RateTable {
    async fn options(&self, parcel: &Parcel) -> Outcome<Vec<ShippingOption>> {
        Ok(self.0.iter().filter_map(|rate| rate.option(parcel)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn parcel(country: &str, grams: u64, subtotal: i64) -> Parcel {
        let to = Destination { country: country.parse().unwrap(), state: None, postal_code: None };
        Parcel { to, grams, subtotal: Money::new(subtotal, Currency::INR) }
    }

    fn price(rate: &Rate, parcel: &Parcel) -> Option<i64> {
        rate.option(parcel).map(|option| option.price.minor)
    }

    #[test]
    fn a_tier_carries_up_to_its_weight_and_nothing_goes_beyond_the_last() {
        let tier = |up_to_grams, price_minor| WeightTier { up_to_grams, price_minor };
        let rate = Rate {
            tiers: vec![tier(500, 4_000), tier(2_000, 9_000)],
            ..Rate::flat("post", "Post", Money::new(1, Currency::INR), 4)
        };
        let at = |grams| price(&rate, &parcel("IN", grams, 100));
        assert_eq!([at(0), at(500), at(501), at(2_000), at(2_001)], [Some(4_000), Some(4_000), Some(9_000), Some(9_000), None]);
    }

    #[test]
    fn a_rate_is_for_its_countries_and_its_currency() {
        let home = Rate { countries: vec!["IN".parse().unwrap()], ..Rate::flat("home", "Home", Money::new(5, Currency::INR), 4) };
        assert_eq!(price(&home, &parcel("IN", 1, 100)), Some(5));
        assert_eq!(price(&home, &parcel("AE", 1, 100)), None);
        let dollars = Parcel { subtotal: Money::new(100, "USD".parse().unwrap()), ..parcel("IN", 1, 0) };
        assert_eq!(price(&home, &dollars), None, "rupees are no price of an order in dollars");
        let free = Rate::flat("free", "Free", Money::zero(Currency::INR), 4);
        assert_eq!(free.option(&dollars).map(|option| option.price), Some(Money::zero("USD".parse().unwrap())));
    }

    #[test]
    fn it_is_free_from_its_subtotal_on() {
        let free_from = Some(Money::new(1_000, Currency::INR));
        let rate = Rate { free_from, ..Rate::flat("post", "Post", Money::new(50, Currency::INR), 4) };
        let at = |subtotal| price(&rate, &parcel("IN", 1, subtotal));
        assert_eq!([at(999), at(1_000), at(1_001)], [Some(50), Some(0), Some(0)]);
    }
}
