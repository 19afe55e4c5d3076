//! What an operator looks after over HTTP: queues, mails, passwords, the index and the audit.

use commerce_core::Clock;
use commerce_core::events::{DeadLetter, DeadLetters, Envelope, EventKind, Topic};
use commerce_core::notifications::Handover;
use commerce_core::users::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{PASSWORD, Shop};

const LETTERS: &str = "/api/operations/dead-letters/webhook-queue";

/// The lines of an answer; the last is what the work ended with.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Buries so many letters of each of the two consumers that share the notifications' database.
async fn bury(shop: &Shop, count: u128) {
    for number in 0..count {
        let event = Envelope {
            // The last bytes give way to the consumer's name where letters are listed.
            id: Uuid::from_u128((0x018f_0000_0000_7000_8000_0000_0000_0000 + (number << 16)) | 0xffff)
                .to_string()
                .parse()
                .unwrap(),
            topic: Topic::Orders,
            kind: EventKind::OrderCreated,
            schema: 1,
            aggregate: Uuid::from_u128(number),
            version: 1,
            at: shop.memory.clock.now(),
            traceparent: None,
            data: json!({}).into(),
        };
        for consumer in ["webhook-queue", "notification-queue"] {
            let (consumer, event, reason) =
                (consumer.to_owned(), event.clone(), "<script>alert(1)</script>\n\u{1b}[2J".to_owned());
            let letter = DeadLetter { consumer, event, reason, receives: 3, at: shop.memory.clock.now() };
            shop.memory.notifications_db.bury(&letter).await.unwrap();
        }
    }
}

#[tokio::test]
async fn dead_letters_are_listed_page_by_page_each_once() {
    let shop = Shop::open().await;
    let staff = shop.login("staff", Role::Admin).await;
    assert_eq!(shop.get(LETTERS, &staff).await.expect(200).body, json!({"items": [], "nextCursor": null}));
    bury(&shop, 45).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("{LETTERS}?cursor={cursor}"), &staff).await.expect(200).body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["event"]["id"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let mut newest_first = seen.clone();
    newest_first.sort_by(|one, other| other.cmp(one));
    newest_first.dedup();
    assert_eq!((seen.len(), &seen), (45, &newest_first));
    let whole = shop.memory.dead_letters.letters(&commerce_core::Actor::System).await.unwrap();
    assert_eq!(whole.len(), 90, "of both consumers, each once");

    let one = format!("{LETTERS}/{}", seen[30]);
    let letter = shop.get(&one, &staff).await.expect(200).body;
    assert_eq!((&letter["event"]["id"], &letter["consumer"]), (&json!(seen[30]), &json!("webhook-queue")));
    assert_eq!((&letter["id"], &letter["text"]), (&json!(seen[30]), &Value::Null));
    assert_eq!(letter["reason"], "<script>alert(1)</script>\n\u{1b}[2J", "as it was written, and as JSON");
    shop.ask("DELETE", &one).token(&staff).send().await.expect(204);
    for method in ["GET", "DELETE"] {
        assert_eq!(shop.ask(method, &one).token(&staff).send().await.refused(404), "NOT_FOUND");
    }
    assert_eq!(shop.post(&format!("{one}/redrive"), &staff, json!({})).await.refused(404), "NOT_FOUND");
    assert_eq!(shop.get(&format!("{LETTERS}?limit=0"), &staff).await.refused(422), "INVALID");
    assert_eq!(shop.get(&format!("{LETTERS}?cursor=%3Cb%3E"), &staff).await.refused(400), "BAD_CURSOR");
    for path in [format!("{LETTERS}/%3Cb%3E"), "/api/operations/dead-letters/no-queue".to_owned()] {
        assert_eq!(shop.get(&path, &staff).await.refused(404), "NOT_FOUND", "{path}");
    }
    let again = shop.post(&format!("{LETTERS}/{}/redrive", seen[0]), &staff, json!({})).await.expect(200).body;
    assert_eq!(again, json!({"redriven": true, "reason": null}), "nobody wants it: it is recorded as such");
}

#[tokio::test]
async fn an_outbox_says_how_much_waits_and_what_is_held() {
    let shop = Shop::open().await;
    let staff = shop.login("staff", Role::Admin).await;
    shop.login("asha", Role::Customer).await;
    let waiting = shop.get("/api/operations/outbox/users", &staff).await.expect(200).body;
    assert!(waiting["waiting"].as_u64().is_some_and(|count| count > 0) && waiting["oldest"].is_string(), "{waiting}");
    let nothing = shop.get("/api/operations/outbox/orders", &staff).await.expect(200).body;
    assert_eq!(nothing, json!({"context": "orders", "waiting": 0, "oldest": null, "held": 0}));
    let word = async |word: &str| {
        let reply = shop.post(&format!("/api/operations/held-messages/{word}"), &staff, json!({})).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/x-ndjson");
        lines(&reply.text).pop().unwrap()["result"].clone()
    };
    assert_eq!(word("hold").await, json!({"held": 0}));
    assert_eq!(word("release").await, json!({"released": 0}));
    assert_eq!(word("drop").await, json!({"dropped": 0}));
    let extra = shop.post("/api/operations/held-messages/drop", &staff, json!({"all": true})).await;
    assert_eq!(extra.refused(400), "UNKNOWN_FIELD");
}

