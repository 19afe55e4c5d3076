//! Accounts, sessions and address books, over the reference adapters.

use std::time::Duration;

use commerce_core::change::{Answer, ChangeSet, KeyScope, Keys, RequestKey};
use commerce_core::error::{Outcome, Refusal};
use commerce_core::events::EventKind;
use commerce_core::ids::UserId;
use commerce_core::notifications::{Contacts, NotificationFilter};
use commerce_core::orders::Customers;
use commerce_core::page::PageRequest;
use commerce_core::testing::MemoryShop;
use commerce_core::testing::samples::{self, PASSWORD};
use commerce_core::users::{NewAddress, PasswordHash, Register, Role, Tokens, UpdateUser, User, UserStore, UserWrite};
use commerce_core::{Actor, limits};
use futures_executor::block_on;
use futures_util::future::join_all;

fn named(name: &str) -> Register {
    Register { full_name: name.to_owned(), ..samples::register(&format!("{name}@example.com")) }
}

async fn registered(shop: &MemoryShop, name: &str) -> User {
    shop.users.register(&Actor::Anonymous, named(name), None).await.expect("nobody has the address").into_inner()
}

async fn logged_in(shop: &MemoryShop, name: &str) -> Tokens {
    shop.users.login(&format!("{name}@example.com"), PASSWORD).await.expect("the password is right")
}

fn key(name: &str, body: u8) -> RequestKey {
    RequestKey { key: name.parse().expect("a printable name"), body_hash: [body; 32] }
}

fn code<T: std::fmt::Debug>(outcome: Outcome<T>) -> &'static str {
    outcome.expect_err("the rules say no").code()
}

fn address(line1: &str, is_default: Option<bool>) -> NewAddress {
    NewAddress { line1: line1.to_owned(), is_default, ..samples::new_address() }
}

async fn book(shop: &MemoryShop, user: &User) -> Vec<(String, bool)> {
    let book = shop.users.addresses(&user.actor(), user.id).await.expect("it is her own");
    book.addresses.into_iter().map(|address| (address.postal.line1, address.is_default)).collect()
}

/// Use cases run in tasks of their own: what they return must be able to move between threads.
#[test]
fn use_cases_can_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    let shop = MemoryShop::new(1);
    let (actor, user) = (Actor::System, "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".parse::<UserId>().unwrap());
    moves(&shop.users.register(&actor, named("asha"), None));
    moves(&shop.users.login("a@example.com", "x"));
    moves(&shop.users.refresh("x"));
    moves(&shop.users.authenticate("x"));
    moves(&shop.users.update_user(&actor, user, UpdateUser::default(), None));
    moves(&shop.users.set_role(&actor, user, Role::Admin, None));
    moves(&shop.users.delete_user(&actor, user, None));
    moves(&shop.users.add_address(&actor, user, address("1", None), None, None));
    moves(&shop.users.update_address(&actor, user, some_address(), address("1", None), None));
    moves(&shop.notifications.send_due(1));
}

fn some_address() -> commerce_core::ids::AddressId {
    "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2c".parse().expect("a UUID")
}

#[test]
fn an_account_is_opened_once_per_key_and_address() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let first = shop.users.register(&Actor::Anonymous, named("asha"), Some(key("k", 1))).await.unwrap();
        let Answer::Fresh(asha) = first else { panic!("new") };
        let again = shop.users.register(&Actor::Anonymous, named("asha"), Some(key("k", 1))).await.unwrap();
        assert_eq!(again, Answer::Replayed(asha.clone()));
        assert_eq!(code(shop.users.register(&Actor::Anonymous, named("ravi"), Some(key("k", 2))).await), "IDEMPOTENCY_MISMATCH");
        assert_eq!(code(shop.users.register(&Actor::Anonymous, named("ASHA"), Some(key("other", 1))).await), "EMAIL_TAKEN");
        assert_eq!((asha.role, asha.version), (Role::Customer, 1));

        shop.settle().await.unwrap();
        let filter = NotificationFilter { kind: Some(EventKind::UserRegistered), ..NotificationFilter::default() };
        let mails = shop.notifications.list(&Actor::System, &filter, &PageRequest::first()).await.unwrap();
        assert_eq!(mails.items.len(), 1);
    });
}

/// Otherwise who reads the database could guess short passwords from the hash of a registration.
#[test]
fn no_plain_hash_of_a_body_with_a_password_is_kept() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.users.register(&Actor::Anonymous, named("asha"), Some(key("k", 1))).await.unwrap();
        let scope = KeyScope { user: None, route: "POST /api/users".to_owned(), key: key("k", 1).key };
        let kept = shop.users_db.key(&scope).await.unwrap().expect("the key was used");
        assert_ne!(kept.body_hash, [1; 32]);
    });
}

