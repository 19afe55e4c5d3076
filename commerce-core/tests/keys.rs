//! Requests repeated under their key, where no aggregate of their own remembers them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use commerce_core::change::{Answer, RequestKey};
use commerce_core::notifications::{Notification, NotificationFilter, NotificationStatus};
use commerce_core::page::PageRequest;
use commerce_core::testing::MemoryShop;
use commerce_core::text::Metadata;
use commerce_core::users::Register;
use commerce_core::{Actor, Refusal};
use futures_executor::block_on;
use futures_util::future::join;

fn key(text: &str, body: u8) -> Option<RequestKey> {
    Some(RequestKey { key: text.parse().unwrap(), body_hash: [body; 32] })
}

#[test]
fn a_guests_cart_opened_twice_under_one_key_is_one_cart() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let open = |key| shop.orders.open_guest_cart(&Actor::Anonymous, key);
        let (first, twin) = join(open(key("k", 1)), open(key("k", 1))).await;
        let (first, twin) = (first.unwrap(), twin.unwrap());
        assert_eq!([&first, &twin].into_iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count(), 1);
        let (token, _) = first.into_inner();
        assert_eq!(token, twin.into_inner().0);
        assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
        let Answer::Replayed((again, _)) = open(key("k", 1)).await.unwrap() else { panic!("a replay") };
        assert_eq!(again, token);
        assert_eq!(open(key("k", 2)).await.unwrap_err().refusal(), Some(&Refusal::IdempotencyMismatch));
        for other in [key("l", 1), None, None] {
            assert_ne!(open(other).await.unwrap().into_inner().0, token);
        }
    });
}

#[test]
fn a_message_is_put_up_once_for_each_key() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = Register {
            email: "asha@example.com".to_owned(),
            password: "correct horse".to_owned(),
            full_name: "Asha Rao".to_owned(),
            phone: None,
            metadata: Metadata::new(),
        };
        shop.users.register(&Actor::Anonymous, asha, None).await.unwrap();
        shop.settle().await.unwrap();
        let sent = the_message(&shop).await;
        assert_eq!(sent.status, NotificationStatus::Sent);
        let resend = |key| shop.notifications.resend(&Actor::System, sent.id, key);
        let Answer::Fresh(due) = resend(key("k", 1)).await.unwrap() else { panic!("done now") };
        assert_eq!(due.status, NotificationStatus::Pending);
        shop.settle().await.unwrap();
        let Answer::Replayed(now) = resend(key("k", 1)).await.unwrap() else { panic!("a replay") };
        assert_eq!(
            (now.status, &now),
            (NotificationStatus::Sent, &the_message(&shop).await),
            "its present state, not sent again"
        );
        assert_eq!(resend(key("k", 2)).await.unwrap_err().refusal(), Some(&Refusal::IdempotencyMismatch));
    });
}

async fn the_message(shop: &MemoryShop) -> Notification {
    let all = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await.unwrap();
    assert_eq!(all.items.len(), 1);
    all.items[0].clone()
}
