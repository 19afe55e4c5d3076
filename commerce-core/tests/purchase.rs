//! A purchase from beginning to end, over the reference adapters.

use std::collections::BTreeMap;
use std::time::Duration;

use commerce_core::catalog::{NewProduct, NewVariant};
use commerce_core::change::{Answer, RequestKey};
use commerce_core::notifications::NotificationFilter;
use commerce_core::orders::{AddressChoice, OrderStatus, PaymentMethod, PaymentStatus, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::testing::MemoryShop;
use commerce_core::text::Metadata;
use commerce_core::users::{RawAddress, Register};
use commerce_core::{Actor, Currency, Money, Outcome};
use futures_executor::block_on;

async fn customer(shop: &MemoryShop) -> Outcome<Actor> {
    let register = Register {
        email: "asha@example.com".to_owned(),
        password: "correct horse".to_owned(),
        full_name: "Asha Rao".to_owned(),
        phone: None,
        metadata: Metadata::new(),
    };
    let user = shop.users.register(&Actor::Anonymous, register, None).await?.into_inner();
    Ok(Actor::Customer(user.id))
}

async fn stock(shop: &MemoryShop, sku: &str, units: i64) -> Outcome<()> {
    let variant = NewVariant {
        sku: sku.to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: units,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    let product = NewProduct {
        name: format!("Kurta {sku}"),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: Metadata::new(),
        images: Vec::new(),
    };
    shop.catalog.house_seller().await?;
    shop.catalog.create_product(&Actor::System, product, None).await?;
    Ok(())
}

fn order(sku: &str, quantity: i64, method: PaymentMethod, token: Option<&str>) -> PlaceOrder {
    let address = RawAddress {
        full_name: "Asha Rao".to_owned(),
        line1: "12 MG Road".to_owned(),
        line2: None,
        city: "Bengaluru".to_owned(),
        state: Some("KA".to_owned()),
        postal_code: "560001".to_owned(),
        country: "IN".to_owned(),
        phone: None,
    };
    PlaceOrder {
        items: Some(vec![(sku.to_owned(), quantity)]),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(address)),
        shipping_option: None,
        payment: Some((method, token.map(str::to_owned))),
        expected_total: None,
        metadata: Metadata::new(),
    }
}

#[test]
fn cash_on_delivery_from_register_to_mail() -> Outcome<()> {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = customer(&shop).await?;
        stock(&shop, "KURTA-M", 10).await?;
        let placed = shop.orders.place(&asha, order("KURTA-M", 2, PaymentMethod::Cod, None), None).await?.into_inner();
        assert_eq!(placed.status, OrderStatus::Confirmed);
        assert_eq!(placed.total, Money::new(99_800, Currency::INR));
        shop.settle().await?;

        let stock = shop.catalog.inventory(&Actor::System, &"KURTA-M".parse().unwrap()).await?;
        assert_eq!((stock.on_hand, stock.reserved), (8, 0), "the hold became a sale");
        let timeline = shop.orders.timeline(&asha, placed.id, &PageRequest::first()).await?;
        let path: Vec<OrderStatus> = timeline.items.iter().map(|entry| entry.status).collect();
        assert_eq!(path, [OrderStatus::Pending, OrderStatus::Confirmed]);
        let mails = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await?;
        assert_eq!(mails.items.len(), 3, "welcome, placed and confirmed");
        assert_eq!(shop.mailer.mails().len(), 3);
        Ok(())
    })
}

#[test]
fn a_prepaid_order_is_cancelled_and_its_money_goes_back() -> Outcome<()> {
    block_on(async {
        let shop = MemoryShop::new(2);
        let asha = customer(&shop).await?;
        stock(&shop, "KURTA-M", 10).await?;
        let key = RequestKey { key: "k-1".parse().unwrap(), body_hash: [1; 32] };
        let wish = order("KURTA-M", 1, PaymentMethod::Card, Some("tok_ok"));
        let placed = shop.orders.place(&asha, wish.clone(), Some(key.clone())).await?;
        let Answer::Fresh(placed) = placed else { panic!("the first request makes the order") };
        assert_eq!(placed.status, OrderStatus::Confirmed);
        let Answer::Replayed(again) = shop.orders.place(&asha, wish, Some(key)).await? else { panic!("a replay") };
        assert_eq!(again.id, placed.id);
        shop.settle().await?;
        let cancelled = shop.orders.cancel(&asha, placed.id, None, None, None).await?.into_inner();
        assert_eq!(cancelled.status, OrderStatus::Cancelled);
        shop.settle().await?;
        let after = shop.orders.order(&asha, placed.id).await?;
        assert_eq!(after.payment.status(), PaymentStatus::Refunded);
        assert_eq!(shop.gateway.refunded_minor(), placed.total.minor);
        let stock = shop.catalog.inventory(&Actor::System, &"KURTA-M".parse().unwrap()).await?;
        assert_eq!((stock.on_hand, stock.reserved), (10, 0), "the sold unit was restocked");
        Ok(())
    })
}

#[test]
fn an_unpaid_order_is_cancelled_in_time_and_gives_its_stock_back() -> Outcome<()> {
    block_on(async {
        let shop = MemoryShop::new(3);
        let asha = customer(&shop).await?;
        stock(&shop, "KURTA-M", 1).await?;
        let wish = order("KURTA-M", 1, PaymentMethod::Upi, Some("tok_pending"));
        let placed = shop.orders.place(&asha, wish, None).await?.into_inner();
        assert_eq!(placed.status, OrderStatus::Pending);
        for _ in 0..30 {
            shop.wait(Duration::from_mins(1));
            shop.settle().await?;
        }
        let after = shop.orders.order(&asha, placed.id).await?;
        assert_eq!(after.status, OrderStatus::Cancelled);
        assert_eq!(after.payment.status(), PaymentStatus::Voided);
        let stock = shop.catalog.inventory(&Actor::System, &"KURTA-M".parse().unwrap()).await?;
        assert_eq!((stock.on_hand, stock.reserved), (1, 0));
        Ok(())
    })
}
