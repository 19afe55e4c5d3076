//! The ports between contexts: what one asks of another, whether it lives in the same process or not.

use futures_util::future::join;
use serde_json::json;

use crate::actor::Actor;
use crate::catalog::{HoldKey, HoldOwners, NewCategory, ProductPatch, Purchases, SellerPatch, Standing};
use crate::commerce::Context;
use crate::error::{Error, Refusal};
use crate::ids::{Id, ProductId, SellerId, UserId};
use crate::money::{Currency, Money};
use crate::notifications::{Contact, Contacts};
use crate::orders::{AddressChoice, CatalogPort, Customers, HoldRef, Order, OrderStatus, PaymentMethod, PlaceOrder};
use crate::part::Part;
use crate::testing::{MemoryShop, samples};
use crate::text::{Email, Metadata, Quantity, Sku};
use crate::users::{Accounts, Claimed, Records, Register, Role, Sellers};

use super::outside::Made;

const KEY: HoldKey = HoldKey([9; 32]);

fn sku(text: &str) -> Sku {
    text.parse().expect("a constant SKU is well formed")
}

fn quantity(count: u32) -> Quantity {
    Quantity::new(count).expect("a constant quantity is in range")
}

/// A shop with ten of `A B` and one of `C+D`.
async fn stocked() -> MemoryShop {
    let shop = MemoryShop::new(5);
    shop.catalog.house_seller().await.expect("a fresh shop takes a seller");
    let variant = |text: &str, size: &str, stock: i64| {
        json!({
            "sku": text, "price": {"amount": 500, "currency": "INR"}, "options": {"Size": size},
            "weightGrams": 120, "stock": stock,
        })
    };
    let product = json!({"name": "Kurta", "variants": [variant("A B", "S", 10), variant("C+D", "M", 1)]});
    let product = serde_json::from_value(product).expect("a product is well formed");
    shop.catalog.create_product(&Actor::System, product, None).await.expect("a fresh shop takes a product");
    shop
}

async fn registered(shop: &MemoryShop, name: &str) -> UserId {
    let register = Register { full_name: name.to_owned(), ..samples::register(&format!("{name}@example.com")) };
    shop.users.create_user(&Actor::System, register, Role::Customer).await.expect("a fresh shop takes a user").id
}

