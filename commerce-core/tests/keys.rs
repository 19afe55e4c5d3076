//! Requests repeated under their key, where no aggregate of their own remembers them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use commerce_core::audit::books::{Books, Walk};
use commerce_core::audit::tables::KEYS;
use commerce_core::audit::{AuditRequest, Invariant};
use commerce_core::catalog::{NewProduct, NewVariant};
use commerce_core::change::{Answer, RequestKey};
use commerce_core::ids::{Id, IdSource, ResetId};
use commerce_core::notifications::{Notification, NotificationFilter, NotificationStatus};
use commerce_core::orders::{AddressChoice, CartOwner, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::testing::conformance::NoWait;
use commerce_core::testing::{MemoryShop, SeededEntropy, samples};
use commerce_core::text::Metadata;
use commerce_core::{Actor, Currency, Money, Refusal};
use futures_executor::block_on;
use futures_util::future::join;
use uuid::Uuid;

fn key(text: &str, body: u8) -> RequestKey {
    RequestKey { key: text.parse().unwrap(), body_hash: [body; 32] }
}

#[test]
fn a_guests_cart_opened_twice_under_one_key_is_one_cart() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let open = |key| shop.orders.open_guest_cart(&Actor::Anonymous, commerce_core::text::Metadata::new(), key);
        let (first, twin) = join(open(Some(key("k", 1))), open(Some(key("k", 1)))).await;
        let (first, twin) = (first.unwrap(), twin.unwrap());
        assert_eq!([&first, &twin].into_iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count(), 1);
        let (token, _) = first.into_inner();
        assert_eq!(token, twin.into_inner().0);
        assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
        let Answer::Replayed((again, _)) = open(Some(key("k", 1))).await.unwrap() else { panic!("a replay") };
        assert_eq!(again, token);
        assert_eq!(open(Some(key("k", 2))).await.unwrap_err().refusal(), Some(&Refusal::IdempotencyMismatch));
        for other in [Some(key("l", 1)), None, None] {
            assert_ne!(open(other).await.unwrap().into_inner().0, token);
        }
    });
}

#[test]
fn a_message_is_put_up_once_for_each_key() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = samples::register("asha@example.com");
        shop.users.register(&Actor::Anonymous, asha, None).await.unwrap();
        shop.settle().await.unwrap();
        let sent = the_message(&shop).await;
        assert_eq!(sent.status, NotificationStatus::Sent);
        let resend = |key| shop.notifications.resend(&Actor::System, sent.id, key);
        let Answer::Fresh(due) = resend(Some(key("k", 1))).await.unwrap() else { panic!("done now") };
        assert_eq!(due.status, NotificationStatus::Pending);
        shop.settle().await.unwrap();
        let Answer::Replayed(now) = resend(Some(key("k", 1))).await.unwrap() else { panic!("a replay") };
        assert_eq!(
            (now.status, &now),
            (NotificationStatus::Sent, &the_message(&shop).await),
            "its present state, not sent again"
        );
        assert_eq!(resend(Some(key("k", 2))).await.unwrap_err().refusal(), Some(&Refusal::IdempotencyMismatch));
    });
}

#[test]
fn of_twins_at_the_brim_of_a_cart_one_is_the_replay_of_the_other() {
    block_on(async {
        for seed in 0..20 {
            let shop = MemoryShop::new(seed);
            put_on_sale(&shop).await;
            let (owner, items) = (CartOwner::guest("token"), [("A".to_owned(), 999)]);
            let add = || shop.orders.add_to_cart(&Actor::Anonymous, owner, &items, None, Some(key("k", 1)), None);
            let (one, two) = join(add(), add()).await;
            let (one, two) = (one.unwrap(), two.unwrap());
            assert_ne!(matches!(one, Answer::Replayed(_)), matches!(two, Answer::Replayed(_)), "with seed {seed}");
        }
    });
}

