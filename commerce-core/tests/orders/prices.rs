//! Shipping by weight and place, and taxes: a quote says what an order will cost to the unit.

use std::sync::Arc;

use commerce_core::audit::AuditRequest;
use commerce_core::catalog::NewCategory;
use commerce_core::commerce::Policies;
use commerce_core::ids::CategoryId;
use commerce_core::orders::{
    AddressChoice, GstState, Order, OrderPolicy, OrderStatus, PlaceOrder, Rate, RateTable, TaxLine, TaxRate, TaxRule, TaxScope,
    TaxTable, WeightTier,
};
use commerce_core::testing::conformance::NoWait;
use commerce_core::testing::{MemoryShop, samples};
use commerce_core::users::RawAddress;
use commerce_core::{Currency, Money, Outcome};
use futures_executor::block_on;

use crate::scene::{COD, STAFF, Scene, address, code, product, wish};

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::INR)
}

fn rate(text: &str) -> TaxRate {
    text.parse().expect("it is a rate")
}

/// Goods and services tax on what is shipped from Karnataka.
fn gst(percent: &str, included: bool) -> TaxRule {
    let scope = TaxScope::Gst { from: GstState::named("Karnataka").expect("it is a state") };
    TaxRule { name: "GST".to_owned(), rate: rate(percent), scope, categories: Vec::new(), included, shipping: false }
}

fn vat(percent: &str, countries: &[&str], included: bool) -> TaxRule {
    let countries = countries.iter().map(|country| country.parse().expect("it is a country")).collect();
    let scope = TaxScope::Places { countries, states: Vec::new() };
    TaxRule { name: "VAT".to_owned(), rate: rate(percent), scope, categories: Vec::new(), included, shipping: false }
}

async fn taxed(rules: Vec<TaxRule>) -> Outcome<Scene> {
    let orders = OrderPolicy { taxes: Arc::new(TaxTable(rules)), ..OrderPolicy::default() };
    let shop = MemoryShop::with_policies(1, Policies { orders, ..Policies::default() });
    Scene::open_with(shop, &[("A", 20), ("B", 20)]).await
}

fn to(country: &str, state: Option<&str>, wish: PlaceOrder) -> PlaceOrder {
    let address = RawAddress { country: country.to_owned(), state: state.map(str::to_owned), ..address() };
    PlaceOrder { address: AddressChoice::Given(Box::new(address)), ..wish }
}

/// Quotes and places; they say the same, the parts are the whole, and the books hold.
async fn ordered(scene: &Scene, wish: PlaceOrder) -> Outcome<Order> {
    let quote = scene.orders.quote(&scene.asha, &wish).await?;
    let order = scene.place(PlaceOrder { expected_total: Some(quote.total), ..wish }).await?;
    assert_eq!((&order.lines, &order.tax_lines, order.total), (&quote.lines, &quote.tax_lines, quote.total));
    let added = |sku: Option<&str>| -> i64 {
        let on = |tax: &&TaxLine| !tax.included && sku.is_none_or(|sku| tax.sku.as_ref().is_some_and(|it| it.as_str() == sku));
        order.tax_lines.iter().filter(on).map(|tax| tax.amount.minor).sum()
    };
    for line in &order.lines {
        assert_eq!(line.tax.minor, added(Some(line.sku.as_str())));
        let price = line.unit_price.minor * i64::from(line.quantity.get());
        assert_eq!(line.total.minor, price - line.discount.minor + line.tax.minor);
    }
    assert_eq!(order.tax.minor, added(None));
    assert_eq!(order.total.minor, order.subtotal.minor - order.discount.minor + order.shipping.minor + order.tax.minor);
    scene.settle().await?;
    let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
    assert!(report.is_clean(), "{report:?}");
    Ok(order)
}

fn names(order: &Order) -> Vec<(&str, i64)> {
    order.tax_lines.iter().map(|tax| (tax.name.as_str(), tax.amount.minor)).collect()
}