fn at_home(city: &str) -> serde_json::Value {
    json!({"fullName": "Asha", "line1": "12 MG Road", "city": city, "postalCode": "411001", "country": "IN"})
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> Refusal {
    match answer {
        Err(Error::Refused(refusal)) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// Every promise of a [`CatalogPort`].
pub(super) async fn catalog_port(make: &impl AsyncFn(&Part) -> Made<dyn CatalogPort>) {
    let shop = stocked().await;
    let made = make(shop.part()).await;
    let port = &*made.port;
    let wanted = [sku("A B"), sku("NONE"), sku("C+D")];

    let mut items = port.items(&wanted).await.expect("the catalog answers");
    items.sort_by(|left, right| left.sku.cmp(&right.sku));
    assert_eq!(items.iter().map(|item| (item.sku.as_str(), item.available)).collect::<Vec<_>>(), [("A B", 10), ("C+D", 1)]);
    assert!(items.iter().all(|item| item.unit_price == Money::new(500, Currency::INR) && item.weight_grams == Some(120)));
    let mut shown = port.items_shown(&wanted).await.expect("the catalog answers");
    shown.sort_by(|left, right| left.sku.cmp(&right.sku));
    assert_eq!(shown, items, "what is shown has the same shape");
    assert_eq!(port.items(&[]).await.expect("the catalog answers"), [], "nothing asked, nothing answered");

    let lines = [(sku("A B"), quantity(2)), (sku("C+D"), quantity(1))];
    let held = port.reserve(KEY, &lines, &items).await.expect("there is enough");
    assert_eq!(held.hold, HoldRef { key: KEY, generation: 1 });
    assert_eq!(held.prices, [(sku("A B"), Money::new(500, Currency::INR)), (sku("C+D"), Money::new(500, Currency::INR))]);
    assert_eq!(port.reserve(KEY, &lines, &items).await.expect("the same again is the same"), held);
    let other = port.reserve(KEY, &[(sku("A B"), quantity(3))], &items).await;
    assert_eq!(refused(other), Refusal::IdempotencyMismatch);
    let known = port.items(&wanted).await.expect("the catalog answers");
    let Refusal::SoldOut(short) = refused(port.reserve(HoldKey([8; 32]), &lines, &known).await) else { panic!("not sold out") };
    assert_eq!(short.iter().map(|line| (line.sku.as_str(), line.requested, line.available)).collect::<Vec<_>>(), [("C+D", 1, 0)]);
    assert_eq!(refused(port.reserve(HoldKey([7; 32]), &[], &[]).await), Refusal::EmptyOrder);
    let many = [(sku("A B"), quantity(999)), (sku("A B"), quantity(999))];
    let Refusal::Invalid(faults) = refused(port.reserve(HoldKey([7; 32]), &many, &known).await) else { panic!("taken") };
    assert_eq!(faults.first().map(|fault| fault.code), Some("OUT_OF_RANGE"));

    port.release(held.hold).await.expect("a hold can be released");
    port.release(held.hold).await.expect("and again");
    let again = port.reserve(KEY, &lines, &items).await.expect("there is enough again");
    assert_eq!(again.hold.generation, 2, "a dead hold is taken anew");
    a_product_is_in_its_category_and_those_above(make).await;
}

async fn a_product_is_in_its_category_and_those_above(make: &impl AsyncFn(&Part) -> Made<dyn CatalogPort>) {
    let shop = stocked().await;
    let new = |name: &str, parent| NewCategory { name: name.to_owned(), slug: None, parent };
    let top = shop.catalog.create_category(&Actor::System, new("Tea", None), None).await.expect("it can be made").into_inner().id;
    let below = new("Green", Some(top));
    let below = shop.catalog.create_category(&Actor::System, below, None).await.expect("it can be made").into_inner().id;
    let sku: Sku = "A B".parse().expect("the SKU is well formed");
    let port = make(shop.part()).await;
    let product = port.port.items(&[sku]).await.expect("the catalog answers").first().expect("it is on sale").product;
    let unknown = ProductId::from_uuid(uuid::Uuid::from_u128(9));
    let inside = async || {
        let found = port.port.categories(&[product, unknown]).await.expect("the catalog answers");
        found.into_iter().find(|(id, _)| *id == product).map(|(_, inside)| inside).unwrap_or_default()
    };
    assert_eq!(inside().await, []);
    let patch = ProductPatch { category: Some(Some(below)), ..ProductPatch::default() };
    shop.catalog.update_product(&Actor::System, product, patch, None).await.expect("it can be changed");
    assert_eq!(inside().await, [below, top]);
    assert!(port.port.categories(&[]).await.expect("the catalog answers").is_empty());
}

/// Every promise of an [`Accounts`].
pub(super) async fn accounts(make: &impl AsyncFn(&Part) -> Made<dyn Accounts>) {
    let shop = MemoryShop::new(6);
    let (asha, admin) = (registered(&shop, "asha").await, registered(&shop, "admin").await);
    shop.users.set_role(&Actor::System, admin, Role::Admin, None).await.expect("staff can be made");
    let tokens = shop.users.login("asha@example.com", samples::PASSWORD).await.expect("the password is right");
    let made = make(shop.part()).await;
    let port = &*made.port;

    let known = port.authenticate(&tokens.access_token).await.expect("the session is alive");
    assert_eq!((known.actor, known.session, known.role), (Actor::Customer(asha), tokens.session, Role::Customer));
    assert_eq!(refused(port.authenticate("nonsense").await), Refusal::Unauthenticated);
    match port.claimed(&tokens.access_token) {
        Claimed::By(claimed) => assert_eq!(claimed, known),
        Claimed::Unknown => {}
        Claimed::Nobody => panic!("a good token is somebody's"),
    }
    assert!(!matches!(port.claimed("nonsense"), Claimed::By(_)));

    let (staff, stranger) = (Actor::Admin(admin), Actor::Customer(UserId::from_uuid(uuid::Uuid::from_u128(1))));
    let email = |text: &str| text.parse().expect("a constant mail address is well formed");
    assert_eq!(port.find(&staff, &email("asha@example.com")).await.expect("staff may ask"), [asha]);
    assert_eq!(port.find(&staff, &email("nobody@example.com")).await.expect("staff may ask"), []);
    let guest = shop.users.guest_of(&email("asha@example.com")).await.expect("anybody may be one");
    assert_eq!(port.find(&staff, &email("asha@example.com")).await.expect("staff may ask"), [asha, guest], "her account first");
    assert_eq!(refused(port.find(&Actor::Customer(asha), &email("asha@example.com")).await), Refusal::Forbidden);
    port.expect(&staff, asha).await.expect("she is there");
    assert_eq!(refused(port.expect(&stranger, asha).await), Refusal::NotFound("user"));

    let seller = SellerId::from_uuid(uuid::Uuid::from_u128(3));
    assert_eq!(refused(port.set_seller(&Actor::Customer(asha), asha, seller).await), Refusal::Forbidden);
    port.set_seller(&staff, asha, seller).await.expect("staff may");
    port.set_seller(&staff, asha, seller).await.expect("and again");
    let known = port.authenticate(&tokens.access_token).await.expect("the session is alive");
    assert_eq!(known.actor, Actor::Seller(asha, seller), "a change holds from the next call");
    let other = SellerId::from_uuid(uuid::Uuid::from_u128(4));
    assert_eq!(refused(port.end_seller(&Actor::Customer(asha), asha, seller).await), Refusal::Forbidden);
    port.end_seller(&staff, asha, other).await.expect("she acts for another");
    assert_eq!(port.authenticate(&tokens.access_token).await.expect("the session is alive").actor, Actor::Seller(asha, seller));
    port.end_seller(&staff, asha, seller).await.expect("staff may");
    port.end_seller(&staff, asha, seller).await.expect("and again");
    let known = port.authenticate(&tokens.access_token).await.expect("the session is alive");
    assert_eq!(known.actor, Actor::Customer(asha), "she acts for nobody");

    shop.users.logout(&known, None).await.expect("a session can be ended");
    assert_eq!(refused(port.authenticate(&tokens.access_token).await), Refusal::Unauthenticated, "from the next call on");
}

/// Every promise of a [`Customers`].
pub(super) async fn customers(make: &impl AsyncFn(&Part) -> Made<dyn Customers>) {
    let shop = MemoryShop::new(7);
    let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
    let address = |city: &str, is_default: bool| {
        let mut address = at_home(city);
        address.as_object_mut().expect("it is an object").insert("isDefault".to_owned(), json!(is_default));
        serde_json::from_value(address).expect("an address is well formed")
    };
    let (first, _) =
        shop.users.add_address(&Actor::System, asha, address("Pune", false), None, None).await.expect("it fits").into_inner();
    shop.users.add_address(&Actor::System, asha, address("Delhi", true), None, None).await.expect("it fits");
    let made = make(shop.part()).await;
    let city = async |user, id| made.port.address(user, id).await.expect("users answer").map(|address| address.city);
    assert_eq!(city(asha, None).await.as_deref(), Some("Delhi"), "the default");
    assert_eq!(city(asha, Some(first.id)).await.as_deref(), Some("Pune"));
    assert_eq!(city(bina, None).await, None);
    assert_eq!(city(bina, Some(first.id)).await, None, "another's address is nobody's");

    let email = |text: &str| text.parse::<Email>().expect("it is well formed");
    let guest = async |text: &str| made.port.guest(&email(text)).await.expect("users answer");
    let known = async |text: &str| made.port.known_guest(&email(text)).await.expect("users answer");
    assert_eq!(known("guest@example.com").await, None, "nobody is made by asking");
    assert_eq!(known("asha@example.com").await, None, "an account is no guest");
    let stranger = guest("guest@example.com").await;
    assert_eq!(known("guest@example.com").await, Some(stranger));
    assert_eq!(guest("guest@example.com").await, stranger, "always the same");
    assert_ne!(guest("other@example.com").await, stranger);
    assert_ne!(guest("asha@example.com").await, asha, "whoever has an account is another one");
    let order = shop.orders.ids.order(stranger);
    let link = async |guest| made.port.order_link(guest, order).await.expect("users answer");
    let shown = link(stranger).await.expect("she is a guest");
    assert_eq!(link(stranger).await.as_ref(), Some(&shown), "always the same");
    assert_eq!(link(asha).await, None, "whoever has an account needs none");
    let follow = async |link: &str| made.port.follow(link).await.expect("users answer");
    assert_eq!(follow(&shown).await, Some((stranger, order)));
    assert_eq!(follow("a guess").await, None);
    shop.users.delete_user(&Actor::System, stranger, None).await.expect("staff may erase a guest");
    assert_eq!(follow(&shown).await, None, "it dies with her");
    assert_eq!(known("guest@example.com").await, None);
    assert_eq!(link(stranger).await, None);
}

/// Every promise of a [`Contacts`].
pub(super) async fn contacts(make: &impl AsyncFn(&Part) -> Made<dyn Contacts>) {
    let shop = MemoryShop::new(8);
    let asha = registered(&shop, "asha").await;
    let made = make(shop.part()).await;
    let contacts = async |users: &[UserId]| made.port.contacts(users).await.expect("users answer");
    let her =
        Contact { user: asha, email: "asha@example.com".parse().expect("it is well formed"), name: Some("asha".to_owned()) };
    assert_eq!(contacts(&[asha]).await, [her.clone()]);
    let reset = shop.catalog.ids.mint();
    let token = async || made.port.reset_token(asha, reset).await.expect("users answer");
    let first = token().await.expect("she is there");
    assert_eq!(token().await.as_ref(), Some(&first), "always the same for the same request");
    shop.users.reset_password(&first, "another horse battery", None).await.expect("it is the one that users know");
    assert_ne!(token().await, Some(first), "and dies with the password");
    shop.users.delete_user(&Actor::System, asha, None).await.expect("a user can be erased");
    assert_eq!(contacts(&[asha]).await, [], "gone is gone");
    let email: Email = "guest@example.com".parse().expect("it is well formed");
    let guest = shop.users.guest_of(&email).await.expect("anybody may be one");
    let ravi = registered(&shop, "ravi").await;
    let mut found = contacts(&[asha, shop.catalog.ids.mint(), guest, ravi]).await;
    found.sort_by_key(|contact| contact.name.clone());
    let named = found.iter().map(|it| (it.user, it.email.as_str(), it.name.as_deref())).collect::<Vec<_>>();
    assert_eq!(named, [(guest, "guest@example.com", None), (ravi, "ravi@example.com", Some("ravi"))], "each as what she is");
    assert_eq!(contacts(&[]).await, []);
    let order = shop.orders.ids.order(guest);
    let link = made.port.order_link(guest, order).await.expect("users answer").expect("she is a guest");
    assert_eq!(shop.users.follow(&link).await.expect("users answer"), Some((guest, order)), "it is the one that users know");
    assert_eq!(made.port.order_link(asha, order).await.expect("users answer"), None);
    assert_eq!(token().await, None);
}

/// Every promise of a [`HoldOwners`].
pub(super) async fn hold_owners(make: &impl AsyncFn(&Part) -> Made<dyn HoldOwners>) {
    let shop = stocked().await;
    let asha = registered(&shop, "asha").await;
    let made = make(shop.part()).await;
    let standing = async |hold: HoldRef| made.port.standing(hold.key, hold.generation).await.expect("orders answer");
    assert_eq!(standing(HoldRef { key: KEY, generation: 1 }).await, Standing::Nobody);
    let order = bought(&shop, asha, (PaymentMethod::Cod, None)).await;
    assert_eq!(standing(order.hold).await, Standing::Live(order.id));
    assert_eq!(standing(HoldRef { generation: 2, ..order.hold }).await, Standing::Nobody, "another generation");
    shop.orders.cancel(&Actor::Customer(asha), order.id, None, None, None).await.expect("it can be cancelled");
    assert_eq!(standing(order.hold).await, Standing::Nobody, "a cancelled order stands behind nothing");
}

/// Somebody's order of one `A B`.
async fn bought(shop: &MemoryShop, user: UserId, (method, token): (PaymentMethod, Option<&str>)) -> Order {
    let address = serde_json::from_value(at_home("Pune")).expect("an address is well formed");
    let command = PlaceOrder {
        items: Some(vec![("A B".to_owned(), 1)]),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(address)),
        shipping_option: None,
        payment: Some((method, token.map(str::to_owned))),
        expected_total: None,
        metadata: Metadata::new(),
    };
    shop.orders.place(&Actor::Customer(user), command, None).await.expect("it can be bought").into_inner()
}

/// Every promise of a [`Purchases`].
pub(super) async fn purchases(make: &impl AsyncFn(&Part) -> Made<dyn Purchases>) {
    let shop = stocked().await;
    let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
    let made = make(shop.part()).await;
    let has = async |user, product| made.port.bought(user, product).await.expect("orders answer");
    let declined = bought(&shop, asha, (PaymentMethod::Card, Some("tok_declined"))).await;
    let product = declined.lines.first().expect("an order has lines").product_id;
    assert!(!has(asha, product).await, "what is not paid is not bought");
    let order = bought(&shop, asha, (PaymentMethod::Cod, None)).await;
    assert!(has(asha, product).await);
    assert!(!has(bina, product).await, "not by others");
    assert!(!has(asha, shop.catalog.ids.mint()).await, "nor anything else");
    shop.orders.cancel(&Actor::Customer(asha), order.id, None, None, None).await.expect("it can be cancelled");
    assert!(!has(asha, product).await, "a cancelled order bought nothing");
}

/// Every promise of a [`Records`].
pub(super) async fn records(make: &impl AsyncFn(&Part, Context) -> Made<dyn Records>) {
    let shop = stocked().await;
    let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
    let order = bought(&shop, asha, (PaymentMethod::Cod, None)).await;
    let product = order.lines.first().expect("an order has lines").product_id;
    shop.catalog.add_wish(&Actor::Customer(asha), asha, product, None).await.expect("it can be wished for");
    shop.settle().await.expect("a shop settles");
    for (context, list) in
        [(Context::Catalog, "wishlist"), (Context::Orders, "orders"), (Context::Notifications, "notifications")]
    {
        let made = make(shop.part(), context).await;
        let count = async |user| {
            let records = made.port.of(user).await.expect("the context answers");
            records.get(list).and_then(serde_json::Value::as_array).map(Vec::len)
        };
        let expected = if context == Context::Notifications { 3 } else { 1 };
        assert_eq!(count(asha).await, Some(expected), "{list}");
        let others = usize::from(context == Context::Notifications);
        assert_eq!(count(bina).await, Some(others), "{list} of others");
    }
    shop.users.delete_user(&Actor::System, asha, None).await.expect("a user can be erased");
    let forget = async |context| make(shop.part(), context).await.port.forget(asha).await.expect("the context answers");
    assert!(forget(Context::Catalog).await && forget(Context::Notifications).await, "nothing of hers is under way there");
    assert!(!forget(Context::Orders).await, "her order is still to arrive");
    for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
        shop.orders.set_status(&Actor::System, order.id, status, None, None).await.expect("it arrives");
    }
    assert!(forget(Context::Orders).await && forget(Context::Orders).await, "it came, and again is the same");
    let order = shop.orders.order(&Actor::System, order.id).await.expect("it is there");
    assert_eq!((order.shipping_address.full_name.as_str(), order.user), ("Erased", asha), "under her id alone");
    let made = make(shop.part(), Context::Catalog).await;
    let kept = made.port.of(asha).await.expect("the catalog answers");
    assert_eq!(kept.get("wishlist").and_then(serde_json::Value::as_array).map(Vec::len), Some(0));
    shop.settle().await.expect("a shop settles");
    assert!(forget(Context::Notifications).await);
}

/// Every promise of a [`Sellers`].
pub(super) async fn sellers(make: &impl AsyncFn(&Part) -> Made<dyn Sellers>) {
    let shop = MemoryShop::new(9);
    let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
    let made = make(shop.part()).await;
    let (one, again) = join(made.port.of_her_own(asha), made.port.of_her_own(asha)).await;
    let seller = one.expect("the catalog answers");
    assert_eq!(again.expect("the catalog answers"), seller, "always the same, also of two at once");
    assert_ne!(made.port.of_her_own(bina).await.expect("the catalog answers"), seller);
    let known = shop.catalog.seller(seller).await.expect("it is there");
    assert_eq!((known.user, known.name.contains("asha")), (Some(asha), false), "hers, and without her name");
    let patch = SellerPatch { name: Some("Cups".to_owned()), ..SellerPatch::default() };
    shop.catalog.update_seller(&Actor::Seller(asha, seller), seller, patch, None).await.expect("it is her own");
    assert_eq!(made.port.of_her_own(asha).await.expect("the catalog answers"), seller);
    assert_eq!(shop.catalog.seller(seller).await.expect("it is there").name, "Cups", "and stays as it is");
}
