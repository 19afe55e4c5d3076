//! Usage, refusals, and what asks first: exit codes with their reasons, and nothing made or replaced unasked.

use serde_json::Value;

use super::{commerce, error, json};

#[test]
fn usage_is_2_and_refusals_are_1_with_their_code() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert_eq!(commerce(here, &["orders"], "").status.code(), Some(2));
    assert_eq!(commerce(here, &["stock", "adjust", "A", "many"], "").status.code(), Some(2));
    assert_eq!(commerce(here, &["--help"], "").status.code(), Some(0));
    assert_eq!(commerce(here, &["migrate"], "").status.code(), Some(0));
    let rubbish = commerce(here, &["serve", "--listen", "rubbish"], "");
    assert_eq!(rubbish.status.code(), Some(2));
    assert!(error(&rubbish).contains("--listen"), "{}", error(&rubbish));
    let unknown = commerce(here, &["stock", "show", "NOPE"], "");
    assert!(error(&unknown).contains("NOT_FOUND: NOPE: "), "{}", error(&unknown));
    for none in ["NOPE", "no such", "nope", "018f0000-0000-7000-8000-000000000000", "KETTLE_1"] {
        let unknown = commerce(here, &["product", "show", none], "");
        assert!(error(&unknown).contains("NOT_FOUND"), "{none}: {}", error(&unknown));
    }
    let refused = commerce(here, &["order", "show", "ORD-404"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(error(&refused).contains("NOT_FOUND"), "{}", error(&refused));
    let invalid = commerce(here, &["order", "list", "--limit", "101", "--output", "json"], "");
    let problem: Value = serde_json::from_slice(&invalid.stderr).unwrap();
    assert_eq!((invalid.status.code(), problem["code"].as_str()), (Some(1), Some("INVALID")));
    for local in ["serve", "init", "migrate", "keys list", "backup there", "restore there --verify", "aws init"] {
        let words: Vec<&str> = local.split(' ').chain(["--url", "http://127.0.0.1:1"]).collect();
        let refused = commerce(here, &words, "");
        assert_eq!(refused.status.code(), Some(2), "{local}");
        assert!(error(&refused).contains("NOT_OVER_HTTP"), "{local}: {}", error(&refused));
    }
    for asks in [
        "audit",
        "outbox status",
        "outbox hold",
        "outbox release",
        "outbox drop --yes",
        "dlq list",
        "dlq redrive --all",
        "dlq purge --all --yes",
        "dlq show webhook-queue 018f0000-0000-7000-8000-000000000000",
        "search reindex",
        "email preview welcome",
        "email send-test --to a@example.com",
        "user list",
        "user reset-password a@example.com --password-stdin",
    ] {
        let words: Vec<&str> = asks.split(' ').chain(["--url", "http://127.0.0.1:1"]).collect();
        let refused = commerce(here, &words, "long enough");
        assert_eq!(refused.status.code(), Some(1), "{asks}");
        assert!(error(&refused).contains("UNREACHABLE"), "{asks}: {}", error(&refused));
    }
    for url in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        assert!(error(&commerce(here, &["product", "list", "--url", url], "")).contains("UNREACHABLE"), "{url}");
    }
    assert_eq!(commerce(here, &["product", "list", "--url", "ftp://127.0.0.1"], "").status.code(), Some(2));
    let list = ["product", "list", "--url", "http://127.0.0.1:1", "--token"];
    let copied = commerce(here, &[&list[..], &["abc.def\n"]].concat(), "");
    assert!(error(&copied).contains("UNREACHABLE") && !error(&copied).contains("header"), "{}", error(&copied));
    assert_eq!(commerce(here, &[&list[..], &["two words"]].concat(), "").status.code(), Some(2));
}

#[test]
fn a_refused_command_leaves_no_log_of_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["migrate"]);
    for _ in 0..8 {
        assert_eq!(commerce(here, &["stock", "show", "NOPE"], "").status.code(), Some(1));
        let left = std::fs::read_dir(here.join("commerce-data")).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("-wal")).collect();
        assert_eq!(left, [""; 0]);
    }
}

#[test]
fn a_standard_error_that_nobody_reads_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["migrate"]);
    for (words, expected) in [("user list", 0), ("stock show NOPE", 1), ("user list --limit x", 2)] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_commerce"));
        let status = command.args(words.split(' ')).current_dir(here).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(expected), "{words}");
    }
}

#[test]
fn nothing_is_overwritten_or_cancelled_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert_eq!(commerce(here, &["init"], "").status.code(), Some(0));
    let again = commerce(here, &["init"], "y\n");
    assert_eq!(again.status.code(), Some(1));
    assert!(error(&again).contains("--yes"), "{}", error(&again));
    assert_eq!(commerce(here, &["--yes", "init"], "").status.code(), Some(0));
    let shown = json(here, &["config", "show"]);
    assert!(shown["items"].as_array().unwrap().iter().any(|row| row["key"] == "server.currency"));
    std::fs::write(here.join("commerce.toml"), "[server]\nlissen = \"x\"\ncurrency = \"RUPEES\"\n").unwrap();
    let faults = error(&commerce(here, &["config", "show"], ""));
    assert!(faults.contains("lissen") && faults.contains("server.currency"), "{faults}");
}

#[test]
fn what_only_looks_at_a_shop_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for words in [
        "audit",
        "order list",
        "user list",
        "product export",
        "stock show A",
        "outbox status",
        "dlq list",
        "backup there",
        "keys list",
        "keys rotate",
    ] {
        let refused = commerce(here, &words.split(' ').chain(["--data", "mistyped"]).collect::<Vec<_>>(), "");
        assert_eq!(refused.status.code(), Some(1), "{words}");
        assert!(error(&refused).contains("NO_SHOP"), "{words}: {}", error(&refused));
        assert!(!here.join("mistyped").exists(), "{words}");
    }
    for template in ["order_link", "welcome"] {
        let mail = commerce(here, &["email", "preview", template, "--data", "mistyped"], "");
        assert!(mail.status.success() && mail.stdout.starts_with(b"Subject: "), "{template}: {}", error(&mail));
        assert!(!here.join("mistyped").exists(), "{template}");
    }
    std::fs::create_dir(here.join("commerce-data")).unwrap();
    json(here, &["doctor"]);
    assert!(!here.join("commerce-data/catalog.db").exists());
}

#[test]
fn a_restore_asks_before_it_replaces_any_database() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["migrate"]);
    json(here, &["backup", "kept"]);
    std::fs::create_dir(here.join("users")).unwrap();
    std::fs::rename(here.join("commerce-data/users.db"), here.join("users/users.db")).unwrap();
    let asked = commerce(here, &["restore", "kept", "--data", "users"], "");
    assert_eq!(asked.status.code(), Some(1));
    assert!(error(&asked).contains("NOT_CONFIRMED"), "{}", error(&asked));
    assert!(!here.join("users/catalog.db").exists());
}
