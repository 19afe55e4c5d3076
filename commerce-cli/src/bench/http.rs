//! The load over HTTP: one keep-alive connection per worker, requests written by hand and answers
//! read no further than needed, so that the generator takes little of the machine it measures.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::failure::Failure;

use super::Scenario;
use super::draw::{Draw, Zipf};
use super::load::Worker;

/// Lines a cart of the cart scenario has before it is emptied.
const CART_MAX: u32 = 10;

/// What all workers of a run share.
pub(crate) struct Shared {
    pub scenario: Scenario,
    /// `host:port`.
    pub host: String,
    /// Ids and first SKUs of products, the most popular first.
    pub products: Vec<(String, String)>,
    pub queries: Vec<String>,
    pub popular: Zipf,
    pub asked: Zipf,
    /// Whether every search is made different from all before.
    pub uncached: bool,
    /// SKUs that orders choose from.
    pub skus: usize,
    /// What a flash sale sells.
    pub flash_sku: String,
}

/// One customer on one connection.
pub(crate) struct Customer {
    shared: Arc<Shared>,
    connection: Option<SendRequest<Full<Bytes>>>,
    token: String,
    draw: Draw,
    number: u64,
    lines: u32,
}

impl Customer {
    /// Registers and logs in, unless the scenario needs nobody.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn new(shared: Arc<Shared>, number: u64, run: &str) -> Result<Self, Failure> {
        let draw = Draw::new(number + 1);
        let mut customer = Self { shared, connection: None, token: String::new(), draw, number, lines: 0 };
        if customer.shared.scenario.needs_customer() {
            let email = format!("bench-{run}-{number}@example.com");
            let password = format!("bench-{run}-password");
            let body = json!({ "email": email, "password": password, "fullName": "Bench Customer" });
            customer.must("/api/users", &body).await?;
            let login = customer.must("/api/auth/login", &json!({ "email": email, "password": password })).await?;
            login["accessToken"].as_str().unwrap_or_default().clone_into(&mut customer.token);
        }
        Ok(customer)
    }

    /// Passes where the server sells what the flash sale is about.
    ///
    /// # Errors
    /// What it says of that SKU, and how another is named.
    pub(crate) async fn finds_the_flash_sku(&mut self) -> Result<(), Failure> {
        let sku = self.shared.flash_sku.clone();
        let quoted = self.must("/api/orders/quote", &json!({ "items": [{ "sku": sku, "quantity": 1 }] })).await;
        let missing = |failure: Failure| failure.about(&format!("a flash sale of {sku} cannot begin (--sku names another SKU)"));
        quoted.map(drop).map_err(missing)
    }

    async fn must(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = body.to_string();
        let (status, answer) = self.ask(Method::POST, path, body).await.map_err(|kind| Failure::new("BENCH", kind))?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if (200..300).contains(&status) { Ok(answer) } else { Err(Failure::problem(status, &answer)) }
    }

    /// Sends a request and reads the whole answer.
    async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<(u16, Bytes), String> {
        let mut connection = match self.connection.take() {
            Some(connection) if connection.is_ready() => connection,
            _ => self.connect().await.map_err(|error| format!("connect: {error}"))?,
        };
        let mut request = Request::builder().method(method).uri(path).header("host", &self.shared.host);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let answer = connection.send_request(request).await.map_err(|error| format!("send: {error}"))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| format!("read: {error}"))?.to_bytes();
        self.connection = Some(connection);
        Ok((status, body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.shared.host).await?;
        stream.set_nodelay(true)?;
        let (mut connection, served) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(served);
        connection.ready().await?;
        Ok(connection)
    }

    /// A request that must succeed; else the status and the problem's code are the kind of failure.
    async fn expect(&mut self, method: Method, path: &str, body: String) -> Result<(), String> {
        let (status, answer) = self.ask(method, path, body).await?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(&answer).unwrap_or_default();
        Err(format!("{status} {}", problem["code"].as_str().unwrap_or("-")))
    }

    async fn browse(&mut self) -> Result<(), String> {
        let rank = self.shared.popular.draw(&mut self.draw);
        let path = format!("/api/products/{}", self.shared.products[rank].0);
        self.expect(Method::GET, &path, String::new()).await
    }

    async fn search(&mut self) -> Result<(), String> {
        let rank = self.shared.asked.draw(&mut self.draw);
        let words = self.shared.queries[rank].replace(' ', "+");
        // A lower bound on the price that no product is under makes the search a new one.
        let unlike = if self.shared.uncached {
            format!("&maxPrice={}", 100_000 + self.draw.next() % 1_000_000_000)
        } else {
            String::new()
        };
        self.expect(Method::GET, &format!("/api/products/search?q={words}{unlike}"), String::new()).await
    }

    async fn add_to_cart(&mut self) -> Result<(), String> {
        let rank = self.shared.popular.draw(&mut self.draw);
        let body = json!({ "sku": self.shared.products[rank].1, "quantity": 1 });
        self.lines += 1;
        self.expect(Method::POST, "/api/cart/me", body.to_string()).await
    }

    async fn checkout(&mut self) -> Result<(), String> {
        for sku in self.two_skus() {
            let body = json!({ "sku": sku, "quantity": 1 });
            self.expect(Method::POST, "/api/cart/me", body.to_string()).await?;
        }
        self.order(None).await
    }

    async fn order(&mut self, skus: Option<Vec<String>>) -> Result<(), String> {
        let mut body = json!({
            "payment": { "method": "COD" },
            "shippingAddress": { "fullName": "Bench Customer", "line1": "1 Test Road", "city": "Pune", "postalCode": "411001", "country": "IN" },
            "idempotencyKey": format!("{}-{:x}", self.number, self.draw.next()),
        });
        if let Some(skus) = skus {
            body["items"] = skus.into_iter().map(|sku| json!({ "sku": sku, "quantity": 1 })).collect();
        }
        self.expect(Method::POST, "/api/orders", body.to_string()).await
    }

    fn two_skus(&mut self) -> Vec<String> {
        let count = self.shared.skus.min(self.shared.products.len());
        let first = self.draw.below(count);
        let second = (first + 1 + self.draw.below(count.saturating_sub(1).max(1))) % count;
        [first, second].into_iter().map(|index| self.shared.products[index].1.clone()).collect()
    }
}

impl Worker for Customer {
    async fn step(&mut self) -> Result<(), String> {
        match self.shared.scenario {
            Scenario::Browse => self.browse().await,
            Scenario::Search => self.search().await,
            Scenario::Cart => self.add_to_cart().await,
            Scenario::Checkout => self.checkout().await,
            Scenario::Order => {
                let skus = self.two_skus();
                self.order(Some(skus)).await
            }
            Scenario::FlashSale => {
                let sku = self.shared.flash_sku.clone();
                self.order(Some(vec![sku])).await
            }
            Scenario::Reserve => Err("reserve has no route".to_owned()),
        }
    }

    async fn tidy(&mut self) {
        if self.lines >= CART_MAX {
            self.lines = 0;
            // A cart that could not be emptied shows as slower adding, not as a failure of its own.
            drop(self.ask(Method::DELETE, "/api/cart/me", String::new()).await);
        }
    }
}
