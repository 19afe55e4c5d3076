//! The command line: exit codes, what it prints, and that it works beside a running shop.

use std::time::Duration;

use commerce_tests::{Options, Server, eventually, eventually_within, shared, unique};

#[test]
fn usage_faults_end_with_2() {
    let shop = shared();
    for args in [
        vec!["frobnicate"],
        vec![],
        vec!["stock", "adjust"],
        vec!["stock", "adjust", "SKU", "many", "--reason", "x"],
        vec!["user", "list", "--output", "yaml"],
        vec!["user", "list", "--no-such-flag"],
        vec!["order", "status", "ORD-1", "TELEPORTED"],
        vec!["user", "create", "--email", "a@example.com", "--full-name", "A", "--role", "EMPEROR", "--password-stdin"],
    ] {
        let done = shop.run(&args);
        assert_eq!(done.code, 2, "{args:?}: {done:?}");
        assert!(!done.err.is_empty() && done.out.is_empty(), "{args:?}: {done:?}");
    }
    let done = shop.run(&["serve", "--lisen", "127.0.0.1:0"]);
    assert!(done.code == 2 && done.err.contains("--lisen"), "{done:?}");
}

#[test]
fn refusals_end_with_1_and_their_code() {
    let shop = shared();
    for (args, code) in [
        (vec!["stock", "show", "NO-SUCH-SKU"], "NOT_FOUND"),
        (vec!["order", "show", "ORD-NONE"], "NOT_FOUND"),
        (vec!["product", "show", "no-such-product"], "NOT_FOUND"),
        (vec!["stock", "adjust", "NO-SUCH-SKU", "+1", "--reason", "x"], "NOT_FOUND"),
        (vec!["product", "import", "/no/such/file.csv"], ""),
        (vec!["order", "cancel", "ORD-NONE"], ""),
        (vec!["order", "list", "--limit", "500"], "INVALID"),
    ] {
        for output in [&[][..], &["--output", "json"]] {
            let args = [args.as_slice(), output].concat();
            let done = shop.run(&args);
            assert_eq!(done.code, 1, "{args:?}: {done:?}");
            assert!(done.err.contains(code) && !done.err.is_empty(), "{args:?}: {done:?}");
        }
    }
    let create = ["user", "create", "--email", "twice@example.com", "--full-name", "T", "--password-stdin"];
    assert_eq!(shop.run_with(&create, "long enough\n").code, 0);
    let again = shop.run_with(&create, "long enough\n");
    assert!(again.code == 1 && again.err.contains("EMAIL_TAKEN"), "{again:?}");
    let short = shop.run_with(&["user", "create", "--email", "s@example.com", "--full-name", "S", "--password-stdin"], "short");
    assert!(short.code == 1 && short.err.contains("INVALID"), "{short:?}");
}

#[tokio::test]
async fn a_password_is_all_of_standard_input_less_one_newline() {
    let shop = shared();
    let create = |email: &str, input: &str| {
        let args = ["user", "create", "--email", email, "--full-name", "P", "--password-stdin"];
        let done = shop.run_with(&args, input);
        assert_eq!(done.code, 0, "{done:?}");
    };
    create("p1@example.com", "two words here\n");
    create("p2@example.com", "ends in a blank line\n\n");
    create("p3@example.com", "no newline at all");
    for (email, password) in [
        ("p1@example.com", "two words here"),
        ("p2@example.com", "ends in a blank line\n"),
        ("p3@example.com", "no newline at all"),
    ] {
        shop.anyone().logged_in(email, password).await;
    }
    let reset = shop.run_with(&["user", "reset-password", "p1@example.com", "--password-stdin"], "something new\n");
    assert_eq!(reset.code, 0, "{reset:?}");
    shop.anyone().logged_in("p1@example.com", "something new").await;
    let role = shop.run(&["user", "set-role", "p1@example.com", "ADMIN", "--output", "json"]).json();
    assert_eq!(role["role"], "ADMIN");
    shop.anyone().logged_in("p1@example.com", "something new").await.read("/api/users").await;
}

