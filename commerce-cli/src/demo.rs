//! The demo shop: products of a real export in categories, with stock, and two people to log in as.

use std::collections::HashMap;

use commerce_core::catalog::{Imported, ListProducts};
use commerce_core::page::PageRequest;
use commerce_core::text::{Email, Metadata};
use commerce_core::users::{NewAddress, Register, Role, Users};
use commerce_core::{Actor, Currency};
use serde_json::{Value, json};

use crate::commands::product::to_product;
use crate::failure::Failure;
use crate::import::{self, Draft, Format, Found, Source};
use crate::output::note;
use crate::shop::Shop;

const PRODUCTS: &str = include_str!("../../examples/data/shopify-apparel.csv");
/// Units of every SKU at least, so that a visitor can buy and buy again.
const STOCK_MIN: i64 = 25;

/// An address, a password and a name.
type Login = (&'static str, &'static str, &'static str);

const ADMIN: Login = ("admin@example.com", "admin-demo", "Asha Admin");
const CUSTOMER: Login = ("customer@example.com", "customer-demo", "Chitra Customer");

/// Fills a shop that has no products; leaves any other as it is.
///
/// # Errors
/// When the shop refuses.
pub(crate) async fn fill(shop: &Shop, currency: Currency) -> Result<(), Failure> {
    let known = shop.catalog.products(&Actor::System, ListProducts::default(), &PageRequest::first()).await?;
    if !known.items.is_empty() {
        return Ok(());
    }
    people(shop).await?;
    products(shop, currency).await
}

/// Says how to log in; nothing in a shop that was not filled by [`fill`].
///
/// # Errors
/// When the shop does not answer.
pub(crate) async fn print_logins(shop: &Shop, url: &str) -> Result<(), Failure> {
    if !is_filled(shop).await? {
        note("the shop has products already, so it was not filled");
        return Ok(());
    }
    println!("Demo shop on {url}, documentation on {url}/docs");
    println!("  admin     {}  {}", ADMIN.0, ADMIN.1);
    println!("  customer  {}  {}", CUSTOMER.0, CUSTOMER.1);
    Ok(())
}

/// The logins for programs; none of a shop that was not filled by [`fill`].
///
/// # Errors
/// When the shop does not answer.
pub(crate) async fn logins(shop: &Shop) -> Result<Vec<Value>, Failure> {
    if !is_filled(shop).await? {
        return Ok(Vec::new());
    }
    let login = |(role, (email, password, _)): (Role, Login)| json!({ "role": role, "email": email, "password": password });
    Ok([(Role::Admin, ADMIN), (Role::Customer, CUSTOMER)].map(login).into())
}

/// The addresses of those who still have the password that everybody knows from the documentation.
///
/// # Errors
/// When the shop does not answer.
pub(crate) async fn known_logins(users: &Users) -> Result<Vec<&'static str>, Failure> {
    let mut known = Vec::new();
    for login in [ADMIN, CUSTOMER] {
        known.extend(known_login(users, login).await?);
    }
    Ok(known)
}

/// [`known_logins`], of staff alone: a customer's is worth no more than one that a stranger makes herself, and each password that
/// is tried costs a start its time and memory.
///
/// # Errors
/// When the shop does not answer.
pub(crate) async fn known_staff_login(users: &Users) -> Result<Option<&'static str>, Failure> {
    known_login(users, ADMIN).await
}

async fn known_login(users: &Users, (email, password, _): Login) -> Result<Option<&'static str>, Failure> {
    let known = users.has_password(&Actor::System, &Email::parse("email", email)?, password).await?;
    Ok(known.then_some(email))
}

/// What is said of them.
pub(crate) fn warning(known: &[&str]) -> String {
    format!("everybody knows the demo's password of {}: change it with `commerce user reset-password`", known.join(" and "))
}

async fn is_filled(shop: &Shop) -> Result<bool, Failure> {
    Ok(shop.users.user_by_email(&Actor::System, &Email::parse("email", ADMIN.0)?).await?.is_some())
}

async fn people(shop: &Shop) -> Result<(), Failure> {
    for ((email, password, full_name), role) in [(ADMIN, Role::Admin), (CUSTOMER, Role::Customer)] {
        let register = Register {
            email: email.to_owned(),
            password: password.to_owned(),
            full_name: full_name.to_owned(),
            phone: None,
            metadata: Metadata::new(),
        };
        let user = match shop.users.create_user(&Actor::System, register, role).await {
            Ok(user) => user,
            // Left by a start that was interrupted.
            Err(error) if error.code() == "EMAIL_TAKEN" => continue,
            Err(error) => return Err(error.into()),
        };
        if role == Role::Customer {
            shop.users.add_address(&Actor::System, user.id, address(full_name), None, None).await?;
        }
    }
    Ok(())
}

fn address(full_name: &str) -> NewAddress {
    NewAddress {
        full_name: full_name.to_owned(),
        line1: "12 MG Road".to_owned(),
        line2: None,
        city: "Bengaluru".to_owned(),
        state: Some("Karnataka".to_owned()),
        postal_code: "560001".to_owned(),
        country: "IN".to_owned(),
        phone: None,
        is_default: Some(true),
    }
}

async fn products(shop: &Shop, currency: Currency) -> Result<(), Failure> {
    let mut categories = HashMap::new();
    // The last to be written is the first to be listed.
    let found: Vec<Found> = import::open(&Source::text("demo.csv", PRODUCTS), Some(Format::ShopifyCsv), currency)?.collect();
    for found in found.into_iter().rev() {
        let Found::Product(mut draft) = found else { continue };
        draft.variants.iter_mut().for_each(|variant| variant.stock = variant.stock.max(STOCK_MIN));
        let path = category(&draft);
        if !categories.contains_key(&path) {
            categories.insert(path.clone(), shop.catalog.category_at(&Actor::System, &path).await?);
        }
        let product = to_product(*draft, categories.get(&path).copied().flatten(), None);
        let imported: Imported = shop.catalog.import_product(&Actor::System, product).await?;
        tracing::debug!(?imported, "a demo product");
    }
    shop.catalog.index_catch_up().await?;
    Ok(())
}

/// The sample has no types, but it tells men's from women's, and names tell the rest.
fn category(draft: &Draft) -> Vec<String> {
    let whose = match draft.metadata.get("tags").map(String::as_str) {
        Some("men") => "Men",
        Some("women") => "Women",
        _ => return draft.category.iter().map(|step| step.name.clone()).collect(),
    };
    let name = draft.name.to_lowercase();
    let kinds: [(&str, &[&str]); 4] = [
        ("Jackets", &["jacket", "tuxedo"]),
        ("Accessories", &["bag"]),
        ("Shoes", &["high tops", "shoe"]),
        ("Tops", &["shirt", "top", "blouse", "jumper", "tee"]),
    ];
    let kind = kinds.iter().find(|(_, words)| words.iter().any(|word| name.contains(word))).map(|(kind, _)| *kind);
    std::iter::once(whose).chain(kind).map(str::to_owned).collect()
}