#[test]
fn only_staff_opens_accounts_with_a_role() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        assert_eq!(code(shop.users.create_user(&asha.actor(), named("boss"), Role::Admin).await), "FORBIDDEN");
        let boss = shop.users.create_user(&Actor::System, named("boss"), Role::Admin).await.unwrap();
        assert_eq!(boss.actor(), Actor::Admin(boss.id));
        let seller = shop.users.set_role(&boss.actor(), asha.id, Role::Seller, None).await.unwrap();
        let Actor::Seller(user, hers) = seller.actor() else { panic!("{:?}", seller.actor()) };
        let known = shop.catalog.seller(hers).await.unwrap();
        assert_eq!((user, known.user), (asha.id, Some(asha.id)), "she acts for a seller that is there");
        let merchant = shop.users.create_user(&boss.actor(), named("merchant"), Role::Seller).await.unwrap();
        assert!(shop.catalog.seller(merchant.seller.unwrap()).await.is_ok());
        let customer = shop.users.set_role(&boss.actor(), asha.id, Role::Customer, None).await.unwrap();
        assert_eq!(customer.actor(), Actor::Customer(asha.id));
    });
}

#[test]
fn a_session_lives_from_login_to_logout() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        assert_eq!(code(shop.users.login("asha@example.com", "wrong").await.map(|_| ())), "BAD_CREDENTIALS");
        assert_eq!(code(shop.users.login("nobody@example.com", PASSWORD).await.map(|_| ())), "BAD_CREDENTIALS");
        assert_eq!(code(shop.users.login("rubbish", PASSWORD).await.map(|_| ())), "BAD_CREDENTIALS");

        let tokens = logged_in(&shop, "asha").await;
        let who = shop.users.authenticate(&tokens.access_token).await.unwrap();
        assert_eq!((who.actor, who.session), (asha.actor(), tokens.session));
        assert_eq!(code(shop.users.authenticate(&tokens.refresh_token).await), "UNAUTHENTICATED");

        shop.users.set_role(&Actor::System, asha.id, Role::Admin, None).await.unwrap();
        assert_eq!(shop.users.authenticate(&tokens.access_token).await.unwrap().actor, Actor::Admin(asha.id));

        assert!(!shop.users.has_logged_out(&who, key("k", 1)).await.unwrap());
        let race = join_all((0..3).map(|_| shop.users.logout(&who, Some(key("k", 1))))).await;
        let done = race.into_iter().map(Result::unwrap).filter(|answer| matches!(answer, Answer::Fresh(()))).count();
        assert_eq!(done, 1, "the others are replays");
        assert_eq!(code(shop.users.authenticate(&tokens.access_token).await), "UNAUTHENTICATED");
        assert_eq!(code(shop.users.refresh(&tokens.refresh_token).await.map(|_| ())), "UNAUTHENTICATED");
        assert!(shop.users.has_logged_out(&who, key("k", 1)).await.unwrap());
        assert!(!shop.users.has_logged_out(&who, key("other", 1)).await.unwrap());
        assert_eq!(code(shop.users.has_logged_out(&who, key("k", 2)).await), "IDEMPOTENCY_MISMATCH");

        let again = logged_in(&shop, "asha").await;
        let here = shop.users.authenticate(&again.access_token).await.unwrap();
        assert!(!shop.users.has_logged_out(&here, key("k", 1)).await.unwrap(), "another session is another logout");
        assert_eq!(shop.users.logout(&here, Some(key("k", 1))).await.unwrap(), Answer::Fresh(()));
        assert_eq!(code(shop.users.authenticate(&again.access_token).await), "UNAUTHENTICATED");
    });
}

#[test]
fn tokens_and_sessions_expire() {
    block_on(async {
        let shop = MemoryShop::new(1);
        registered(&shop, "asha").await;
        let (used, idle) = (logged_in(&shop, "asha").await, logged_in(&shop, "asha").await);
        shop.wait(limits::ACCESS_TOKEN_FOR);
        assert_eq!(code(shop.users.authenticate(&used.access_token).await), "UNAUTHENTICATED");

        let mut tokens = shop.users.refresh(&used.refresh_token).await.unwrap();
        let mut age = limits::ACCESS_TOKEN_FOR;
        let nearly_idle = limits::SESSION_IDLE.saturating_sub(Duration::from_secs(1));
        while age + nearly_idle < limits::SESSION_MAX {
            shop.wait(nearly_idle);
            age += nearly_idle;
            tokens = shop.users.refresh(&tokens.refresh_token).await.unwrap();
            shop.users.authenticate(&tokens.access_token).await.unwrap();
        }
        assert_eq!(code(shop.users.refresh(&idle.refresh_token).await.map(|_| ())), "UNAUTHENTICATED");
        shop.wait(limits::SESSION_MAX.saturating_sub(age));
        assert_eq!(code(shop.users.refresh(&tokens.refresh_token).await.map(|_| ())), "UNAUTHENTICATED");
    });
}