#[tokio::test]
async fn what_a_command_wrote_is_seen_over_http() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    // Warm whatever the server may remember.
    assert_eq!(admin.stock(&cup.sku).await, (10, 0, 10));
    let product = format!("/api/products/{}", cup.id);
    assert_eq!(shop.anyone().read(&product).await["variants"][0]["available"], 10);
    let done = shop.run(&["--output", "json", "stock", "adjust", &cup.sku, "+5", "--reason", "delivery"]).json();
    assert_eq!(done["onHand"], 15);
    let second = Duration::from_secs(1);
    eventually_within(second, "the adjusted stock", async || admin.stock(&cup.sku).await, |stock| *stock == (15, 0, 15)).await;
    let available = async || shop.anyone().read(&product).await["variants"][0]["available"].clone();
    eventually_within(second, "the product's stock", available, |available| *available == 15).await;
    assert_eq!(shop.run(&["stock", "adjust", &cup.sku, "-3", "--reason", "broken"]).code, 0);
    let ledger = shop.run(&["stock", "ledger", &cup.sku, "--output", "json"]).json();
    assert!(ledger.to_string().contains("broken"), "{ledger}");
    let shown = shop.run(&["stock", "show", &cup.sku, "--output", "json"]).json();
    assert_eq!(shown["onHand"], 12, "{shown}");
}

