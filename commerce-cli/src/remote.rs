//! A running server, asked over HTTP.

use std::time::Duration;

use commerce_core::error::Refusal;
use commerce_core::limits::PAGE_MAX;
use reqwest::header::{IF_MATCH, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::failure::Failure;

/// How long a server may take to be reached.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a server may take for one answer.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// How long work may take that a server tells of line by line.
const WORK_MAX: Duration = Duration::from_hours(24);
/// How often whoever's turn it is waits for one answer.
const TURNS_MAX: usize = 20;
/// Seconds of one wait at most; a server's limits count by the minute.
const TURN_SECONDS_MAX: u64 = 60;

/// A server and the token to ask it with.
pub(crate) struct Remote {
    client: Client,
    base: String,
    token: Option<String>,
    /// Whose turn it is, where the server says that it is asked too often.
    turn: Mutex<()>,
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
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Failure::usage(
                "the token of --token or COMMERCE_TOKEN is none: it has other characters than a token has",
            ));
        }
        choose_tls();
        // A redirect would make a GET of a POST: it is answered instead of followed.
        let client = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_MAX).timeout(ANSWER_MAX);
        let client = client.user_agent(concat!("commerce/", env!("CARGO_PKG_VERSION"))).build();
        let client = client.map_err(|error| unreachable_server(url, &error))?;
        Ok(Self { client, base: url.trim_end_matches('/').to_owned(), token, turn: Mutex::new(()) })
    }

    /// Reads.
    ///
    /// # Errors
    /// What the server answers as a problem, or that it does not answer.
    pub(crate) async fn get(&self, path: &str, query: &[(&'static str, String)]) -> Result<Value, Failure> {
        self.send(self.request(Method::GET, &with_query(path, query))).await
    }

    /// Reads, and waits its turn where the server says that it asked too often: for those who read much.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn get_in_turn(&self, path: &str, query: &[(&'static str, String)]) -> Result<Value, Failure> {
        let path = with_query(path, query);
        self.in_turn(|| self.request(Method::GET, &path)).await
    }

    async fn in_turn(&self, request: impl Fn() -> RequestBuilder) -> Result<Value, Failure> {
        let ask = || async { request().send().await.map_err(|error| unreachable_server(&self.base, &error)) };
        let answer = ask().await?;
        if retry_after(&answer).is_none() {
            return self.read(answer).await;
        }
        // One of those who wait asks again: where all do, one of them may lose each time.
        let _turn = self.turn.lock().await;
        for _ in 0..TURNS_MAX {
            let answer = ask().await?;
            match retry_after(&answer) {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => return self.read(answer).await,
            }
        }
        let detail = format!("{} answers less often than it says; its setting is gateway.rate_limit_per_minute", self.base);
        Err(Failure::new("RATE_LIMITED", detail))
    }

    /// Changes.
    ///
    /// # Errors
    /// What the server answers as a problem, or that it does not answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(self.request(method, path).json(body)).await
    }

    /// Changes, if it is still of this version, and waits its turn: what is put off was not done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn call_in_turn(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        version: Option<u64>,
    ) -> Result<Value, Failure> {
        let request = || {
            let request = self.request(method.clone(), path).json(body);
            version.into_iter().fold(request, |request, version| request.header(IF_MATCH, format!("\"{version}\"")))
        };
        self.in_turn(request).await
    }

    /// Every entry of a list, page by page.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn whole(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let (mut entries, mut query) = (Vec::new(), vec![("limit", PAGE_MAX.to_string())]);
        loop {
            let mut page = self.get_in_turn(path, &query).await?;
            if let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) {
                entries.append(items);
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => query = vec![("limit", PAGE_MAX.to_string()), ("cursor", next.to_owned())],
                None => return Ok(entries),
            }
        }
    }

    /// Has work done that may last long, and hears how far it is.
    ///
    /// # Errors
    /// As [`get`](Self::get); what the work ended with; when the server breaks off, which leaves open how it ended.
    pub(crate) async fn work(&self, path: &str, body: &Value, tell: impl Fn(&Value)) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path).json(body).timeout(WORK_MAX);
        let mut answer = request.send().await.map_err(|error| unreachable_server(&self.base, &error))?;
        if answer.status() != StatusCode::OK {
            return Err(self.read(answer).await.err().unwrap_or_else(|| self.no_shop("what no shop says")));
        }
        let mut text = Vec::new();
        loop {
            // Lines come every second; a server that says nothing for so long is not there any more.
            let chunk = tokio::time::timeout(ANSWER_MAX, answer.chunk()).await;
            let chunk = chunk.map_err(|_| self.broken_off())?.map_err(|_| self.broken_off())?;
            text.extend_from_slice(&chunk.ok_or_else(|| self.broken_off())?);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let mut line: Value = serde_json::from_slice(&line).map_err(|_| self.no_shop("what no shop says"))?;
                if let Some(problem) = line.get("problem") {
                    let status = problem.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
                    return Err(Failure::problem(status.unwrap_or_default(), problem));
                }
                match line.get_mut("result") {
                    Some(result) => return Ok(result.take()),
                    None => tell(&line["progress"]),
                }
            }
        }
    }

    fn broken_off(&self) -> Failure {
        Failure::new("BROKEN_OFF", format!("{} broke off: whether the work was done is not known", self.base))
    }

    fn no_shop(&self, what: &str) -> Failure {
        Failure::new("NOT_A_SHOP", format!("{} answers with {what}", self.base))
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
        self.read(answer).await
    }

    async fn read(&self, answer: Response) -> Result<Value, Failure> {
        let status = answer.status();
        let location = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok()).map(str::to_owned);
        let text = answer.text().await.map_err(|error| unreachable_server(&self.base, &error))?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() && body.is_object() {
            return Ok(body);
        }
        if status.is_redirection() {
            let place = location.unwrap_or_else(|| "another place".to_owned());
            return Err(Failure::new(
                "REDIRECTED",
                format!("{} sends on to {place}, where it is not followed: name it with --url", self.base),
            ));
        }
        if status.is_success() {
            return Err(Failure::new("NOT_A_SHOP", format!("{} answers {status} with what no shop says", self.base)));
        }
        if status == StatusCode::UNAUTHORIZED && self.token.is_none() {
            return Err(Failure::new(
                Refusal::Unauthenticated.code(),
                "give the token of a staff login in COMMERCE_TOKEN or --token",
            ));
        }
        Err(Failure::problem(status.as_u16(), &body))
    }
}

