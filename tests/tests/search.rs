//! Search: what is found, in which order, and what of it is counted.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{Client, eventually, inr, shared, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn search(client: &Client, pairs: &[(&str, &str)]) -> Value {
    client.call(Method::GET, "/api/products/search").query(pairs).send().await.expect(200)
}

#[tokio::test]
async fn search_ranks_and_forgives() {
    let shop = shared();
    let admin = shop.admin().await;
    let anyone = shop.anyone();
    let word = "zanzibari";
    let make = async |name: &str, minor: i64, stock: i64| {
        let body = json!({"name": name, "description": "For warm days", "variants": [{"sku": unique("S"), "price": inr(minor), "stock": stock}]});
        admin.post("/api/products", &body).send().await.expect(201)["id"].as_str().unwrap().to_owned()
    };
    let both = make("Zanzibari Kanga", 1_000, 5).await;
    let one = make("Zanzibari Basket", 2_000, 0).await;
    let other = make("Kanga Dress", 3_000, 5).await;
    let found = async |pairs: &[(&str, &str)]| ids(&search(&anyone, pairs).await);
    let pairs = [("q", word)];
    eventually("the products are found", async || search(&anyone, &pairs).await, |answer| ids(answer).len() == 2).await;
    eventually("the third as well", async || found(&[("q", "kanga")]).await, |found| found.len() == 2).await;

    let hits = found(&[("q", "zanzibari kanga")]).await;
    assert_eq!(hits.first(), Some(&both), "all words come before some words");
    let typo = found(&[("q", "zanzibary")]).await;
    assert!(typo.contains(&both) && typo.contains(&one), "one edit is forgiven: {typo:?}");
    let two_edits = found(&[("q", "zamzibary")]).await;
    assert!(!two_edits.contains(&both), "two edits are not: {two_edits:?}");
    assert_eq!(found(&[("q", "ZANZIBARI"), ("inStock", "true")]).await, std::slice::from_ref(&both));
    assert_eq!(found(&[("q", word), ("minPrice", "1500")]).await, std::slice::from_ref(&one));
    assert_eq!(found(&[("q", word), ("maxPrice", "1500")]).await, std::slice::from_ref(&both));
    let whole = search(&anyone, &pairs).await;
    assert_eq!(whole["total"], 2, "{whole}");
    assert!(whole["facets"].is_object() || whole["facets"].is_array(), "{whole}");
    for member in ["id", "slug", "name", "status", "priceRange", "inStock", "image"] {
        assert!(whole["items"][0].get(member).is_some(), "no {member}: {whole}");
    }
    // Pages of search.
    let first = search(&anyone, &[("q", word), ("limit", "1")]).await;
    let next = search(&anyone, &[("q", word), ("limit", "1"), ("cursor", first["nextCursor"].as_str().unwrap())]).await;
    let mut both_pages = [ids(&first), ids(&next)].concat();
    both_pages.sort_unstable();
    let mut expected = vec![both.as_str(), one.as_str()];
    expected.sort_unstable();
    assert_eq!(both_pages, expected);
    // What is archived or renamed leaves the index.
    admin.delete(&format!("/api/products/{other}")).send().await.expect(204);
    eventually(
        "the archived product leaves",
        async || found(&[("q", "kanga")]).await,
        |found| found == std::slice::from_ref(&both),
    )
    .await;
    let rename = json!({"name": "Plain Cloth"});
    admin.patch(&format!("/api/products/{both}"), &rename).header("if-match", "\"1\"").send().await.expect(200);
    eventually("the renamed product leaves", async || found(&[("q", "kanga")]).await, Vec::is_empty).await;
    for (name, value) in
        [("minPrice", "x"), ("maxPrice", "-1"), ("inStock", "maybe"), ("category", "x"), ("limit", "0"), ("option", "Red")]
    {
        let answer = anyone.call(Method::GET, "/api/products/search").query(&[("q", word), (name, value)]).send().await;
        assert!(
            [422, 400, 404].contains(&answer.status) || (name == "category" && answer.status == 200),
            "{name}={value}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn what_is_counted_can_be_asked_for() {
    let shop = shared();
    let admin = shop.admin().await;
    let anyone = shop.anyone();
    let found = async |pairs: &[(&str, &str)]| ids(&search(&anyone, pairs).await);
    let dress = async |name: &str, options: Value| {
        let variant = json!({"sku": unique("S"), "price": inr(700), "stock": 1, "options": options});
        let body = json!({"name": name, "description": "", "variants": [variant]});
        admin.post("/api/products", &body).send().await.expect(201)["id"].as_str().unwrap().to_owned()
    };
    let red = dress("Ocelot Sari", json!({"Hue": "Red: deep", "Size": "S"})).await;
    let blue = dress("Ocelot Shawl", json!({"Hue": "Blue", "Size": "S"})).await;
    eventually("both are found", async || found(&[("q", "ocelot")]).await, |found| found.len() == 2).await;
    let counted = search(&anyone, &[("q", "ocelot")]).await["facets"]["options"].clone();
    assert!(counted.as_array().unwrap().contains(&json!({"name": "Hue", "value": "Red: deep", "count": 1})), "{counted}");
    let sets = [&[("option", "Hue:Red: deep")][..], &[("option", "Hue:Blue"), ("option", "Size:S")]];
    for (options, expected) in sets.into_iter().zip([&red, &blue]) {
        assert_eq!(found(&[&[("q", "ocelot")], options].concat()).await, std::slice::from_ref(expected), "{options:?}");
    }
    assert_eq!(found(&[("q", "ocelot"), ("option", "Hue:Blue"), ("option", "Hue:Red: deep")]).await.len(), 2);
    assert!(found(&[("q", "ocelot"), ("option", "Hue:Blue"), ("option", "Size:M")]).await.is_empty());
    let small = search(&anyone, &[("q", "ocelot"), ("option", "Size:S"), ("limit", "1")]).await;
    let cursor = small["nextCursor"].as_str().unwrap();
    let another = [("q", "ocelot"), ("option", "Hue:Blue"), ("limit", "1"), ("cursor", cursor)];
    anyone.call(Method::GET, "/api/products/search").query(&another).send().await.problem(400, "BAD_CURSOR");
}
