//! The command as a script sees it: exit codes, standard output, standard error.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const APPAREL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/shopify-apparel.csv");

fn commerce(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_commerce"))
        .args(args)
        .current_dir(folder)
        .env_remove("COMMERCE_TOKEN")
        .env_remove("COMMERCE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    // A command that does not read its input may have ended before it is written.
    drop(child.stdin.take().expect("it is piped").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = commerce(folder, &[args, &["--output", "json"]].concat(), "");
    assert!(output.status.success(), "{args:?}: {}", error(&output));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

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
    let refused = commerce(here, &["order", "show", "ORD-404"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(error(&refused).contains("NOT_FOUND"), "{}", error(&refused));
    let invalid = commerce(here, &["order", "list", "--limit", "101", "--output", "json"], "");
    let problem: Value = serde_json::from_slice(&invalid.stderr).unwrap();
    assert_eq!((invalid.status.code(), problem["code"].as_str()), (Some(1), Some("INVALID")));
    for local in ["serve", "migrate", "keys list", "backup there", "restore there --verify"] {
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
fn an_import_is_repeatable_and_names_bad_rows() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let dry = json(here, &["product", "import", APPAREL, "--format", "shopify-csv", "--dry-run"]);
    assert_eq!((&dry["created"], &dry["dryRun"]), (&20.into(), &true.into()));
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 0, "looking makes no shop");
    assert_eq!(json(here, &["product", "import", APPAREL])["created"], 20);
    let sku = "CLASSIC-VARSITY-TOP-MEDIUM";
    assert_eq!(json(here, &["stock", "adjust", sku, "-1", "--reason", "sold over the counter"])["onHand"], 0);
    assert_eq!(json(here, &["product", "import", APPAREL])["unchanged"], 20);
    assert_eq!(json(here, &["stock", "show", sku])["onHand"], 0, "an import brings no stock back");
    assert_eq!(json(here, &["product", "show", "classic-varsity-top"])["variants"].as_array().unwrap().len(), 3);

    let file = here.join("more.csv");
    std::fs::write(&file, "Handle,Title,Variant Price\nmug,Mug,4.50\njug,Jug,free\n").unwrap();
    let output = commerce(here, &["product", "import", "more.csv"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("line 3: jug: price \"free\""), "{}", error(&output));
    assert!(error(&output).contains("BAD_ROWS"));
    assert_eq!(json(here, &["product", "show", "mug"])["variants"][0]["sku"], "MUG");
}

#[test]
fn what_is_exported_is_imported_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["product", "import", APPAREL]);
    for (format, name) in [("jsonl", "all.jsonl"), ("csv", "all.csv"), ("shopify-csv", "shopify.csv")] {
        let exported = commerce(here, &["product", "export", "--format", format, name], "");
        assert!(exported.status.success(), "{}", error(&exported));
        assert_eq!(error(&exported), "", "no bar where there is no terminal");
        assert_eq!(json(here, &["product", "import", name])["unchanged"], 20, "{format}");
        assert_eq!(json(here, &["--data", format, "product", "import", name])["created"], 20, "{format}");
        let again = commerce(here, &["--data", format, "product", "export", "--format", format], "");
        assert!(again.status.success(), "{}", error(&again));
        assert_eq!(again.stdout, std::fs::read(here.join(name)).unwrap(), "{format}: the copy of the shop says the same");
    }
    let asked = commerce(here, &["product", "export", "all.csv"], "");
    assert!(error(&asked).contains("NOT_CONFIRMED"), "{}", error(&asked));
}

#[test]
fn an_export_makes_the_same_shop_of_an_empty_one_sellers_included() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let line = |slug: &str, status: &str, seller: Value| {
        serde_json::json!({
            "slug": slug, "name": format!("The \"{slug}\""), "description": "Two lines,\nand <b>more</b>", "status": status,
            "category": ["Kitchen", "Cups & jars"], "seller": seller,
            "variants": [{
                "sku": format!("{slug}-S"), "price": { "amount": 1250, "currency": "INR" }, "compareAtPrice": { "amount": 1500, "currency": "INR" },
                "options": { "Size": "S" }, "stock": 7, "weightGrams": 250, "barcode": "0012", "metadata": { "shelf": "4" },
            }],
            "images": [{ "url": "https://x.example/1.png", "alt": "front" }], "metadata": { "tags": "clay", "vendor": "Acme" },
        })
    };
    let potter = serde_json::json!({ "slug": "potter", "name": "=Potter, \"the first\" <b>" });
    let lines = [
        line("cup", "ACTIVE", potter.clone()),
        line("jar", "DRAFT", potter),
        line("jug", "ARCHIVED", serde_json::json!({ "slug": "weaver", "name": "Weaver" })),
        line("mug", "ACTIVE", serde_json::json!({ "slug": "our-shop", "name": "Our shop", "house": true })),
    ];
    std::fs::write(here.join("by-hand.jsonl"), lines.each_ref().map(Value::to_string).join("\n")).unwrap();
    let dry = json(here, &["product", "import", "by-hand.jsonl", "--dry-run"]);
    assert_eq!((&dry["created"], &dry["refused"]), (&4.into(), &0.into()), "{dry}");
    assert_eq!(json(here, &["product", "import", "by-hand.jsonl"])["created"], 4);
    assert_eq!(json(here, &["product", "import", "by-hand.jsonl"])["unchanged"], 4);
    for format in ["jsonl", "csv"] {
        let export = |data: &str| {
            let exported = commerce(here, &["--data", data, "product", "export", "--format", format], "");
            assert!(exported.status.success(), "{}", error(&exported));
            String::from_utf8(exported.stdout).unwrap()
        };
        let (name, all) = (format!("all.{format}"), export("commerce-data"));
        if format == "jsonl" {
            let told: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(told, lines, "an export holds all that was said");
        }
        std::fs::write(here.join(&name), &all).unwrap();
        assert_eq!(json(here, &["--data", format, "product", "import", &name])["created"], 4, "{format}");
        assert_eq!(export(format), all, "{format}: the copy of the shop says the same");
        assert_eq!(json(here, &["--data", format, "product", "import", &name, "--dry-run"])["unchanged"], 4, "{format}");
    }
    std::fs::write(here.join("given.csv"), "slug,name,sku,price,seller\nmug,Mug,mug-S,1,Dyer & co\n").unwrap();
    for dry in [&["--dry-run"][..], &[]] {
        assert_eq!(json(here, &[&["product", "import", "given.csv"], dry].concat())["updated"], 1, "{dry:?}");
    }
    let exported = commerce(here, &["product", "export"], "");
    assert!(String::from_utf8_lossy(&exported.stdout).contains("Dyer & co"), "{}", error(&exported));
    std::fs::write(here.join("bad.jsonl"), lines[0].to_string().replace("\"potter\"", "\"No Slug\"")).unwrap();
    let bad = commerce(here, &["product", "import", "bad.jsonl"], "");
    assert!(bad.status.code() == Some(1) && error(&bad).contains("line 1"), "{}", error(&bad));
}

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

const CAPS: &str = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty\n\
    cap,Cap,Warm,Size,S,CAP-S,10,10\ncap,,,,M,CAP-M,10,10\ncap,,,,L,CAP-L,10,10\n";

#[test]
fn a_bad_row_removes_nothing_and_what_an_import_removes_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = here.join("caps.csv");
    let import = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let output = commerce(here, &["product", "import", "caps.csv", "--output", "json"], "");
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    assert_eq!(import(CAPS.as_bytes()).0, Some(0));
    json(here, &["stock", "adjust", "CAP-M", "-6", "--reason", "sold over the counter"]);
    let middle: &[&[u8]] = &[b"M,CAP-M,twelve,10", b"M,CAP-M,10,10,,surplus", b"M,CAP-\xe9,10,10", b"\"M,CAP-M,10,10"];
    for middle in middle {
        let bytes = [CAPS.split("M,CAP-M").next().unwrap().as_bytes(), middle, b"\ncap,,,,L,CAP-L,11,10\n"].concat();
        let (code, done) = import(&bytes);
        assert_eq!((code, &done["removedVariants"]), (Some(1), &0.into()), "{done}");
        assert_eq!(done["bad"][0]["line"], 3, "{done}");
        assert_eq!(json(here, &["product", "show", "cap"])["variants"].as_array().unwrap().len(), 3, "{done}");
        assert_eq!(json(here, &["stock", "show", "CAP-M"])["onHand"], 4, "{done}");
    }
    assert_eq!(json(here, &["product", "show", "cap"])["variants"][2]["price"]["amount"], 1_100, "the good rows are taken");

    let (code, done) = import(CAPS.replace("cap,,,,M,CAP-M,10,10\n", "").as_bytes());
    assert_eq!((code, &done["updated"], &done["removedVariants"]), (Some(0), &1.into(), &1.into()), "{done}");
    assert!(done["notes"][0]["reason"].as_str().is_some_and(|reason| reason.contains("removed CAP-M")), "{done}");
}

#[test]
fn a_column_that_is_not_there_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let full = "slug,name,description,status,sku,price,compare_at_price,weight_grams,barcode,option:Size\n\
        cap,Cap,Warm,draft,CAP-S,10,9,250,0012,S\ncap,Cap,,,CAP-M,10,9,250,0013,M\n";
    let file = |text: &str| std::fs::write(here.join("caps.csv"), text).unwrap();
    file(full);
    assert_eq!(json(here, &["product", "import", "caps.csv"])["created"], 1);
    file("slug,name,sku,price\ncap,Cap,CAP-S,10\ncap,Cap,CAP-M,10\n");
    assert_eq!(json(here, &["product", "import", "caps.csv", "--dry-run"])["unchanged"], 1);
    assert_eq!(json(here, &["product", "import", "caps.csv"])["unchanged"], 1);
    let shown = json(here, &["product", "show", "cap"]);
    assert_eq!((&shown["status"], &shown["description"]), (&"DRAFT".into(), &"Warm".into()));
    assert_eq!(shown["variants"][1]["options"]["Size"], "M");
    file("slug,name,sku,price\nhat,Hat,HAT,10\n");
    json(here, &["product", "import", "caps.csv"]);
    assert_eq!(json(here, &["product", "show", "hat"])["status"], "ACTIVE");
    file("slug,name,category,sku,price\na,A,Сумки,A,1\nb,B,Куртки,B,1\nc,C,T-Shirts,C,1\nd,D,T Shirts,D,1\n");
    assert_eq!(json(here, &["product", "import", "caps.csv", "--dry-run"])["created"], 4);
    assert_eq!(json(here, &["product", "import", "caps.csv"])["created"], 4);
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

#[test]
fn amounts_are_of_the_shops_currency() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("commerce.toml"), "[server]\ncurrency = \"USD\"\n").unwrap();
    let coupon = json(here, &["coupon", "create", "FIVE", "--type", "FIXED", "--value", "5"]);
    assert_eq!((&coupon["value"]["amount"], &coupon["value"]["currency"]), (&500.into(), &"USD".into()));
}

