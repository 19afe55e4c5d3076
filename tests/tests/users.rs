//! Profiles, address books, roles, and who may see what.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{Answer, Client, address, cod, events, eventually, mails, shared, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn without_request(mut problem: Value, path: &str) -> Value {
    let members = problem.as_object_mut().unwrap();
    members.remove("requestId");
    assert_eq!(members.remove("instance").unwrap(), path);
    problem
}

async fn try_all(client: &Client, user: &str, address_id: &str) -> Vec<(Method, String, Answer)> {
    let mut answers = Vec::new();
    let book = format!("/api/users/{user}/addresses");
    let calls = [
        (Method::GET, format!("/api/users/{user}"), None),
        (Method::GET, format!("/api/users/{user}/export"), None),
        (Method::GET, format!("/api/users/{user}/wishlist"), None),
        (
            Method::PUT,
            format!("/api/users/{user}"),
            Some(json!({"email": format!("{}@example.com", unique("evil")), "fullName": "Mallory"})),
        ),
        (Method::GET, book.clone(), None),
        (Method::POST, book.clone(), Some(address())),
        (Method::PUT, format!("{book}/{address_id}"), Some(address())),
        (Method::PUT, format!("{book}/{address_id}/default"), None),
        (Method::DELETE, format!("{book}/{address_id}"), None),
        (Method::GET, format!("/api/users/{user}/sessions"), None),
        (Method::GET, format!("/api/cart/{user}"), None),
        (Method::POST, format!("/api/cart/{user}"), Some(json!({"sku": "ANY", "quantity": 1}))),
        (Method::DELETE, format!("/api/cart/{user}"), None),
        (Method::PUT, format!("/api/cart/{user}/items/ANY"), Some(json!({"quantity": 1}))),
        (Method::DELETE, format!("/api/cart/{user}/items/ANY"), None),
        (Method::DELETE, format!("/api/users/{user}"), None),
    ];
    for (method, path, body) in calls {
        let call = client.call(method.clone(), &path);
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        answers.push((method, path, call.send().await));
    }
    answers
}

#[tokio::test]
async fn strangers_see_nothing_and_learn_nothing() {
    let shop = shared();
    let owner = shop.customer().await;
    let stranger = shop.customer().await;
    let stored = owner.post("/api/users/me/addresses", &address()).send().await.expect(201);
    let address_id = stored["id"].as_str().unwrap();
    let missing = "01890000-0000-7000-8000-000000000000";

    let foreign = try_all(&stranger, &owner.user, address_id).await;
    let absent = try_all(&stranger, missing, missing).await;
    for ((method, path, answer), (_, absent_path, absent)) in foreign.iter().zip(&absent) {
        let got = without_request(answer.any_problem(404), path);
        assert_eq!(got, without_request(absent.any_problem(404), absent_path), "{method} {path} tells that it exists");
    }
    for (_, _, answer) in try_all(&shop.anyone(), &owner.user, address_id).await {
        answer.any_problem(401);
    }
    // Nothing of it had an effect.
    assert_eq!(owner.read("/api/users/me").await["fullName"], "Grace Hopper");
    assert_eq!(owner.read("/api/users/me/addresses").await["items"].as_array().unwrap().len(), 1);
    // A foreign address under one's own name is not there either.
    stranger.put(&format!("/api/users/me/addresses/{address_id}"), &address()).send().await.any_problem(404);
    stranger.delete(&format!("/api/users/me/addresses/{address_id}")).send().await.any_problem(404);
    let body = json!({"items": [{"sku": "X", "quantity": 1}], "addressId": address_id, "payment": {"method": "COD"}});
    let answer = stranger.post("/api/orders", &body).send().await;
    assert!([404, 422].contains(&answer.status), "{}", answer.text());
    assert!(!answer.text().contains("MG Road"));
}

