//! A past that was written in bulk is one that a shop could have had: an audit finds nothing wrong with it.
#![cfg(feature = "sqlite")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::sql::sqlite::past::Copied;
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::audit::AuditRequest;
use commerce_core::catalog::{HoldKey, NewProduct, NewVariant};
use commerce_core::ids::{IdSource, OrderId};
use commerce_core::orders::{AddressChoice, OrderFilter, PaymentMethod, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::testing::conformance::NoWait;
use commerce_core::testing::memory::RecordingMailer;
use commerce_core::testing::samples;
use commerce_core::text::{Metadata, Sku};
use commerce_core::{Actor, Currency, Money};

const COPIES: u32 = 300;

#[tokio::test]
async fn a_copied_past_is_clean_and_of_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let shop = commerce_adapters::embedded::Embedded::at(folder.path()).mailer(Arc::new(RecordingMailer::default()));
    let shop = shop.without_workers().open().await.unwrap();
    let skus: Vec<Sku> = ["A", "B", "C"].iter().map(|text| text.parse().unwrap()).collect();
    for sku in &skus {
        shop.catalog.create_product(&Actor::System, goods(sku.as_str(), 10_000), None).await.unwrap();
    }
    let asha = Actor::Customer(
        shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await.unwrap().into_inner().id,
    );
    let placed = shop.orders.place(&asha, order(), None).await.unwrap().into_inner().id;
    shop.settle().await.unwrap();
    let model = shop.orders.order(&Actor::System, placed).await.unwrap();

    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(OsEntropy));
    let items = shop.catalog.items(&skus).await.unwrap();
    let (first, hour) = (shop.now().minus(Duration::from_hours(60 * 24)), Duration::from_hours(1));
    let copy = |number: u32| Copied {
        at: first.plus(hour * number),
        hold: HoldKey::from_hex(&ids.secret()).unwrap(),
        lines: model.lines.iter().map(|line| line.sku.clone()).zip(items.iter().cycle().skip(number as usize).cloned()).collect(),
    };
    for half in [0..COPIES / 2, COPIES / 2..COPIES] {
        shop.databases().copy_order(&model, &half.map(copy).collect::<Vec<_>>()).await.unwrap();
    }

    let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
    let before = OrderFilter { to: Some(first.plus(hour * COPIES)), ..OrderFilter::default() };
    let page = PageRequest::parse(Some(100), None).unwrap();
    let past = shop.orders.orders(&Actor::System, before, &page).await.unwrap().items;
    assert_eq!(past.len(), 100);
    assert!(past.iter().all(|order| order.total == model.total && order.lines.len() == 2), "{past:?}");
    assert!(past.iter().map(|order| order.id).is_sorted_by(|newer, older| newer > older));
    assert!(past[0].id < OrderId::lower_bound(first.plus(hour * COPIES)));
    let stock = shop.catalog.stock_of(&skus).await.unwrap();
    let left: i64 = stock.iter().map(|shelf| shelf.on_hand).sum();
    assert_eq!(left, 30_000 - 3 * i64::from(COPIES + 1), "every copy was sold from the shelves");
    shop.close().await.unwrap();
}

fn goods(sku: &str, stock: i64) -> NewProduct {
    let variant = NewVariant {
        sku: sku.to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    NewProduct {
        name: format!("Cup {sku}"),
        slug: None,
        description: String::new(),
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: Metadata::new(),
        images: Vec::new(),
    }
}

/// Two of A and one of B, paid on delivery.
fn order() -> PlaceOrder {
    PlaceOrder {
        items: Some(vec![("A".to_owned(), 2), ("B".to_owned(), 1)]),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(samples::address())),
        shipping_option: None,
        payment: Some((PaymentMethod::Cod, None)),
        expected_total: None,
        metadata: Metadata::new(),
    }
}
