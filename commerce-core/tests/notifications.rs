//! Messages from the event to the mail, over the reference adapters.

use std::time::Duration;

use commerce_core::change::ChangeSet;
use commerce_core::error::StoreError;
use commerce_core::events::Consumer;
use commerce_core::notifications::{
    Handover, Notification, NotificationFilter, NotificationRecorder, NotificationStatus, NotificationStore, NotificationWrite,
    Template,
};
use commerce_core::page::PageRequest;
use commerce_core::testing::{MemoryShop, samples};
use commerce_core::{Actor, limits};
use futures_executor::block_on;

async fn register(shop: &MemoryShop) {
    shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await.expect("nobody has the address");
}

/// The one message there is.
async fn the_message(shop: &MemoryShop) -> Notification {
    let all = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await;
    let [message] = <[Notification; 1]>::try_from(all.expect("staff may").items).expect("there is one");
    message
}

#[test]
fn an_event_that_comes_twice_is_one_mail() {
    block_on(async {
        let shop = MemoryShop::new(1);
        register(&shop).await;
        let events = commerce_core::events::Outbox::unpublished(&*shop.users_db, 10).await.unwrap();
        let recorder = NotificationRecorder::new(shop.notifications.clone());
        for _ in 0..2 {
            recorder.handle(&events[0]).await.unwrap();
        }
        shop.settle().await.unwrap();
        let message = the_message(&shop).await;
        assert_eq!((message.template, message.status, message.tries), (Template::Welcome, NotificationStatus::Sent, 1));
        let mails = shop.mailer.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!((mails[0].to.as_str(), mails[0].id, mails[0].at), ("asha@example.com", message.id, message.created_at));
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 0);
    });
}

#[test]
fn a_mailer_that_is_down_delays_and_one_that_refuses_ends() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.mailer.answer(Err(StoreError::unavailable("mail.send", "try later")));
        shop.mailer.answer(Ok(Handover::Rejected("no such mailbox".to_owned())));
        register(&shop).await;
        shop.settle().await.unwrap();
        let message = the_message(&shop).await;
        assert_eq!(message.status, NotificationStatus::Pending);
        assert_eq!(message.error.as_deref(), Some("mail.send is unavailable: try later"));
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 0, "not before its time");

        shop.wait(limits::MAIL_BACKOFF);
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 1);
        let message = the_message(&shop).await;
        assert_eq!((message.status, message.due_at, message.maybe_twice), (NotificationStatus::Failed, None, false));

        assert!(shop.notifications.resend(&Actor::Anonymous, message.id, None).await.is_err());
        shop.notifications.resend(&Actor::System, message.id, None).await.unwrap();
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 1);
        assert_eq!(the_message(&shop).await.status, NotificationStatus::Sent);
    });
}

#[test]
fn a_mail_interrupted_by_a_crash_is_sent_again_and_flagged() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.mailer.answer(Err(StoreError::unavailable("mail.send", "down")));
        register(&shop).await;
        shop.settle().await.unwrap();
        // As a process leaves it that was killed while it sent.
        let message = the_message(&shop).await;
        let interrupted = Notification {
            status: NotificationStatus::Sending,
            due_at: message.due_at.map(|due| due.plus(limits::MAIL_SENDING_FOR)),
            version: message.version + 1,
            ..message
        };
        shop.notifications_db.commit(ChangeSet::of([NotificationWrite::Update(interrupted)])).await.unwrap();
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 0);
        shop.wait(Duration::from_mins(1));
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 1);
        let message = the_message(&shop).await;
        assert_eq!((message.status, message.maybe_twice, message.tries), (NotificationStatus::Sent, true, 2));
    });
}
