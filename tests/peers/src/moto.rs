//! A private AWS: moto, which speaks as AWS does, forgets everything when it ends, and checks no
//! signature. It is slow, the slower the longer its queues, so tests keep them short.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::peer::{Ground, Peer, Plan};

/// How long a server may take to answer what it is asked first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A server for every service of AWS that a shop uses.
pub struct Moto {
    peer: Peer,
}

impl Moto {
    /// Starts one.
    pub fn start() -> Self {
        Self { peer: Peer::start(Ground::Memory, |_, port| plan(port)) }
    }

    /// The process: to be killed, halted, started anew.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where it is, for every service: `http://127.0.0.1:15000`.
    pub fn url(&self) -> &str {
        self.peer.url()
    }

    /// Makes a bucket of S3.
    pub fn make_bucket(&self, name: &str) {
        let address = self.url().trim_start_matches("http://");
        let request = format!("PUT /{name} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0");
        ask(address, &request).expect("moto answers");
    }

    /// Puts a message into a queue of SQS, past every topic.
    pub fn send(&self, queue_url: &str, body: &str) {
        let address = self.url().trim_start_matches("http://");
        let form = format!("Action=SendMessage&QueueUrl={}&MessageBody={}", escaped(queue_url), escaped(body));
        // The service is chosen by what the signature says it is for; whether it fits nobody asks.
        let request = format!(
            "POST / HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/sqs/aws4_request\r\n\r\n{form}",
            form.len()
        );
        let answer = ask(address, &request).expect("moto answers");
        assert!(answer.contains("MessageId"), "moto took no message: {answer}");
    }

    /// Everything it knows, as JSON.
    pub fn data(&self) -> String {
        let address = self.url().trim_start_matches("http://");
        ask(address, "GET /moto-api/data.json HTTP/1.0").expect("moto answers")
    }
}

fn plan(port: u16) -> Plan {
    let program = environment().join("bin/moto_server");
    assert!(program.is_file(), "moto_server is missing: run tests/peers/install");
    let command = vec![program.into(), "-H".into(), "127.0.0.1".into(), "-p".into(), port.to_string().into()];
    let address = format!("127.0.0.1:{port}");
    Plan {
        command,
        url: format!("http://{address}"),
        ready: Box::new(move || ask(&address, "GET /moto-api/ HTTP/1.0").is_ok_and(|body| !body.is_empty())),
    }
}

/// Every byte as a form writes it.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The body of the answer to a request; its head ends here if it does not itself.
fn ask(address: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    let end = if request.contains("\r\n\r\n") { "" } else { "\r\n\r\n" };
    stream.write_all(format!("{request}{end}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// The virtual environment that `tests/peers/install` makes, below the target directory.
fn environment() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join("peers/moto")
}
