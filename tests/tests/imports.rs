//! Products that come in and go out as files, in the data directory and over `--url`.

use std::time::{Duration, Instant};

use commerce_tests::{Server, eventually, eventually_within, run_command};
use serde_json::Value;

/// Two products of three variants: a quoted newline, HTML, a picture on a row of its own, an empty
/// SKU, a BOM.
const SHOPIFY: &str = "\u{feff}Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,Image Src,Image Position,Status\n\
linen-cap,Linen Cap,\"<p>Light,\n\"\"airy\"\"</p>\",Acme,Hats,\"summer, sale\",true,Size,S,CAP-S,80,7,12.50,15.00,https://example.com/cap.jpg,1,active\n\
linen-cap,,,,,,,,M,CAP-M,80,3,12.50,,,,\n\
linen-cap,,,,,,,,,,,,,,https://example.com/cap-2.jpg,2,\n\
plain-mug,Plain Mug,A mug,Acme,Kitchen,,true,Title,Default Title,,300,4,9.99,,,,active\n";

/// What a name is spelt wrong for does not go unseen.
#[test]
fn a_column_of_which_nothing_is_taken_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let (file, data) = (folder.path().join("new.csv"), folder.path().join("data"));
    std::fs::write(&file, "name,sku,price,colour,option:Size,sku\nCup,CUP,9.99,red,L,X\n").unwrap();
    let run = |path: &std::path::Path| {
        run_command(&["product", "import", path.to_str().unwrap(), "--data", data.to_str().unwrap(), "--output", "json"]).json()
    };
    let done = run(&file);
    let notes: Vec<&str> = done["notes"].as_array().unwrap().iter().map(|note| note["reason"].as_str().unwrap()).collect();
    let of = |name: &str| format!("nothing is taken of the column \"{name}\"");
    assert_eq!((&done["created"], notes), (&1.into(), vec![of("colour").as_str(), of("sku").as_str()]));

    let ours = folder.path().join("ours.csv");
    let args = ["product", "export", ours.to_str().unwrap(), "--format", "csv", "--data", data.to_str().unwrap()];
    assert_eq!(run_command(&args).code, 0);
    let again = run(&ours);
    assert_eq!((&again["unchanged"], &again["notes"]), (&1.into(), &serde_json::json!([])), "{again}");
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
        assert!(here.out.contains("Potter"), "{here:?}");
        // An empty shop that takes it in writes the same.
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("products.txt"));
        std::fs::write(&file, &here.out).unwrap();
        let data = data.to_str().unwrap();
        assert_eq!(run_command(&["migrate", "--data", data]).code, 0);
        let taken = run_command(&["product", "import", file.to_str().unwrap(), "--format", format, "--data", data]);
        assert_eq!(taken.code, 0, "{format}: {taken:?}");
        let again = run_command(&["product", "export", "--format", format, "--data", data]);
        assert_eq!((again.code, &again.out), (0, &here.out), "{format}");
    }
    let nobody = shop.run(&["--url", shop.base(), "product", "export"]);
    assert!(nobody.code == 1 && nobody.err.contains("UNAUTHENTICATED"), "stock is not everybody's: {nobody:?}");
}

