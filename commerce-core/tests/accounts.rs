//! What users promise about forgotten passwords and about what staff does, over the reference adapters.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::change::{Answer, RequestKey};
use commerce_core::error::Error;
use commerce_core::ids::{Id, ResetId, UserId};
use commerce_core::limits;
use commerce_core::orders::OrderFilter;
use commerce_core::page::PageRequest;
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::{NoWait, trade};
use commerce_core::testing::samples::{self, PASSWORD};
use commerce_core::users::StaffAction::{PasswordSet, RoleChanged, SessionEnded, UserChanged, UserErased};
use commerce_core::users::{Register, Role, StaffLogFilter, UpdateUser, own_seller};
use commerce_core::{Actor, Outcome, Refusal};
use futures_executor::block_on;
use futures_util::future::{join, join_all};
use serde_json::Value;

const OTHER: &str = "another horse battery";

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    match outcome {
        Err(Error::Refused(refusal)) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

async fn registered(shop: &MemoryShop, name: &str) -> UserId {
    let register = Register { full_name: name.to_owned(), ..samples::register(&format!("{name}@example.com")) };
    shop.users.register(&Actor::Anonymous, register, None).await.unwrap().into_inner().id
}

/// The tokens that were mailed, oldest first.
async fn mailed(shop: &MemoryShop) -> Vec<String> {
    shop.settle().await.unwrap();
    let mails = shop.mailer.mails().into_iter().filter(|mail| mail.subject == "password_reset");
    let token = |text: &str| text.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    mails.map(|mail| token(&mail.text)).collect()
}

#[test]
fn a_mailed_token_sets_a_password_once_and_ends_every_session() {
    block_on(async {
        let shop = MemoryShop::new(1);
        registered(&shop, "asha").await;
        let tokens = shop.users.login("asha@example.com", PASSWORD).await.unwrap();
        shop.users.request_reset(" Asha@Example.com ", None).await.unwrap();
        let token = mailed(&shop).await.pop().unwrap();
        assert_eq!(refused(shop.users.reset_password(&token, "short", None).await).code(), "INVALID");
        let both = join_all((0..2).map(|_| shop.users.reset_password(&token, OTHER, None))).await;
        assert_eq!(both.iter().filter(|outcome| outcome.is_ok()).count(), 1, "of two at once one is let through");
        assert_eq!(refused(shop.users.reset_password(&token, PASSWORD, None).await).code(), "INVALID", "used");
        assert!(shop.users.authenticate(&tokens.access_token).await.is_err(), "the sessions of the old password are over");
        assert!(shop.users.login("asha@example.com", PASSWORD).await.is_err());
        assert!(shop.users.login("asha@example.com", OTHER).await.is_ok());
    });
}

#[test]
fn a_new_password_is_set_once_under_a_key() {
    block_on(async {
        let shop = MemoryShop::new(1);
        registered(&shop, "asha").await;
        shop.users.request_reset("asha@example.com", None).await.unwrap();
        let token = mailed(&shop).await.pop().unwrap();
        let key = |body: u8| Some(RequestKey { key: "k".parse().unwrap(), body_hash: [body; 32] });
        assert_eq!(refused(shop.users.reset_password(&token, "short", key(0)).await).code(), "INVALID", "uses no key up");
        let race = join_all((0..3).map(|_| shop.users.reset_password(&token, OTHER, key(1)))).await;
        let done = race.into_iter().map(Result::unwrap).filter(|answer| matches!(answer, Answer::Fresh(()))).count();
        assert_eq!(done, 1, "the others are replays");
        shop.clock.advance(limits::RESET_FOR);
        assert_eq!(shop.users.reset_password(&token, OTHER, key(1)).await.unwrap(), Answer::Replayed(()));
        assert_eq!(refused(shop.users.reset_password(&token, PASSWORD, key(2)).await), Refusal::IdempotencyMismatch);
        assert!(shop.users.login("asha@example.com", OTHER).await.is_ok());
    });
}

#[test]
fn nobody_learns_who_has_an_account_and_no_mailbox_is_filled() {
    block_on(async {
        let shop = MemoryShop::new(1);
        registered(&shop, "asha").await;
        for nobody in ["nobody@example.com", "no address", ""] {
            shop.users.request_reset(nobody, None).await.unwrap();
        }
        assert_eq!(mailed(&shop).await, [] as [String; 0]);
        join_all((0..20).map(|_| shop.users.request_reset("asha@example.com", None))).await;
        let most = usize::try_from(limits::RESETS_AN_HOUR).unwrap();
        assert_eq!(mailed(&shop).await.len(), most);
        shop.clock.advance(Duration::from_hours(1));
        shop.users.request_reset("asha@example.com", None).await.unwrap();
        assert_eq!(mailed(&shop).await.len(), most + 1, "the next hour is another");
    });
}

#[test]
fn a_token_dies_of_age_and_of_any_change_of_what_it_is_for() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        let bina = registered(&shop, "bina").await;
        let ask = async || {
            shop.users.request_reset("asha@example.com", None).await.unwrap();
            mailed(&shop).await.pop().unwrap()
        };
        let fails = async |token: &str| {
            assert_eq!(refused(shop.users.reset_password(token, OTHER, None).await).code(), "INVALID", "{token}");
        };
        let token = ask().await;
        for wrong in [String::new(), "x".to_owned(), format!("{token}A"), token.to_lowercase(), token[..40].to_owned()] {
            fails(&wrong).await;
        }
        // Another user's name on the same seal.
        let theirs = shop.users.reset_token(bina, ResetId::from_uuid(uuid::Uuid::from_u128(7))).await.unwrap().unwrap();
        fails(&format!("{}{}", &theirs[..20], &token[20..])).await;
        shop.clock.advance(limits::RESET_FOR);
        fails(&token).await;

        let token = ask().await;
        let moved = UpdateUser { email: Some("asha@example.org".to_owned()), ..UpdateUser::default() };
        shop.users.update_user(&Actor::Customer(asha), asha, moved, None).await.unwrap();
        fails(&token).await;
        let back = UpdateUser { email: Some("asha@example.com".to_owned()), ..UpdateUser::default() };
        shop.users.update_user(&Actor::Customer(asha), asha, back, None).await.unwrap();
        shop.users.set_password(&Actor::Customer(asha), asha, OTHER).await.unwrap();
        fails(&token).await;
        let token = ask().await;
        shop.users.delete_user(&Actor::Customer(asha), asha, None).await.unwrap();
        fails(&token).await;
    });
}

