//! Orders without an account: by a mail address, and by a link afterwards.

use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::change::Answer;
use commerce_core::ids::OrderId;
use commerce_core::orders::{CartOwner, CouponInput, GuestBuyer, Order, OrderFilter, OrderStatus, PaymentMethod, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::testing::conformance::NoWait;
use commerce_core::testing::samples;
use commerce_core::users::Accounts;
use commerce_core::{Actor, Error, Outcome, Refusal, limits};
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{COD, STAFF, Scene, address, card, code, key, wish};

fn guest(email: &str) -> GuestBuyer {
    GuestBuyer { email: email.to_owned(), cart: None }
}

async fn placed(scene: &Scene, email: &str, wish: PlaceOrder) -> Outcome<Order> {
    Ok(scene.orders.place_as_guest(&guest(email), wish, None).await?.into_inner())
}

async fn link(scene: &Scene, order: &Order) -> Outcome<String> {
    Ok(scene.orders.link_of(order).await?.expect("it is a guest's").token)
}

async fn holder(scene: &Scene, order: &Order) -> Outcome<Actor> {
    scene.orders.by_link(&link(scene, order).await?).await
}

#[test]
fn a_guest_orders_and_is_told_so_with_a_link() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(301, &[("TEA", 5)]).await?;
        let order = placed(&scene, " Guest@Example.com ", wish(&[("TEA", 2)], COD)).await?;
        assert_eq!(order.status, OrderStatus::Confirmed);
        scene.settle().await?;
        assert_eq!(scene.stock("TEA").await?, (3, 0), "it is sold like any other");
        let timeline = scene.orders.timeline(&STAFF, order.id, &PageRequest::first()).await?.items;
        assert!(timeline.iter().all(|entry| entry.actor == "guest"), "{timeline:?}");
        let shown = link(&scene, &order).await?;
        let mails = scene.mailer.mails();
        let told: Vec<_> = mails.iter().filter(|mail| mail.to.as_str() == "guest@example.com").collect();
        assert_eq!(told.len(), 2, "placed and confirmed");
        assert!(told.iter().all(|mail| mail.text.contains(&shown) && mail.to_name.is_empty()), "{told:?}");
        Ok(())
    })
}

#[test]
fn the_link_shows_its_order_and_nothing_else() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(302, &[("TEA", 9)]).await?;
        let mine = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        let next = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        let theirs = scene.place(wish(&[("TEA", 1)], COD)).await?;
        let me = holder(&scene, &mine).await?;
        assert_eq!(scene.orders.order(&me, mine.id).await?.id, mine.id);
        assert_eq!(scene.orders.timeline(&me, mine.id, &PageRequest::first()).await?.items.len(), 2);
        assert_eq!(scene.orders.shipments_of(&me, mine.id).await?, []);
        assert_eq!(scene.orders.returns_of(&me, mine.id).await?, []);
        assert_eq!(scene.orders.redirect(&me, mine.id, address(), None).await?.id, mine.id);
        for other in [next.id, theirs.id] {
            assert_eq!(code(&scene.orders.order(&me, other).await), "NOT_FOUND");
            assert_eq!(code(&scene.orders.cancel(&me, other, None, None, None).await), "NOT_FOUND");
            assert_eq!(code(&scene.orders.pay(&me, other, PaymentMethod::Card, None, None, None).await), "NOT_FOUND");
            assert_eq!(code(&scene.orders.redirect(&me, other, address(), None).await), "NOT_FOUND");
            assert_eq!(code(&scene.orders.shipments_of(&me, other).await), "NOT_FOUND");
            assert_eq!(code(&scene.orders.returns_of(&me, other).await), "NOT_FOUND");
        }
        let refused = [
            code(&scene.orders.orders(&me, OrderFilter::default(), &PageRequest::first()).await),
            code(&scene.orders.set_status(&me, mine.id, OrderStatus::Shipped, None, None).await),
            code(&scene.orders.place(&me, wish(&[("TEA", 1)], COD), None).await),
            code(&scene.orders.cart(&me, CartOwner::User(mine.user)).await),
            code(&scene.users.user(&me, mine.user).await),
            code(&scene.catalog.add_wish(&me, mine.user, mine.lines[0].product_id, None).await),
        ];
        assert_eq!(refused, ["UNAUTHENTICATED"; 6]);
        assert_eq!(scene.orders.cancel(&me, mine.id, None, None, None).await?.into_inner().status, OrderStatus::Cancelled);
        Ok(())
    })
}

