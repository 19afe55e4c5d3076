//! Ports that are this process's until it ends, whoever listens on them meanwhile.
//!
//! They lie below those that the system gives to connections, so that none is taken while its server is down.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;

/// Below the lowest port that Linux gives to a connection (`net.ipv4.ip_local_port_range` begins at 32,768).
const PORTS: Range<u16> = 20_000..32_000;

/// A port that nobody listens on, and that no other test is handed while this process runs.
///
/// # Panics
/// When every port is taken, or no file can be made for temporary files.
#[must_use]
pub fn free_port() -> u16 {
    let held = std::env::temp_dir().join("commerce-test-ports");
    fs::create_dir_all(&held).expect("a folder can be made");
    let span = u32::from(PORTS.end - PORTS.start);
    // Processes begin at different places.
    let begin = std::process::id() * 97 % span;
    for step in 0..span {
        let port = PORTS.start + u16::try_from((begin + step) % span).expect("it is below the span");
        let file = File::create(held.join(port.to_string())).expect("a file can be made");
        if file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            // The lock goes with the process.
            std::mem::forget(file);
            return port;
        }
    }
    panic!("there is no port from {} to {}", PORTS.start, PORTS.end);
}