#[test]
fn a_refresh_token_works_once_and_a_stolen_one_ends_the_session() {
    block_on(async {
        let shop = MemoryShop::new(1);
        registered(&shop, "asha").await;
        let first = logged_in(&shop, "asha").await;
        let second = shop.users.refresh(&first.refresh_token).await.unwrap();
        assert_ne!(second.refresh_token, first.refresh_token);

        shop.wait(Duration::from_secs(9));
        let repeated = shop.users.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(repeated.refresh_token, second.refresh_token, "the first answer may have been lost");

        let third = shop.users.refresh(&second.refresh_token).await.unwrap();
        shop.wait(Duration::from_secs(11));
        assert_eq!(code(shop.users.refresh(&second.refresh_token).await.map(|_| ())), "UNAUTHENTICATED");
        assert_eq!(code(shop.users.refresh(&third.refresh_token).await.map(|_| ())), "UNAUTHENTICATED");
        assert_eq!(code(shop.users.authenticate(&third.access_token).await), "UNAUTHENTICATED");
    });
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        let (here, there) = (logged_in(&shop, "asha").await, logged_in(&shop, "asha").await);
        let (me, kept) = (asha.actor(), Some(here.session));
        for wrong in ["wrong", &"x".repeat(257)] {
            let refused = shop.users.change_password(&me, asha.id, wrong, "battery staple", kept, None).await.unwrap_err();
            let Some(Refusal::Invalid(errors)) = refused.refusal() else { panic!("{refused:?}") };
            assert_eq!((errors[0].field.as_str(), errors[0].code), ("current", "WRONG_PASSWORD"));
        }
        assert_eq!(code(shop.users.change_password(&me, asha.id, PASSWORD, "short", kept, None).await), "INVALID");
        shop.users.change_password(&me, asha.id, PASSWORD, "battery staple", kept, None).await.unwrap();
        assert!(shop.users.authenticate(&here.access_token).await.is_ok());
        assert_eq!(code(shop.users.authenticate(&there.access_token).await), "UNAUTHENTICATED");
        assert_eq!(code(shop.users.login("asha@example.com", PASSWORD).await.map(|_| ())), "BAD_CREDENTIALS");

        shop.users.set_password(&Actor::System, asha.id, "third and last").await.unwrap();
        assert_eq!(code(shop.users.authenticate(&here.access_token).await), "UNAUTHENTICATED");
        shop.users.login("asha@example.com", "third and last").await.unwrap();
    });
}

#[test]
fn an_old_hash_is_renewed_at_login() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        let old = User { password_hash: PasswordHash(format!("old:{PASSWORD}")), ..asha.clone() }.next_version();
        shop.users_db.commit(ChangeSet::of([UserWrite::UpdateUser(old)])).await.unwrap();
        logged_in(&shop, "asha").await;
        let renewed = shop.users_db.user(asha.id).await.unwrap().unwrap();
        assert_eq!(renewed.password_hash, PasswordHash(format!("plain:{PASSWORD}")));
    });
}

#[test]
fn strangers_find_nothing() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (asha, ravi) = (registered(&shop, "asha").await, registered(&shop, "ravi").await);
        let tokens = logged_in(&shop, "asha").await;
        let stranger = ravi.actor();
        let (added, _) =
            shop.users.add_address(&asha.actor(), asha.id, address("1", None), None, None).await.unwrap().into_inner();
        let answers = [
            code(shop.users.user(&stranger, asha.id).await),
            code(shop.users.update_user(&stranger, asha.id, UpdateUser::default(), None).await),
            code(shop.users.delete_user(&stranger, asha.id, None).await),
            code(shop.users.set_password(&stranger, asha.id, "battery staple").await),
            code(shop.users.sessions(&stranger, asha.id, &PageRequest::first()).await),
            code(shop.users.revoke_session(&stranger, asha.id, tokens.session).await),
            code(shop.users.revoke_session(&stranger, ravi.id, tokens.session).await),
            code(shop.users.addresses(&stranger, asha.id).await),
            code(shop.users.add_address(&stranger, asha.id, address("2", None), None, None).await),
            code(shop.users.delete_address(&stranger, ravi.id, added.id, None).await),
            code(shop.users.set_default_address(&stranger, ravi.id, added.id, None).await),
        ];
        assert!(answers.iter().all(|answer| *answer == "NOT_FOUND"), "{answers:?}");
        assert_eq!(code(shop.users.users(&stranger, None, &PageRequest::first()).await), "FORBIDDEN");
        assert_eq!(code(shop.users.user(&Actor::Anonymous, asha.id).await), "UNAUTHENTICATED");
        assert_eq!(shop.users.address(ravi.id, Some(added.id)).await.unwrap(), None);
    });
}

