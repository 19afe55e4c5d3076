use commerce_core::Currency;
use commerce_core::catalog::{Part, ProductStatus};

use super::*;

const APPAREL: &str = include_str!("../../../examples/data/shopify-apparel.csv");

type Lines = Vec<(u64, String)>;

fn read(name: &str, text: &str) -> (Vec<Draft>, Lines, Lines) {
    let source = Source::text(name, text);
    let (mut drafts, mut bad, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for found in open(&source, None, Currency::INR).unwrap() {
        match found {
            Found::Product(draft) => drafts.push(*draft),
            Found::Bad(remark) => bad.push((remark.line, remark.text)),
            Found::Note(remark) => notes.push((remark.line, remark.text)),
        }
    }
    (drafts, bad, notes)
}

fn skus(draft: &Draft) -> Vec<&str> {
    draft.variants.iter().map(|variant| variant.sku.as_str()).collect()
}

#[test]
fn a_real_export() {
    let (drafts, bad, _) = read("apparel.csv", APPAREL);
    assert_eq!(bad, []);
    assert_eq!(drafts.len(), 20);
    let shirt = &drafts[0];
    assert_eq!((shirt.slug.as_str(), shirt.name.as_str()), ("ocean-blue-shirt", "Ocean Blue Shirt"));
    assert_eq!(skus(shirt), ["OCEAN-BLUE-SHIRT"]);
    assert!(shirt.variants[0].options.is_empty());
    assert_eq!(shirt.variants[0].price, Money::new(5_000, Currency::INR));
    assert_eq!(shirt.metadata["vendor"], "partners-demo");
    assert_eq!(shirt.images.len(), 1);
    let top = &drafts[1];
    assert_eq!(skus(top), ["CLASSIC-VARSITY-TOP-SMALL", "CLASSIC-VARSITY-TOP-MEDIUM", "CLASSIC-VARSITY-TOP-LARGE"]);
    assert_eq!(top.variants[2].options["Size"], "Large");
}

#[test]
fn what_comes_out_of_a_pipe_is_known_by_how_it_begins() {
    let line = r#"{"slug":"cup","name":"Cup","variants":[{"sku":"C","price":{"amount":5,"currency":"INR"}}]}"#;
    for (name, text) in [("/dev/stdin", format!("{line}\n")), ("products", format!("\u{feff}\n  {line}\n"))] {
        let (drafts, bad, _) = read(name, &text);
        assert_eq!((bad, drafts.len()), (vec![], 1), "{name}");
        assert_eq!(skus(&drafts[0]), ["C"]);
    }
    assert_eq!(read("/dev/stdin", "name,sku,price\nCup,C,5\n").0.len(), 1, "and a table by its header");
}

#[test]
fn columns_are_found_by_name_and_a_byte_order_mark_is_none() {
    let text = "\u{feff}Status,Variant Price,Title,Handle,Cost per item,Variant SKU,Variant Grams,Variant Inventory Qty\r\n\
        draft,19.90,Cup,cup,3.00,'0012,,-4\r\n";
    let (drafts, bad, notes) = read("a.csv", text);
    assert_eq!(bad, []);
    assert_eq!(notes, [(2, "cup: stock -4 is taken in as 0".to_owned())]);
    assert_eq!(drafts[0].status, Some(ProductStatus::Draft));
    assert_eq!(skus(&drafts[0]), ["0012"]);
    assert_eq!(drafts[0].variants[0].weight_grams, None);
    assert!(drafts[0].metadata.is_empty(), "what a product costs the shop is nobody's business");
}

#[test]
fn the_newer_names_of_columns() {
    let text = "Title,URL handle,Price,SKU,Inventory quantity,Weight value (grams),Option1 name,Option1 value,Product image URL,Published on online store\n\
        Cup,cup,5,C-1,3,250,Colour,Red,https://x.example/1.png,FALSE\n";
    let (drafts, bad, _) = read("a.csv", text);
    assert_eq!(bad, []);
    let variant = &drafts[0].variants[0];
    assert_eq!((variant.stock, variant.weight_grams, variant.options["Colour"].as_str()), (3, Some(250), "Red"));
    assert_eq!(drafts[0].status, Some(ProductStatus::Draft));
}

#[test]
fn rows_of_a_product_may_lie_apart_and_pictures_on_rows_of_their_own() {
    let text = "Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src,Image Position,Image Alt Text\n\
        a,A,Size,S,1,https://x.example/1.png,1,front\n\
        b,B,Title,Default Title,2,,,\n\
        a,,,M,1,,,\n\
        a,,,,,https://x.example/3.png,3,\n\
        a,,,,,https://x.example/2.png,2,\n";
    let (drafts, bad, _) = read("a.csv", text);
    assert_eq!(bad, []);
    assert_eq!(drafts.iter().map(|draft| draft.slug.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(skus(&drafts[1]), ["A-S", "A-M"]);
    let urls: Vec<_> = drafts[1].images.iter().map(|image| image.url.as_str()).collect();
    assert_eq!(urls, ["https://x.example/1.png", "https://x.example/2.png", "https://x.example/3.png"]);
}

#[test]
fn a_bad_row_is_named_by_its_line_and_the_others_go_in() {
    let head = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty";
    let rows = [
        "a,A,\"<p>one\ntwo\nthree</p>\",Size,S,A-S,1.00,1",
        "",
        "a,,,,M,A-M,cheap,1",
        "a,,,,L,A-L,2.50,1",
        "b,B,,,,A-S,1,1",
        "c,,,,,C,1,1",
        "d,D,,,,D,1,many",
        ",E,,,,E,1,1",
        "f,F,,,,F,1,1,,surplus",
        "g,G,,,,G,9,2",
    ];
    for end in ["\n", "\r\n"] {
        let text = format!("{head}{end}{}{end}", rows.join(end));
        let (drafts, bad, _) = read("a.csv", &text);
        assert_eq!(drafts.iter().map(|draft| draft.slug.as_str()).collect::<Vec<_>>(), ["a", "g"]);
        assert_eq!(drafts[0].description, "<p>one\ntwo\nthree</p>");
        assert_eq!(skus(&drafts[0]), ["A-S", "A-L"]);
        let lines: Vec<u64> = bad.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [6, 8, 8, 9, 10, 10, 11, 12], "{bad:?}");
        assert!(bad[0].1.contains("\"cheap\" is not a decimal amount of INR"), "{bad:?}");
        assert!(bad[1].1.contains("SKU A-S is on line 2 already"), "{bad:?}");
        assert!(bad[3].1.contains("no row of this product has a title"), "{bad:?}");
        assert!(bad[7].1.contains("the row has 10 cells, the header has 8"), "{bad:?}");
    }
}

#[test]
fn derived_skus_are_unique_short_and_the_same_in_any_order() {
    let head = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price";
    let long = "x".repeat(90);
    let rows = [
        "a-b,AB,Size,C,,,,1".to_owned(),
        "a,A,Size,B,Cut,C,,1".to_owned(),
        format!("{long},L,Size,5+,,,,1"),
        format!("{long},,,5,,,,1"),
        "q,Q,,,,,A,1".to_owned(),
    ];
    let names = |rows: &[String]| {
        let (drafts, bad, _) = read("a.csv", &format!("{head}\n{}\n", rows.join("\n")));
        assert_eq!(bad, []);
        let mut all: Vec<String> = drafts.iter().flat_map(skus).map(str::to_owned).collect();
        all.sort();
        all
    };
    let first = names(&rows);
    let mut turned = rows.clone();
    turned.rotate_left(2);
    assert_eq!(first, names(&turned));
    assert!(first.iter().all(|sku| sku.chars().count() <= 64), "{first:?}");
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
}

#[test]
fn what_a_sku_may_not_have_is_replaced_and_said() {
    let (drafts, _, notes) = read("a.csv", "Handle,Title,Variant SKU,Variant Price\na,A,AB/12#3,1\n");
    assert_eq!(skus(&drafts[0]), ["AB-12-3"]);
    assert_eq!(notes, [(2, "SKU AB/12#3 is taken in as AB-12-3".to_owned())]);
}

#[test]
fn cells_that_are_no_text_are_named() {
    let mut bytes = b"Handle,Title,Variant Price\na,Caf\xe9,1\nb,B,1\n".to_vec();
    bytes.extend_from_slice(b"c,C,1");
    let path = std::env::temp_dir().join(format!("commerce-import-{}.csv", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let source = Source::open(&path).unwrap();
    let found: Vec<Found> = open(&source, None, Currency::INR).unwrap().collect();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(found[0], Found::Bad(Remark::new(2, "title: not UTF-8")));
    assert_eq!(found.len(), 3);
}

#[test]
fn semicolons_and_missing_columns() {
    let (drafts, _, _) = read("a.csv", "name;sku;price;option:Size;stock\nCup;C-S;1.50;S;4\nCup;C-M;1.50;M;0\n");
    assert_eq!((drafts.len(), skus(&drafts[0])), (1, vec!["C-S", "C-M"]));
    assert_eq!(drafts[0].variants[1].options["Size"], "M");
    let source = Source::text("a.csv", "Handle,Body\na,b\n");
    let failure = open(&source, Some(Format::ShopifyCsv), Currency::INR).err().unwrap();
    assert_eq!(failure.code(), "MISSING_COLUMN");
}

#[test]
fn handles_that_are_no_slugs_stay_apart() {
    assert_eq!(slug_of("ocean-blue").as_str(), "ocean-blue");
    assert_eq!(slug_of("Ocean Blue").as_str(), "ocean-blue");
    assert_ne!(slug_of("日本"), slug_of("中国"));
    assert_ne!(slug_of("a_b"), slug_of("a-b"));
}

#[test]
fn json_lines() {
    let text = "{\"name\":\"Cup\",\"variants\":[{\"sku\":\"C\",\"price\":\"2.50\",\"stock\":3}]}\n\n{\"name\":1}\n\
        {\"name\":\"Jar\",\"slug\":\"jar\",\"variants\":[{\"sku\":\"C\",\"price\":{\"amount\":100,\"currency\":\"INR\"}}]}\n\
        {\"name\":\"Pot\",\"variants\":[{\"sku\":\"P\",\"price\":{\"amount\":100,\"currency\":\"INR\"}}],\"colour\":1}";
    let (drafts, bad, _) = read("a.jsonl", text);
    assert_eq!((drafts.len(), drafts[0].slug.as_str()), (1, "cup"));
    assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(bad[1].1.contains("SKU C is on line 1 already"), "{bad:?}");
    assert!(bad[2].1.contains("colour"), "{bad:?}");
}

#[test]
fn a_bad_line_is_told_of_in_words() {
    for (line, reason) in [
        ("[1]", "a line is an object that is a product"),
        ("nonsense", "a line is an object that is a product"),
        ("{\"name\":1}", "invalid type: integer `1`, expected a string (character 9)"),
        (
            "{\"name\":\"Cup\",\"variants\":[{\"sku\":\"C\",\"price\":2.5}]}",
            "a price is a decimal in quotes, or an amount of minor units with its currency (character 49)",
        ),
        ("{\"name\":\"Cup\",\"variants\":[[]]}", "invalid length 0, expected an object that is a variant (character 28)"),
        ("{\"name\":", "EOF while parsing a value (character 8)"),
    ] {
        let (_, bad, _) = read("a.jsonl", line);
        assert_eq!(bad, [(1, reason.to_owned())]);
    }
}

#[test]
fn control_characters_do_not_keep_a_product_out() {
    let (drafts, bad, _) = read("a.csv", "Handle,Title,Body (HTML),Variant Price\na,\"A\u{b}\nB\",\"<p>\u{b}x\ny</p>\",1\n");
    assert_eq!(bad, []);
    assert_eq!((drafts[0].name.as_str(), drafts[0].description.as_str()), ("A  B", "<p>x\ny</p>"));
}

#[test]
fn a_product_that_lost_rows_says_so_and_rows_of_nobody_may_be_anybodys() {
    let head = "Handle,Title,Body (HTML),Variant SKU,Variant Price";
    let partial = |rows: &str| {
        let (drafts, _, _) = read("a.csv", &format!("{head}\n{rows}\n"));
        drafts.iter().map(|draft| (draft.slug.to_string(), draft.partial)).collect::<Vec<_>>()
    };
    let told = |a: bool, b: bool| vec![("a".to_owned(), a), ("b".to_owned(), b)];
    assert_eq!(partial("a,A,,A-S,1\na,,,A-M,2\nb,B,,B,1"), told(false, false));
    assert_eq!(partial("a,A,,A-S,1\na,,,A-M,twelve\nb,B,,B,1"), told(true, false));
    assert_eq!(partial("a,A,,A-S,1\na,,,A-M,2,surplus\nb,B,,B,1"), told(true, true));
    assert_eq!(partial("a,A,,A-S,1\n,,,A-M,2\nb,B,,B,1"), told(true, true));
    assert_eq!(partial("a,A,,A-S,1\nb,B,,B,1\na,,,\"A-M,2"), told(true, true));
}

#[test]
fn handles_of_one_slug_are_one_product() {
    let (drafts, bad, _) =
        read("a.csv", "Handle,Title,Variant SKU,Variant Price\nCap,Cap,CAP-S,1\nhat,Hat,HAT,1\ncap,,CAP-M,1\n");
    assert_eq!((bad, drafts.len()), (vec![], 2));
    assert_eq!(skus(&drafts[1]), ["CAP-S", "CAP-M"]);
}

#[test]
fn a_file_says_what_it_has_columns_for() {
    let (drafts, _, _) = read("a.csv", "slug,name,sku,price,option:Size\ncup,Cup,C,1,S\n");
    let Unsaid { parts, options_but } = &drafts[0].unsaid;
    assert_eq!(parts.len(), 7);
    assert_eq!(*options_but, Some(["Size".to_owned()].into()));
    assert_eq!(drafts[0].status, None);
    let (drafts, _, _) = read("a.csv", "Handle,Title,Body (HTML),Variant Price,Variant Grams\ncup,Cup,,1,0\n");
    assert_eq!(
        drafts[0].unsaid.parts,
        [Part::Category, Part::Images, Part::Metadata, Part::NoWeight, Part::CompareAt, Part::Barcode].into()
    );
    assert_eq!((drafts[0].status, &drafts[0].unsaid.options_but), (None, &Some([].into())));
}

#[test]
fn a_quote_that_is_not_closed_is_named_where_it_begins() {
    for end in ["\n", "\r\n"] {
        let rows = ["name,sku,price,description", "Cup,C,1,\"two", "lines\"", "", "Jar,J,2,\"opened", "Pot,P,3,", "Pan,N,4,"];
        let (drafts, bad, _) = read("a.csv", &rows.join(end));
        assert_eq!((drafts.len(), drafts[0].partial), (1, true));
        assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5], "{bad:?}");
        assert!(bad[0].1.contains("never closed"), "{bad:?}");
        let (_, bad, _) = read("a.csv", &format!("name,description,price{end}Cup,\"two{end}lines\",\"1{end}Jar,,2{end}"));
        assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3], "{bad:?}");
    }
    let failure = open(&Source::text("a.csv", "name,\"price\nCup,1\n"), Some(Format::Csv), Currency::INR).err().unwrap();
    assert!(failure.code() == "UNREADABLE" && failure.message().contains("line 1"), "{failure:?}");
    assert_eq!(open(&Source::text("a.csv", ""), Some(Format::Csv), Currency::INR).err().unwrap().code(), "EMPTY_FILE");
}
