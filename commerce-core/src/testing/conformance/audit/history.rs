//! A bit of everything that a shop does, so that there is something to audit.

use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::catalog::{ListProducts, NewCategory, NewImage, NewProduct, NewReview, NewSeller, NewVariant, ReviewStatus};
use crate::change::RequestKey;
use crate::commerce::Commerce;
use crate::error::Outcome;
use crate::money::{Currency, Money};
use crate::notifications::EndpointInput;
use crate::orders::{
    AddressChoice, CarrierNews, CartOwner, CouponInput, GiveMoney, GuestBuyer, NewShipment, OrderStatus, PaymentMethod,
    PlaceOrder, RequestReturn, ReturnKind, ShipmentStatus,
};
use crate::page::PageRequest;
use crate::testing::samples;
use crate::text::{Metadata, Sku};
use crate::users::{RawAddress, Role};

const STAFF: Actor = Actor::System;

/// Trades in an empty shop whose payment provider knows the sandbox's tokens, until there is every
/// kind of row, and settles it.
///
/// # Errors
/// When the shop does not do what it should.
pub async fn trade(shop: &Commerce) -> Outcome<()> {
    let told = EndpointInput { url: "https://hooks.example/in".to_owned(), events: vec!["*".to_owned()], secret: None };
    shop.notifications.create_webhook_endpoint(&STAFF, told, Some(key("hooks"))).await?;
    shop.users.create_user(&STAFF, samples::register("boss@example.com"), Role::Admin).await?;
    stock_up(shop).await?;
    let asha = customer(shop, "asha@example.com").await?;
    let bela = customer(shop, "bela@example.com").await?;
    let chitra = customer(shop, "chitra@example.com").await?;
    for actor in [&asha, &bela] {
        let user = actor.require_user()?;
        shop.users.add_address(actor, user, samples::new_address(), Some(key("home")), None).await?;
        shop.users.add_address(actor, user, samples::new_address(), None, None).await?;
    }
    let tokens = shop.users.login("asha@example.com", samples::PASSWORD).await?;
    shop.users.refresh(&tokens.refresh_token).await?;
    let belas = shop.users.login("bela@example.com", samples::PASSWORD).await?.session;

    shop.orders.create_coupon(&STAFF, coupon(), None).await?;
    let cod = (PaymentMethod::Cod, None);
    let card = (PaymentMethod::Card, Some("tok_ok"));
    for (name, actor, items, payment) in [
        ("cod", &asha, vec![("CUP-1", 2), ("CUP-2", 1)], cod),
        ("card", &asha, vec![("CUP-1", 1)], card),
        ("cancelled", &bela, vec![("CUP-2", 3)], card),
        ("given-up", &bela, vec![("CUP-1", 1)], (PaymentMethod::Card, Some("tok_declined"))),
        ("declined", &bela, vec![("CUP-2", 1)], (PaymentMethod::Card, Some("tok_declined"))),
        ("delivered", &asha, vec![("CUP-2", 2)], cod),
    ] {
        let coupon_code = matches!(name, "cod" | "cancelled").then(|| "CUPS".to_owned());
        let wish = PlaceOrder { coupon_code, ..wish(&items, payment) };
        let order = shop.orders.place(actor, wish, Some(key(name))).await?.into_inner();
        shop.settle().await?;
        match name {
            "cancelled" | "given-up" => {
                shop.orders.cancel(actor, order.id, Some("changed my mind".to_owned()), Some(key("cancel")), None).await?;
            }
            "delivered" => {
                for status in [OrderStatus::Processing, OrderStatus::Shipped, OrderStatus::Delivered] {
                    shop.orders.set_status(&STAFF, order.id, status, None, None).await?;
                    shop.settle().await?;
                }
            }
            _ => {}
        }
        shop.settle().await?;
    }
    without_account(shop).await?;
    send_back(shop, &asha).await?;
    in_parcels(shop, &bela).await?;
    exchanges(shop, &asha).await?;
    wallet(shop, &bela).await?;
    let sku: Sku = "CUP-1".parse().expect("a constant SKU is well formed");
    shop.catalog.adjust_stock(&STAFF, &sku, -1, "broken".to_owned(), Some(key("broken")), None).await?;
    carts(shop, &asha).await?;
    opinions(shop, [&asha, &bela, &chitra]).await?;
    let clerk = customer(shop, "dina@example.com").await?.require_user()?;
    shop.users.set_role(&STAFF, clerk, Role::Admin, None).await?;
    let merchant = customer(shop, "esha@example.com").await?.require_user()?;
    shop.users.set_role(&STAFF, merchant, Role::Seller, None).await?;
    shop.users.revoke_session(&Actor::Admin(clerk), bela.require_user()?, belas).await?;
    shop.users.set_password(&Actor::Admin(clerk), bela.require_user()?, "another horse").await?;
    shop.users.request_reset("asha@example.com", None).await?;
    shop.settle().await?;
    on_her_way_out(shop).await?;
    // The last that the log of staff tells of, so that nothing is bound to it.
    shop.catalog.set_threshold(&STAFF, &sku, Some(crate::limits::LOW_STOCK_THRESHOLD), None).await?;
    shop.settle().await
}