#[test]
fn gst_is_shared_within_a_state_and_whole_between_states() -> Outcome<()> {
    block_on(async {
        let scene = taxed(vec![gst("18", false)]).await?;
        let one = || wish(&[("A", 1)], COD);
        // 18 % of 499.00 are 89.82.
        for state in [Some("KA"), Some("Karnataka"), None] {
            let order = ordered(&scene, to("IN", state, one())).await?;
            assert_eq!(names(&order), [("CGST 9 %", 4_491), ("SGST 9 %", 4_491)], "{state:?}");
        }
        let order = ordered(&scene, to("IN", Some("MH"), one())).await?;
        assert_eq!(names(&order), [("IGST 18 %", 8_982)]);
        let tax = &order.tax_lines[0];
        assert_eq!(tax.reason.as_deref(), Some("from Karnataka to Maharashtra"));
        assert_eq!((tax.base, tax.sku.as_ref().map(commerce_core::text::Sku::as_str)), (Some(rupees(49_900)), Some("A")));
        assert_eq!(names(&ordered(&scene, to("AE", None, one())).await?), [], "what leaves India bears none");
        let nowhere = scene.place(to("IN", Some("Bavaria"), one())).await;
        assert_eq!(code(&nowhere), "INVALID");
        assert!(nowhere.expect_err("it is no state").to_string().contains("shippingAddress.state"));
        Ok(())
    })
}

#[test]
fn an_odd_unit_goes_to_one_half() -> Outcome<()> {
    block_on(async {
        // 0.25 % of 998.00 are 2.495, rounded once to 2.50; 12.5 % of it are 124.75.
        let scene = taxed(vec![gst("0.25", false)]).await?;
        let order = ordered(&scene, wish(&[("A", 2)], COD)).await?;
        assert_eq!(names(&order), [("CGST 0.125 %", 125), ("SGST 0.125 %", 125)]);
        let scene = taxed(vec![gst("12.5", false)]).await?;
        let order = ordered(&scene, wish(&[("A", 2)], COD)).await?;
        assert_eq!(names(&order), [("CGST 6.25 %", 6_238), ("SGST 6.25 %", 6_237)]);
        Ok(())
    })
}

#[test]
fn a_tax_that_prices_include_is_said_and_not_added() -> Outcome<()> {
    block_on(async {
        let scene = taxed(vec![vat("5", &["AE"], true), vat("20", &["GB"], false)]).await?;
        let order = ordered(&scene, to("AE", None, wish(&[("A", 1)], COD))).await?;
        // 499.00 are 475.24 and 5 % of it.
        assert_eq!((names(&order), order.tax, order.total), (vec![("VAT 5 %", 2_376)], rupees(0), rupees(49_900)));
        assert_eq!(order.tax_lines[0].base, Some(rupees(47_524)));
        let order = ordered(&scene, to("GB", None, wish(&[("A", 1)], COD))).await?;
        assert_eq!((order.tax, order.total), (rupees(9_980), rupees(59_880)));
        let order = ordered(&scene, to("IN", None, wish(&[("A", 1)], COD))).await?;
        assert_eq!((names(&order), order.total), (vec![], rupees(49_900)));
        Ok(())
    })
}

