//! A provider on this machine: a server with books, whose answers can be kept back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When a local provider makes all that it makes, as Unix seconds: when a shop in memory opens.
pub(crate) const OPENED: i64 = 1_772_357_400;

/// One call as it came.
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    head: String,
    body: String,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    /// The body, sent as a form.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        pairs(&self.body)
    }

    /// The body, sent as JSON; null where there is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What a provider keeps, and what it answers from it.
pub(crate) trait Books: Send + 'static {
    /// The status and the body of an answer.
    fn answer(&mut self, call: &Call) -> (u16, Value);
}

/// The books, and what is the matter with the line.
pub(crate) struct Desk<B> {
    pub(crate) books: B,
    /// Every call as `METHOD path`.
    pub(crate) calls: Vec<String>,
    /// So many calls that do something are carried out and go unanswered.
    pub(crate) mute: u32,
    /// Answers nothing but this.
    pub(crate) broken: Option<u16>,
    /// So many reads are refused because there are too many.
    pub(crate) busy: u32,
    /// Reads in whose query this stands are never answered.
    pub(crate) deaf_to: Option<&'static str>,
    /// Bytes of nothing before each answer.
    pub(crate) padding: usize,
}

impl<B> Desk<B> {
    /// How often such a call came.
    pub(crate) fn called(&self, call: &str) -> usize {
        self.calls.iter().filter(|known| known.starts_with(call)).count()
    }
}

/// A provider that runs.
pub(crate) struct Local<B>(Arc<Mutex<Desk<B>>>);

impl<B> Clone for Local<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Books> Local<B> {
    /// Opens one with these books, and says where it is.
    pub(crate) async fn open(books: B) -> (String, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let local = Self(Arc::new(Mutex::new(Desk {
            books,
            calls: Vec::new(),
            mute: 0,
            broken: None,
            busy: 0,
            deaf_to: None,
            padding: 0,
        })));
        let kept = local.clone();
        tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                let local = kept.clone();
                tokio::spawn(async move { local.serve(line).await });
            }
        });
        (base, local)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call, then the line is closed.
    async fn serve(&self, mut line: TcpStream) {
        let Some(call) = heard(&mut line).await else { return };
        let Some((status, answer)) = self.take(&call) else { return };
        let text = " ".repeat(self.desk().padding) + &answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            text.len()
        );
        line.write_all(format!("{head}{text}").as_bytes()).await.ok();
    }

    fn take(&self, call: &Call) -> Option<(u16, Value)> {
        let mut desk = self.desk();
        desk.calls.push(format!("{} {}", call.method, call.path));
        if call.method == "GET" && desk.busy > 0 {
            desk.busy -= 1;
            return Some((429, json!({"error": {"code": "rate_limit"}})));
        }
        if desk.deaf_to.is_some_and(|word| call.query.contains_key(word)) {
            return None;
        }
        let answer = match desk.broken {
            Some(status) => (status, json!({})),
            None => desk.books.answer(call),
        };
        if desk.mute > 0 && call.method != "GET" {
            desk.mute -= 1;
            return None;
        }
        Some(answer)
    }
}

async fn heard(line: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let read = line.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut words = head.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Call { method, path: path.to_owned(), query: pairs(query), head, body })
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
