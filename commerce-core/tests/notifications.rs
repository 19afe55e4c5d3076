//! Messages from the event to the mail, over the reference adapters.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::change::ChangeSet;
use commerce_core::error::{Outcome, StoreError};
use commerce_core::events::Consumer;
use commerce_core::ids::{IdSource, OrderId, ResetId, UserId};
use commerce_core::notifications::{
    Contact, Contacts, Handover, Mail, MailPolicy, Mailer, Notification, NotificationFilter, NotificationRecorder,
    NotificationStatus, NotificationStore, NotificationWrite, Notifications, Template,
};
use commerce_core::page::PageRequest;
use commerce_core::part::NotificationPorts;
use commerce_core::testing::memory::{MemoryNotifications, PlainRenderer, RecordingMailer};
use commerce_core::testing::{MemoryShop, SeededEntropy, samples};
use commerce_core::users::Users;
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

#[test]
fn a_mailer_that_makes_one_mail_of_two_needs_no_mark_before_it() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.mailer.set_idempotent(true);
        shop.mailer.answer(Err(StoreError::unavailable("mail.send", "down")));
        register(&shop).await;
        shop.settle().await.unwrap();
        let waiting = the_message(&shop).await;
        assert_eq!((waiting.status, waiting.tries, waiting.version), (NotificationStatus::Pending, 1, 2));

        shop.wait(limits::MAIL_BACKOFF);
        let killed = told_by(&shop, Arc::new(Deadly(shop.mailer.clone())), Arc::new(shop.users.clone()));
        assert!(futures_util::FutureExt::now_or_never(killed.send_due(10)).is_none(), "it dies after it sent, before it says so");
        assert_eq!(the_message(&shop).await, waiting);
        assert_eq!(shop.notifications.send_due(10).await.unwrap(), 1);
        let sent = the_message(&shop).await;
        assert_eq!((sent.status, sent.tries, sent.maybe_twice, sent.version), (NotificationStatus::Sent, 2, false, 3));
        assert_eq!(shop.mailer.mails().len(), 1);
    });
}

/// Hands over and never answers.
struct Deadly(Arc<RecordingMailer>);

#[async_trait]
impl Mailer for Deadly {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        self.0.send(mail).await?;
        std::future::pending().await
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// Hands over, and before that is written somebody drops the message.
struct Overtaken {
    messages: Arc<MemoryNotifications>,
    mailer: Arc<RecordingMailer>,
}

#[async_trait]
impl Mailer for Overtaken {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        let message = self.messages.notification(mail.id).await?.expect("it is due");
        let version = message.version + 1;
        let dropped = Notification { status: NotificationStatus::Suppressed, due_at: None, version, ..message };
        self.messages.commit(ChangeSet::of([NotificationWrite::Update(dropped)])).await.expect("nobody else writes");
        self.mailer.send(mail).await
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    async fn forget(&self, message: &Notification) -> Result<(), StoreError> {
        self.mailer.forget(message).await
    }
}

#[test]
fn a_mail_whose_message_was_dropped_meanwhile_is_taken_back() {
    block_on(async {
        let shop = MemoryShop::new(1);
        shop.mailer.answer(Err(StoreError::unavailable("mail.send", "down")));
        register(&shop).await;
        shop.settle().await.unwrap();
        shop.wait(limits::MAIL_BACKOFF);
        let told = told_by(
            &shop,
            Arc::new(Overtaken { messages: shop.notifications_db.clone(), mailer: shop.mailer.clone() }),
            Arc::new(shop.users.clone()),
        );
        assert_eq!(told.send_due(10).await.unwrap(), 0, "somebody else dealt with it");
        assert_eq!(the_message(&shop).await.status, NotificationStatus::Suppressed);
        assert_eq!(shop.mailer.mails(), []);
    });
}

/// Notifications of this shop's messages that go out by this mailer.
fn told_by(shop: &MemoryShop, mailer: Arc<dyn Mailer>, contacts: Arc<dyn Contacts>) -> Notifications {
    let ports = NotificationPorts {
        store: shop.notifications_db.clone(),
        renderer: Arc::new(PlainRenderer),
        mailer,
        webhooks: shop.webhooks.clone(),
    };
    let ids = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(2)));
    Notifications::new(ports, contacts, shop.clock.clone(), ids, MailPolicy::default())
}

