//! A shop behind its router, and short ways to ask it.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use commerce_core::Actor;
use commerce_core::audit::AuditRequest;
use commerce_core::commerce::Policies;
use commerce_core::orders::OrderPolicy;
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::NoWait;
use commerce_core::text::Metadata;
use commerce_core::users::{Register, Role};
use commerce_server::{App, Config};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct Shop {
    pub(crate) memory: MemoryShop,
    pub(crate) app: App,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The problem's code; every problem must be whole.
    pub(crate) fn refused(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        for member in ["type", "title", "detail", "instance", "code", "requestId"] {
            assert!(self.body[member].is_string(), "{member} in {}", self.text);
        }
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["requestId"].as_str(), self.headers["x-request-id"].to_str().ok());
        self.body["code"].as_str().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A request while it is put together.
pub(crate) struct Ask<'a> {
    shop: &'a Shop,
    request: axum::http::request::Builder,
    body: Body,
}

impl Ask<'_> {
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(body.to_string().into_bytes())
    }

    pub(crate) fn raw(mut self, body: Vec<u8>) -> Self {
        if self.request.headers_ref().is_none_or(|headers| !headers.contains_key("content-type")) {
            self.request = self.request.header("content-type", "application/json");
        }
        self.body = Body::from(body);
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let request: Request<Body> = self.request.body(self.body).unwrap();
        let response = self.shop.app.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, body, text }
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let mut config = Config::defaults();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        let orders = OrderPolicy { capture: config.capture, unpaid_max: config.unpaid_max, ..OrderPolicy::default() };
        let memory = MemoryShop::with_policies(7, Policies { orders, ..Policies::default() });
        memory.catalog.house_seller().await.unwrap();
        let app = App::new((*memory).clone(), config);
        Self { memory, app }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        let method: Method = method.parse().unwrap();
        Ask { shop: self, request: Request::builder().method(method).uri(path), body: Body::empty() }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.ask("GET", path).token(token).send().await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.ask("POST", path).token(token).json(&body).send().await
    }

    /// The audit finds nothing wrong, once everything is done that a request left to be done.
    pub(crate) async fn clean(&self, after: &str) {
        self.memory.settle().await.unwrap();
        let report = self.memory.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
        assert_eq!(report.violations, [], "after {after}");
    }

    /// A token of a new user with this role.
    pub(crate) async fn login(&self, name: &str, role: Role) -> String {
        let email = format!("{name}@example.com");
        let register = Register {
            email: email.clone(),
            password: PASSWORD.to_owned(),
            full_name: name.to_owned(),
            phone: None,
            metadata: Metadata::new(),
        };
        let user = self.memory.users.create_user(&Actor::System, register, Role::Customer).await.unwrap();
        if role != Role::Customer {
            self.memory.users.set_role(&Actor::System, user.id, role, None).await.unwrap();
        }
        let tokens = self.ask("POST", "/api/auth/login").json(&json!({"email": email, "password": PASSWORD})).send().await;
        tokens.expect(200).body["accessToken"].as_str().unwrap().to_owned()
    }

    /// A product with one SKU and so many of it.
    pub(crate) async fn stock(&self, admin: &str, sku: &str, units: i64) -> Value {
        let body = json!({"name": format!("Kurta {sku}"), "description": "Cotton", "variants": [variant(sku, units)]});
        self.post("/api/products", admin, body).await.expect(201).body
    }
}

pub(crate) fn variant(sku: &str, units: i64) -> Value {
    json!({"sku": sku, "price": {"amount": 49_900, "currency": "INR"}, "stock": units})
}

pub(crate) fn address() -> Value {
    json!({
        "fullName": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "state": "KA", "postalCode": "560001", "country": "IN",
    })
}

pub(crate) fn order(sku: &str, quantity: i64, method: &str) -> Value {
    json!({
        "items": [{"sku": sku, "quantity": quantity}],
        "shippingAddress": address(),
        "payment": {"method": method, "token": "tok_ok"},
    })
}

/// A picture of one red pixel.
pub(crate) const RED: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\xdac\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xf7\x03AC\x00\x00\x00\x00IEND\xaeB`\x82";
/// A picture of one blue pixel.
pub(crate) const BLUE: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\xdac``\xf8\x0f\x00\x01\x03\x01\x006t\x11@\x00\x00\x00\x00IEND\xaeB`\x82";
