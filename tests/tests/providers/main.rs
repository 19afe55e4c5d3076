//! A payment provider over a real wire: Razorpay and Stripe, played by servers on this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod razorpay;
mod stripe;

use commerce_tests::Server;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers calls by their head and body, one after the other: where.
async fn play(answer: impl Fn(&str, &str) -> Value + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            while whole(&bytes).is_none() {
                let mut piece = [0; 8_192];
                match stream.read(&mut piece).await {
                    Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let Some((head, body)) = whole(&bytes) else { continue };
            let body = answer(&head, &body).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    at
}

fn whole(bytes: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    (body.len() >= length.unwrap_or(0)).then(|| (head.to_owned(), body.to_owned()))
}

/// What the operator is told by `payments reconcile`: kind, order and reference of what does not fit, and how much was checked.
fn reconcile(shop: &Server) -> (Vec<Value>, Value) {
    let done = shop.run(&["payments", "reconcile", "--output", "json"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let told = report["mismatches"].as_array().unwrap().iter();
    let mut told: Vec<_> = told.map(|it| json!([it["kind"], it["order"], it["reference"]])).collect();
    told.sort_by_key(Value::to_string);
    assert_eq!(report["unasked"], json!([]), "{report}");
    assert_eq!((done.code, done.err.contains("NOT_RECONCILED")), (i32::from(!told.is_empty()), !told.is_empty()), "{done:?}");
    (told, report["checked"].clone())
}

/// A key of the shop's form that no order of it has: one begins with when it was made, in milliseconds.
fn an_hour_before(key: &str) -> String {
    let digits = key.replace('-', "");
    let made_at = u64::from_str_radix(&digits[..12], 16).unwrap() - 3_600_000;
    format!("{:08x}-{:04x}-774b-bcce-b302099a8057", made_at >> 16, made_at & 0xffff)
}