#[test]
fn shipping_is_taxed_where_a_rule_says_so() -> Outcome<()> {
    block_on(async {
        let on_shipping = |rule: TaxRule| TaxRule { shipping: true, ..rule };
        let rules = vec![on_shipping(gst("18", false)), on_shipping(vat("20", &["GB"], true)), vat("5", &["AE"], false)];
        let taxes = Arc::new(TaxTable(rules));
        // 49.15, so that the taxes of shipping have a rest to share.
        let shipping = Arc::new(RateTable(vec![Rate::flat("post", "Post", rupees(4_915), 4)]));
        let policy = OrderPolicy { taxes, shipping, ..OrderPolicy::default() };
        let shop = MemoryShop::with_policies(1, Policies { orders: policy, ..Policies::default() });
        let scene = Scene::open_with(shop, &[("A", 20), ("B", 20)]).await?;
        let order = ordered(&scene, to("IN", Some("Karnataka"), wish(&[("A", 1)], COD))).await?;
        // 18 % of 49.15 are 8.85 after rounding.
        assert_eq!(names(&order)[2..], [("CGST 9 %", 443), ("SGST 9 %", 442)]);
        let told = &order.tax_lines[2];
        assert_eq!(
            (told.sku.as_ref(), told.base, told.reason.as_deref()),
            (None, Some(rupees(4_915)), Some("on shipping, within Karnataka"))
        );
        assert_eq!(order.tax.minor, order.lines[0].tax.minor + 885);
        let order = ordered(&scene, to("GB", None, wish(&[("A", 1)], COD))).await?;
        // 49.15 are 40.96 and 20 % of it.
        assert_eq!((names(&order), order.tax), (vec![("VAT 20 %", 8_317), ("VAT 20 %", 819)], rupees(0)));
        let order = ordered(&scene, to("AE", None, wish(&[("A", 1)], COD))).await?;
        assert_eq!(names(&order), [("VAT 5 %", 2_495)]);
        let order = ordered(&scene, to("IN", Some("Goa"), wish(&[("A", 2), ("B", 1)], COD))).await?;
        let lines = |sku: &str| vec![(sku.to_owned(), 1)];
        for sku in ["A", "B", "A"] {
            scene.orders.cancel_lines(&scene.asha, order.id, &lines(sku), None, None, None).await?;
        }
        let given_up = scene.orders.order(&STAFF, order.id).await?;
        assert_eq!(given_up.status, OrderStatus::Cancelled, "what is left at last is the order");
        let worth: i64 = given_up.cancellations.iter().map(|it| it.worth.minor).sum();
        assert!(worth > order.lines.iter().map(|line| line.total.minor).sum::<i64>() / 2, "{worth}");
        let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
        assert!(report.is_clean(), "{report:?}");
        Ok(())
    })
}

#[test]
fn taxes_are_on_what_is_left_after_a_coupon_and_by_category() -> Outcome<()> {
    block_on(async {
        let plain = taxed(Vec::new()).await?;
        let category: CategoryId = category(&plain, "Books").await?;
        // The same randomness gives the category of the next shop the same id.
        let exempt = TaxRule { categories: vec![category], ..vat("0", &[], false) };
        let scene = taxed(vec![exempt, vat("10", &[], false)]).await?;
        assert_eq!(self::category(&scene, "Books").await?, category);
        let mut book = product("C", 20, rupees(10_000));
        book.category = Some(category);
        scene.catalog.create_product(&STAFF, book, None).await?;
        scene.orders.create_coupon(&STAFF, samples::percent_off("HALF", 50), None).await?;
        let wish = PlaceOrder { coupon_code: Some("HALF".to_owned()), ..wish(&[("A", 1), ("C", 1)], COD) };
        let order = ordered(&scene, wish).await?;
        assert_eq!(names(&order), [("VAT 10 %", 2_495), ("VAT 0 %", 0)]);
        Ok(())
    })
}

async fn category(scene: &Scene, name: &str) -> Outcome<CategoryId> {
    let new = NewCategory { name: name.to_owned(), slug: None, parent: None };
    Ok(scene.catalog.create_category(&STAFF, new, None).await?.into_inner().id)
}

