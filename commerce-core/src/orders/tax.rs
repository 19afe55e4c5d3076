//! What is taxed, and how much: a port, and the table of rules that a shop has unless it brings its own.
//!
//! A line is taxed once on what it costs after discounts, and rounded once, half up; where several taxes make it
//! up, they share that amount (largest remainder, [`Money::allocate`]), so that the parts are the whole to the
//! unit. Shipping is taxed by the rules that say so, on what it costs after coupons, as if it were one line more; its taxes name no
//! SKU. Start reading at [`TaxRules`], then [`TaxTable`].

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{Outcome, Refusal};
use crate::ids::{CategoryId, ProductId};
use crate::money::{Currency, Money, MoneyError};
use crate::text::{CountryCode, Sku};

use super::gst::{self, GstState, Supply};
use super::pricing::OrderLine;
use super::shipping::Destination;

/// One tax on one line of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxLine {
    /// For people, with its rate: `CGST 9 %`.
    pub name: String,
    /// How much.
    pub amount: Money,
    /// On which line; none for a tax on shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// On how much: what the line costs after discounts, less the taxes that its price includes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Money>,
    /// Whether the price includes it: then it is said, and not added to what is to be paid.
    #[serde(default)]
    pub included: bool,
    /// Why this one: `from Maharashtra to Karnataka`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What taxes on shipping add to what is to be paid.
///
/// # Errors
/// When the amounts do not fit.
pub(super) fn on_shipping(currency: Currency, taxes: &[TaxLine]) -> Result<Money, MoneyError> {
    Money::sum(currency, taxes.iter().filter(|tax| tax.sku.is_none() && !tax.included).map(|tax| tax.amount))
}

/// What is to be taxed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sale {
    /// Where it goes.
    pub to: Destination,
    /// Each SKU once.
    pub lines: Vec<SaleLine>,
    /// What shipping costs after coupons.
    pub shipping: Money,
}

/// A line of what is to be taxed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleLine {
    /// Of what.
    pub sku: Sku,
    /// Its product.
    pub product: ProductId,
    /// The product's category and all above it, where the rules ask for them.
    pub categories: Vec<CategoryId>,
    /// What the line costs after discounts.
    pub amount: Money,
}

impl From<&OrderLine> for SaleLine {
    /// In no category.
    fn from(line: &OrderLine) -> Self {
        Self { sku: line.sku.clone(), product: line.product_id, categories: Vec::new(), amount: line.total }
    }
}

/// Says what is taxed: a table, or a service that is asked.
#[async_trait]
pub trait TaxRules: fmt::Debug + Send + Sync {
    /// Whether a sale is to say the categories of what is sold.
    fn asks_categories(&self) -> bool;

    /// The taxes on a sale, by line, then those on shipping. Asked twice about the same sale it answers the same, or a quote is not what the
    /// order costs.
    ///
    /// # Errors
    /// `INVALID` naming the part of the address that is missing or unknown.
    async fn taxes(&self, sale: &Sale) -> Outcome<Vec<TaxLine>>;
}

/// A percentage in hundredths: 1800 is 18 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TaxRate(u32);

impl TaxRate {
    /// The whole of it: nothing is taxed with more than what it costs.
    const WHOLE: u32 = 10_000;

    /// So many hundredths of a percent; none above 100 %.
    #[must_use]
    pub fn from_hundredths(hundredths: u32) -> Option<Self> {
        (hundredths <= Self::WHOLE).then_some(Self(hundredths))
    }

    /// In hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.0
    }

    fn half(self) -> Halves {
        Halves(u64::from(self.0))
    }
}

impl std::str::FromStr for TaxRate {
    type Err = &'static str;

    /// Reads `18`, `2.5` or `0.25`: at most two digits after the point.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be a percentage from 0 to 100 with at most two digits after the point";
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        if !digits(whole, 3) || !digits(part, 2) {
            return Err(SHAPE);
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| SHAPE);
        let part = if part.len() == 1 { number(part)?.saturating_mul(10) } else { number(part)? };
        Self::from_hundredths(number(whole)?.saturating_mul(100).saturating_add(part)).ok_or(SHAPE)
    }
}

impl fmt::Display for TaxRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Halves(u64::from(self.0).saturating_mul(2)).fmt(out)
    }
}

/// A percentage in halves of a hundredth, as half of a rate may be one.
struct Halves(u64);

impl fmt::Display for Halves {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In thousandths, of which half of a hundredth is five.
        let thousandths = self.0.saturating_mul(5);
        let digits = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
        write!(out, "{} %", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Taxes by destination and category. For each name the first rule that fits a line holds, so what is special stands
/// first; taxes of different names are added up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TaxTable(pub Vec<TaxRule>);

/// One tax: what it is on, and how much.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaxRule {
    /// For people, without its rate: `VAT`.
    pub name: String,
    /// How much; 0 for what is exempt.
    pub rate: TaxRate,
    /// What is sold where to.
    pub scope: TaxScope,
    /// Only what is in one of these categories or below; empty for everything.
    pub categories: Vec<CategoryId>,
    /// Whether prices include it.
    pub included: bool,
    /// Whether it is on shipping, too; whatever its categories.
    pub shipping: bool,
}

/// What is taxed as one: a line, or shipping.
#[derive(Clone, Copy)]
struct Taxed<'a> {
    amount: Money,
    /// None of shipping.
    sku: Option<&'a Sku>,
}

