//! A COMMIT that nobody answers, and rows that somebody else holds.
//!
//! Between the stores and the server stands a wire that is cut when a COMMIT goes over it: before the
//! server hears of it, or before its answer comes back.
#![cfg(feature = "mysql")]

mod selling;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use commerce_adapters::sql::mysql::Urls;
use commerce_adapters::sql::{Databases, mysql};
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::error::StoreErrorKind;
use commerce_peers::SqlServer;
use futures_util::future::join_all;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use selling::Seller;

static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);

/// What happens to the next COMMIT.
mod cut {
    pub(super) const NEVER: u8 = 0;
    pub(super) const BEFORE: u8 = 1;
    pub(super) const AFTER: u8 = 2;
    /// It went over; its answer does not come back.
    pub(super) const ANSWER: u8 = 3;
}

/// A wire to the server.
struct Wire {
    port: u16,
    cut: Arc<AtomicU8>,
}

impl Wire {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port can be had");
        let port = listener.local_addr().expect("it has an address").port();
        let cut = Arc::new(AtomicU8::new(cut::NEVER));
        let (server, armed) = (server.to_owned(), Arc::clone(&cut));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("somebody connects");
                let server = TcpStream::connect(&server).expect("the server is there");
                client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).expect("they are sockets");
                let own = Arc::new(AtomicU8::new(cut::NEVER));
                carry(&client, &server, Arc::clone(&armed), Arc::clone(&own), forth);
                carry(&server, &client, Arc::clone(&armed), own, back);
            }
        });
        Self { port, cut }
    }

    fn cut(&self, when: u8) {
        self.cut.store(when, Ordering::SeqCst);
    }
}

/// Whether bytes go on, and whether the wire is cut behind them.
type Pass = fn(&[u8], &AtomicU8, &AtomicU8) -> bool;

fn carry(from: &TcpStream, to: &TcpStream, armed: Arc<AtomicU8>, own: Arc<AtomicU8>, pass: Pass) {
    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if !pass(&bytes[..length], &armed, &own) || to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        // The other end may be gone already.
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    });
}

fn forth(bytes: &[u8], armed: &AtomicU8, own: &AtomicU8) -> bool {
    if !bytes.ends_with(b"\x03COMMIT") {
        return true;
    }
    match armed.swap(cut::NEVER, Ordering::SeqCst) {
        cut::BEFORE => false,
        cut::AFTER => {
            own.store(cut::ANSWER, Ordering::SeqCst);
            true
        }
        _ => true,
    }
}

fn back(_: &[u8], _: &AtomicU8, own: &AtomicU8) -> bool {
    own.load(Ordering::SeqCst) != cut::ANSWER
}

async fn open(prefix: &str) -> Seller {
    let urls = Urls::with_prefix(prefix);
    let shop = mysql::Databases::connect(&urls, Arc::new(SystemClock), &OsEntropy).await.expect("the shop opens");
    Seller::of(Databases::MySql(shop))
}

/// A seller at the other end of a wire.
async fn wired() -> (Wire, Seller) {
    let (prefix, server) = (SERVER.shop(), SERVER.url());
    let (_, address) = server.rsplit_once('@').expect("a URL has an address");
    let wire = Wire::to(address);
    let seller = open(&prefix.replace(address, &format!("127.0.0.1:{}", wire.port))).await;
    seller.stock_up(1_000).await;
    (wire, seller)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_answered_is_done_once() {
    let (wire, seller) = wired().await;
    for (count, when) in (1..).zip([cut::AFTER, cut::BEFORE, cut::AFTER, cut::AFTER, cut::BEFORE]) {
        wire.cut(when);
        assert!(seller.reserve().await);
        assert_eq!(wire.cut.load(Ordering::SeqCst), cut::NEVER, "the wire was cut");
        assert_eq!(seller.audited_stock().await.reserved, count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_batch_of_many() {
    let (wire, seller) = wired().await;
    for (count, when) in [(100, cut::AFTER), (200, cut::BEFORE)] {
        let callers = join_all((0..100).map(|_| seller.reserve()));
        wire.cut(when);
        assert!(callers.await.into_iter().all(|held| held));
        assert_eq!(seller.audited_stock().await.reserved, count);
    }
}

/// Somebody else keeps a row for longer than anybody waits: that is told, nothing is half done, and when
/// it is free again the shop sells on.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_keeps_is_not_waited_for_without_end() {
    let prefix = SERVER.shop();
    let seller = open(&prefix).await;
    seller.stock_up(10).await;
    let options: MySqlConnectOptions = format!("{prefix}catalog").parse().expect("it is a URL");
    let mut other = options.connect().await.expect("the server is there");
    other.execute("BEGIN").await.expect("a transaction begins");
    let keep = AssertSqlSafe("SELECT sku FROM inventory FOR UPDATE".to_owned());
    other.execute(keep).await.expect("the row is free");
    let begun = Instant::now();
    assert_eq!(seller.try_reserve().await.map_err(|error| error.kind), Err(StoreErrorKind::Unavailable));
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited for {:?}", begun.elapsed());
    other.execute("ROLLBACK").await.expect("it ends");
    assert!(seller.reserve().await);
    assert_eq!(seller.audited_stock().await.reserved, 1);
}

/// A server that keeps its connections and says nothing: callers are told within seconds, and what was
/// told agrees with what is found when it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let server = SqlServer::start();
    let seller = open(&server.shop()).await;
    seller.stock_up(10).await;
    assert!(seller.reserve().await);
    server.peer().pause();
    let told = seller.try_reserve().await.map_err(|error| error.kind);
    server.peer().resume();
    assert!(matches!(told, Err(StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown)), "{told:?}");
    assert!(seller.reserve().await);
    let taken = seller.audited_stock().await.reserved;
    let doubt = i64::from(told == Err(StoreErrorKind::OutcomeUnknown));
    assert!((2..=2 + doubt).contains(&taken), "{taken} are taken after {told:?}");
}
