//! Looking after a shop: its people, keys, index, mails and health.

use serde_json::Value;

use super::{APPAREL, commerce, error, json};

#[test]
fn the_first_admin_is_made_here_and_passwords_come_through_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let create = ["user", "create", "--email", "Me@Example.com", "--full-name", "Me", "--role", "ADMIN"];
    let nobody = commerce(here, &create, "");
    assert_eq!(nobody.status.code(), Some(2), "{}", error(&nobody));
    let create = [&create[..], &["--password-stdin", "--output", "json"]].concat();
    let short = commerce(here, &create, "short\n");
    assert!(error(&short).contains("INVALID"), "{}", error(&short));
    let made = commerce(here, &create, "a long password\n");
    let user: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((user["email"].as_str(), user["role"].as_str()), (Some("me@example.com"), Some("ADMIN")));
    assert!(error(&commerce(here, &create, "a long password\n")).contains("EMAIL_TAKEN"));
    assert_eq!(json(here, &["user", "list", "--role", "ADMIN"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(json(here, &["user", "set-role", "me@example.com", "customer"])["role"], "CUSTOMER");
    let reset = commerce(here, &["user", "reset-password", "me@example.com", "--password-stdin"], "another password");
    assert!(reset.status.success(), "{}", error(&reset));
    let reset = [&["user", "reset-password", "me@example.com", "--password-stdin"][..], &["--output", "json"]].concat();
    let told: Value = serde_json::from_slice(&commerce(here, &reset, "one more password").stdout).unwrap();
    assert_eq!(told["version"], json(here, &["user", "list"])["items"][0]["version"], "as she is now");
}

#[test]
fn the_house_can_be_looked_after() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert_eq!(json(here, &["doctor"])["items"][1]["result"], "none yet");
    assert!(json(here, &["migrate", "--plan"])["items"].as_array().is_some_and(|missing| missing.len() >= 4));
    json(here, &["product", "import", APPAREL]);
    assert_eq!(json(here, &["migrate", "--plan"])["items"].as_array().unwrap().len(), 0);
    let findings = json(here, &["doctor"]);
    assert!(findings["items"].as_array().unwrap().iter().all(|finding| finding["result"] == "ok"), "{findings}");
    assert!(json(here, &["outbox", "status"])["items"].as_array().unwrap().iter().all(|row| row["waiting"] == 0));
    assert_eq!(json(here, &["dlq", "list"])["items"].as_array().unwrap().len(), 0);
    assert!(json(here, &["search", "reindex"])["products"].as_u64().is_some_and(|count| count >= 20));
    assert!(json(here, &["search", "query", "varsity"])["items"].as_array().is_some_and(|hits| !hits.is_empty()));
    for template in ["welcome", "order_placed", "low_stock"] {
        let mail = json(here, &["email", "preview", template]);
        assert!(mail["subject"].as_str().is_some_and(|subject| !subject.is_empty()));
    }
    json(here, &["email", "send-test", "--to", "a@example.com"]);
    assert!(json(here, &["openapi"])["paths"].is_object());
    assert!(String::from_utf8_lossy(&commerce(here, &["completions", "bash"], "").stdout).contains("commerce"));
}

#[test]
fn a_doctor_names_who_has_a_password_of_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["migrate"]);
    let said = || json(here, &["doctor"])["items"].as_array().unwrap().iter().find(|it| it["check"] == "demo logins").cloned();
    assert_eq!(said(), None);
    let create = ["user", "create", "--email", "admin@example.com", "--full-name", "A", "--role", "ADMIN", "--password-stdin"];
    assert!(commerce(here, &create, "admin-demo").status.success());
    let finding = said().expect("everybody knows it");
    assert_eq!(finding["result"], "look");
    assert!(finding["detail"].as_str().is_some_and(|detail| detail.contains("admin@example.com")), "{finding}");
    let reset = ["user", "reset-password", "admin@example.com", "--password-stdin"];
    assert!(commerce(here, &reset, "nobody knows this").status.success());
    assert_eq!(said(), None, "it is hers now");
}