#[test]
fn what_staff_does_to_others_is_told_in_a_chain() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
        let clerk = Actor::Admin(bina);
        shop.users.set_role(&Actor::System, bina, Role::Admin, None).await.unwrap();
        shop.users.set_role(&Actor::System, bina, Role::Admin, None).await.unwrap();
        shop.users.set_password(&clerk, asha, OTHER).await.unwrap();
        shop.users.set_password(&clerk, bina, OTHER).await.unwrap();
        let tokens = shop.users.login("asha@example.com", OTHER).await.unwrap();
        shop.users.revoke_session(&clerk, asha, tokens.session).await.unwrap();
        let named = UpdateUser { full_name: Some("Asha Rao".to_owned()), ..UpdateUser::default() };
        shop.users.update_user(&clerk, asha, named, None).await.unwrap();
        shop.users.delete_user(&clerk, asha, None).await.unwrap();
        let others = join_all((0..6).map(|n| registered_at(&shop, n))).await;
        let roles = others.iter().map(|user| shop.users.set_role(&clerk, *user, Role::Seller, None));
        assert!(join_all(roles).await.iter().all(Result::is_ok), "those who append at once take turns");

        let log = shop.users.staff_log(&clerk, &StaffLogFilter::default(), &PageRequest::first()).await.unwrap().items;
        let mut told: Vec<_> = log.iter().map(|entry| (entry.position, entry.told.action, entry.told.actor)).collect();
        told.reverse();
        let first = [
            (1, RoleChanged, None),
            (2, PasswordSet, Some(bina)),
            (3, SessionEnded, Some(bina)),
            (4, UserChanged, Some(bina)),
            (5, UserErased, Some(bina)),
        ];
        assert_eq!(told[..5], first, "each once, and nothing of what she does to herself");
        assert_eq!(told.len(), 11);
        let text = format!("{log:?}");
        assert!(!text.contains("Asha Rao") && !text.contains("example.com"), "the erased are not in it: {text}");
        for pair in log.windows(2) {
            assert_eq!((pair[0].previous, pair[0].position), (pair[1].hash, pair[1].position + 1));
        }
        let hers = shop.users.staff_log(&Actor::Customer(asha), &StaffLogFilter::default(), &PageRequest::first()).await;
        assert_eq!(refused(hers), Refusal::Forbidden);
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
        assert_eq!(report.violations, []);
    });
}