#[test]
fn a_profile_changes_under_its_version() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (asha, ravi) = (registered(&shop, "asha").await, registered(&shop, "ravi").await);
        let update = UpdateUser { full_name: Some("Asha Rao".to_owned()), ..UpdateUser::default() };
        let changed = shop.users.update_user(&asha.actor(), asha.id, update.clone(), Some(1)).await.unwrap();
        assert_eq!((changed.full_name.as_str(), changed.version), ("Asha Rao", 2));
        assert_eq!(shop.users.update_user(&asha.actor(), asha.id, update.clone(), None).await.unwrap().version, 2);
        assert_eq!(code(shop.users.update_user(&asha.actor(), asha.id, update, Some(1)).await), "VERSION_MISMATCH");
        let taken = UpdateUser { email: Some(ravi.email.to_string()), ..UpdateUser::default() };
        assert_eq!(code(shop.users.update_user(&asha.actor(), asha.id, taken, None).await), "EMAIL_TAKEN");
    });
}

#[test]
fn who_is_erased_leaves_a_free_address_and_nothing_else() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        let tokens = logged_in(&shop, "asha").await;
        shop.users.add_address(&asha.actor(), asha.id, address("1", None), None, None).await.unwrap();
        shop.users.delete_user(&asha.actor(), asha.id, None).await.unwrap();

        assert_eq!(code(shop.users.delete_user(&Actor::System, asha.id, None).await), "NOT_FOUND");
        assert_eq!(code(shop.users.user(&Actor::System, asha.id).await), "NOT_FOUND");
        assert_eq!(code(shop.users.authenticate(&tokens.access_token).await), "UNAUTHENTICATED");
        assert_eq!(code(shop.users.refresh(&tokens.refresh_token).await.map(|_| ())), "UNAUTHENTICATED");
        assert_eq!(shop.users.contacts(&[asha.id]).await.unwrap(), []);
        assert_eq!(shop.users.address(asha.id, None).await.unwrap(), None);
        assert!(shop.users.users(&Actor::System, None, &PageRequest::first()).await.unwrap().items.is_empty());
        assert_ne!(registered(&shop, "asha").await.id, asha.id);

        shop.settle().await.unwrap();
        assert_eq!(shop.mailer.mails().len(), 1, "the second welcome; the first found nobody");
    });
}

#[test]
fn an_address_book_has_one_default() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        let me = asha.actor();
        let first = shop.users.add_address(&me, asha.id, address("first", Some(false)), Some(key("a", 1)), None).await.unwrap();
        let again = shop.users.add_address(&me, asha.id, address("first", Some(false)), Some(key("a", 1)), None).await.unwrap();
        assert_eq!(again, Answer::Replayed(first.clone().into_inner()));
        let (second, _) =
            shop.users.add_address(&me, asha.id, address("second", Some(true)), None, None).await.unwrap().into_inner();
        assert_eq!(book(&shop, &asha).await, [("first".to_owned(), false), ("second".to_owned(), true)]);
        assert_eq!(shop.users.address(asha.id, None).await.unwrap(), Some(second.postal.clone()));

        let (first, _) = first.into_inner();
        shop.users.set_default_address(&me, asha.id, first.id, None).await.unwrap();
        shop.users.update_address(&me, asha.id, second.id, address("2nd", None), None).await.unwrap();
        assert_eq!(book(&shop, &asha).await, [("first".to_owned(), true), ("2nd".to_owned(), false)]);
        let none = shop.users.update_address(&me, asha.id, first.id, address("1st", Some(false)), None).await;
        assert_eq!(code(none), "READ_ONLY", "a book has a default; another takes its place");
        shop.users.update_address(&me, asha.id, second.id, address("2nd", Some(false)), None).await.unwrap();
        assert_eq!(book(&shop, &asha).await, [("first".to_owned(), true), ("2nd".to_owned(), false)]);
        shop.users.delete_address(&me, asha.id, first.id, None).await.unwrap();
        assert_eq!(book(&shop, &asha).await, [("2nd".to_owned(), true)]);
        assert_eq!(code(shop.users.delete_address(&me, asha.id, first.id, None).await), "NOT_FOUND");
    });
}

#[test]
fn an_address_book_is_bounded() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = registered(&shop, "asha").await;
        for number in 0..limits::ADDRESSES_MAX {
            shop.users.add_address(&asha.actor(), asha.id, address(&number.to_string(), None), None, None).await.unwrap();
        }
        let refused = shop.users.add_address(&asha.actor(), asha.id, address("one more", None), None, None).await.unwrap_err();
        let Some(Refusal::Invalid(errors)) = refused.refusal() else { panic!("{refused}") };
        assert_eq!(errors[0].code, "TOO_MANY");
    });
}