#[tokio::test]
async fn owner_and_staff_may() {
    let shop = shared();
    let owner = shop.customer().await;
    let admin = shop.admin().await;
    for client in [&owner, &admin] {
        let user = client.read(&format!("/api/users/{}", owner.user)).await;
        assert_eq!((&user["email"], &user["role"]), (&json!(owner.email), &json!("CUSTOMER")));
        assert!(user["createdAt"].as_str().is_some_and(|at| at.ends_with('Z')), "{user}");
        client.read(&format!("/api/users/{}/addresses", owner.user)).await;
        client.read(&format!("/api/users/{}/sessions", owner.user)).await;
    }
    assert_eq!(owner.read("/api/users/me").await["id"], owner.user);
    let list = admin.read("/api/users?limit=100").await;
    assert!(list["items"].as_array().unwrap().iter().any(|user| user["id"] == owner.user));
    let answer = owner.get("/api/users").send().await;
    assert!([403, 404].contains(&answer.status), "{}", answer.text());
}

#[tokio::test]
async fn a_profile_is_changed() {
    let shop = shared();
    let user = shop.customer().await;
    // What GET answers, with one field changed, can be put back.
    let answer = user.get("/api/users/me").send().await;
    let mut body = answer.expect(200);
    body["fullName"] = json!("Rear Admiral Hopper");
    let changed = user.put("/api/users/me", &body).send().await.expect(200);
    assert_eq!(changed["fullName"], "Rear Admiral Hopper");
    assert_eq!(user.read("/api/users/me").await, changed);
    let mut raised = changed.clone();
    raised["role"] = json!("ADMIN");
    user.put("/api/users/me", &raised).send().await.problem(422, "READ_ONLY");
    let mut other = changed.clone();
    other["id"] = json!("01890000-0000-7000-8000-000000000000");
    user.put("/api/users/me", &other).send().await.problem(422, "READ_ONLY");
    let mut taken = changed.clone();
    taken["email"] = json!(shop.customer().await.email);
    user.put("/api/users/me", &taken).send().await.problem(409, "EMAIL_TAKEN");
    // If-Match is optional here, and held where it comes.
    let stale = answer.header("etag");
    assert_eq!(stale, format!("\"{}\"", answer.json()["version"]));
    user.put("/api/users/me", &changed).header("if-match", stale).send().await.problem(412, "VERSION_MISMATCH");
    let fresh = format!("\"{}\"", changed["version"]);
    let email = format!("{}@example.com", unique("moved"));
    let moved = json!({"email": email, "fullName": "G. H."});
    let moved = user.put("/api/users/me", &moved).header("if-match", &fresh).send().await.expect(200);
    assert_eq!(moved["email"], email);
    shop.anyone().logged_in(&email, "correct horse battery").await;
}