/// Two products are imported with hardly any stock; the third has more, and is what ops are told of when it comes down.
#[tokio::test]
async fn an_import_of_little_stock_mails_nobody() {
    let shop = Server::start();
    let file = shop.path("little.csv");
    let row = |slug: &str, sku: &str, stock: i64| {
        format!("{slug},{slug},,Acme,Hats,,true,Title,Default Title,{sku},80,{stock},12.50,,,,active\n")
    };
    let head = SHOPIFY.split_once('\n').unwrap().0;
    let few = [row("few-caps", "FEW", 2), row("no-caps", "NONE", 0), row("many-caps", "MANY", 20)].concat();
    std::fs::write(&file, format!("{head}\n{few}")).unwrap();
    let done = shop.run(&["product", "import", file.to_str().unwrap(), "--format", "shopify-csv", "--output", "json"]).json();
    assert_eq!(done["created"], 3, "{done}");
    let adjusted = |sku: &str, delta: &str| shop.run(&["stock", "adjust", sku, delta, "--reason", "count"]).code;
    // Still low, and never anything else.
    assert_eq!(adjusted("NONE", "+5"), 0);
    assert_eq!(adjusted("MANY", "-18"), 0);
    let data = shop.data();
    let low = async || {
        let mails = commerce_tests::mails(&data).into_iter().filter(|mail| mail.subject.contains("Low Stock"));
        mails.map(|mail| mail.text).collect::<Vec<_>>()
    };
    let told = eventually("the mail of what came down", low, |mails| mails.iter().any(|text| text.contains("MANY"))).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let known = shop.admin().await.read("/api/notifications?event=LOW_STOCK_ALERT").await;
    assert_eq!(known["items"].as_array().unwrap().len(), 1, "no other is on its way: {known}");
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
            "slug": slug, "name": format!("The {slug} <b>"), "description": "", "status": "DRAFT", "category": ["Kitchen", "Cups"], "categorySlugs": ["kitchen", "cups"], "seller": seller,
            "variants": [
                {"sku": format!("{slug}-S"), "price": price, "compareAtPrice": price, "options": {"Size": "S"}, "stock": 7, "weightGrams": 250,
                 "barcode": "0012", "metadata": {"shelf": "4"}},
                {"sku": format!("{slug}-M"), "price": price, "options": {"Size": "M"}, "stock": 0, "metadata": {}},
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
async fn an_export_that_is_imported_back_is_the_shop_as_it_was() {
    let shop = Server::start();
    let admin = shop.admin().await;
    let token = admin.token.clone().unwrap();
    let category = async |name: &str, parent: &Value, slug: &str| {
        let body = serde_json::json!({"name": name, "parentId": parent, "slug": slug});
        admin.post("/api/categories", &body).send().await.expect(201)["id"].clone()
    };
    let top = category("Kitchen", &Value::Null, "kitchen").await;
    let [first, second] = [category("Cups", &top, "cups").await, category("Cups", &top, "cups-of-tin").await];
    for (slug, category) in [("a-cup", &second), ("b-cup", &first), ("c-cup", &Value::Null)] {
        let price = serde_json::json!({"amount": 500, "currency": "INR"});
        let variants = [serde_json::json!({"sku": format!("{slug}-1"), "price": price, "stock": 2, "weightGrams": 0})];
        let body =
            serde_json::json!({"name": slug, "slug": slug, "description": "x", "categoryId": category, "variants": variants});
        admin.post("/api/products", &body).send().await.expect(201);
    }
    let remote = ["--url", shop.base(), "--token", token.as_str()];
    let exported = shop.run(&["product", "export"]).out;
    assert_eq!(shop.run(&[&remote[..], &["product", "export"]].concat()).out, exported);
    for (format, name) in [("jsonl", "all.jsonl"), ("csv", "all.csv"), ("shopify-csv", "shopify.csv")] {
        let file = shop.path(name);
        let file = file.to_str().unwrap();
        assert_eq!(shop.run(&["product", "export", "--format", format, file]).code, 0);
        for ways in [&[][..], &remote[..]] {
            let import = [ways, &["--output", "json", "product", "import", file]].concat();
            assert_eq!(shop.run(&import).json()["unchanged"], 3, "{format} {ways:?}");
        }
        // Into an empty shop, too.
        let elsewhere = shop.path(format);
        let local = ["--data", elsewhere.to_str().unwrap()];
        assert_eq!(run_command(&[&local[..], &["product", "import", file]].concat()).code, 0);
        let again = run_command(&[&local[..], &["product", "export"]].concat()).out;
        // That file has one word for no weight and a weight of nothing.
        let expected = if format == "shopify-csv" { exported.replace(r#""weightGrams":0,"#, "") } else { exported.clone() };
        assert_eq!(again, expected, "{format}");
    }

    // What was put on since the export goes again.
    let dressed = serde_json::json!({"categoryId": first, "metadata": {"shelf": "4"}, "images": [{"url": "https://x.example/1.png", "alt": ""}]});
    let cup = admin.read("/api/products/c-cup").await;
    let path = format!("/api/products/{}", cup["id"].as_str().unwrap());
    admin.patch(&path, &dressed).header("If-Match", "\"1\"").send().await.expect(200);
    for (ways, updated) in [(&remote[..], 1), (&[][..], 0)] {
        let file = shop.path("all.jsonl");
        let import = [ways, &["--output", "json", "product", "import", file.to_str().unwrap()]].concat();
        assert_eq!(shop.run(&import).json()["updated"], updated);
    }
    assert_eq!(shop.run(&["product", "export"]).out, exported);
    let uneven = shop.path("uneven.jsonl");
    let line = exported.lines().next().unwrap().replace(r#"["kitchen","cups-of-tin"]"#, r#"["kitchen"]"#);
    std::fs::write(&uneven, line).unwrap();
    let refused = shop.run(&["product", "import", uneven.to_str().unwrap()]);
    assert!(refused.code == 1 && refused.err.contains("2 names of categories and 1 slugs"), "{refused:?}");
}
