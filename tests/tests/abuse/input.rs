//! Bad input, the rows D: too much, too deep, too odd, or no request at all.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use commerce_tests::{Client, cod, eventually, inr, mails, raw_request, shared, unique};
use serde_json::json;

use super::{account, refused};

#[tokio::test]
async fn d01_ten_megabytes_are_too_many() {
    let shop = shared();
    let body = format!("{{\"email\": \"{}\"}}", "a".repeat(10 << 20));
    // The connection may be closed before all of it was sent.
    if let Ok(answer) = shop.anyone().post_bytes("/api/users", body).try_send().await {
        assert_eq!(answer.status, 413);
    }
    shop.anyone().get("/health/ready").send().await.expect(200);
}

#[tokio::test]
async fn d02_nesting_has_an_end() {
    let shop = shared();
    for open in ["[", "{\"a\":"] {
        let body = open.repeat(200_000);
        shop.anyone().post_bytes("/api/users", body).send().await.any_problem(400);
    }
}

#[tokio::test]
async fn d03_text_is_text() {
    let shop = shared();
    let anyone = shop.anyone();
    let body = |name: &[u8]| {
        let head =
            format!("{{\"email\": \"{}@example.com\", \"password\": \"correct horse battery\", \"fullName\": \"", unique("d"));
        [head.as_bytes(), name, b"\"}"].concat()
    };
    for bad in [&b"\xff\xfe"[..], b"\\ud800", b"a\\u0000b", b"a\x00b", b"a\x07b"] {
        let answer = anyone.post_bytes("/api/users", body(bad)).send().await;
        assert!([400, 422].contains(&answer.status), "{bad:?}: {}", answer.text());
    }
    let answer = anyone
        .post_bytes("/api/users", body("\u{5d0}\u{5d1} \u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}".as_bytes()))
        .send()
        .await;
    assert_eq!(answer.expect(201)["fullName"], "\u{5d0}\u{5d1} \u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}");
}

#[tokio::test]
async fn d04_d05_e12_fields_are_known_and_said_once() {
    let shop = shared();
    let anyone = shop.anyone();
    let email = format!("{}@example.com", unique("d"));
    let twice =
        format!("{{\"email\": \"{email}\", \"email\": \"x@example.com\", \"password\": \"correct horse\", \"fullName\": \"G\"}}");
    anyone.post_bytes("/api/users", twice).send().await.any_problem(400);
    for field in ["role", "id", "emailVerified", "walletBalance", "version", "__proto__"] {
        let mut body = account(&email);
        body[field] = json!("ADMIN");
        anyone.post("/api/users", &body).send().await.problem(400, "UNKNOWN_FIELD");
    }
    let made = anyone.post("/api/users", &account(&email)).send().await.expect(201);
    assert_eq!(made["role"], "CUSTOMER");
}

#[tokio::test]
async fn d06_quantities_are_counted_in_units() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    for (quantity, status) in [
        (json!(0), 422),
        (json!(-1), 422),
        (json!(1_000_000_000), 422),
        (json!(4_294_967_296_u64), 422),
        (json!(1.5), 422),
        (json!("1"), 400),
        (json!(null), 400),
    ] {
        let mut body = cod(&[]);
        body["items"] = json!([{"sku": cup.sku, "quantity": quantity}]);
        buyer.post("/api/orders", &body).send().await.any_problem(status);
        buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": quantity})).send().await.any_problem(status);
    }
    assert_eq!(shop.admin().await.stock(&cup.sku).await, (50, 0, 50));
}

#[tokio::test]
async fn d07_money_does_not_overflow() {
    let shop = shared();
    let admin = shop.admin().await;
    let sku = unique("DEAR");
    let variant = json!({"sku": sku, "price": inr(i64::MAX), "stock": 999});
    let made = admin.post("/api/products", &json!({"name": "Dear", "description": "", "variants": [variant]})).send().await;
    if made.status == 201 {
        let answer = shop.customer().await.post("/api/orders", &cod(&[(sku.as_str(), 999)])).send().await;
        assert!(refused(answer.status), "{}", answer.text());
    } else {
        made.any_problem(422);
    }
    for amount in [json!(-1), json!(1.5), json!("100"), json!(1e30)] {
        let variant = json!({"sku": unique("BAD"), "price": {"amount": amount, "currency": "INR"}});
        let body = json!({"name": "Bad", "description": "", "variants": [variant]});
        let answer = admin.post("/api/products", &body).send().await;
        assert!([400, 422].contains(&answer.status), "{amount}: {}", answer.text());
    }
}

