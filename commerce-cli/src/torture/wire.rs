//! Requests as a client sends them: answered, or not.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::remote::choose_tls;

/// How long a client waits for an answer: longer than the server takes for anything, and than it is
/// ever halted.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// The way to a server.
#[derive(Clone)]
pub(crate) struct Wire {
    http: Client,
    base: String,
}

/// One request; repeated, it is the same bytes.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub method: Method,
    pub path: String,
    pub token: Option<String>,
    pub key: Option<String>,
    pub signature: Option<String>,
    pub body: Option<String>,
}

impl Ask {
    /// Reads something.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), token: None, key: None, signature: None, body: None }
    }

    /// Sends something.
    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::POST, body: Some(body.to_string()), ..Self::get(path) }
    }

    /// Changes something.
    pub(crate) fn patch(path: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::PATCH, ..Self::post(path, body) }
    }

    /// As whoever has this token.
    pub(crate) fn by(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Under this idempotency key.
    pub(crate) fn keyed(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Signed as a webhook.
    pub(crate) fn signed(mut self, signature: String) -> Self {
        self.signature = Some(signature);
        self
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    /// The server's answer.
    Answer(Answer),
    /// Nothing, and why.
    Nothing(String),
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    /// A problem's code.
    pub code: String,
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// Whether it says when to come again.
    pub retry_after: bool,
}

impl Answer {
    /// Whether it was done.
    pub(crate) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it was done or refused for good, and not for now only.
    pub(crate) fn is_final(&self) -> bool {
        self.status < 500 && self.status != 429
    }

    /// A text in the body; empty when it is not there.
    pub(crate) fn text_at(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    async fn of(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let retry_after = response.headers().contains_key("retry-after");
        let text = response.text().await?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = body.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { status, code, body, text, retry_after })
    }
}

impl Wire {
    /// To this server.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        if !url.starts_with("http://") {
            return Err(Failure::usage("--url takes http://HOST:PORT"));
        }
        choose_tls();
        let client = Client::builder().timeout(ANSWER_WITHIN).build();
        let http = client.map_err(|error| Failure::new("UNREACHABLE", error.to_string()))?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned() })
    }

    /// Sends a request once.
    pub(crate) async fn send(&self, ask: &Ask) -> Heard {
        let answer = match self.request(ask).send().await {
            Ok(response) => Answer::of(response).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Heard::Answer(answer),
            Err(error) => Heard::Nothing(chain(&error)),
        }
    }

    /// Sends a request, or the first `share` of a hundred parts of its body, and hangs up without
    /// listening.
    pub(crate) async fn hang_up(&self, ask: &Ask, share: usize) {
        let authority = self.base.trim_start_matches("http://");
        let body = ask.body.as_deref().unwrap_or_default();
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            ask.method,
            ask.path,
            body.len()
        );
        for (name, value) in [("Authorization: Bearer", &ask.token), ("Idempotency-Key:", &ask.key)] {
            text.extend(value.iter().map(|value| format!("{name} {value}\r\n")));
        }
        text.push_str("\r\n");
        let part = body.len() * share.min(100) / 100;
        text.push_str(body.get(..part).unwrap_or(body));
        // Whether it arrived is exactly what nobody knows.
        if let Ok(mut stream) = TcpStream::connect(authority).await {
            drop(stream.write_all(text.as_bytes()).await);
        }
    }

    fn request(&self, ask: &Ask) -> RequestBuilder {
        let mut request = self.http.request(ask.method.clone(), format!("{}{}", self.base, ask.path));
        if let Some(token) = &ask.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in [("idempotency-key", &ask.key), ("x-signature", &ask.signature)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        match &ask.body {
            Some(body) => request.header("content-type", "application/json").body(body.clone()),
            None => request,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
