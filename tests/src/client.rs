//! A client that expects of every answer what the contract promises of every answer.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

use crate::server::PASSWORD;

/// Somebody at the shop's door.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// The access token, once logged in.
    pub token: Option<String>,
    /// The refresh token, once logged in.
    pub refresh: Option<String>,
    /// The user's id, once logged in.
    pub user: String,
    /// The user's mail address, once logged in.
    pub email: String,
}

impl Client {
    /// Nobody yet.
    ///
    /// # Panics
    /// When the HTTP client cannot be made.
    pub fn new(base: &str) -> Self {
        // The command's client speaks TLS, so that this build of reqwest wants to know with what.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a plain client can be made");
        Self { http, base: base.to_owned(), token: None, refresh: None, user: String::new(), email: String::new() }
    }

    /// The same client with another token, or none.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The same user at another shop: the same one, started again.
    pub fn at(&self, server: &crate::Server) -> Self {
        Self {
            token: self.token.clone(),
            refresh: self.refresh.clone(),
            user: self.user.clone(),
            email: self.email.clone(),
            ..Self::new(server.base())
        }
    }

    /// Registers `NAME@example.com` and logs in.
    pub async fn registered(&self, name: &str) -> Self {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "fullName": "Grace Hopper"});
        self.post("/api/users", &body).send().await.expect(201);
        self.logged_in(&email, PASSWORD).await
    }

    /// Logs in.
    pub async fn logged_in(&self, email: &str, password: &str) -> Self {
        let tokens = self.post("/api/auth/login", &json!({"email": email, "password": password})).send().await.expect(200);
        let text = |pointer: &str| tokens.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            token: text("/accessToken"),
            refresh: text("/refreshToken"),
            user: text("/user/id").expect("a login names its user"),
            email: email.to_owned(),
            ..self.clone()
        }
    }

    /// A request.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Call { request }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// POST with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// PUT with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    /// PATCH with a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// POST with these bytes as `application/json`.
    pub fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Call {
        self.call(Method::POST, path).header("content-type", "application/json").bytes(body)
    }

    /// What GET answers, which must be 200.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).send().await.expect(200)
    }
}

/// A request on its way.
#[derive(Debug)]
pub struct Call {
    request: reqwest::RequestBuilder,
}

impl Call {
    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With an idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// With these parameters, encoded.
    ///
    /// # Panics
    /// When the URL cannot have a query.
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        let (client, request) = self.request.build_split();
        let mut request = request.expect("the request is well-formed");
        request.url_mut().query_pairs_mut().extend_pairs(pairs);
        self.request = reqwest::RequestBuilder::from_parts(client, request);
        self
    }

    /// With these bytes.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body.into());
        self
    }

    /// Sends it, and holds the answer to what every answer must have.
    ///
    /// # Panics
    /// When there is no answer, it has no request id, lacks the security headers, tells the server's
    /// software, is a 5xx, or is an error that is no problem document.
    pub async fn send(self) -> Answer {
        let answer = self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"));
        let shown = || format!("{} {}\n{:?}\n{}", answer.status, answer.url, answer.headers, answer.text());
        assert!(!answer.header("x-request-id").is_empty(), "no X-Request-Id: {}", shown());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", shown());
        assert!(!answer.headers.contains_key("server"), "the software is told: {}", shown());
        assert!(answer.status < 500, "a defect: {}", shown());
        if answer.status >= 400 && !answer.body.is_empty() {
            assert_eq!(answer.header("content-type"), "application/problem+json", "{}", shown());
        }
        answer
    }

    /// Sends it; an answer may be missing (the shop may be killed meanwhile) or anything.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let url = response.url().to_string();
        Ok(Answer { status, headers, url, body: response.bytes().await?.to_vec() })
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    url: String,
}

impl Answer {
    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}: {}", self.status, self.url, self.text()))
    }

    /// The body, which came with this status; null when there is none.
    ///
    /// # Panics
    /// When the status is another.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.url, self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A problem with this status and code, in the shape of RFC 9457.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.any_problem(status);
        assert_eq!(problem["code"], code, "{}: {problem}", self.url);
        problem
    }

    /// A problem with this status, whatever its code.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn any_problem(&self, status: u16) -> Value {
        let problem = self.expect(status);
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/problem+json"), "{problem}");
        for member in ["type", "title", "detail", "instance", "code", "requestId"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member} in {problem}");
        }
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["requestId"], self.header("x-request-id"), "{problem}");
        assert!(problem["type"].as_str().is_some_and(|link| link.contains("/docs/errors")), "{problem}");
        if status == 422 {
            let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("422 without errors: {problem}"));
            assert!(!errors.is_empty(), "{problem}");
            for error in errors {
                assert!(["field", "code", "message"].iter().all(|member| error[*member].is_string()), "{problem}");
            }
        }
        problem
    }

    /// A 422 that names this field.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn invalid(&self, field: &str) -> Value {
        let problem = self.any_problem(422);
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().any(|error| error["field"] == field), "{field} is not named: {problem}");
        problem
    }
}