#[test]
fn a_link_that_was_changed_or_is_too_old_shows_nothing() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(303, &[("TEA", 9)]).await?;
        let order = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        let next = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        let (shown, other) = (link(&scene, &order).await?, link(&scene, &next).await?);
        let spliced = format!("{}{}", &other[..22], &shown[22..]);
        for forged in ["", "AAAA", &shown[1..], &spliced, &format!("{shown}A"), &"A".repeat(96)] {
            assert_eq!(code(&scene.orders.by_link(forged).await), "NOT_FOUND", "{forged}");
        }
        for place in 0..shown.len() {
            let swapped = if shown.as_bytes()[place] == b'B' { "C" } else { "B" };
            let changed = format!("{}{swapped}{}", &shown[..place], &shown[place + 1..]);
            assert_eq!(code(&scene.orders.by_link(&changed).await), "NOT_FOUND", "changed at {place}");
        }
        scene.clock.advance(limits::ORDER_LINK_FOR.checked_sub(Duration::from_secs(5)).expect("days are longer"));
        assert_eq!(code(&scene.orders.by_link(&shown).await), "OK");
        scene.clock.advance(Duration::from_secs(6));
        assert_eq!(code(&scene.orders.by_link(&shown).await), "NOT_FOUND");
        Ok(())
    })
}

#[test]
fn an_account_with_the_same_address_is_somebody_else() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(304, &[("TEA", 9)]).await?;
        let order = placed(&scene, "asha@example.com", wish(&[("TEA", 1)], COD)).await?;
        assert_ne!(order.user, scene.asha_id());
        assert_eq!(code(&scene.orders.order(&scene.asha, order.id).await), "NOT_FOUND");
        let hers = scene.orders.orders(&scene.asha, OrderFilter::default(), &PageRequest::first()).await?;
        assert!(hers.items.is_empty(), "{hers:?}");
        let before = placed(&scene, "bela@example.com", wish(&[("TEA", 1)], COD)).await?;
        let bela = scene.somebody_else().await?;
        assert_eq!(code(&scene.orders.order(&bela, before.id).await), "NOT_FOUND", "nor is who registers later");
        assert_eq!(code(&scene.users.login("guest@example.com", "").await), "BAD_CREDENTIALS");
        Ok(())
    })
}

#[test]
fn a_repeated_request_is_answered_with_the_same_order() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(305, &[("TEA", 9)]).await?;
        let place = async |email| scene.orders.place_as_guest(&guest(email), wish(&[("TEA", 1)], COD), Some(key("once"))).await;
        let Answer::Fresh(first) = place("guest@example.com").await? else { panic!("it is new") };
        let Answer::Replayed(again) = place("guest@example.com").await? else { panic!("it is the same") };
        assert_eq!(again.id, first.id);
        let Answer::Fresh(other) = place("other@example.com").await? else { panic!("another's key is another key") };
        assert_ne!(other.id, first.id);
        Ok(())
    })
}

#[test]
fn a_guests_cart_is_ordered_once_and_emptied() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(306, &[("TEA", 9), ("POT", 2)]).await?;
        let (token, _) =
            scene.orders.open_guest_cart(&Actor::Anonymous, commerce_core::text::Metadata::new(), None).await?.into_inner();
        let owner = CartOwner::guest(&token);
        let items = [("TEA".to_owned(), 2)];
        scene.orders.add_to_cart(&Actor::Anonymous, owner, &items, None, None, None).await?;
        let buyer = GuestBuyer { cart: Some(token.clone()), ..guest("guest@example.com") };
        let order = scene.orders.place_as_guest(&buyer, wish(&[], COD), Some(key("once"))).await?.into_inner();
        assert_eq!(order.lines[0].quantity.get(), 2);
        scene.orders.add_to_cart(&Actor::Anonymous, owner, &[("POT".to_owned(), 1)], None, None, None).await?;
        scene.settle().await?;
        let left = scene.orders.cart(&Actor::Anonymous, owner).await?;
        let left: Vec<_> = left.lines.iter().map(|line| (line.sku.to_string(), line.quantity.get())).collect();
        assert_eq!(left, [("POT".to_owned(), 1)], "what was added meanwhile stays");
        assert_eq!(code(&scene.orders.place_as_guest(&guest("guest@example.com"), wish(&[], COD), None).await), "EMPTY_ORDER");
        Ok(())
    })
}