fn with_query(path: &str, query: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", part(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Seconds after which a server that has no time now will have some.
fn retry_after(answer: &Response) -> Option<u64> {
    let busy = answer.status() == StatusCode::TOO_MANY_REQUESTS;
    let after = answer.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.parse::<u64>().ok()?;
    busy.then_some(after.clamp(1, TURN_SECONDS_MAX))
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers whoever asks twice in a row, and tells everybody else to come back.
    async fn of_one_guest(listener: TcpListener) {
        let mut last = String::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 2_048];
            let read = stream.read(&mut asked).await.unwrap_or(0);
            let path = String::from_utf8_lossy(&asked[..read]).split(' ').nth(1).unwrap_or_default().to_owned();
            let status = if path == last { "200 OK" } else { "429 Too Many Requests\r\nretry-after: 1" };
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.ok();
            last = path;
        }
    }

    #[tokio::test]
    async fn of_many_who_wait_each_has_her_turn() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = tokio::spawn(of_one_guest(listener));
        let remote = Remote::new(&url, None).unwrap_or_else(|_| panic!("{url} is an address"));
        let (first, second, third) =
            tokio::join!(remote.get_in_turn("/a", &[]), remote.get_in_turn("/b", &[]), remote.get_in_turn("/c", &[]));
        assert!(first.is_ok() && second.is_ok() && third.is_ok(), "nobody is sent away");
        server.abort();
    }
}
