//! What an operator does from the command line, on the data directory and over `--url` alike.

use commerce_tests::{CommandOutput, Options, Server, eventually, shared, unique};
use serde_json::Value;

/// Asks the running shop.
fn there(shop: &Server, token: &str, args: &[&str], input: &str) -> CommandOutput {
    shop.run_with(&[&["--url", shop.base(), "--token", token], args].concat(), input)
}

/// What differs from time to time is left out of what is compared.
fn timeless(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        for name in ["startedAt", "endedAt", "rows", "waiting", "oldest", "unsettled"] {
            members.remove(name);
        }
    }
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        *items = items.drain(..).map(timeless).collect();
    }
    value
}

#[tokio::test]
async fn a_running_shop_is_looked_after_as_its_files_are() {
    let shop = Server::start();
    let admin = shop.admin().await;
    admin.product(1_000, 50).await;
    let token = admin.token.clone().unwrap();
    // What is on its way is held by whoever comes first.
    let waiting = async || shop.run(&["outbox", "status", "--output", "json"]).json();
    let none = |outbox: &Value| outbox["items"].as_array().is_some_and(|all| all.iter().all(|it| it["waiting"] == 0));
    eventually("events arrive", waiting, none).await;
    let unsent = async || admin.read("/api/notifications?status=PENDING").await;
    eventually("mails leave", unsent, |list| list["items"].as_array().is_some_and(Vec::is_empty)).await;
    for words in [
        "outbox status",
        "outbox hold",
        "outbox release",
        "outbox drop --yes",
        "dlq list",
        "dlq redrive --all",
        "dlq purge --all --yes",
        "email send-test --to ops@example.com",
        "user list",
        "user list --role ADMIN --limit 1",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let json = [&words[..], &["--output", "json"]].concat();
        let (here, away) = (shop.run(&json), there(&shop, &token, &json, ""));
        assert_eq!((here.code, away.code), (0, 0), "{words:?}: {here:?} {away:?}");
        assert_eq!(timeless(away.json()), timeless(here.json()), "{words:?}");
        let (here, away) = (shop.run(&words), there(&shop, &token, &words, ""));
        assert_eq!((here.code, away.code), (0, 0), "{words:?}: {here:?} {away:?}");
        let heads = |output: &CommandOutput| {
            output.out.lines().next().map(|head| head.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(heads(&away), heads(&here), "{words:?}");
    }
    // A command alone does not know where the server is reached.
    let here = |args: &[&str]| shop.run(args).out.replace("http://127.0.0.1:8080", shop.base());
    for words in ["email preview welcome --html", "email preview order_placed", "email preview low_stock --output json"] {
        let words: Vec<&str> = words.split(' ').collect();
        let away = there(&shop, &token, &words, "");
        assert!(away.code == 0 && !away.out.is_empty(), "{away:?}");
        assert_eq!(away.out, here(&words), "{words:?}");
    }
    let rows = there(&shop, &token, &["outbox", "status", "--output", "json"], "").json();
    let contexts: Vec<&str> = rows["items"].as_array().unwrap().iter().map(|row| row["context"].as_str().unwrap()).collect();
    assert_eq!(contexts, ["users", "catalog", "orders", "notifications"], "each once");
    let letter = ["dlq", "show", "webhook-queue", "018f0000-0000-7000-8000-000000000000"];
    for output in [shop.run(&letter), there(&shop, &token, &letter, "")] {
        assert!(output.code == 1 && output.err.contains("NOT_FOUND"), "{output:?}");
    }
    for words in ["outbox drop", "dlq purge --all"] {
        let asked = there(&shop, &token, &words.split(' ').collect::<Vec<_>>(), "");
        assert!(asked.code == 1 && asked.err.contains("NOT_CONFIRMED"), "{words}: {asked:?}");
    }
}

#[tokio::test]
async fn an_index_is_built_anew_over_http() {
    let shop = shared();
    let admin = shop.admin().await;
    admin.product(1_000, 5).await;
    let built = there(&shop, admin.token.as_deref().unwrap(), &["search", "reindex", "--output", "json"], "");
    assert!(built.code == 0 && built.json()["products"].as_u64().is_some_and(|count| count > 0), "{built:?}");
}

#[tokio::test]
async fn passwords_and_roles_are_set_over_http_by_mail_address_or_id() {
    let shop = shared();
    let (admin, user) = (shop.admin().await, shop.customer().await);
    let token = admin.token.clone().unwrap();
    let reset = ["user", "reset-password", user.email.as_str(), "--password-stdin"];
    let done = there(&shop, &token, &reset, "another horse battery\n");
    assert!(done.code == 0 && done.out.contains(&user.email), "{done:?}");
    assert_eq!(user.get("/api/users/me").send().await.status, 401, "her logins ended");
    let user = shop.anyone().logged_in(&user.email, "another horse battery").await;
    for named in [&user.email, &user.user] {
        let given = there(&shop, &token, &["user", "set-role", named, "CUSTOMER", "--output", "json"], "");
        assert_eq!(given.json()["email"], user.email.as_str(), "{given:?}");
    }
    let nobody = format!("{}@example.com", unique("nobody"));
    let missing = there(&shop, &token, &["user", "reset-password", &nobody, "--password-stdin"], "another horse battery");
    assert!(missing.code == 1 && missing.err.contains("NOT_FOUND"), "{missing:?}");
}

#[tokio::test]
async fn only_staff_looks_after_a_shop() {
    let shop = shared();
    let customer = shop.customer().await;
    for words in ["audit", "outbox status", "outbox hold", "dlq list", "search reindex", "email preview welcome", "user list"] {
        let words: Vec<&str> = words.split(' ').collect();
        let hers = there(&shop, customer.token.as_deref().unwrap(), &words, "");
        assert!(hers.code == 1 && hers.err.contains("FORBIDDEN"), "{words:?}: {hers:?}");
        let nobodys = shop.run(&[&["--url", shop.base()], &words[..]].concat());
        assert!(nobodys.code == 1 && nobodys.err.contains("UNAUTHENTICATED"), "{words:?}: {nobodys:?}");
    }
}

#[tokio::test]
async fn a_shop_audits_itself_over_http() {
    let shop = Server::start_with(Options { services: Some(false), ..Options::default() });
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 5).await;
    shop.customer().await.order(&[(&cup.sku, 1)]).await;
    let audit = ["audit", "--output", "json"];
    let (here, away) = (shop.run(&audit), there(&shop, admin.token.as_deref().unwrap(), &audit, ""));
    assert_eq!((here.code, away.code), (0, 0), "{here:?} {away:?}");
    assert_eq!(timeless(away.json()), timeless(here.json()));
    let fixed = there(&shop, admin.token.as_deref().unwrap(), &["audit", "--fix"], "");
    assert!(fixed.code == 0 && fixed.out.contains("Violations"), "{fixed:?}");
}

#[tokio::test]
async fn four_services_make_no_half_of_an_audit() {
    let shop = Server::start_services();
    let admin = shop.admin().await;
    let audit = there(&shop, admin.token.as_deref().unwrap(), &["audit"], "");
    assert!(audit.code == 1 && audit.err.contains("PART_OF_A_SHOP") && audit.out.is_empty(), "{audit:?}");
    let status = there(&shop, admin.token.as_deref().unwrap(), &["outbox", "status", "--output", "json"], "");
    assert_eq!(status.json()["items"].as_array().map(Vec::len), Some(4), "{status:?}");
    let built = there(&shop, admin.token.as_deref().unwrap(), &["search", "reindex"], "");
    assert_eq!(built.code, 0, "{built:?}");
    let mail = there(&shop, admin.token.as_deref().unwrap(), &["email", "preview", "welcome"], "");
    assert!(mail.out.starts_with("Subject: "), "{mail:?}");
}

#[tokio::test]
async fn a_flash_sale_at_a_running_shop_sells_what_it_is_told_to() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 5).await;
    let sale = ["bench", "flash-sale", "--url", shop.base(), "--connections", "2", "--buyers", "8"];
    let nothing = shop.run(&sale);
    assert!(nothing.code == 1 && nothing.err.contains("FLASH-1") && nothing.err.contains("--sku"), "{nothing:?}");
    let sold = shop.run(&[&sale[..], &["--sku", &cup.sku]].concat());
    assert_eq!(sold.code, 0, "{sold:?}");
    let usage = shop.run(&["bench", "browse", "--url", shop.base(), "--sku", &cup.sku]);
    assert!(usage.code == 2 && usage.err.contains("--sku"), "{usage:?}");
}

#[test]
fn a_shop_that_others_reach_warns_of_the_demos_password() {
    const WARNING: &str = "the demo's password of admin@example.com";
    let create = ["user", "create", "--email", "admin@example.com", "--full-name", "A", "--role", "ADMIN", "--password-stdin"];
    for (url, warnings) in [("", 0), ("https://shop.example", 1)] {
        let env = vec![("COMMERCE_SERVER__PUBLIC_URL", url.to_owned())];
        let shop = Server::start_with(Options { services: Some(false), env, ..Options::default() });
        assert_eq!(shop.run_with(&create, "admin-demo").code, 0);
        assert_eq!(shop.log().matches(WARNING).count(), 0, "nobody has it yet");
        assert_eq!(shop.stop(), 0);
        let shop = shop.again();
        assert_eq!(shop.log().matches(WARNING).count(), warnings, "{url}: {}", shop.log());
    }
}