#[test]
fn what_was_noted_on_a_guests_cart_comes_along_when_she_logs_in() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(308, &[("TEA", 9)]).await?;
        let (token, _) =
            scene.orders.open_guest_cart(&Actor::Anonymous, commerce_core::text::Metadata::new(), None).await?.into_inner();
        let (guest, own) = (CartOwner::guest(&token), CartOwner::User(scene.asha_id()));
        let noted =
            |pairs: &[(&str, &str)]| Some(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect());
        let items = [("TEA".to_owned(), 1)];
        let (asha, nobody) = (Actor::Customer(scene.asha_id()), Actor::Anonymous);
        scene.orders.add_to_cart(&nobody, guest, &items, noted(&[("gift", "yes"), ("door", "red")]), None, None).await?;
        scene.orders.add_to_cart(&asha, own, &items, noted(&[("door", "blue")]), None, None).await?;
        let merged = scene.orders.merge_cart(&asha, scene.asha_id(), &token, None, None).await?.into_inner();
        let notes: Vec<_> = merged.cart.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(notes, [("door", "blue"), ("gift", "yes")], "her own words stay where both have some");
        Ok(())
    })
}

#[test]
fn a_coupons_limit_for_one_customer_counts_a_guest_by_her_address() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(307, &[("TEA", 9)]).await?;
        let coupon = CouponInput { per_user_limit: Some(1), ..samples::percent_off("ONCE", 10) };
        scene.orders.create_coupon(&STAFF, coupon, None).await?;
        let wish = PlaceOrder { coupon_code: Some("ONCE".to_owned()), ..wish(&[("TEA", 1)], COD) };
        placed(&scene, "guest@example.com", wish.clone()).await?;
        assert_eq!(code(&placed(&scene, "GUEST@example.com", wish.clone()).await), "COUPON_EXHAUSTED");
        placed(&scene, "other@example.com", wish).await?;
        Ok(())
    })
}

#[test]
fn nobody_fills_a_strangers_mailbox() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(308, &[("TEA", 50)]).await?;
        let victim = guest("victim@example.com");
        let place = async |name: &str| scene.orders.place_as_guest(&victim, wish(&[("TEA", 1)], COD), Some(key(name))).await;
        for turn in 0..limits::GUEST_ORDERS_AN_HOUR {
            let name = format!("turn-{turn}");
            place(&name).await?;
        }
        let before = scene.stock("TEA").await?;
        let more = place("more").await;
        let Err(Error::Refused(refusal)) = more else { panic!("{more:?}") };
        let Refusal::TooMany { seconds } = *refusal else { panic!("{refusal}") };
        assert_eq!(scene.stock("TEA").await?, before, "what it held is given back");
        assert!(matches!(place("turn-0").await?, Answer::Replayed(_)), "what was placed is answered");
        placed(&scene, "other@example.com", wish(&[("TEA", 1)], COD)).await?;
        scene.clock.advance(Duration::from_secs(seconds.checked_sub(1).expect("there is something to wait for")));
        assert_eq!(code(&place("sooner").await), "TOO_MANY");
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(code(&place("more").await), "OK", "once it waited as long as it was told");
        Ok(())
    })
}

#[test]
fn a_declined_order_is_paid_again_by_its_link_so_many_times() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(309, &[("TEA", 9)]).await?;
        let order = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], card("tok_declined"))).await?;
        let me = holder(&scene, &order).await?;
        let pay =
            async |token: &str| scene.orders.pay(&me, order.id, PaymentMethod::Card, Some(token.to_owned()), None, None).await;
        let wallet = scene.orders.pay(&me, order.id, PaymentMethod::Wallet, None, None, None).await;
        assert_eq!(code(&wallet), "INVALID", "a guest has none");
        for _ in 1..limits::GUEST_ATTEMPTS_MAX {
            assert_eq!(code(&pay("tok_declined").await), "OK");
        }
        assert_eq!(code(&pay("tok_ok").await), "NOT_PAYABLE");
        let other = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], card("tok_declined"))).await?;
        let me = holder(&scene, &other).await?;
        let paid = scene.orders.pay(&me, other.id, PaymentMethod::Card, Some("tok_ok".to_owned()), None, None).await?;
        assert_eq!(paid.into_inner().status, OrderStatus::Confirmed);
        let by_wallet = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], (PaymentMethod::Wallet, None))).await;
        assert_eq!(code(&by_wallet), "INVALID");
        Ok(())
    })
}

