//! Requests that no well-behaved client would write.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends these bytes on a connection of their own and answers everything that comes back.
///
/// # Panics
/// When the connection cannot be made.
pub fn raw_request(authority: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(authority).expect("the shop accepts connections");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    // The shop may refuse before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
