//! A wire that goes wrong: what stands between a shop and one of its servers when a test says how.
//!
//! Owns one listener and the connections through it. Every fault is of the wire alone: the server is not asked.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a connection that is quiet looks whether something has changed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Carries what it is given.
    None,
    /// Breaks every connection and takes no new one.
    Broken,
    /// Carries nothing, and says nothing of it: what is sent arrives when this ends.
    Silent,
    /// Carries what is asked and loses what is answered; connections that lost something break when this ends.
    AnswersLost,
    /// Loses answers, too, from the request on in which this is said.
    AnswersLostFrom(&'static str),
    /// Carries half of the next answer of each connection and breaks it.
    HalfAnswers,
    /// Carries each piece so much later.
    Late(Duration),
}

/// A wire to a server.
pub struct Proxy {
    address: SocketAddr,
    port: Arc<AtomicU16>,
    fault: Arc<Mutex<Fault>>,
    ended: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Proxy {
    /// To the server at this port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let (fault, ended) = (Arc::new(Mutex::new(Fault::None)), Arc::new(AtomicBool::new(false)));
        let port = Arc::new(AtomicU16::new(port));
        let (state, over, there) = (Arc::clone(&fault), Arc::clone(&ended), Arc::clone(&port));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                connect(&client, there.load(Ordering::Relaxed), &state, &over);
            }
        });
        Self { address, port, fault, ended }
    }

    /// Where clients find the server by way of this wire.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on new connections lead to the server at this port.
    pub fn lead_to(&self, port: u16) {
        self.port.store(port, Ordering::Relaxed);
    }

    /// From now on it does this.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Whoever waits for clients is told.
        let _ = TcpStream::connect(self.address);
    }
}

fn now(fault: &Mutex<Fault>) -> Fault {
    *fault.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(client: &TcpStream, port: u16, fault: &Arc<Mutex<Fault>>, ended: &Arc<AtomicBool>) {
    if now(fault) == Fault::Broken {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    for stream in [client, &server] {
        stream.set_nodelay(true).expect("an option of every socket");
        stream.set_read_timeout(Some(LOOK_EVERY)).expect("an option of every socket");
    }
    let pair = |from: &TcpStream, to: &TcpStream| (from.try_clone().expect("a copy"), to.try_clone().expect("a copy"));
    for (way, (from, to)) in [(Way::There, pair(client, &server)), (Way::Back, pair(&server, client))] {
        let (fault, ended) = (Arc::clone(fault), Arc::clone(ended));
        thread::spawn(move || {
            carry(way, &from, &to, &fault, &ended);
            // Ends the other way, too.
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}

fn carry(way: Way, mut from: &TcpStream, mut to: &TcpStream, fault: &Mutex<Fault>, ended: &AtomicBool) {
    let mut piece = [0; 16 * 1024];
    let mut lost = false;
    while !ended.load(Ordering::Relaxed) {
        let broken = now(fault) == Fault::Broken || (lost && now(fault) != Fault::AnswersLost);
        if broken {
            return;
        }
        let length = match from.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => return,
        };
        while now(fault) == Fault::Silent && !ended.load(Ordering::Relaxed) {
            thread::sleep(LOOK_EVERY);
        }
        if let (Fault::AnswersLostFrom(said), Way::There) = (now(fault), way)
            && piece[..length].windows(said.len()).any(|part| part == said.as_bytes())
        {
            *fault.lock().unwrap_or_else(PoisonError::into_inner) = Fault::AnswersLost;
        }
        let carried = match (now(fault), way) {
            (Fault::Broken, _) => return,
            (Fault::AnswersLost, Way::Back) => {
                lost = true;
                continue;
            }
            (Fault::HalfAnswers, Way::Back) => {
                let _ = to.write_all(&piece[..length / 2]);
                return;
            }
            (Fault::Late(span), _) => {
                thread::sleep(span);
                length
            }
            _ => length,
        };
        if to.write_all(&piece[..carried]).is_err() {
            return;
        }
    }
}