/// Somebody orders a cart by her mail address, and cancels it by its link.
async fn without_account(shop: &Commerce) -> Outcome<()> {
    let (token, _) =
        shop.orders.open_guest_cart(&Actor::Anonymous, crate::text::Metadata::new(), Some(key("guest"))).await?.into_inner();
    let items = [("CUP-2".to_owned(), 1)];
    shop.orders.add_to_cart(&Actor::Anonymous, CartOwner::guest(&token), &items, None, None, None).await?;
    let guest = GuestBuyer { email: "guest@example.com".to_owned(), cart: Some(token) };
    let to = AddressChoice::Given(Box::new(samples::address()));
    let wish = PlaceOrder { items: None, address: to, ..wish(&[], (PaymentMethod::Card, Some("tok_ok"))) };
    let order = shop.orders.place_as_guest(&guest, wish, Some(key("guest"))).await?.into_inner();
    shop.settle().await?;
    let link = shop.orders.link_of(&order).await?.map(|link| link.token).unwrap_or_default();
    let me = shop.orders.by_link(&link).await?;
    shop.orders.cancel(&me, order.id, None, Some(key("cancel")), None).await?;
    shop.settle().await
}

/// Somebody is erased while an order is on its way to her, another has come, and she was told of both.
async fn on_her_way_out(shop: &Commerce) -> Outcome<()> {
    let fara = customer(shop, "fara@example.com").await?;
    shop.users.add_address(&fara, fara.require_user()?, samples::new_address(), None, None).await?;
    for (name, arrives) in [("came", true), ("to-come", false)] {
        let order =
            shop.orders.place(&fara, wish(&[("CUP-1", 1)], (PaymentMethod::Cod, None)), Some(key(name))).await?.into_inner();
        shop.settle().await?;
        if arrives {
            for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
                shop.orders.set_status(&STAFF, order.id, status, None, None).await?;
            }
        }
    }
    shop.settle().await?;
    shop.users.delete_user(&fara, fara.require_user()?, None).await?;
    shop.settle().await
}

/// Two of three cups come back, one of them broken, and a third is only asked for.
async fn send_back(shop: &Commerce, asha: &Actor) -> Outcome<()> {
    let card = (PaymentMethod::Card, Some("tok_ok"));
    let order = shop.orders.place(asha, wish(&[("CUP-1", 4)], card), Some(key("sent-back"))).await?.into_inner();
    shop.settle().await?;
    for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
        shop.orders.set_status(&STAFF, order.id, status, None, None).await?;
    }
    let ask = |units| RequestReturn {
        kind: ReturnKind::Return,
        lines: vec![("CUP-1".to_owned(), units)],
        refused: None,
        reason: "one is broken".to_owned(),
    };
    let back = shop.orders.request_return(asha, order.id, ask(2), Some(key("back")), None).await?.into_inner().it.id;
    shop.orders.request_return(asha, order.id, ask(1), None, None).await?;
    shop.orders.approve_return(&STAFF, back, Some(key("approve")), None).await?;
    let came = vec![("CUP-1".to_owned(), 1, true), ("CUP-1".to_owned(), 1, false)];
    shop.orders.receive_return(&STAFF, back, Some(came), None, None).await?;
    shop.settle().await?;
    shop.orders.refund_return(&STAFF, back, None, None, None).await?;
    shop.settle().await?;
    let give = GiveMoney { amount: Some(Money::new(100, Currency::INR)), lines: None, reason: "for the trouble".to_owned() };
    shop.orders.give_money_back(&STAFF, order.id, give, Some(key("trouble")), None).await?;
    let kept = GiveMoney { amount: None, lines: Some(vec![("CUP-1".to_owned(), 1)]), reason: "chipped, and kept".to_owned() };
    shop.orders.give_money_back(&STAFF, order.id, kept, Some(key("kept")), None).await?;
    shop.settle().await
}

