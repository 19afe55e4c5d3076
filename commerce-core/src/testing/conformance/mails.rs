//! Mails: handed over once, and words that values cannot break out of.

use serde_json::{Value, json};

use crate::ids::NotificationId;
use crate::limits;
use crate::notifications::samples::{SAMPLE_NAME, sample};
use crate::notifications::{Handover, Mail, MailContext, Mailer, Renderer, Template};
use crate::time::Timestamp;

use super::fixture::got;
use super::outside::{Made, ids};

/// A mailer, and a look at what it handed over: each mail's text, its headers first.
pub struct Post {
    /// The mailer.
    pub mailer: Made<dyn Mailer>,
    /// Everything it handed over so far, in no particular order.
    pub handed_over: Box<dyn Fn() -> Vec<String> + Send + Sync>,
}

pub(super) async fn mailer(make: &impl AsyncFn() -> Post) {
    every_mail_is_handed_over(make).await;
    the_same_mail_again_is_one_mail(make).await;
    no_value_begins_a_header(make).await;
}

fn mail(id: NotificationId) -> Mail {
    Mail {
        id,
        from: "shop@shop.example".parse().expect("it is well formed"),
        from_name: "The Shop".to_owned(),
        to: "asha@example.com".parse().expect("it is well formed"),
        to_name: "Asha Rao".to_owned(),
        subject: "Order Placed — ORD-123456".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        text: "Hello".to_owned(),
        at: Timestamp::from_micros(1_772_357_400_000_000),
    }
}

async fn every_mail_is_handed_over(make: &impl AsyncFn() -> Post) {
    let (post, ids) = (make().await, ids());
    assert_eq!((post.handed_over)().len(), 0);
    let long = "ü".repeat(limits::SHORT_TEXT_MAX);
    let names = ["", "Asha Rao", "Rao, Asha \"A\" <x@example.com>", "आशा राव 🚚", long.as_str()];
    let mut mails = Vec::new();
    for name in names {
        let mail = Mail { to_name: name.to_owned(), from_name: name.to_owned(), ..mail(ids.mint()) };
        assert_eq!(got(post.mailer.port.send(&mail).await), Handover::Accepted, "{name:?}");
        mails.push(mail.id.to_string());
    }
    let handed_over = (post.handed_over)();
    assert_eq!(handed_over.len(), mails.len());
    for id in mails {
        assert_eq!(handed_over.iter().filter(|text| text.contains(&id)).count(), 1, "the mail says its own id {id}");
    }
}

async fn the_same_mail_again_is_one_mail(make: &impl AsyncFn() -> Post) {
    let (post, ids) = (make().await, ids());
    let (once, other) = (mail(ids.mint()), mail(ids.mint()));
    for again in [&once, &once, &other, &once] {
        assert_eq!(got(post.mailer.port.send(again).await), Handover::Accepted);
    }
    assert_eq!((post.handed_over)().len(), 2, "one file, one entry, for each id");
}

async fn no_value_begins_a_header(make: &impl AsyncFn() -> Post) {
    let (post, ids) = (make().await, ids());
    let bad = "Asha\r\nBcc: thief@example.com\n\nbody\0".to_owned();
    let mail = Mail { to_name: bad.clone(), from_name: bad.clone(), subject: bad, ..mail(ids.mint()) };
    // Refusing is fine, too; handing over what was smuggled in is not.
    drop(post.mailer.port.send(&mail).await);
    for text in (post.handed_over)() {
        assert!(!text.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{text}");
    }
}

pub(super) async fn renderer(make: &impl AsyncFn() -> Made<dyn Renderer>) {
    let made = make().await;
    for template in Template::ALL {
        let words = |data: Value, name: &str| made.port.render(*template, &context(data, name));
        let plain = got(words(sample(*template), SAMPLE_NAME));
        assert!(!plain.subject.trim().is_empty() && plain.subject.trim() == plain.subject, "{template}: {:?}", plain.subject);
        assert!(!plain.subject.contains(char::is_control), "{template}: a subject is one line");
        assert!(!plain.html.trim().is_empty() && !plain.text.trim().is_empty(), "{template}: for eyes and for everybody");
        assert_eq!(got(words(sample(*template), SAMPLE_NAME)), plain, "{template}: the same words every time");

        let hostile = "<script>alert(1)</script> {{7*7}} & \"O'Brien\"";
        let told = got(words(with_names(sample(*template), hostile), hostile));
        assert!(!told.html.contains("<script>"), "{template}: a value is text in HTML: {}", told.html);
        assert!(!told.html.contains("49") || plain.html.contains("49"), "{template}: a value is no template");
        if told.text != plain.text {
            assert!(told.text.contains(hostile), "{template}: a value stays as it is in text: {}", told.text);
        }
        // Data of another shape is refused or shown as far as it goes; it never ends the worker.
        drop(words(Value::Null, ""));
    }
}

fn context(data: Value, recipient_name: &str) -> MailContext {
    MailContext {
        shop_name: "The Shop".to_owned(),
        shop_url: "https://shop.example".to_owned(),
        recipient_name: recipient_name.to_owned(),
        data,
    }
}

/// The data with everything that people name named so.
fn with_names(mut data: Value, name: &str) -> Value {
    if let Value::Object(members) = &mut data {
        for (key, value) in members.iter_mut() {
            if ["name", "fullName", "note"].contains(&key.as_str()) {
                *value = json!(name);
            } else if let Value::Array(items) = value {
                *items = items.drain(..).map(|item| with_names(item, name)).collect();
            }
        }
    }
    data
}
