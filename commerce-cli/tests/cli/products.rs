//! Products in and out of files.

use serde_json::Value;

use super::{APPAREL, commerce, error, json};

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
            "category": ["Kitchen", "Cups & jars"], "categorySlugs": ["kitchen", "cups-jars"], "seller": seller,
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