#[tokio::test]
async fn orders_are_run_from_the_command_line() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_ok").await;
    let list = shop.run(&["order", "list", "--email", &buyer.email, "--output", "json"]).json();
    assert!(list.to_string().contains(&order.number), "{list}");
    let table = shop.run(&["order", "list", "--status", "CONFIRMED"]);
    assert!(table.code == 0 && table.out.contains(&order.number), "{table:?}");
    for name in [&order.number, &order.id] {
        assert_eq!(shop.run(&["order", "show", name, "--output", "json"]).json()["id"], order.id);
    }
    let stepped = shop.run(&["order", "status", &order.number, "PROCESSING", "--note", "picked", "--output", "json"]).json();
    assert_eq!(stepped["status"], "PROCESSING");
    let illegal = shop.run(&["order", "status", &order.number, "DELIVERED"]);
    assert!(illegal.code == 1 && illegal.err.contains("ILLEGAL_TRANSITION"), "{illegal:?}");
    let asked = shop.run(&["order", "cancel", &order.number]);
    assert_eq!(asked.code, 1, "without --yes and without a terminal nothing final is done: {asked:?}");
    let cancelled = shop.run(&["order", "cancel", &order.number, "--reason", "changed her mind", "--yes"]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    let path = format!("/api/orders/{}", order.id);
    eventually("the refund", async || buyer.read(&path).await, |order| order["payment"]["status"] == "REFUNDED").await;
    let timeline = shop.run(&["order", "timeline", &order.number, "--output", "json"]).json();
    let statuses: Vec<&str> =
        timeline["items"].as_array().unwrap().iter().map(|entry| entry["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["PENDING", "CONFIRMED", "PROCESSING", "CANCELLED"]);
}

#[tokio::test]
async fn queues_can_be_looked_at() {
    let shop = shared();
    shop.customer().await;
    let outbox = shop.run(&["outbox", "status", "--output", "json"]).json();
    assert!(outbox.to_string().contains("waiting"), "{outbox}");
    let letters = shop.run(&["dlq", "list", "--output", "json"]);
    assert_eq!(letters.code, 0, "{letters:?}");
    assert!(!letters.json().to_string().contains("USER_REGISTERED"));
    for args in [
        vec!["outbox", "status"],
        vec!["dlq", "list"],
        vec!["dlq", "redrive", "--all"],
        vec!["doctor"],
        vec!["migrate", "--plan"],
        vec!["config", "show"],
        vec!["user", "list"],
        vec!["email", "preview", "welcome"],
        vec!["completions", "bash"],
        vec!["--help"],
        vec!["--version"],
    ] {
        let done = shop.run(&args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        assert!(!done.out.is_empty() || args == ["dlq", "list"], "{args:?}: {done:?}");
    }
}

#[tokio::test]
async fn commands_may_ask_a_running_shop() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    let token = admin.token.clone().unwrap();
    let ask = |args: &[&str]| shop.run(&[&["--url", shop.base(), "--token", token.as_str(), "--output", "json"], args].concat());
    assert_eq!(ask(&["stock", "show", &cup.sku]).json()["onHand"], 10);
    assert_eq!(ask(&["stock", "adjust", &cup.sku, "+1", "--reason", "count"]).json()["onHand"], 11);
    assert!(ask(&["order", "list"]).json()["items"].is_array());
    let missing = ask(&["stock", "show", "NO-SUCH-SKU"]);
    assert!(missing.code == 1 && missing.err.contains("NOT_FOUND"), "{missing:?}");
    let nobody = shop.run(&["--url", shop.base(), "stock", "show", &cup.sku]);
    assert!(nobody.code == 1 && nobody.err.contains("UNAUTHENTICATED"), "{nobody:?}");
    let gone = shop.run(&["--url", "http://127.0.0.1:1", "--token", "x", "stock", "show", &cup.sku]);
    assert_eq!(gone.code, 1, "{gone:?}");
}

#[tokio::test]
async fn over_http_no_other_order_is_taken_for_the_one_that_is_named() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    let (asha, bina) = (shop.customer().await, shop.customer().await);
    let (first, hers) = (asha.order(&[(&cup.sku, 1)]).await, bina.order(&[(&cup.sku, 1)]).await);
    let newest = asha.order(&[(&cup.sku, 1)]).await;
    let ask = |who: &commerce_tests::Client, args: &[&str]| {
        let token = who.token.clone().unwrap();
        shop.run(&[&["--url", shop.base(), "--token", token.as_str(), "--output", "json", "--yes"], args].concat())
    };
    let status = async |order: &commerce_tests::Order| admin.read(&format!("/api/orders/{}", order.id)).await["status"].clone();
    for (who, number) in [(&admin, ""), (&asha, ""), (&asha, hers.number.as_str()), (&asha, "ORD-NONE"), (&admin, "ORD-NONE")] {
        for args in [&["order", "cancel", number][..], &["order", "show", number], &["order", "timeline", number]] {
            let refused = ask(who, args);
            assert!(refused.code == 1 && refused.err.contains("NOT_FOUND"), "{args:?}: {refused:?}");
        }
    }
    for order in [&first, &hers, &newest] {
        assert_eq!(status(order).await, "CONFIRMED");
    }
    assert_eq!(ask(&asha, &["order", "show", &first.number]).json()["number"], first.number);
    assert_eq!(ask(&asha, &["order", "cancel", &first.number]).json()["number"], first.number);
    assert_eq!((status(&first).await, status(&newest).await), ("CANCELLED".into(), "CONFIRMED".into()));
    for name in ["--number", "--email"] {
        let refused = ask(&admin, &["order", "list", name, ""]);
        assert!(refused.code == 2 && refused.err.contains(name), "{refused:?}");
    }
}

#[tokio::test]
async fn staff_is_made_over_http_by_staff() {
    let shop = shared();
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let create = |token: &str, email: &str, role: &str| {
        let args = ["--url", shop.base(), "--token", token, "--output", "json", "user", "create", "--full-name", "New"];
        shop.run_with(&[&args[..], &["--email", email, "--role", role, "--password-stdin"]].concat(), "a long password\n")
    };
    let email = |name: &str| format!("{}@example.com", unique(name).to_lowercase());
    for role in ["SELLER", "ADMIN", "CUSTOMER"] {
        let made = create(&admin.token.clone().unwrap(), &email("staff"), role);
        assert_eq!(made.json()["role"], role, "{made:?}");
    }
    let mail = email("nobody");
    let refused = create(&customer.token.clone().unwrap(), &mail, "ADMIN");
    assert!(refused.code == 1 && refused.err.contains("FORBIDDEN"), "{refused:?}");
    let free = serde_json::json!({"email": mail, "password": "a long password", "fullName": "New"});
    shop.anyone().post("/api/users", &free).send().await.expect(201);
}

#[tokio::test]
async fn webhook_endpoints_are_kept_from_the_command_line() {
    let shop = Server::start();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let token = admin.token.clone().unwrap();
    let over_http = ["--url", shop.base(), "--token", token.as_str(), "--output", "json"];
    for way in [&["--output", "json"][..], &over_http[..]] {
        let run = |args: &[&str]| shop.run(&[way, &["webhook"], args].concat());
        let made = run(&["add", "https://192.0.2.1/hooks", "--event", "ORDER_CONFIRMED"]);
        assert_eq!(made.code, 1, "no public address: {made:?}");
        let made = run(&["add", "https://example.com/hooks", "--event", "ORDER_CONFIRMED", "--event", "ORDER_CREATED"]).json();
        assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
        let id = made["id"].as_str().unwrap();
        let listed = run(&["list"]).json();
        let known = listed["items"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
        assert_eq!((known["status"].as_str(), known.get("secret")), (Some("ACTIVE"), None), "the secret is shown once: {known}");
        let cup = admin.product(1_000, 10).await;
        buyer.order(&[(&cup.sku, 1)]).await;
        let told = async || run(&["deliveries", id]).json()["items"].as_array().unwrap().len();
        eventually("the endpoint is to be told", told, |count| *count == 2).await;
        assert_eq!(run(&["deliveries", id, "--status", "DELIVERED"]).json()["items"], serde_json::json!([]));
        let delivery = run(&["deliveries", id]).json()["items"][0]["id"].as_str().unwrap().to_owned();
        let again = run(&["resend", id, &delivery]).json();
        assert_eq!((again["id"].as_str(), again["status"].as_str()), (Some(delivery.as_str()), Some("PENDING")), "{again}");
        assert_eq!(run(&["remove", id, "--yes"]).json()["removed"], true);
        let gone = run(&["deliveries", id]);
        assert!(gone.code == 1 && gone.err.contains("NOT_FOUND"), "{gone:?}");
    }
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    let add = ["--output", "json", "webhook", "add", "https://example.com/own", "--event", "*", "--secret-stdin"];
    let made = shop.run_with(&add, own).json();
    assert_eq!(made["secret"], own.trim(), "{made}");
    assert_eq!(shop.run(&["webhook", "add", "https://example.com/hooks"]).code, 2, "an endpoint wants events");
}

#[test]
fn configuration_faults_come_all_at_once() {
    let shop = shared();
    let file = shop.path(&format!("{}.toml", unique("faulty")));
    std::fs::write(
        &file,
        "[server]\nlisten = \"nowhere\"\ncolour = \"red\"\n[gateway]\nrate_limit_per_minute = -5\n[kitchen]\nsink = 1\n",
    )
    .unwrap();
    let done = shop.run(&["config", "show", "--config", file.to_str().unwrap()]);
    assert_ne!(done.code, 0, "{done:?}");
    for fault in ["server.listen", "colour", "rate_limit_per_minute", "kitchen"] {
        assert!(done.err.contains(fault), "{fault} is not named: {}", done.err);
    }
    let written = shop.path(&format!("{}.toml", unique("init")));
    assert_eq!(shop.run(&["init", "--config", written.to_str().unwrap()]).code, 0);
    let text = std::fs::read_to_string(&written).unwrap();
    assert!(text.contains("[gateway]") && text.contains("rate_limit_per_minute"), "{text}");
    assert_eq!(shop.run(&["config", "show", "--config", written.to_str().unwrap()]).code, 0);
    let again = shop.run(&["init", "--config", written.to_str().unwrap()]);
    assert_eq!(again.code, 1, "a file is not overwritten unasked: {again:?}");
}

#[test]
fn secrets_are_hidden_and_sources_named() {
    let env = vec![
        ("COMMERCE_PAYMENTS__SANDBOX__WEBHOOK_SECRET", "very-secret".to_owned()),
        ("COMMERCE_MAIL__FROM_NAME", "Corner Shop".to_owned()),
    ];
    let shop = Server::start_with(Options { env, ..Options::default() });
    let done = shop.run(&["config", "show"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.out.contains("very-secret"), "{}", done.out);
    assert!(done.out.contains("Corner Shop") && done.out.contains("COMMERCE_MAIL__FROM_NAME"), "{}", done.out);
}

#[tokio::test]
async fn the_demo_shop_is_filled() {
    let shop = Server::start_with(Options { args: vec!["--demo"], limits: true, ..Options::default() });
    let products = shop.anyone().read("/api/products?limit=100").await;
    assert!(products["items"].as_array().unwrap().len() >= 10, "{products}");
    assert!(shop.log().contains('@'), "logins are printed: {}", shop.log());
    // The quick start's short password is taken here, and only here.
    let body = serde_json::json!({"email": "quick@example.com", "password": "secret", "fullName": "Quick Start"});
    shop.anyone().post("/api/users", &body).send().await.expect(201);
    shared().anyone().post("/api/users", &body).send().await.invalid("password");
    eventually(
        "search works",
        async || shop.anyone().read("/api/products/search?q=a&limit=1").await,
        |found| found["total"].is_u64(),
    )
    .await;
}