/// Users who note how many were asked for at once, and one of whom cannot be read.
struct Noted {
    users: Users,
    asked: Mutex<Vec<usize>>,
    unreadable: Mutex<Option<UserId>>,
}

#[async_trait]
impl Contacts for Noted {
    async fn contacts(&self, users: &[UserId]) -> Outcome<Vec<Contact>> {
        self.asked.lock().expect("nobody panics").push(users.len());
        if self.unreadable.lock().expect("nobody panics").is_some_and(|user| users.contains(&user)) {
            return Err(StoreError::unavailable("users.contacts", "one of them cannot be read").into());
        }
        self.users.contacts(users).await
    }

    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        self.users.order_link(guest, order).await
    }

    async fn reset_token(&self, user: UserId, reset: ResetId) -> Outcome<Option<String>> {
        self.users.reset_token(user, reset).await
    }
}

/// Three users who are due a mail, with the notifications that send it.
async fn three_are_due(shop: &MemoryShop) -> (Notifications, Arc<Noted>, [UserId; 3]) {
    let noted = Noted { users: shop.users.clone(), asked: Mutex::default(), unreadable: Mutex::default() };
    let noted = Arc::new(noted);
    let told = told_by(shop, shop.mailer.clone(), noted.clone());
    let mut users = Vec::new();
    for email in ["asha@example.com", "bela@example.com", "chitra@example.com"] {
        let user = shop.users.register(&Actor::Anonymous, samples::register(email), None).await.expect("nobody has the address");
        users.push(user.into_inner().id);
    }
    let recorder = NotificationRecorder::new(told.clone());
    let events = commerce_core::events::Outbox::unpublished(&*shop.users_db, 10).await.expect("the outbox answers");
    for event in events {
        recorder.handle(&event).await.expect("it is recorded");
    }
    (told, noted, users.try_into().expect("there are three"))
}

#[test]
fn users_are_asked_once_for_all_who_are_due_a_mail() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (told, noted, _) = three_are_due(&shop).await;
        assert_eq!(told.send_due(10).await.unwrap(), 3);
        let mut to: Vec<String> = shop.mailer.mails().iter().map(|mail| mail.to.as_str().to_owned()).collect();
        to.sort();
        assert_eq!(to, ["asha@example.com", "bela@example.com", "chitra@example.com"]);
        assert_eq!(*noted.asked.lock().unwrap(), [3]);
        assert_eq!(told.send_due(10).await.unwrap(), 0);
        assert_eq!(*noted.asked.lock().unwrap(), [3], "of nobody nothing is asked");
    });
}

#[test]
fn who_cannot_be_read_keeps_nobody_elses_mail() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (told, noted, [_, bela, _]) = three_are_due(&shop).await;
        *noted.unreadable.lock().unwrap() = Some(bela);
        assert_eq!(told.send_due(10).await.unwrap(), 3);
        assert_eq!(*noted.asked.lock().unwrap(), [3, 1, 1, 1]);
        assert_eq!(shop.mailer.mails().len(), 2);
        let late =
            told.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await.expect("staff may").items;
        let late: Vec<_> = late.into_iter().filter(|it| it.status == NotificationStatus::Pending).collect();
        let [late] = <[Notification; 1]>::try_from(late).expect("hers waits");
        assert_eq!((late.recipient.key(), late.tries), (bela.to_string(), 1));
        *noted.unreadable.lock().unwrap() = None;
        shop.wait(limits::MAIL_BACKOFF);
        assert_eq!(told.send_due(10).await.unwrap(), 1);
        assert_eq!(shop.mailer.mails().len(), 3);
    });
}