#[test]
fn shipping_is_priced_by_weight_and_place() -> Outcome<()> {
    block_on(async {
        let tier = |up_to_grams, price_minor| WeightTier { up_to_grams, price_minor };
        let post = Rate {
            tiers: vec![tier(500, 4_000), tier(1_000, 7_000)],
            countries: vec!["IN".parse().expect("it is a country")],
            ..Rate::flat("post", "Post", rupees(0), 4)
        };
        let courier = Rate { free_from: Some(rupees(90_000)), ..Rate::flat("courier", "Courier", rupees(20_000), 1) };
        let abroad = Rate { countries: vec!["AE".parse().expect("it is a country")], ..courier.clone() };
        let shop = |rates| {
            let orders = OrderPolicy { shipping: Arc::new(RateTable(rates)), ..OrderPolicy::default() };
            MemoryShop::with_policies(1, Policies { orders, ..Policies::default() })
        };
        let scene = Scene::open_with(shop(vec![post.clone(), courier]), &[]).await?;
        let mut cup = product("C", 40, rupees(10_000));
        cup.variants[0].weight_grams = Some(250);
        scene.catalog.create_product(&STAFF, cup, None).await?;
        let units = |count| wish(&[("C", count)], COD);
        for (count, shipping) in [(2, 4_000), (3, 7_000), (4, 7_000), (5, 20_000), (9, 0)] {
            let order = ordered(&scene, units(count)).await?;
            assert_eq!(order.shipping.minor, shipping, "{count} cups");
        }
        let offer = scene.orders.offer(&scene.asha, &units(2), None).await?.into_inner();
        let ways: Vec<_> = offer.shipping_options.iter().map(|way| (way.id.as_str(), way.price.minor)).collect();
        assert_eq!(ways, [("post", 4_000), ("courier", 20_000)]);
        let named = |id: &str, wish| PlaceOrder { shipping_option: Some(id.to_owned()), ..wish };
        assert_eq!(ordered(&scene, named("courier", units(2))).await?.shipping, rupees(20_000));
        assert_eq!(code(&scene.place(named("post", units(5))).await), "INVALID", "it is too heavy for the post");
        assert_eq!(code(&scene.place(named("post", to("AE", None, units(1)))).await), "INVALID", "it goes nowhere else");

        let scene = Scene::open_with(shop(vec![abroad]), &[("A", 1)]).await?;
        let refused = scene.place(wish(&[("A", 1)], COD)).await.expect_err("nothing goes there");
        assert!(refused.to_string().contains("does not ship"), "{refused}");
        assert_eq!(scene.stock("A").await?, (1, 0), "and nothing is held");
        Ok(())
    })
}

#[test]
fn who_names_no_address_is_told_what_it_costs_at_the_shops_place() -> Outcome<()> {
    block_on(async {
        let scene = taxed(vec![gst("18", false)]).await?;
        let nowhere = PlaceOrder { address: AddressChoice::Saved(None), ..wish(&[("A", 1)], COD) };
        assert_eq!(scene.orders.quote(&scene.asha, &nowhere).await?.tax, rupees(8_982));
        assert_eq!(code(&scene.place(nowhere).await), "INVALID", "an order must go somewhere");
        Ok(())
    })
}

#[test]
fn an_order_goes_to_another_place_if_it_costs_the_same_there() -> Outcome<()> {
    block_on(async {
        let asked = async |scene: &Scene, order: &Order, state: Option<&str>| {
            let there = RawAddress { state: state.map(str::to_owned), postal_code: "400001".to_owned(), ..address() };
            code(&scene.orders.redirect(&scene.asha, order.id, there, None).await)
        };
        let untaxed = taxed(Vec::new()).await?;
        let order = ordered(&untaxed, wish(&[("A", 1)], COD)).await?;
        for state in [None, Some("MH"), Some("Anywhere")] {
            assert_eq!(asked(&untaxed, &order, state).await, "OK", "{state:?}");
        }
        let scene = taxed(vec![gst("18", false)]).await?;
        let order = ordered(&scene, wish(&[("A", 2)], COD)).await?;
        for state in [Some("MH"), Some("Anywhere")] {
            assert_eq!(asked(&scene, &order, state).await, "NOT_REDIRECTABLE", "{state:?}");
        }
        assert_eq!(asked(&scene, &order, Some("karnataka")).await, "OK", "it is the same state by another name");
        let moved = scene.order(order.id).await?;
        assert_eq!((moved.total, &moved.tax_lines), (order.total, &order.tax_lines));
        let rates = vec![Rate::flat("standard", "Standard", rupees(5_000), 3)];
        let orders = OrderPolicy { shipping: Arc::new(RateTable(rates)), ..OrderPolicy::default() };
        let shop = MemoryShop::with_policies(1, Policies { orders, ..Policies::default() });
        let flat = Scene::open_with(shop, &[("A", 20), ("B", 20)]).await?;
        let order = ordered(&flat, wish(&[("A", 1)], COD)).await?;
        assert_eq!(asked(&flat, &order, Some("MH")).await, "OK", "it is shipped there at the same price");
        Ok(())
    })
}