async fn registered_at(shop: &MemoryShop, n: usize) -> UserId {
    registered(shop, &format!("seller-{n}")).await
}

#[test]
fn a_role_that_staff_lays_down_is_told_and_one_that_changed_untold_is_found() {
    block_on(async {
        let shop = MemoryShop::new(2);
        let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
        let chitra = registered(&shop, "chitra").await;
        for user in [asha, bina, chitra] {
            shop.users.set_role(&Actor::System, user, Role::Admin, None).await.unwrap();
        }
        shop.users.set_role(&Actor::Admin(asha), bina, Role::Seller, None).await.unwrap();
        shop.users.set_role(&Actor::Admin(asha), asha, Role::Admin, None).await.unwrap();
        shop.users.set_role(&Actor::Admin(asha), asha, Role::Customer, None).await.unwrap();
        shop.settle().await.unwrap();
        let log = shop.users.staff_log(&Actor::System, &StaffLogFilter::default(), &PageRequest::first()).await.unwrap().items;
        let roles = log.iter().filter(|entry| entry.told.action == RoleChanged);
        let told: Vec<_> = roles.map(|it| (it.told.actor, it.told.subject.id, it.told.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                (Some(asha), asha.uuid(), r#"{"from":"ADMIN","to":"CUSTOMER"}"#),
                (Some(asha), bina.uuid(), r#"{"from":"ADMIN","to":"SELLER"}"#),
                (None, chitra.uuid(), r#"{"from":"CUSTOMER","to":"ADMIN"}"#),
                (None, bina.uuid(), r#"{"from":"CUSTOMER","to":"ADMIN"}"#),
                (None, asha.uuid(), r#"{"from":"CUSTOMER","to":"ADMIN"}"#),
            ],
            "each once, newest first"
        );
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
        assert_eq!(report.violations, []);
    });
}

#[test]
fn the_last_admin_stays_one_unless_the_operator_says_otherwise() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
        shop.users.set_role(&Actor::System, asha, Role::Admin, None).await.unwrap();
        let me = Actor::Admin(asha);
        for role in [Role::Customer, Role::Seller] {
            assert_eq!(refused(shop.users.set_role(&me, asha, role, None).await), Refusal::LastAdmin);
        }
        assert_eq!(refused(shop.catalog.seller(own_seller(asha)).await), Refusal::NotFound("seller"), "nothing was made for it");
        assert_eq!(refused(shop.users.delete_user(&me, asha, None).await), Refusal::LastAdmin);
        assert_eq!(refused(shop.users.delete_user(&Actor::Customer(asha), asha, None).await), Refusal::LastAdmin);
        shop.users.set_role(&me, asha, Role::Admin, None).await.expect("she is it");
        shop.users.set_role(&me, bina, Role::Admin, None).await.unwrap();
        shop.users.delete_user(&me, asha, None).await.expect("another is left");
        shop.users.set_role(&Actor::System, bina, Role::Customer, None).await.expect("the operator may");
        shop.settle().await.unwrap();
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
        assert_eq!(report.violations, []);
    });
}

#[test]
fn of_two_admins_who_go_at_once_one_stays() {
    block_on(async {
        for seed in 0..20 {
            let shop = MemoryShop::new(seed);
            let (asha, bina) = (registered(&shop, "asha").await, registered(&shop, "bina").await);
            for user in [asha, bina] {
                shop.users.set_role(&Actor::System, user, Role::Admin, None).await.unwrap();
            }
            let (me, you) = (Actor::Admin(asha), Actor::Admin(bina));
            let changed = async { shop.users.set_role(&me, bina, Role::Customer, None).await.map(|_| ()) };
            let ends = if seed % 2 == 0 {
                join(changed, shop.users.delete_user(&you, asha, None)).await
            } else {
                join(changed, async { shop.users.set_role(&you, asha, Role::Customer, None).await.map(|_| ()) }).await
            };
            let told = [ends.0, ends.1].map(|end| end.err().and_then(|error| error.refusal().cloned()));
            assert_eq!(told.iter().flatten().collect::<Vec<_>>(), [&Refusal::LastAdmin], "seed {seed}");
            let admins = shop.users.users(&Actor::System, Some(Role::Admin), &PageRequest::first()).await.unwrap().items;
            assert_eq!(admins.len(), 1, "seed {seed}");
        }
    });
}

#[test]
fn an_export_holds_everything_of_one_person_and_nothing_of_another() {
    block_on(async {
        let shop = MemoryShop::new(1);
        trade(&shop).await.unwrap();
        let page = shop.users.users(&Actor::System, None, &PageRequest::first()).await.unwrap();
        let of = |email: &str| page.items.iter().find(|user| user.email.as_str() == email).unwrap().id;
        let (asha, bela) = (of("asha@example.com"), of("bela@example.com"));
        let whole = shop.users.export(&Actor::Customer(asha), asha).await.unwrap();
        for list in ["addresses", "sessions", "reviews", "wishlist", "orders", "couponUses", "notifications"] {
            assert!(whole[list].as_array().is_some_and(|list| !list.is_empty()), "no {list} in {whole:#}");
        }
        assert_eq!(whole["user"]["email"], "asha@example.com");
        let orders = OrderFilter { user: Some(asha), ..OrderFilter::default() };
        let orders = shop.orders.orders(&Actor::System, orders, &PageRequest::first()).await.unwrap().items;
        assert_eq!(whole["orders"].as_array().map(Vec::len), Some(orders.len()));
        let of_orders = |list: &str| whole["orders"].as_array().unwrap().iter().any(|order| order[list].get(0).is_some());
        assert!(of_orders("returns") && of_orders("refunds"), "{whole:#}");
        let hers = shop.users.export(&Actor::Customer(bela), bela).await.unwrap();
        assert!(hers["wallet"]["entries"].get(0).is_some(), "{hers:#}");
        let text = whole.to_string();
        assert!(!text.contains("bela") && !text.contains(&bela.to_string()) && !text.contains("assword"), "{text}");
        let mut in_carts = 0;
        for user in &page.items {
            let whole = shop.users.export(&Actor::System, user.id).await.unwrap();
            in_carts += whole["cart"]["lines"].as_array().map_or(0, Vec::len);
            assert_eq!(names(&whole).into_iter().filter(|name| name.contains('_')).collect::<Vec<_>>(), [""; 0], "{whole:#}");
        }
        assert!(in_carts > 0, "somebody has a cart");
        assert_eq!(refused(shop.users.export(&Actor::Customer(bela), asha).await), Refusal::NotFound("user"));
        assert_eq!(refused(shop.users.export(&Actor::Anonymous, asha).await), Refusal::Unauthenticated);
    });
}

/// The names of all members of a JSON text, however deep.
fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => members.iter().flat_map(|(name, value)| [vec![name.as_str()], names(value)].concat()).collect(),
        Value::Array(list) => list.iter().flat_map(names).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