#[test]
fn an_erased_guest_leaves_an_order_and_no_way_to_it() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(310, &[("TEA", 9)]).await?;
        let order = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        let shown = link(&scene, &order).await?;
        assert_eq!(code(&scene.users.delete_user(&scene.asha, order.user, None).await), "NOT_FOUND");
        scene.users.delete_user(&STAFF, order.user, None).await?;
        assert_eq!(code(&scene.users.delete_user(&STAFF, order.user, None).await), "NOT_FOUND");
        assert_eq!(code(&scene.orders.by_link(&shown).await), "NOT_FOUND");
        scene.settle().await?;
        assert!(scene.mailer.mails().iter().all(|mail| mail.to.as_str() != "guest@example.com"), "she is told no more");
        let next = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        assert_ne!(next.user, order.user, "whoever orders next is somebody else");
        assert_eq!(scene.order(order.id).await?.user, order.user);
        let strange: OrderId = scene.mint();
        assert_eq!(code(&scene.orders.order(&holder(&scene, &next).await?, strange).await), "NOT_FOUND");
        Ok(())
    })
}

#[test]
fn a_link_is_mailed_again_to_whose_order_it_is_and_to_nobody_else() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(310, &[("TEA", 9)]).await?;
        let order = placed(&scene, "guest@example.com", wish(&[("TEA", 1)], COD)).await?;
        let other = placed(&scene, "other@example.com", wish(&[("TEA", 1)], COD)).await?;
        let hers = scene.place(wish(&[("TEA", 1)], COD)).await?;
        scene.settle().await?;
        let links = || -> Vec<_> {
            let mails = scene.mailer.mails().into_iter();
            mails.filter(|mail| mail.subject == "order_link").map(|mail| (mail.to.as_str().to_owned(), mail.text)).collect()
        };
        for (email, number) in [
            ("nobody@example.com", order.number.as_str()),
            ("not an address", order.number.as_str()),
            ("other@example.com", order.number.as_str()),
            ("asha@example.com", hers.number.as_str()),
            ("guest@example.com", other.number.as_str()),
            ("guest@example.com", "ORD-0"),
        ] {
            scene.orders.request_link(email, number, None).await?;
        }
        scene.settle().await?;
        assert_eq!(links(), [], "nobody is told what is not hers");
        assert_eq!(scene.users.known_guest(&"nobody@example.com".parse().expect("it is one")).await?, None, "nor made a guest");
        // At once, and more often than there are mails in an hour.
        let number = format!(" {} ", order.number.to_lowercase());
        join_all((0..9).map(|_| scene.orders.request_link("Guest@example.com", &number, None))).await;
        scene.settle().await?;
        let told = links();
        assert_eq!(told.len(), usize::try_from(limits::ORDER_LINKS_AN_HOUR).expect("it fits"));
        let shown = link(&scene, &order).await?;
        assert!(told.iter().all(|(to, text)| to == "guest@example.com" && text.contains(&shown)), "{told:?}");
        let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
        assert!(report.is_clean(), "{report:?}");
        scene.clock.advance(limits::ORDER_LINK_FOR);
        scene.orders.request_link("guest@example.com", &order.number, None).await?;
        scene.settle().await?;
        assert_eq!(links().len(), told.len(), "an order whose link has ended is found by nobody");
        Ok(())
    })
}

#[test]
fn staff_finds_what_a_mail_address_ordered_with_and_without_an_account() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(311, &[("TEA", 20)]).await?;
        let mut ids = Vec::new();
        for turn in 0..6 {
            let order = if turn % 2 == 0 {
                scene.place(wish(&[("TEA", 1)], COD)).await?
            } else {
                placed(&scene, "asha@example.com", wish(&[("TEA", 1)], COD)).await?
            };
            ids.insert(0, order.id);
            scene.clock.advance(Duration::from_millis(1));
        }
        placed(&scene, "other@example.com", wish(&[("TEA", 1)], COD)).await?;
        let people = scene.users.find(&STAFF, &"asha@example.com".parse().expect("it is one")).await?;
        let list = async |page: PageRequest| scene.orders.orders_of(&STAFF, &people, OrderFilter::default(), &page).await;
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = list(PageRequest::parse(Some(2), cursor.as_deref())?).await?;
            assert!(page.items.len() <= 2);
            found.extend(page.items.iter().map(|order| order.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, ids, "newest first, each once");
        let mine = scene.orders.orders_of(&scene.asha, &people, OrderFilter::default(), &PageRequest::first()).await;
        assert_eq!(code(&mine), "FORBIDDEN");
        Ok(())
    })
}