#[tokio::test]
async fn d08_currencies_are_not_mixed() {
    let shop = shared();
    let admin = shop.admin().await;
    let make = async |currency: &str| {
        let sku = unique(currency);
        let variant = json!({"sku": sku, "price": {"amount": 500, "currency": currency}, "stock": 5});
        admin.post("/api/products", &json!({"name": "Cup", "description": "", "variants": [variant]})).send().await.expect(201);
        sku
    };
    let (yen, dinar, rupee) = (make("JPY").await, make("KWD").await, make("INR").await);
    let buyer = shop.customer().await;
    for pair in [[&yen, &rupee], [&dinar, &yen]] {
        let body = cod(&[(pair[0], 1), (pair[1], 1)]);
        buyer.post("/api/orders", &body).send().await.problem(422, "CURRENCY_MISMATCH");
    }
    for currency in ["XYZ", "inr", "", "INRR"] {
        let variant = json!({"sku": unique("BAD"), "price": {"amount": 1, "currency": currency}});
        let answer = admin.post("/api/products", &json!({"name": "Cup", "description": "", "variants": [variant]})).send().await;
        assert!([400, 422].contains(&answer.status), "{currency}: {}", answer.text());
    }
}

#[tokio::test]
async fn d10_a_clients_price_is_nobodys() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    for field in ["total", "discount", "shipping", "tax", "subtotal"] {
        let mut body = cod(&[(cup.sku.as_str(), 1)]);
        body[field] = inr(1);
        buyer.post("/api/orders", &body).send().await.problem(400, "UNKNOWN_FIELD");
    }
    for field in ["price", "unitPrice", "total"] {
        let mut body = cod(&[(cup.sku.as_str(), 1)]);
        body["items"][0][field] = inr(1);
        buyer.post("/api/orders", &body).send().await.problem(400, "UNKNOWN_FIELD");
    }
}

/// An answer is not kept back because more has come that is no request yet, or is none.
#[test]
fn d12_what_follows_a_request_keeps_its_answer_from_nobody() {
    let shop = shared();
    let host = shop.authority();
    for rest in ["\r\n", "GET /api/or", "GET /x y HTTP/1.1\r\n\r\n"] {
        let mut line = TcpStream::connect(host).unwrap();
        // Less than a started head is waited for.
        line.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        line.write_all(format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n{rest}").as_bytes()).unwrap();
        let mut said = [0; 12];
        line.read_exact(&mut said).unwrap_or_else(|error| panic!("{rest:?}: {error}"));
        assert_eq!(&said, b"HTTP/1.1 200", "{rest:?}");
    }
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn d13_streams_that_are_opened_to_be_reset_end_the_connection() {
    let shop = shared();
    let mut line = TcpStream::connect(shop.authority()).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    flood.extend(frame(4, 0, 0, &[]));
    // GET / over http, from nobody in particular (RFC 7541, appendix A), reset at once.
    let head = [&[0x82, 0x86, 0x84, 0x41, 1][..], b"a"].concat();
    for number in 0..10_000_u32 {
        flood.extend(frame(1, 5, 2 * number + 1, &head));
        flood.extend(frame(3, 0, 2 * number + 1, &8_u32.to_be_bytes()));
    }
    // Whether it could all be written is the server's choice.
    line.write_all(&flood).ok();
    let mut said = Vec::new();
    let ended = line.read_to_end(&mut said);
    let waited = ended.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!waited, "the connection is kept: {ended:?}");
    shop.anyone().get("/health/ready").send().await.expect(200);
}

#[tokio::test]
async fn d14_what_is_packed_is_not_unpacked() {
    let shop = shared();
    // A thousand zeros in gzip (RFC 1952).
    let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x63\x60\x18\x05\xa3\x60\x14\x0c\x77\x00\x00".to_vec();
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let call = shop.anyone().post_bytes("/api/users", packed.clone()).header("content-encoding", encoding);
        let answer = call.send().await;
        assert!([400, 415].contains(&answer.status), "{encoding}: {}", answer.text());
    }
}

#[tokio::test]
async fn d16_a_search_is_words() {
    let shop = shared();
    let long = "x".repeat(10_000);
    for text in [
        "%%%%",
        "____",
        "+-><()~*\"@",
        "(((((",
        "a AND OR NOT",
        "/.*(a+)+$/",
        "\"",
        "field:*",
        "'; DROP TABLE products; --",
        &long,
    ] {
        let answer = shop.anyone().call(reqwest::Method::GET, "/api/products/search").query(&[("q", text)]).send().await;
        assert!(answer.status == 200 || refused(answer.status), "{text}");
    }
    for (name, value) in
        [("sort", "price; DROP TABLE products"), ("sort", "(SELECT 1)"), ("minPrice", "1 OR 1=1"), ("category", "' OR ''='")]
    {
        let answer =
            shop.anyone().call(reqwest::Method::GET, "/api/products/search").query(&[("q", "a"), (name, value)]).send().await;
        assert!(refused(answer.status), "{name}={value}: {}", answer.text());
    }
}

