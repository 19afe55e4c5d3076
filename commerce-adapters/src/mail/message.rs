//! A mail as a whole RFC 5322 message: HTML and text, the same bytes whenever it is built.

use std::time::{Duration, SystemTime};

use commerce_core::error::{Source, StoreError, StoreErrorKind};
use commerce_core::notifications::Mail;
use commerce_core::text::Email;
use commerce_core::time::Timestamp;
use lettre::Message;
use lettre::message::header::{self, Header, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};

/// Builds the message. Its Message-ID is the notification's id at the sender's host, so whoever
/// gets it twice can tell.
///
/// # Errors
/// When an address is none in the mail library's eyes.
pub fn build(mail: &Mail) -> Result<Message, StoreError> {
    let host = mail.from.as_str().rsplit_once('@').map_or("localhost", |(_, host)| host);
    let both = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("=_{}", mail.id))
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    let mut message = Message::builder()
        .message_id(Some(format!("<{}@{host}>", mail.id)))
        .date(system_time(mail.at))
        .from(mailbox(&mail.from_name, &mail.from)?)
        .to(mailbox(&mail.to_name, &mail.to)?)
        .subject(one_line(&mail.subject))
        .multipart(both)
        .map_err(unbuildable)?;
    let (from, to) = (header::From::name(), header::To::name());
    for (field, name, address) in [(from, &mail.from_name, &mail.from), (to, &mail.to_name, &mail.to)] {
        if let Some(name) = dotted(name) {
            let value = format!("\"{name}\" <{address}>");
            message.headers_mut().insert_raw(HeaderValue::dangerous_new_pre_encoded(field, value.clone(), value));
        }
    }
    Ok(message)
}

/// A name that the mail library writes as it is although it has a dot, which only a quoted string may have (RFC 5322,
/// 3.2.3 and 4.1). All others it quotes or encodes itself, so that nothing in this one needs to be escaped.
fn dotted(name: &str) -> Option<String> {
    let name = one_line(name);
    let bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (bare && name.contains('.')).then_some(name)
}

fn mailbox(name: &str, address: &Email) -> Result<Mailbox, StoreError> {
    let name = one_line(name);
    let name = (!name.is_empty()).then_some(name);
    Ok(Mailbox::new(name, address.as_str().parse().map_err(unbuildable)?))
}

/// Nothing in a header value can begin another header.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_millis())
}

fn unbuildable(error: impl Into<Source>) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "mail.build", error)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::mail) fn mail() -> Mail {
        Mail {
            id: "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".parse().unwrap(),
            from: "shop@shop.example".parse().unwrap(),
            from_name: "The Shop".to_owned(),
            to: "asha@example.com".parse().unwrap(),
            to_name: "Asha Rao".to_owned(),
            subject: "Order Placed — ORD-123456".to_owned(),
            html: "<p>Hello</p>".to_owned(),
            text: "Hello".to_owned(),
            at: Timestamp::parse("2026-03-01T23:59:59Z").unwrap(),
        }
    }

    #[test]
    fn a_message_is_whole_and_always_the_same() {
        let bytes = build(&mail()).unwrap().formatted();
        assert_eq!(bytes, build(&mail()).unwrap().formatted());
        let text = String::from_utf8(bytes).unwrap();
        for header in [
            "Message-ID: <0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b@shop.example>\r\n",
            "Date: Sun, 01 Mar 2026 23:59:59 +0000\r\n",
            "From: \"The Shop\" <shop@shop.example>\r\n",
            "To: \"Asha Rao\" <asha@example.com>\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(header), "{header}\n{text}");
        }
        assert!(text.find("text/plain") < text.find("text/html"), "the last part is the best one");
    }

    /// A dot outside of quotes is obsolete syntax: it may be read, and must not be written.
    #[test]
    fn a_name_with_a_dot_is_quoted_and_every_other_stays_as_it_is() {
        for (name, written) in [
            ("J.R.", "\"J.R.\" <asha@example.com>"),
            (".", "\".\" <asha@example.com>"),
            ("a.b-c_d", "\"a.b-c_d\" <asha@example.com>"),
            ("J.R. Rao", "\"J.R. Rao\" <asha@example.com>"),
            ("J\"R.", "\"J\\\"R.\" <asha@example.com>"),
            ("Asha", "Asha <asha@example.com>"),
            ("", "asha@example.com"),
        ] {
            let message = build(&Mail { to_name: name.to_owned(), from_name: name.to_owned(), ..mail() }).unwrap();
            assert_eq!(message.envelope().to()[0].to_string(), "asha@example.com");
            let text = String::from_utf8(message.formatted()).unwrap();
            assert!(text.contains(&format!("\r\nTo: {written}\r\n")), "{written}\n{text}");
            let from = written.replace("asha@example.com", "shop@shop.example");
            assert!(text.contains(&format!("From: {from}\r\n")), "{from}\n{text}");
        }
    }

    #[test]
    fn no_value_begins_a_header() {
        let bad = "Asha\r\nBcc: thief@example.com\n\nbody\0".to_owned();
        let mail = Mail { to_name: bad.clone(), from_name: bad.clone(), subject: bad, ..mail() };
        let message = build(&mail).unwrap();
        assert_eq!(message.envelope().to().len(), 1);
        let text = String::from_utf8(message.formatted()).unwrap();
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!headers.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{headers}");
        assert_eq!(text.matches("Subject:").count(), 1);
    }
}
