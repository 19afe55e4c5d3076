//! What shipping and taxes cost, as it is written in the settings: lists of rates and rules.

use std::collections::BTreeSet;

use commerce_core::ids::CategoryId;
use commerce_core::orders::{Destination, GstState, Rate, RateTable, TaxRule, TaxScope, TaxTable, WeightTier};
use commerce_core::text::CountryCode;
use commerce_core::{Currency, Money};
use toml::Value;

use super::entry::Entry;

/// Ways to ship, prices in minor units of `currency`.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn shipping(value: &Value, currency: Currency) -> Result<RateTable, Vec<String>> {
    let mut faults = Vec::new();
    let rates = Entry::each("", value, &mut faults, |entry| rate(entry, currency));
    let mut ids = BTreeSet::new();
    let twice: Vec<&Rate> = rates.iter().filter(|rate| !ids.insert(&rate.id)).collect();
    faults.extend(twice.iter().map(|rate| format!("two entries have the id {}", rate.id)));
    if value.as_array().is_some_and(Vec::is_empty) {
        faults.push("must have at least one entry".to_owned());
    }
    if faults.is_empty() { Ok(RateTable(rates)) } else { Err(faults) }
}

fn rate(entry: &mut Entry<'_>, currency: Currency) -> Option<Rate> {
    let price = |minor: u32| Money::new(i64::from(minor), currency);
    let (id, name, days) = (entry.filled("id"), entry.filled("name"), entry.need("estimated_days"));
    let flat = entry.may("price");
    let tiers = entry.inner("tiers", |tier| {
        let (up_to_grams, price_minor) = (tier.need::<u32>("up_to_grams"), tier.need::<u32>("price"));
        Some(WeightTier { up_to_grams: up_to_grams?.into(), price_minor: price_minor?.into() })
    });
    match (entry.has("price"), entry.has("tiers")) {
        (true, true) => entry.fail("price and tiers are both there; one of the two says what it costs"),
        (false, false) => entry.fail("price is missing, or tiers in its place"),
        _ => {}
    }
    if entry.lists_nothing("tiers") {
        entry.fail("the tiers must have at least one entry");
    }
    if !tiers.is_sorted_by(|lighter, heavier| lighter.up_to_grams < heavier.up_to_grams) {
        entry.fail("the tiers must be ordered by up_to_grams");
    }
    let countries = entry.texts("countries", country);
    let free_from = entry.may("free_from").map(price);
    Some(Rate { tiers, countries, free_from, ..Rate::flat(&id?, &name?, price(flat.unwrap_or_default()), days?) })
}

/// What is taxed.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn taxes(value: &Value) -> Result<TaxTable, Vec<String>> {
    let mut faults = Vec::new();
    let rules = Entry::each("", value, &mut faults, rule);
    if faults.is_empty() { Ok(TaxTable(rules)) } else { Err(faults) }
}

fn rule(entry: &mut Entry<'_>) -> Option<TaxRule> {
    let name = entry.filled("name");
    let rate =
        entry.need::<String>("rate").and_then(|text| entry.take("rate", text.parse().map_err(|why| format!("{text:?} {why}"))));
    let categories = entry.texts("categories", category);
    let (countries, states) = (entry.texts("countries", country), entry.may::<Vec<String>>("states").unwrap_or_default());
    let (included, shipping) = (entry.may("included").unwrap_or_default(), entry.may("shipping").unwrap_or_default());
    let placed = !countries.is_empty() || !states.is_empty();
    let scope = match entry.may::<String>("gst_from") {
        None => Some(TaxScope::Places { countries, states }),
        Some(state) => {
            if placed {
                entry.fail("it has gst_from, so it holds in India and takes neither countries nor states");
            }
            let from = GstState::named(&state).ok_or_else(|| format!("{state:?} is not a state of India, such as MH"));
            entry.take("gst_from", from).map(|from| TaxScope::Gst { from })
        }
    };
    Some(TaxRule { name: name?, rate: rate?, scope: scope?, categories, included, shipping })
}

fn country(text: &str) -> Result<CountryCode, String> {
    text.parse().map_err(|_| format!("{text:?} is not an ISO 3166-1 alpha-2 country code"))
}

fn category(text: &str) -> Result<CategoryId, String> {
    text.parse().map_err(|_| format!("{text:?} is not the id of a category"))
}

/// A place: `IN`, or `IN-MH` with its state.
pub(super) fn place(text: &str) -> Result<Destination, String> {
    let (country, state) = text.split_once('-').map_or((text, None), |(country, state)| (country, Some(state)));
    let country = country.parse().map_err(|_| "must be a country such as IN, or one with its state such as IN-MH".to_owned())?;
    Ok(Destination { country, state: state.map(str::to_owned), postal_code: None })
}