#[test]
fn a_quote_repeated_under_its_key_is_made_anew_and_says_so() {
    block_on(async {
        let shop = MemoryShop::new(1);
        put_on_sale(&shop).await;
        let quote = async |quantity: i64, key: Option<RequestKey>| {
            let wish = PlaceOrder {
                items: Some(vec![("A".to_owned(), quantity)]),
                coupon_code: None,
                address: AddressChoice::Saved(None),
                shipping_option: None,
                payment: None,
                expected_total: None,
                metadata: Metadata::new(),
            };
            shop.orders.offer_to_guest(None, &wish, key).await
        };
        assert!(quote(0, Some(key("k", 0))).await.is_err(), "what is refused uses no key up");
        let (one, twin) = join(quote(1, Some(key("k", 1))), quote(1, Some(key("k", 1)))).await;
        let (one, twin) = (one.unwrap(), twin.unwrap());
        assert_ne!(matches!(one, Answer::Replayed(_)), matches!(twin, Answer::Replayed(_)), "of twins one is the replay");
        assert_eq!(one.into_inner(), twin.into_inner());
        assert!(matches!(quote(1, Some(key("k", 1))).await.unwrap(), Answer::Replayed(_)));
        assert_eq!(quote(2, Some(key("k", 2))).await.unwrap_err().refusal(), Some(&Refusal::IdempotencyMismatch));
        assert!(matches!(quote(2, None).await.unwrap(), Answer::Fresh(_)));
        clean(&shop).await;
    });
}

#[test]
fn a_mail_is_asked_for_once_under_a_key() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await.unwrap();
        let asked = async |body: u8| shop.users.reset_asked(Some(key("k", body))).await;
        assert!(matches!(asked(1).await.unwrap(), Answer::Fresh(())));
        for _ in 0..3 {
            shop.users.request_reset("asha@example.com", Some(&key("k", 1))).await.unwrap();
            assert!(matches!(asked(1).await.unwrap(), Answer::Replayed(())));
        }
        assert_eq!(asked(2).await.unwrap_err().refusal(), Some(&Refusal::IdempotencyMismatch));
        assert!(matches!(shop.orders.link_asked(Some(key("k", 1))).await.unwrap(), Answer::Fresh(())));
        assert!(matches!(shop.orders.link_asked(Some(key("k", 1))).await.unwrap(), Answer::Replayed(())));
        clean(&shop).await;
        assert_eq!(shop.mailer.mails().iter().filter(|mail| mail.subject == "password_reset").count(), 1);
    });
}

#[test]
fn tokens_are_given_anew_under_a_key_to_who_may_have_them() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await.unwrap();
        let login =
            async |password: &str, body: u8| shop.users.login_keyed("asha@example.com", password, Some(key("k", body))).await;
        assert_eq!(login("wrong", 0).await.err().unwrap().refusal(), Some(&Refusal::BadCredentials));
        let Answer::Fresh(first) = login(samples::PASSWORD, 1).await.unwrap() else { panic!("done now") };
        let Answer::Replayed(second) = login(samples::PASSWORD, 1).await.unwrap() else { panic!("a replay") };
        assert_ne!(first.session, second.session);
        assert_eq!(login(samples::PASSWORD, 2).await.err().unwrap().refusal(), Some(&Refusal::IdempotencyMismatch));
        assert_eq!(login("wrong", 1).await.err().unwrap().refusal(), Some(&Refusal::BadCredentials), "the password comes first");

        let refresh = async |token: &str, body: u8| shop.users.refresh_keyed(token, Some(key("k", body))).await;
        let Answer::Fresh(next) = refresh(&first.refresh_token, 1).await.unwrap() else { panic!("done now") };
        let Answer::Replayed(again) = refresh(&first.refresh_token, 1).await.unwrap() else { panic!("a replay") };
        assert_eq!(next.refresh_token, again.refresh_token);
        assert_eq!(refresh(&second.refresh_token, 2).await.err().unwrap().refusal(), Some(&Refusal::IdempotencyMismatch));
        shop.users.refresh(&second.refresh_token).await.expect("what was refused used the token up no more than the key");
        shop.users.refresh(&next.refresh_token).await.unwrap();
        assert_eq!(refresh(&first.refresh_token, 1).await.err().unwrap().refusal(), Some(&Refusal::Unauthenticated));
        clean(&shop).await;
    });
}

