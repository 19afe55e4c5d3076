//! The command line: exit codes, what it prints, and that it works beside a running shop.

use std::time::{Duration, Instant};

use commerce_tests::{Options, Server, eventually, eventually_within, run_command, shared, unique};
use serde_json::Value;

/// Two products of three variants: a quoted newline, HTML, a picture on a row of its own, an empty
/// SKU, a BOM.
const SHOPIFY: &str = "\u{feff}Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,Image Src,Image Position,Status\n\
linen-cap,Linen Cap,\"<p>Light,\n\"\"airy\"\"</p>\",Acme,Hats,\"summer, sale\",true,Size,S,CAP-S,80,7,12.50,15.00,https://example.com/cap.jpg,1,active\n\
linen-cap,,,,,,,,M,CAP-M,80,3,12.50,,,,\n\
linen-cap,,,,,,,,,,,,,,https://example.com/cap-2.jpg,2,\n\
plain-mug,Plain Mug,A mug,Acme,Kitchen,,true,Title,Default Title,,300,4,9.99,,,,active\n";

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
async fn products_are_imported_while_the_shop_serves() {
    let shop = Server::start();
    let file = shop.path("export.csv");
    std::fs::write(&file, SHOPIFY).unwrap();
    let import = |extra: &[&str]| {
        let mut args = vec!["product", "import", file.to_str().unwrap(), "--format", "shopify-csv", "--output", "json"];
        args.extend(extra);
        shop.run(&args)
    };
    let dry = import(&["--dry-run"]).json();
    assert_eq!(dry["created"], 2, "{dry}");
    let listed = async || shop.anyone().read("/api/products").await["items"].clone();
    assert_eq!(listed().await, serde_json::json!([]), "a dry run writes nothing");
    let first = import(&[]).json();
    assert_eq!((&first["created"], &first["updated"]), (&2.into(), &0.into()), "{first}");
    eventually_within(Duration::from_secs(1), "the products", listed, |items| items.as_array().unwrap().len() == 2).await;
    let find = async |slug: &str| {
        let items = listed().await;
        let id = items.as_array().unwrap().iter().find(|item| item["slug"] == slug).unwrap()["id"].as_str().unwrap().to_owned();
        shop.anyone().read(&format!("/api/products/{id}")).await
    };
    let cap = find("linen-cap").await;
    let variants = cap["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 2, "{cap}");
    assert_eq!(
        (&variants[0]["sku"], &variants[0]["price"]["amount"], &variants[0]["available"]),
        (&"CAP-S".into(), &1_250.into(), &7.into())
    );
    assert_eq!(variants[0]["compareAtPrice"]["amount"], 1_500);
    assert_eq!(cap["images"].as_array().unwrap().len(), 2, "{cap}");
    assert!(cap["description"].as_str().unwrap().contains("airy"), "{cap}");
    let mug = find("plain-mug").await;
    assert!(!mug["variants"][0]["sku"].as_str().unwrap().is_empty());
    assert!(!mug.to_string().contains("Default Title"), "{mug}");

    // Again changes nothing.
    let again = import(&[]).json();
    assert_eq!((&again["created"], &again["updated"], &again["unchanged"]), (&0.into(), &0.into(), &2.into()), "{again}");
    assert_eq!((find("linen-cap").await["version"].clone(), find("plain-mug").await), (cap["version"].clone(), mug));

    // Found within five seconds.
    let hits = async || shop.anyone().read("/api/products/search?q=linen").await["items"].as_array().unwrap().len();
    let started = Instant::now();
    eventually("the import in the search", hits, |hits| *hits == 1).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());

    // A bad row is named and the others go in.
    let bad = SHOPIFY.replace("CAP-M,80,3,12.50", "CAP-M,80,3,twelve")
        + "new-pot,New Pot,A pot,Acme,Kitchen,,true,Title,Default Title,POT-1,300,4,20.00,,,,active\n";
    std::fs::write(&file, bad).unwrap();
    let done = shop.run(&["product", "import", file.to_str().unwrap(), "--format", "shopify-csv"]);
    let told = format!("{}{}", done.out, done.err);
    assert!(told.contains("line 4") && told.contains("twelve"), "{done:?}");
    find("new-pot").await;

    let exported = shop.run(&["product", "export"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert_eq!(exported.out.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 3, "{}", exported.out);
    let jsonl = shop.path("export.jsonl");
    std::fs::write(&jsonl, &exported.out).unwrap();
    let back = shop.run(&["product", "import", jsonl.to_str().unwrap(), "--output", "json"]).json();
    assert_eq!(back["unchanged"], 3, "{back}");
    let listed = shop.run(&["product", "list", "--output", "json"]).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert_eq!(shop.run(&["product", "show", "linen-cap", "--output", "json"]).json()["slug"], "linen-cap");

    let reindexed = shop.run(&["search", "reindex"]);
    assert_eq!(reindexed.code, 0, "{reindexed:?}");
    eventually("the rebuilt index", hits, |hits| *hits == 1).await;
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
async fn products_are_exported_from_a_running_shop_as_from_its_files() {
    let shop = Server::start();
    let admin = shop.admin().await;
    admin.product(1_000, 10).await;
    admin.product(2_500, 3).await;
    let seller = admin.post("/api/sellers", &serde_json::json!({"name": "Potter"})).send().await.expect(201);
    let variant = serde_json::json!({"sku": "POT", "price": commerce_tests::inr(100)});
    let pot = serde_json::json!({"name": "Pot", "sellerId": seller["id"], "variants": [variant]});
    admin.post("/api/products", &pot).send().await.expect(201);
    let token = admin.token.clone().unwrap();
    for format in ["jsonl", "csv", "shopify-csv"] {
        let args = ["product", "export", "--format", format];
        let here = shop.run(&args);
        let there = shop.run(&[&["--url", shop.base(), "--token", token.as_str()], &args[..]].concat());
        assert_eq!((here.code, there.code), (0, 0), "{here:?} {there:?}");
        assert_eq!(here.out, there.out, "{format}");
        assert!(here.out.lines().count() >= 3, "{here:?}");
        assert_eq!(here.out.contains("Potter"), format != "shopify-csv", "{here:?}");
    }
    let nobody = shop.run(&["--url", shop.base(), "product", "export"]);
    assert!(nobody.code == 1 && nobody.err.contains("UNAUTHENTICATED"), "stock is not everybody's: {nobody:?}");
}

#[tokio::test]
async fn products_are_imported_into_a_running_shop_as_into_its_files() {
    let shop = Server::start();
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let (token, hers) = (admin.token.clone().unwrap(), customer.token.clone().unwrap());
    let over_http = ["--url", shop.base(), "--token", token.as_str(), "--output", "json"];
    let price = serde_json::json!({"amount": 1_250, "currency": "INR"});
    let line = |slug: &str, seller: Value| {
        serde_json::json!({
            "slug": slug, "name": format!("The {slug} <b>"), "description": "", "status": "DRAFT", "category": ["Kitchen", "Cups"], "seller": seller,
            "variants": [
                {"sku": format!("{slug}-S"), "price": price, "compareAtPrice": price, "options": {"Size": "S"}, "stock": 7, "weightGrams": 250,
                 "barcode": "0012", "metadata": {"shelf": "4"}},
                {"sku": format!("{slug}-M"), "price": price, "options": {"Size": "M"}, "stock": 0},
            ],
            "images": [{"url": "https://x.example/1.png", "alt": "front"}], "metadata": {"tags": "clay"},
        })
    };
    let lines = [
        line("cup", serde_json::json!({"slug": "potter", "name": "Potter"})),
        line("jar", serde_json::json!({"slug": "potter", "name": "Potter"})),
        line("mug", serde_json::json!({"slug": "house", "name": "House", "house": true})),
    ];
    let file = shop.path("by-hand.jsonl");
    let write =
        |lines: &[Value]| std::fs::write(&file, lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    write(&lines);
    let import = |extra: &[&str]| shop.run(&[&over_http[..], &["product", "import", file.to_str().unwrap()], extra].concat());
    let nobody = shop.run(&["--url", shop.base(), "product", "import", file.to_str().unwrap(), "--dry-run"]);
    assert!(nobody.code == 1 && nobody.err.contains("UNAUTHENTICATED"), "{nobody:?}");
    let stranger = shop.run(&["--url", shop.base(), "--token", hers.as_str(), "product", "import", file.to_str().unwrap()]);
    assert!(stranger.code == 1 && stranger.err.contains("FORBIDDEN"), "{stranger:?}");
    assert_eq!(import(&["--dry-run"]).json()["created"], 3);
    assert_eq!(admin.read("/api/products").await["items"], serde_json::json!([]), "a dry run writes nothing");
    let first = import(&[]).json();
    assert_eq!((&first["created"], &first["refused"]), (&3.into(), &0.into()), "{first}");
    assert_eq!(import(&["--dry-run"]).json()["unchanged"], 3);
    assert_eq!(import(&[]).json()["unchanged"], 3);
    let exported = shop.run(&["product", "export"]);
    let told: Vec<Value> = exported.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told, lines, "as the files have it");
    let elsewhere = shop.path("elsewhere");
    let local = ["--data", elsewhere.to_str().unwrap()];
    assert_eq!(run_command(&[&local[..], &["product", "import", file.to_str().unwrap()]].concat()).code, 0);
    assert_eq!(run_command(&[&local[..], &["product", "export"]].concat()).out, exported.out, "and as files alone have it");

    // What differs is changed, what went is told, what was sold stays sold, and what is refused keeps nobody out.
    admin.post("/api/inventory/cup-S/adjust", &serde_json::json!({"delta": -2, "reason": "sold"})).send().await.expect(200);
    let mut changed = lines[..2].to_vec();
    changed[0]["status"] = "ACTIVE".into();
    changed[0]["metadata"] = serde_json::json!({"vendor": "Acme"});
    changed[0]["seller"] = serde_json::json!({"slug": "weaver", "name": "Weaver"});
    changed[0]["variants"].as_array_mut().unwrap().pop();
    changed[1]["variants"][0]["sku"] = "mug-S".into();
    changed[1]["slug"] = "jug".into();
    write(&changed);
    let second = import(&[]);
    let said: Value = serde_json::from_str(&second.out).unwrap();
    assert_eq!(
        (second.code, &said["updated"], &said["removedVariants"], &said["refused"]),
        (1, &1.into(), &1.into(), &1.into()),
        "{second:?}"
    );
    assert!(said["bad"][0]["line"] == 2 && said["bad"][0]["reason"].as_str().unwrap().contains("jug: "), "{said}");
    let cup = admin.read("/api/products/cup").await;
    assert_eq!((&cup["status"], &cup["metadata"]), (&"ACTIVE".into(), &serde_json::json!({"vendor": "Acme"})), "{cup}");
    assert_eq!((&cup["variants"][0]["available"], cup["variants"].as_array().unwrap().len()), (&5.into(), 1), "{cup}");
    let seller = admin.read(&format!("/api/sellers/{}", cup["sellerId"].as_str().unwrap())).await;
    assert_eq!(seller["slug"], "weaver");
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