/// A cup is exchanged for the same and another for a cheaper one, which is given up.
async fn exchanges(shop: &Commerce, asha: &Actor) -> Outcome<()> {
    let card = (PaymentMethod::Card, Some("tok_ok"));
    let order = shop.orders.place(asha, wish(&[("CUP-1", 2)], card), Some(key("to-exchange"))).await?.into_inner().id;
    shop.settle().await?;
    for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
        shop.orders.set_status(&STAFF, order, status, None, None).await?;
    }
    for items in [None, Some(vec![("CUP-2".to_owned(), 1)])] {
        let ask = RequestReturn {
            kind: ReturnKind::Exchange,
            lines: vec![("CUP-1".to_owned(), 1)],
            refused: None,
            reason: "it is cracked".to_owned(),
        };
        let back = shop.orders.request_return(asha, order, ask, None, None).await?.into_inner().it.id;
        shop.orders.approve_return(&STAFF, back, None, None).await?;
        shop.orders.receive_return(&STAFF, back, None, None, None).await?;
        shop.settle().await?;
        let given_up = items.is_some();
        let sent = shop.orders.exchange_return(&STAFF, back, items, Some(key("exchange")), None).await?.into_inner().it;
        shop.settle().await?;
        if let Some(exchange) = sent.exchange.filter(|_| given_up) {
            shop.orders.cancel(asha, exchange.order, None, None, None).await?;
            shop.settle().await?;
        }
    }
    Ok(())
}

/// Money goes into a wallet, or does not; one order is paid out of it and stays, one is cancelled.
async fn wallet(shop: &Commerce, bela: &Actor) -> Outcome<()> {
    let user = bela.require_user()?;
    for (name, token) in [("put-in", "tok_ok"), ("not-put-in", "tok_declined")] {
        let amount = Money::new(150_000, Currency::INR);
        shop.orders.top_up(bela, user, amount, Some(token.to_owned()), Some(key(name))).await?;
    }
    for name in ["out-of-wallet", "back-to-wallet"] {
        let wish = wish(&[("CUP-1", 1)], (PaymentMethod::Wallet, None));
        let order = shop.orders.place(bela, wish, Some(key(name))).await?.into_inner();
        shop.settle().await?;
        if name == "back-to-wallet" {
            shop.orders.cancel(bela, order.id, None, None, None).await?;
        }
        shop.settle().await?;
    }
    Ok(())
}

/// Of four cups one is given up, one arrives at the second try, the others are on their way.
async fn in_parcels(shop: &Commerce, bela: &Actor) -> Outcome<()> {
    let cod = (PaymentMethod::Cod, None);
    let order = shop.orders.place(bela, wish(&[("CUP-1", 4)], cod), Some(key("in-parcels"))).await?.into_inner().id;
    shop.settle().await?;
    let parcel = |lines: Option<i64>| NewShipment {
        carrier: "Blue Dart".to_owned(),
        tracking_number: "1234567890".to_owned(),
        lines: lines.map(|units| vec![("CUP-1".to_owned(), units)]),
    };
    let news = |status| CarrierNews { status, at: None, note: Some("at the door".to_owned()) };
    shop.orders
        .cancel_lines(bela, order, &[("CUP-1".to_owned(), 1)], Some("one too many".to_owned()), Some(key("one-less")), None)
        .await?;
    shop.settle().await?;
    let to = RawAddress { line1: "14 MG Road".to_owned(), ..samples::address() };
    shop.orders.redirect(bela, order, to, None).await?;
    let first = shop.orders.ship(&STAFF, order, parcel(Some(1)), Some(key("first")), None).await?.into_inner().it.id;
    for status in [ShipmentStatus::OutForDelivery, ShipmentStatus::Failed, ShipmentStatus::Delivered] {
        shop.orders.shipment_news(&STAFF, order, first, news(status), Some(key(status.as_str())), None).await?;
    }
    let rest = shop.orders.ship(&STAFF, order, parcel(None), None, None).await?.into_inner().it.id;
    shop.orders.shipment_news(&STAFF, order, rest, news(ShipmentStatus::InTransit), None, None).await?;
    shop.settle().await
}

/// Somebody new registers, orders by card and on delivery, and cancels one of the two: traffic beside
/// an audit. Settles nothing.
///
/// # Errors
/// When the shop does not do what it should.
pub async fn buy_and_change_mind(shop: &Commerce) -> Outcome<()> {
    let name = format!("{}@example.com", shop.users.ids.secret());
    let sku: Sku = "CUP-1".parse().expect("a constant SKU is well formed");
    shop.catalog.adjust_stock(&STAFF, &sku, 2, "delivered".to_owned(), None, None).await?;
    let actor = customer(shop, &name).await?;
    shop.users.add_address(&actor, actor.require_user()?, samples::new_address(), None, None).await?;
    let card = wish(&[("CUP-1", 1)], (PaymentMethod::Card, Some("tok_ok")));
    let cod = wish(&[("CUP-1", 1)], (PaymentMethod::Cod, None));
    let given_up = shop.orders.place(&actor, card, None).await?.into_inner();
    shop.orders.place(&actor, cod, None).await?;
    shop.orders.cancel(&actor, given_up.id, None, None, None).await?;
    Ok(())
}