#[test]
fn keys_rotate_and_a_shop_can_do_without_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert_eq!(commerce(here, &["keys", "list"], "").status.code(), Some(1), "there is no shop yet");
    std::fs::write(here.join("commerce.toml"), "[search]\nenabled = false\n").unwrap();
    json(here, &["product", "import", APPAREL]);
    assert!(!here.join("commerce-data/search").exists());
    assert!(json(here, &["search", "query", "varsity"])["items"].as_array().is_some_and(|hits| !hits.is_empty()));
    assert!(error(&commerce(here, &["search", "reindex"], "")).contains("NO_INDEX"));

    let keys = |args: &[&str]| {
        let rows = json(here, args)["items"].as_array().unwrap().clone();
        rows.into_iter().map(|row| (row["use"].as_str().unwrap().to_owned(), row["kid"].clone())).collect::<Vec<_>>()
    };
    let before = keys(&["keys", "list"]);
    let after = keys(&["keys", "rotate"]);
    assert_eq!((&after[0].1, &after[2].1), (&before[1].1, &before[0].1), "the next signs, the last one is known");
    assert_eq!(keys(&["keys", "list"]), after);
    assert_eq!(commerce(here, &["keys", "rotate"], "").status.code(), Some(1), "not twice within a token's life");
    assert_eq!(commerce(here, &["keys", "rotate", "--revoke"], "").status.code(), Some(1), "it asks");
    assert_eq!(keys(&["keys", "rotate", "--revoke", "--yes"]).len(), 2);
}

#[test]
fn users_who_are_alone_in_a_directory_have_their_commands_and_nobody_else_is_made_there() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert_eq!(commerce(here, &["migrate", "--data", "whole"], "").status.code(), Some(0));
    for context in ["users", "orders"] {
        std::fs::create_dir(here.join(context)).unwrap();
        std::fs::rename(here.join(format!("whole/{context}.db")), here.join(format!("{context}/{context}.db"))).unwrap();
    }
    let create = ["user", "create", "--email", "a@example.com", "--full-name", "Ada", "--role", "ADMIN", "--password-stdin"];
    let made = commerce(here, &[&create[..], &["--data", "users"]].concat(), "long enough");
    assert_eq!(made.status.code(), Some(0), "{}", error(&made));
    let seller = commerce(here, &["user", "set-role", "a@example.com", "SELLER", "--data", "users"], "");
    assert_eq!(seller.status.code(), Some(1), "no catalog can be asked for her seller");
    assert!(error(&seller).contains("role"), "{}", error(&seller));
    let changed = commerce(here, &["user", "set-role", "a@example.com", "CUSTOMER", "--data", "users"], "");
    assert_eq!(changed.status.code(), Some(0), "{}", error(&changed));
    let listed = json(here, &["user", "list", "--data", "users"]);
    assert_eq!(listed["items"][0]["role"], "CUSTOMER", "{listed}");
    for (words, data) in [("user list", "orders"), ("order list", "orders"), ("stock show A", "users"), ("audit", "users")] {
        let refused = commerce(here, &words.split(' ').chain(["--data", data]).collect::<Vec<_>>(), "");
        assert_eq!(refused.status.code(), Some(1), "{words}");
        assert!(error(&refused).contains("PART_OF_A_SHOP"), "{words}: {}", error(&refused));
    }
    for (data, others) in [("users", ["catalog", "orders", "notifications"]), ("orders", ["users", "catalog", "notifications"])] {
        let made = others.iter().find(|other| here.join(format!("{data}/{other}.db")).exists());
        assert_eq!(made, None, "in {data}");
    }
}

#[test]
fn amounts_are_of_the_shops_currency() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("commerce.toml"), "[server]\ncurrency = \"USD\"\n").unwrap();
    let coupon = json(here, &["coupon", "create", "FIVE", "--type", "FIXED", "--value", "5"]);
    assert_eq!((&coupon["value"]["amount"], &coupon["value"]["currency"]), (&500.into(), &"USD".into()));
}