/// Whatever is kept of a key, the audit knows what it may name.
#[test]
fn the_books_stay_clean_after_every_keyed_request_of_users() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), Some(key("k", 1))).await;
        let asha = asha.unwrap().into_inner().id;
        let me = Actor::Customer(asha);
        clean(&shop).await;
        shop.users.add_address(&me, asha, samples::new_address(), Some(key("k", 1)), None).await.unwrap();
        let tokens = shop.users.login_keyed("asha@example.com", samples::PASSWORD, Some(key("k", 1))).await.unwrap().into_inner();
        let tokens = shop.users.refresh_keyed(&tokens.refresh_token, Some(key("k", 1))).await.unwrap().into_inner();
        let caller = shop.users.authenticate(&tokens.access_token).await.unwrap();
        shop.users.logout(&caller, Some(key("k", 1))).await.unwrap();
        shop.users.reset_asked(Some(key("k", 1))).await.unwrap();
        shop.users.request_reset("asha@example.com", Some(&key("k", 1))).await.unwrap();
        clean(&shop).await;
        let token = shop.users.reset_token(asha, a_request(&shop)).await.unwrap().unwrap();
        shop.users.reset_password(&token, "another password", Some(key("k", 1))).await.unwrap();
        clean(&shop).await;
    });
}

/// A key that set a password names the user, as the one does that registered her: no other may.
#[test]
fn a_key_of_a_user_that_was_altered_is_named() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), Some(key("k", 1))).await;
        let asha = asha.unwrap().into_inner().id;
        let late =
            shop.users.register(&Actor::Anonymous, samples::register("late@example.com"), None).await.unwrap().into_inner().id;
        let token = shop.users.reset_token(asha, a_request(&shop)).await.unwrap().unwrap();
        shop.users.reset_password(&token, "another password", Some(key("k", 1))).await.unwrap();
        clean(&shop).await;
        let walk = Walk { lead: KEYS, key: "scope", name: "scope", within: None, beside: &[] };
        let rows = shop.users_db.stretch(&walk, None, 10).await.unwrap().pages.of(KEYS).to_vec();
        let of = |route: &str| rows.iter().find(|row| row.text("route") == Some(route)).unwrap();
        let (registered, set) = (of("POST /api/users"), of("POST /api/auth/password-reset/confirm"));
        let nobody = Uuid::from_u128(1);
        for (row, column, value) in [
            (set, "route", "POST /api/auth/login".into()),
            (set, "route", "POST /api/users".into()),
            (set, "result_id", nobody.into()),
            (set, "result_id", late.uuid().into()),
            (registered, "result_id", nobody.into()),
            (registered, "route", "POST /api/auth/logout".into()),
        ] {
            let altered = format!("{column} {value}");
            shop.users_db.tamper(row, Some((column, value)));
            let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
            let found = |invariant| report.counts.contains_key(&invariant);
            assert!(found(Invariant::Key) || found(Invariant::Version), "{altered}: {:?}", report.counts);
            shop.users_db.heal();
        }
        clean(&shop).await;
    });
}

/// A mail for a new password that is asked for now.
fn a_request(shop: &MemoryShop) -> ResetId {
    IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(9))).mint()
}

/// The audit finds nothing wrong with what was written.
async fn clean(shop: &MemoryShop) {
    shop.settle().await.unwrap();
    let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
    assert_eq!(report.violations, []);
}

async fn put_on_sale(shop: &MemoryShop) {
    let variant = NewVariant {
        sku: "A".to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: 5_000,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    let product = NewProduct {
        name: "Kurta".to_owned(),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: Metadata::new(),
        images: Vec::new(),
    };
    shop.catalog.create_product(&Actor::System, product, None).await.unwrap();
}

async fn the_message(shop: &MemoryShop) -> Notification {
    let all = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await.unwrap();
    assert_eq!(all.items.len(), 1);
    all.items[0].clone()
}