async fn stock_up(shop: &Commerce) -> Outcome<()> {
    shop.catalog.house_seller().await?;
    let new = NewSeller { name: "Potter".to_owned(), slug: None, user: None };
    let potter = shop.catalog.create_seller(&STAFF, new, None).await?.into_inner();
    let mut parent = None;
    for name in ["Kitchen", "Cups"] {
        let new = NewCategory { name: name.to_owned(), slug: None, parent };
        parent = Some(shop.catalog.create_category(&STAFF, new, None).await?.into_inner().id);
    }
    let variant = |number: i64, stock: i64| NewVariant {
        sku: format!("CUP-{number}"),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::from([("Size".to_owned(), number.to_string())]),
        stock,
        weight_grams: Some(300),
        barcode: None,
        metadata: None,
    };
    let product = NewProduct {
        name: "Cup".to_owned(),
        description: "For tea.".to_owned(),
        slug: None,
        category: parent,
        seller: Some(potter.id),
        status: None,
        variants: vec![variant(1, 22), variant(2, 9)],
        metadata: Metadata::new(),
        images: vec![NewImage { url: "https://pictures.example/cup.png".to_owned(), alt: "A cup".to_owned() }],
    };
    shop.catalog.create_product(&STAFF, product, Some(key("cup"))).await?;
    Ok(())
}

async fn customer(shop: &Commerce, email: &str) -> Outcome<Actor> {
    let user = shop.users.register(&Actor::Anonymous, samples::register(email), Some(key(email))).await?.into_inner();
    Ok(Actor::Customer(user.id))
}

/// A third of several lines does not come out even.
fn coupon() -> CouponInput {
    CouponInput { usage_limit: Some(3), per_user_limit: Some(1), ..samples::percent_off("CUPS", 33) }
}

fn wish(items: &[(&str, i64)], (method, token): (PaymentMethod, Option<&str>)) -> PlaceOrder {
    PlaceOrder {
        items: Some(items.iter().map(|(sku, quantity)| ((*sku).to_owned(), *quantity)).collect()),
        coupon_code: None,
        address: AddressChoice::Saved(None),
        shipping_option: None,
        payment: Some((method, token.map(str::to_owned))),
        expected_total: None,
        metadata: Metadata::new(),
    }
}

fn key(name: &str) -> RequestKey {
    RequestKey { key: name.parse().expect("a constant key is well formed"), body_hash: [1; 32] }
}

/// A review in each state, and a wishlist.
async fn opinions(shop: &Commerce, [asha, bela, chitra]: [&Actor; 3]) -> Outcome<()> {
    let cups = shop.catalog.products(&STAFF, ListProducts::default(), &PageRequest::first()).await?.items;
    for cup in cups {
        for (actor, rating, decided) in
            [(asha, 5, Some(ReviewStatus::Approved)), (bela, 1, Some(ReviewStatus::Rejected)), (chitra, 4, None)]
        {
            let new = NewReview { rating, title: Some("A cup".to_owned()), text: "It holds tea.".to_owned() };
            let review = shop.catalog.write_review(actor, cup.id, new, Some(key("review"))).await?.into_inner();
            if let Some(status) = decided {
                let reason = Some("as the house rules say".to_owned());
                shop.catalog.moderate_review(&STAFF, review.id, status, reason, None).await?;
            }
        }
        shop.catalog.add_wish(asha, asha.require_user()?, cup.id, Some(key("wish"))).await?;
    }
    Ok(())
}

/// An order out of a cart, a cart that stays, and a guest's.
async fn carts(shop: &Commerce, actor: &Actor) -> Outcome<()> {
    let owner = CartOwner::User(actor.require_user()?);
    shop.orders.add_to_cart(actor, owner, &[("CUP-1".to_owned(), 2)], None, Some(key("into-cart")), None).await?;
    let bought = PlaceOrder { items: None, ..wish(&[], (PaymentMethod::Cod, None)) };
    shop.orders.place(actor, bought, Some(key("cart"))).await?;
    shop.settle().await?;
    shop.orders.add_to_cart(actor, owner, &[("CUP-2".to_owned(), 1)], None, None, None).await?;
    let (token, _) = shop.orders.open_guest_cart(&Actor::Anonymous, crate::text::Metadata::new(), None).await?.into_inner();
    shop.orders.add_to_cart(&Actor::Anonymous, CartOwner::guest(&token), &[("CUP-1".to_owned(), 1)], None, None, None).await?;
    Ok(())
}