#[tokio::test]
async fn one_address_is_the_default() {
    let shop = shared();
    let user = shop.customer().await;
    let book = "/api/users/me/addresses";
    let add = async |change: Value| {
        let mut body = address();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = user.post(book, &body).send().await;
        let stored = answer.expect(201);
        assert!(answer.header("location").ends_with(stored["id"].as_str().unwrap()), "{:?}", answer.headers);
        stored
    };
    let defaults = async || -> Vec<Value> {
        let list = user.read(book).await;
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|address| address["isDefault"] == true)
            .map(|address| address["id"].clone())
            .collect()
    };
    assert_eq!(user.read(book).await["items"], json!([]));
    let home = add(json!({"line2": "Flat 4", "state": "Maharashtra", "phone": "+91 1"})).await;
    assert_eq!((&home["isDefault"], &home["line2"], &home["state"]), (&json!(true), &json!("Flat 4"), &json!("Maharashtra")));
    let work = add(json!({})).await;
    assert_eq!(work["isDefault"], false);
    let boat = add(json!({"isDefault": true})).await;
    assert_eq!(boat["isDefault"], true);
    assert_eq!(defaults().await, [boat["id"].clone()]);
    let path = |address: &Value| format!("{book}/{}", address["id"].as_str().unwrap());
    let switched = user.put(&format!("{}/default", path(&work)), &json!({})).send().await.expect(200);
    assert_eq!(switched["isDefault"], true);
    assert_eq!(defaults().await, [work["id"].clone()]);
    user.call(Method::PUT, &format!("{}/default", path(&home))).send().await.expect(200);
    assert_eq!(defaults().await, [home["id"].clone()]);
    let mut changed = address();
    changed["city"] = json!("Mumbai");
    assert_eq!(user.put(&path(&work), &changed).send().await.expect(200)["city"], "Mumbai");
    user.delete(&path(&work)).send().await.expect(204);
    user.delete(&path(&work)).send().await.any_problem(404);
    user.delete(&path(&home)).send().await.expect(204);
    assert_eq!(user.read(book).await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn addresses_are_checked() {
    let shop = shared();
    let user = shop.customer().await;
    let post = async |field: &str, value: Value| {
        let mut body = address();
        body[field] = value;
        user.post("/api/users/me/addresses", &body).send().await
    };
    for (field, value) in [
        ("country", json!("XX")),
        ("country", json!("India")),
        ("country", json!("")),
        ("city", json!("")),
        ("line1", json!("  ")),
        ("fullName", json!("x".repeat(1_000))),
        ("postalCode", json!("x".repeat(100))),
        ("line1", json!("a\u{0}b")),
    ] {
        post(field, value).await.invalid(field);
    }
    post("postcode", json!("1")).await.problem(400, "UNKNOWN_FIELD");
    post("country", json!(7)).await.problem(400, "WRONG_TYPE");
    let key = unique("key");
    let first = user.post("/api/users/me/addresses", &address()).key(&key).send().await.expect(201);
    let again = user.post("/api/users/me/addresses", &address()).key(&key).send().await;
    assert_eq!((again.header("idempotent-replayed"), &again.expect(200)["id"]), ("true", &first["id"]));
    assert_eq!(user.read("/api/users/me/addresses").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn staff_gives_roles() {
    let shop = shared();
    let admin = shop.admin().await;
    let user = shop.customer().await;
    let path = format!("/api/users/{}/role", user.user);
    user.put("/api/users/me/role", &json!({"role": "ADMIN"})).send().await.problem(403, "FORBIDDEN");
    shop.customer().await.put(&path, &json!({"role": "ADMIN"})).send().await.any_problem(404);
    admin.put(&path, &json!({"role": "EMPEROR"})).send().await.any_problem(422);
    user.get("/api/notifications").send().await.any_problem(403);
    assert_eq!(admin.put(&path, &json!({"role": "ADMIN"})).send().await.expect(200)["role"], "ADMIN");
    // The same token: the role is looked up, not carried.
    user.get("/api/notifications").send().await.expect(200);
    admin.put(&path, &json!({"role": "CUSTOMER"})).send().await.expect(200);
    user.get("/api/notifications").send().await.any_problem(403);
    // A seller acts for a seller that is there, whatever she was before.
    let seller = admin.put(&path, &json!({"role": "SELLER"})).send().await.expect(200)["sellerId"].clone();
    let hers = format!("/api/sellers/{}", seller.as_str().expect("she has one"));
    assert_eq!(shop.anyone().read(&hers).await["id"], seller);
    user.put(&hers, &json!({"name": unique("Cups")})).send().await.expect(200);
    let again = admin.put(&path, &json!({"role": "SELLER"})).send().await.expect(200);
    assert_eq!(again["sellerId"], seller);
}

#[tokio::test]
async fn deleting_erases() {
    let shop = shared();
    let admin = shop.admin().await;
    let user = shop.customer().await;
    user.post("/api/users/me/addresses", &address()).send().await.expect(201);
    let product = admin.product(500, 10).await;
    let order = user.order(&[(&product.sku, 1)]).await;
    user.delete("/api/users/me").send().await.expect(204);
    user.get("/api/users/me").send().await.any_problem(401);
    let login = json!({"email": user.email, "password": "correct horse battery"});
    shop.anyone().post("/api/auth/login", &login).send().await.any_problem(401);
    let path = format!("/api/users/{}", user.user);
    admin.delete(&path).send().await.any_problem(404);
    let list = admin.read("/api/users?limit=100").await;
    assert!(!list.to_string().contains(&user.email), "the mail address is still there");
    // The books keep the order, and the mail address is free again.
    assert_eq!(admin.read(&format!("/api/orders/{}", order.id)).await["number"], order.number);
    let again = json!({"email": user.email, "password": "correct horse battery", "fullName": "Somebody Else"});
    let again = shop.anyone().post("/api/users", &again).send().await.expect(201);
    assert_ne!(again["id"], user.user);
}

#[tokio::test]
async fn nobody_knows_who_was_erased_once_her_orders_have_come() {
    let shop = shared();
    let admin = shop.admin().await;
    let user = shop.customer().await;
    let product = admin.product(500, 10).await;
    let name = unique("Ada");
    let mut body = cod(&[(&product.sku, 1)]);
    body["shippingAddress"]["fullName"] = json!(name);
    body["shippingAddress"]["phone"] = json!("+91 98450 12345");
    body["metadata"] = json!({"gift": format!("for {name}")});
    let order = user.post("/api/orders", &body).send().await.expect(201);
    let path = format!("/api/orders/{}", order["id"].as_str().unwrap());
    let sent = || async { mails(&shop.data()).iter().filter(|mail| mail.to.contains(&user.email)).count() };
    eventually("she is told", sent, |count| *count >= 3).await;

    user.delete("/api/users/me").send().await.expect(204);
    eventually("her mails are gone", sent, |count| *count == 0).await;
    let of_her = format!("/api/notifications?userId={}", user.user);
    let told = || admin.read(&of_her);
    let told = eventually("her messages say no more where they went", told, |told| !told.to_string().contains(&user.email)).await;
    assert!(told["items"].as_array().is_some_and(|list| list.len() >= 3), "{told}");
    let shown = admin.read(&path).await;
    assert_eq!(shown["shippingAddress"]["fullName"], json!(name), "what is still to arrive needs its address");

    for status in ["SHIPPED", "DELIVERED"] {
        admin.patch(&format!("{path}/status"), &json!({"status": status})).send().await.expect(200);
    }
    // Where something was under way it is looked again within the hour.
    assert_eq!(admin.read(&path).await["shippingAddress"]["fullName"], json!(name));
    let said = events(&shop).await;
    assert!(!said.iter().any(|event| event.contains(&user.email) || event.contains(&name)), "no event names her");
}

#[tokio::test]
async fn orders_that_have_come_are_nobodys_once_she_is_erased() {
    let shop = shared();
    let admin = shop.admin().await;
    let user = shop.customer().await;
    let product = admin.product(500, 10).await;
    let order = user.order(&[(&product.sku, 2)]).await;
    let path = format!("/api/orders/{}", order.id);
    for status in ["SHIPPED", "DELIVERED"] {
        admin.patch(&format!("{path}/status"), &json!({"status": status})).send().await.expect(200);
    }
    let before = admin.read(&path).await;
    user.delete("/api/users/me").send().await.expect(204);
    let shown = || admin.read(&path);
    let after = eventually("it is nobody's", shown, |shown| shown["shippingAddress"]["fullName"] == "Erased").await;
    let to = json!({"fullName": "Erased", "line1": "Erased", "city": "Erased", "postalCode": "Erased", "country": "IN"});
    assert_eq!(after["shippingAddress"], to);
    for kept in ["number", "lines", "total", "tax", "status", "userId", "placedAt"] {
        assert_eq!(after[kept], before[kept], "{kept} stays for the books");
    }
}