/// Where a tax holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TaxScope {
    /// In these countries, of them in these states; no countries for everywhere, no states for all of them. A state
    /// is compared with what the customer wrote, letter case aside.
    Places {
        /// The countries.
        countries: Vec<CountryCode>,
        /// The states.
        states: Vec<String>,
    },
    /// Indian goods and services tax on what goes to India: CGST and SGST (in some union territories UTGST) within the
    /// state that it is shipped from, IGST between states.
    Gst {
        /// The state that it is shipped from.
        from: GstState,
    },
}

impl TaxRule {
    fn is_on(&self, line: &SaleLine) -> bool {
        self.categories.is_empty() || line.categories.iter().any(|category| self.categories.contains(category))
    }

    fn holds(&self, to: &Destination) -> bool {
        match &self.scope {
            TaxScope::Gst { .. } => to.country == gst::country(),
            TaxScope::Places { countries, states } => {
                let named = |state: &String| to.state.as_ref().is_some_and(|it| it.trim().eq_ignore_ascii_case(state));
                (countries.is_empty() || countries.contains(&to.country)) && (states.is_empty() || states.iter().any(named))
            }
        }
    }

    /// The taxes that this rule stands for: their names, each with its weight, and why.
    fn parts(&self, to: &Destination) -> Result<Parts, Refusal> {
        let TaxScope::Gst { from } = &self.scope else {
            return Ok(Parts {
                named: vec![(format!("{} {}", self.name, self.rate), self.rate.0.saturating_mul(2))],
                reason: None,
            });
        };
        let supply = Supply::between(*from, to)?;
        let named = match supply.local() {
            None => vec![(format!("IGST {}", self.rate), self.rate.0.saturating_mul(2))],
            Some(local) => {
                ["CGST", local].into_iter().map(|name| (format!("{name} {}", self.rate.half()), self.rate.0)).collect()
            }
        };
        Ok(Parts { named, reason: Some(supply.to_string()) })
    }
}

struct Parts {
    /// Names, each with its rate in halves of a hundredth of a percent.
    named: Vec<(String, u32)>,
    reason: Option<String>,
}

impl TaxTable {
    /// The taxes on one thing, by those rules that are on it.
    fn on(&self, it: Taxed<'_>, to: &Destination, is_on: impl Fn(&TaxRule) -> bool) -> Result<Vec<TaxLine>, Refusal> {
        let mut rules: Vec<&TaxRule> = Vec::new();
        for rule in self.0.iter().filter(|rule| rule.holds(to) && is_on(rule)) {
            if !rules.iter().any(|known| known.name == rule.name) {
                rules.push(rule);
            }
        }
        let (inside, on_top): (Vec<&TaxRule>, Vec<&TaxRule>) = rules.into_iter().partition(|rule| rule.included);
        let rate = |rules: &[&TaxRule]| rules.iter().map(|rule| u64::from(rule.rate.0)).sum::<u64>();
        let whole = u64::from(TaxRate::WHOLE);
        let contained = share(it.amount, rate(&inside), whole.saturating_add(rate(&inside)))?;
        let base = it.amount.minus(contained)?;
        let mut taxes = split(&inside, contained, base, to, it.sku)?;
        taxes.extend(split(&on_top, share(base, rate(&on_top), whole)?, base, to, it.sku)?);
        Ok(taxes)
    }
}

/// So many parts of so many of an amount that is not negative, half a unit rounded up.
fn share(amount: Money, parts: u64, of: u64) -> Result<Money, MoneyError> {
    let twice = i128::from(amount.minor).saturating_mul(i128::from(parts)).saturating_mul(2);
    let of = i128::from(of);
    let rounded = twice.saturating_add(of).checked_div_euclid(of.saturating_mul(2)).ok_or(MoneyError::Overflow)?;
    Ok(Money { minor: i64::try_from(rounded).map_err(|_| MoneyError::Overflow)?, ..amount })
}

/// What the taxes of these rules make together, split over them by their rates.
fn split(rules: &[&TaxRule], sum: Money, base: Money, to: &Destination, sku: Option<&Sku>) -> Result<Vec<TaxLine>, Refusal> {
    let mut taxes = Vec::new();
    let mut weights = Vec::new();
    for rule in rules {
        let Parts { named, reason } = rule.parts(to)?;
        let reason = match reason {
            reason if sku.is_some() => reason,
            Some(reason) => Some(format!("on shipping, {reason}")),
            None => Some("on shipping".to_owned()),
        };
        for (name, weight) in named {
            weights.push(u64::from(weight));
            let reason = reason.clone();
            taxes.push(TaxLine { name, amount: sum, sku: sku.cloned(), base: Some(base), included: rule.included, reason });
        }
    }
    for (tax, amount) in taxes.iter_mut().zip(sum.allocate(&weights)) {
        tax.amount = amount;
    }
    Ok(taxes)
}

#[async_trait]
impl TaxRules for TaxTable {
    fn asks_categories(&self) -> bool {
        self.0.iter().any(|rule| !rule.categories.is_empty())
    }

    async fn taxes(&self, sale: &Sale) -> Outcome<Vec<TaxLine>> {
        let mut taxes = Vec::new();
        for line in &sale.lines {
            let it = Taxed { amount: line.amount, sku: Some(&line.sku) };
            taxes.extend(self.on(it, &sale.to, |rule| rule.is_on(line))?);
        }
        if sale.shipping.minor > 0 {
            taxes.extend(self.on(Taxed { amount: sale.shipping, sku: None }, &sale.to, |rule| rule.shipping)?);
        }
        Ok(taxes)
    }
}
