//! What shipping and taxes cost, as it is written in the settings: lists of rates and rules.

use commerce_core::orders::{Destination, GstState, Rate, RateTable, TaxRule, TaxScope, TaxTable, WeightTier};
use commerce_core::text::CountryCode;
use commerce_core::{Currency, Money};
use serde::Deserialize;
use toml::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateEntry {
    id: String,
    name: String,
    #[serde(default)]
    price: u32,
    #[serde(default)]
    tiers: Vec<TierEntry>,
    #[serde(default)]
    countries: Vec<String>,
    free_from: Option<u32>,
    estimated_days: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    up_to_grams: u32,
    price: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxEntry {
    name: String,
    rate: String,
    #[serde(default)]
    countries: Vec<String>,
    #[serde(default)]
    states: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    included: bool,
    #[serde(default)]
    shipping: bool,
    gst_from: Option<String>,
}

fn entries<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<Vec<T>, String> {
    value.clone().try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

fn countries(texts: &[String]) -> Result<Vec<CountryCode>, String> {
    let country = |text: &String| text.parse().map_err(|_| format!("{text:?} is not an ISO 3166-1 alpha-2 country code"));
    texts.iter().map(country).collect()
}

/// Ways to ship, prices in minor units of `currency`.
pub(super) fn shipping(value: &Value, currency: Currency) -> Result<RateTable, String> {
    let entries: Vec<RateEntry> = entries(value)?;
    let unique = |entry: &RateEntry| entries.iter().filter(|other| other.id == entry.id).count() == 1;
    if entries.is_empty() || !entries.iter().all(unique) {
        return Err("must have at least one entry, each with an id of its own".to_owned());
    }
    let rate = |entry: RateEntry| {
        let heavier = |pair: &[TierEntry]| matches!(pair, [lighter, heavier] if lighter.up_to_grams < heavier.up_to_grams);
        if !entry.tiers.windows(2).all(heavier) {
            return Err(format!("the tiers of {} must be ordered by up_to_grams", entry.id));
        }
        let price = |minor| Money::new(i64::from(minor), currency);
        let tier = |it: TierEntry| WeightTier { up_to_grams: it.up_to_grams.into(), price_minor: it.price.into() };
        Ok(Rate {
            tiers: entry.tiers.into_iter().map(tier).collect(),
            countries: countries(&entry.countries)?,
            free_from: entry.free_from.map(price),
            ..Rate::flat(&entry.id, &entry.name, price(entry.price), entry.estimated_days)
        })
    };
    Ok(RateTable(entries.into_iter().map(rate).collect::<Result<_, _>>()?))
}

/// What is taxed.
pub(super) fn taxes(value: &Value) -> Result<TaxTable, String> {
    let rule = |entry: TaxEntry| {
        let rate = entry.rate.parse().map_err(|message| format!("the rate of {} {message}", entry.name))?;
        let scope = match &entry.gst_from {
            None => TaxScope::Places { countries: countries(&entry.countries)?, states: entry.states },
            Some(_) if !entry.countries.is_empty() || !entry.states.is_empty() => {
                return Err(format!("{} has gst_from, so it holds in India and takes neither countries nor states", entry.name));
            }
            Some(text) => {
                let from = GstState::named(text).ok_or_else(|| format!("{text:?} is not a state of India, such as MH"))?;
                TaxScope::Gst { from }
            }
        };
        let category = |text: &String| text.parse().map_err(|_| format!("{text:?} is not the id of a category"));
        let categories = entry.categories.iter().map(category).collect::<Result<_, _>>()?;
        Ok(TaxRule { name: entry.name, rate, scope, categories, included: entry.included, shipping: entry.shipping })
    };
    Ok(TaxTable(entries(value)?.into_iter().map(rule).collect::<Result<_, String>>()?))
}

/// A place: `IN`, or `IN-MH` with its state.
pub(super) fn place(text: &str) -> Result<Destination, String> {
    let (country, state) = text.split_once('-').map_or((text, None), |(country, state)| (country, Some(state)));
    let country = country.parse().map_err(|_| "must be a country such as IN, or one with its state such as IN-MH".to_owned())?;
    Ok(Destination { country, state: state.map(str::to_owned), postal_code: None })
}