#[test]
fn what_is_no_answer_of_a_shop_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asks: [(&[&str], &str, &str, &str); 5] = [
        (&["product", "list"], "200 OK", "<html>Welcome</html>", "NOT_A_SHOP"),
        (&["product", "list"], "200 OK", "", "NOT_A_SHOP"),
        (&["product", "list"], "200 OK", "{}", "NOT_A_SHOP"),
        (&["coupon", "create", "FREE", "--type", "FREE_SHIPPING"], "200 OK", "[]", "NOT_A_SHOP"),
        (&["coupon", "create", "FREE", "--type", "FREE_SHIPPING"], "302 Found\r\nlocation: /elsewhere", "", "REDIRECTED"),
    ];
    let answers = asks.map(|(_, status, body, _)| {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            drop(stream.read_to_end(&mut Vec::new()));
        }
    });
    for (words, status, body, code) in asks {
        let refused = commerce(folder.path(), &[words, &["--url", &url, "--token", "t"]].concat(), "");
        assert_eq!(refused.status.code(), Some(1), "{status} {body}");
        assert!(error(&refused).contains(code), "{status} {body}: {}", error(&refused));
    }
    server.join().unwrap();
}

#[test]
fn programs_read_one_json_and_may_stop_reading() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let made = json(here, &["init", "--demo"]);
    assert_eq!((&made["path"], &made["logins"][0]["role"]), (&"commerce.toml".into(), &"ADMIN".into()));
    for format in ["jsonl", "csv"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_commerce"))
            .args(["product", "export", "--format", format])
            .current_dir(here)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", error(&output));
    }
}