#[tokio::test]
async fn a_mail_is_seen_and_sent_as_a_test() {
    let shop = Shop::open().await;
    let staff = shop.login("staff", Role::Admin).await;
    let mail = shop.get("/api/operations/mails/welcome", &staff).await.expect(200).body;
    assert!(["subject", "html", "text"].iter().all(|part| mail[*part].is_string()), "{mail}");
    assert_eq!(shop.get("/api/operations/mails/%3Cscript%3E", &staff).await.refused(404), "NOT_FOUND");
    let test = "/api/operations/mails/welcome/test";
    let sent = shop.post(test, &staff, json!({"to": "a@example.com"})).await.expect(200).body;
    assert_eq!(sent, json!({"to": "a@example.com", "template": "welcome"}));
    assert_eq!(shop.memory.mailer.mails().iter().filter(|mail| mail.to.as_str() == "a@example.com").count(), 1);
    let keyed = async |to: &str| {
        let ask = shop.ask("POST", test).token(&staff).header("idempotency-key", "once");
        ask.json(&json!({"to": to})).send().await
    };
    let sent_to = |to: &str| shop.memory.mailer.mails().iter().filter(|mail| mail.to.as_str() == to).count();
    shop.memory.mailer.answer(Ok(Handover::Rejected("full".to_owned())));
    keyed("b@example.com").await.refused(503);
    let (first, again) = (keyed("b@example.com").await, keyed("b@example.com").await);
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!((first.expect(200).body, sent_to("b@example.com")), (again.expect(200).body, 1), "a repeat sends nothing");
    assert_eq!(keyed("c@example.com").await.refused(422), "IDEMPOTENCY_MISMATCH");
    assert_eq!(sent_to("c@example.com"), 0);
    assert_eq!(shop.post(test, &staff, json!({"to": "a@example.com\r\nBcc: b"})).await.refused(422), "INVALID");
}

#[tokio::test]
async fn a_password_that_staff_sets_ends_logins_and_is_told() {
    let shop = Shop::open().await;
    let (staff, asha) = (shop.login("staff", Role::Admin).await, shop.login("asha", Role::Customer).await);
    let id = shop.get("/api/users/me", &asha).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/api/operations/users/{id}/password");
    let set = |token: &str, password: &str| shop.ask("PUT", &path).token(token).json(&json!({"password": password})).send();
    assert_eq!(set(&asha, "another horse").await.refused(403), "FORBIDDEN", "not even her own");
    assert_eq!(set(&staff, "short").await.refused(422), "INVALID");
    set(&staff, "another horse").await.expect(204);
    assert_eq!(shop.get("/api/users/me", &asha).await.refused(401), "UNAUTHENTICATED");
    let login = |password: &str| {
        shop.ask("POST", "/api/auth/login").json(&json!({"email": "asha@example.com", "password": password})).send()
    };
    assert_eq!(login(PASSWORD).await.refused(401), "BAD_CREDENTIALS");
    login("another horse").await.expect(200);
    let log = shop.get(&format!("/api/staff-log?subject={id}"), &staff).await.expect(200).body;
    assert_eq!(log["items"][0]["action"], "PASSWORD_SET", "{log}");
    // Who has somebody's token does not have her password.
    let own = shop.ask("PUT", "/api/operations/users/me/password").token(&staff).json(&json!({"password": "another horse"}));
    assert_eq!(own.send().await.refused(403), "FORBIDDEN");
    shop.get("/api/users/me", &staff).await.expect(200);
    let nobody = "/api/operations/users/018f0000-0000-7000-8000-000000000000/password";
    let nobody = shop.ask("PUT", nobody).token(&staff).json(&json!({"password": "another horse"})).send().await;
    assert_eq!(nobody.refused(404), "NOT_FOUND");
}

#[tokio::test]
async fn an_audit_and_a_new_index_are_told_to_their_end() {
    let shop = Shop::open().await;
    let staff = shop.login("staff", Role::Admin).await;
    shop.stock(&staff, "A", 3).await;
    shop.memory.settle().await.unwrap();
    let audit = shop.post("/api/operations/audit", &staff, json!({})).await.expect(200);
    let told = lines(&audit.text);
    let report = &told.last().unwrap()["result"];
    assert_eq!((&report["counts"], &report["violations"]), (&json!({}), &json!([])), "{report}");
    assert!(report["rows"].as_u64().is_some_and(|rows| rows > 0), "{report}");
    assert!(told.iter().rev().skip(1).all(|line| line.get("progress").is_some()), "{told:?}");
    let built = shop.post("/api/operations/search-index/rebuild", &staff, json!({})).await.expect(200);
    assert!(lines(&built.text).pop().unwrap()["result"]["products"].is_u64(), "{}", built.text);
    let (audits, rebuilds) = (shop.app.shared().audits().unwrap(), shop.app.shared().rebuilds().unwrap());
    for path in ["/api/operations/audit", "/api/operations/search-index/rebuild"] {
        assert_eq!(shop.post(path, &staff, json!({})).await.refused(409), "UNDER_WAY", "{path}");
    }
    drop((audits, rebuilds));
    shop.post("/api/operations/audit", &staff, json!({})).await.expect(200);
    let without = Shop::open_with(&[("search.enabled", "false")]).await;
    let staff = without.login("staff", Role::Admin).await;
    let refused = without.post("/api/operations/search-index/rebuild", &staff, json!({})).await;
    assert_eq!(refused.refused(409), "NO_INDEX");
}

#[tokio::test]
async fn what_stops_the_work_is_the_last_line() {
    let shop = Shop::open().await;
    let staff = shop.login("staff", Role::Admin).await;
    shop.app.shared().stopping().cancel();
    // The work is asked first, and may be done before it is told to stop.
    let audit = shop.post("/api/operations/audit", &staff, json!({"fix": false})).await.expect(200);
    let last = lines(&audit.text).pop().unwrap();
    assert!(last["problem"]["code"] == "NOT_READY" || last["result"].is_object(), "{last}");
}