async fn upload(client: &Client, product: &str, name: &str, kind: &str, bytes: &[u8]) -> u16 {
    let head =
        format!("--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: {kind}\r\n\r\n");
    let form = [head.as_bytes(), bytes, b"\r\n--XX--\r\n"].concat();
    let call = client.call(reqwest::Method::POST, &format!("/api/products/{product}/images"));
    call.header("content-type", "multipart/form-data; boundary=XX").bytes(form).send().await.status
}

#[tokio::test]
async fn d18_d20_a_picture_is_a_picture_that_was_sent() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 1).await;
    // A PNG that says it has 50,000 by 50,000 pixels.
    let bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xc3P\x00\x00\xc3P\x08\x02\x00\x00\x00\xc4\xcd\xaa\x9d\x00\x00\x00\x00IDAT5\xaf\x06\x1e";
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    for (name, kind, bytes) in [
        ("a.svg", "image/svg+xml", &svg[..]),
        ("a.png", "image/png", &svg[..]),
        ("a.html", "text/html", b"<script>alert(1)</script>"),
        ("a.png", "image/png", b"<html>not a picture</html>"),
        ("a.gif", "image/gif", b"GIF89a"),
        ("a.png", "image/png", b""),
        ("a.png", "image/png", &bomb[..]),
        ("a.png", "image/png", &bomb[..20]),
    ] {
        let status = upload(&admin, &cup.id, name, kind, bytes).await;
        assert!(refused(status), "{name} {kind}: {status}");
    }
    let images = format!("/api/products/{}/images", cup.id);
    for url in ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/", "file:///etc/passwd", "http://[::1]/"] {
        let answer = admin.post(&images, &json!({"url": url})).send().await;
        assert!(refused(answer.status), "nothing is fetched: {}", answer.text());
        let answer = admin.post("/api/webhook-endpoints", &json!({"url": url, "events": ["*"]})).send().await;
        assert!(refused(answer.status), "{url}: {}", answer.text());
    }
    assert_eq!(admin.read(&format!("/api/products/{}", cup.id)).await["images"], json!([]));
}

#[tokio::test]
async fn d19_paths_lead_to_what_is_shown_and_nowhere_else() {
    let shop = shared();
    for path in [
        "/images/../users.db",
        "/images/..%2fusers.db",
        "/images/%2e%2e/users.db",
        "/images/%2e%2e%2fusers.db",
        "/images//etc/passwd",
        "/images/%00.png",
        "/images/..\\users.db",
        "/assets/x/../../../Cargo.toml",
        "/assets/x/..%2f..%2fCargo.toml",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", shop.authority());
        let answer = raw_request(shop.authority(), request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {}", answer.lines().next().unwrap_or_default());
        assert!(!answer.contains("SQLite format") && !answer.contains("[workspace]"), "{path}");
    }
}

#[tokio::test]
async fn d21_a_lines_end_is_no_part_of_a_name() {
    let shop = shared();
    for (email, name) in [
        ("a@example.com\r\nBcc: all@example.com", "Grace"),
        ("a@example.com", "Grace\r\nBcc: all@example.com"),
        ("a@example.com", "Grace\nHopper"),
        ("a@example.com,b@example.com", "Grace"),
        ("<a@example.com>", "Grace"),
    ] {
        let mut body = account(email);
        body["fullName"] = json!(name);
        shop.anyone().post("/api/users", &body).send().await.any_problem(422);
    }
}

#[tokio::test]
async fn d22_e24_markup_in_a_name_is_text_in_a_mail() {
    let shop = shared();
    let email = format!("{}@example.com", unique("d"));
    let mut body = account(&email);
    body["fullName"] = json!("{{7*7}} ${7*7} <script>alert(1)</script>");
    shop.anyone().post("/api/users", &body).send().await.expect(201);
    let data = shop.data();
    let hers = async || mails(&data).into_iter().find(|mail| mail.to.contains(&email));
    let mail = eventually("she is welcomed", hers, Option::is_some).await.unwrap();
    let text = format!("{mail:?}");
    assert!(!text.contains("<script>alert(1)</script>") || text.contains("&lt;script&gt;"), "{text}");
    assert!(!text.contains(" 49 ") && text.contains("{{7*7}}"), "{text}");
}
