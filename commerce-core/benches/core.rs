//! What the rules cost without any store: `cargo bench -p commerce-core --features testing`.

use std::collections::BTreeMap;
use std::hint::black_box;

use commerce_core::catalog::{Item, NewProduct, NewVariant};
use commerce_core::orders::{AddressChoice, Coupons, OrderPolicy, PaymentMethod, PlaceOrder, Rate, parcel, quote};
use commerce_core::testing::MemoryShop;
use commerce_core::text::{Metadata, Quantity, Sku};
use commerce_core::users::{RawAddress, Register};
use commerce_core::{Actor, Currency, Money, Outcome};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_executor::block_on;

fn pricing(criterion: &mut Criterion) {
    let quantity = Quantity::new(3).expect("3 is between 1 and 999");
    let sku = |number: usize| -> Sku { format!("SKU-{number}").parse().expect("a well-formed SKU") };
    let demand: Vec<(Sku, Quantity)> = (0..20).map(|number| (sku(number), quantity)).collect();
    let item = |(sku, _): &(Sku, Quantity)| Item {
        sku: sku.clone(),
        product: commerce_core::ids::Id::from_uuid(uuid::Uuid::nil()),
        name: "Kurta".to_owned(),
        unit_price: Money::new(49_900, Currency::INR),
        available: 10,
        on_sale: true,
        weight_grams: None,
    };
    let items: Vec<Item> = demand.iter().map(item).collect();
    let shipping = Rate::flat("standard", "Standard", Money::zero(Currency::INR), 5);
    let home = OrderPolicy::default().home;
    let shipping = parcel(&demand, &items, home).ok().and_then(|parcel| shipping.option(&parcel)).expect("it ships everywhere");
    let coupons = Coupons::default();
    criterion.bench_function("quote 20 lines", |bencher| bencher.iter(|| quote(black_box(&demand), &items, &shipping, &coupons)));
    criterion.bench_function("allocate over 20 parts", |bencher| {
        let weights: Vec<u64> = (1..=20).collect();
        bencher.iter(|| black_box(Money::new(99_999, Currency::INR)).allocate(&weights));
    });
}

fn checkout(criterion: &mut Criterion) {
    criterion.bench_function("place an order of two lines in memory", |bencher| {
        let prepare = || block_on(stocked()).expect("the reference adapters answer");
        let place = |(shop, asha): (MemoryShop, Actor)| block_on(shop.orders.place(&asha, wish(), None)).map(|_| shop);
        bencher.iter_batched(prepare, place, BatchSize::SmallInput);
    });
}

async fn stocked() -> Outcome<(MemoryShop, Actor)> {
    let shop = MemoryShop::new(1);
    let variant = |sku: &str| NewVariant {
        sku: sku.to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: 100,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    let kurta = NewProduct {
        name: "Kurta".to_owned(),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant("KURTA-M"), variant("KURTA-L")],
        metadata: Metadata::new(),
        images: Vec::new(),
    };
    shop.catalog.create_product(&Actor::System, kurta, None).await?;
    let register = Register {
        email: "asha@example.com".to_owned(),
        password: "correct horse".to_owned(),
        full_name: "Asha Rao".to_owned(),
        phone: None,
        metadata: Metadata::new(),
    };
    let user = shop.users.register(&Actor::Anonymous, register, None).await?.into_inner();
    Ok((shop, Actor::Customer(user.id)))
}

fn wish() -> PlaceOrder {
    let address = RawAddress {
        full_name: "Asha Rao".to_owned(),
        line1: "12 MG Road".to_owned(),
        line2: None,
        city: "Bengaluru".to_owned(),
        state: None,
        postal_code: "560001".to_owned(),
        country: "IN".to_owned(),
        phone: None,
    };
    PlaceOrder {
        items: Some(vec![("KURTA-M".to_owned(), 1), ("KURTA-L".to_owned(), 1)]),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(address)),
        shipping_option: None,
        payment: Some((PaymentMethod::Cod, None)),
        expected_total: None,
        metadata: Metadata::new(),
    }
}

criterion_group!(benches, pricing, checkout);
criterion_main!(benches);
