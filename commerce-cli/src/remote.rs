//! A running server, asked over HTTP.

use commerce_core::error::Refusal;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::failure::Failure;

/// A server and the token to ask it with.
pub(crate) struct Remote {
    client: Client,
    base: String,
    token: Option<String>,
}

/// Says what TLS computes with: the process chooses once, before its first client; a second choice of the same changes nothing.
pub(crate) fn choose_tls() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

impl Remote {
    /// The server at this address.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn new(url: &str, token: Option<String>) -> Result<Self, Failure> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::usage("--url takes http://HOST:PORT or https://HOST"));
        }
        choose_tls();
        let client = Client::builder().user_agent(concat!("commerce/", env!("CARGO_PKG_VERSION"))).build();
        let client = client.map_err(|error| unreachable_server(url, &error))?;
        Ok(Self { client, base: url.trim_end_matches('/').to_owned(), token })
    }

    /// Reads.
    ///
    /// # Errors
    /// What the server answers as a problem, or that it does not answer.
    pub(crate) async fn get(&self, path: &str, query: &[(&'static str, String)]) -> Result<Value, Failure> {
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", part(value))).collect();
        let path = if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) };
        self.send(self.request(Method::GET, &path)).await
    }

    /// Changes.
    ///
    /// # Errors
    /// What the server answers as a problem, or that it does not answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(self.request(method, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = request.send().await.map_err(|error| unreachable_server(&self.base, &error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| unreachable_server(&self.base, &error))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        if status == reqwest::StatusCode::UNAUTHORIZED && self.token.is_none() {
            return Err(Failure::new(
                Refusal::Unauthenticated.code(),
                "give the token of a staff login in COMMERCE_TOKEN or --token",
            ));
        }
        Err(Failure::problem(status.as_u16(), &body))
    }
}

/// A path's part, with what would end it encoded.
pub(crate) fn part(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn unreachable_server(url: &str, error: &reqwest::Error) -> Failure {
    let mut message = format!("{url} does not answer: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    Failure::new("UNREACHABLE", message)
}
