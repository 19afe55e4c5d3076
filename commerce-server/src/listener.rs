//! The socket: accepts connections, bounds what each may cost, and stops without dropping anybody.

mod watched;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::watched::{Phase, Socket, Watched};
use crate::app::App;
use crate::front::{HEADERS_MAX, Peer};

/// How long a request's head may take from its first byte on.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may be idle. Above the minute that clients are promised.
const IDLE_FOR: Duration = Duration::from_secs(75);
/// Requests that one HTTP/2 connection may run at once.
const STREAMS_MAX: u32 = 128;
/// Resets that one HTTP/2 connection may have pending before it is sent away.
const RESETS_MAX: usize = 32;
/// How long open requests then have to finish: with the farewell, half a minute in all.
const DRAIN_FOR: Duration = Duration::from_millis(29_500);
/// For how long clients of a server that stops are still answered, and told that their connection ends with this answer: whoever
/// is sending just then on a connection that is kept would else hear nothing.
pub(crate) const FAREWELL: Duration = Duration::from_millis(500);
/// How long to wait before accepting again when the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Asks a server to stop: first gently, then at once.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    gentle: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks at the first SIGTERM or SIGINT gently, at the second at once.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::new();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let asked = shutdown.clone();
        tokio::spawn(async move {
            for token in [&asked.gentle, &asked.hard] {
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
                token.cancel();
            }
        });
        Ok(shutdown)
    }

    /// Stop accepting, finish what is open.
    pub fn stop(&self) {
        self.gentle.cancel();
    }

    /// Stop at once.
    pub fn abort(&self) {
        self.gentle.cancel();
        self.hard.cancel();
    }

    /// Resolves when the server is asked to stop.
    pub async fn asked(&self) {
        self.gentle.cancelled().await;
    }

    /// Resolves when what is still being opened is waited for no longer: it was asked to stop twice, or half a minute ago.
    pub async fn overdue(&self) {
        let late = async {
            self.asked().await;
            tokio::time::sleep(FAREWELL.saturating_add(DRAIN_FOR)).await;
        };
        tokio::select! { () = self.hard.cancelled() => {}, () = late => {} }
    }
}

/// What is served on one listener.
pub struct Site {
    /// Who answers.
    pub router: Router,
    /// Requests that go on though nobody waits for them any more.
    pub tasks: TaskTracker,
    /// Cancelled as soon as the server is asked to stop.
    pub stopping: CancellationToken,
    /// Connections served at once; more wait to be accepted.
    pub connections_max: usize,
    /// How long it still serves after it was asked to stop, while it says that it does not accept any
    /// more: so long that whoever spreads requests over several instances has heard of it.
    pub notice: Duration,
    /// With what it speaks TLS; it does not where there is nothing.
    pub tls: Option<TlsAcceptor>,
}

impl From<App> for Site {
    fn from(app: App) -> Self {
        let shared = app.shared();
        Self {
            router: app.router(),
            tasks: shared.tasks().clone(),
            stopping: shared.stopping().clone(),
            connections_max: shared.config().server.connections_max,
            notice: FAREWELL,
            tls: None,
        }
    }
}

/// Serves until asked to stop, then finishes open requests within 30 seconds.
///
/// # Errors
/// None once it listens; the signature leaves room for the socket's.
pub async fn serve(listener: TcpListener, site: impl Into<Site>, shutdown: Shutdown) -> io::Result<()> {
    let site = site.into();
    let (connections, closing) = (TaskTracker::new(), CancellationToken::new());
    let slots = Arc::new(Semaphore::new(site.connections_max));
    let noticed = async {
        shutdown.asked().await;
        site.stopping.cancel();
        tokio::select! { () = sleep(site.notice) => {}, () = shutdown.hard.cancelled() => {} }
    };
    let mut noticed = std::pin::pin!(noticed);
    loop {
        let accepting = async {
            let slot = Arc::clone(&slots).acquire_owned().await.map_err(io::Error::other)?;
            Ok((slot, listener.accept().await?))
        };
        let accepted: io::Result<_> = tokio::select! {
            accepted = accepting => accepted,
            () = noticed.as_mut() => break,
        };
        match accepted {
            // It is gone already.
            Ok((_, (stream, _))) if stream.set_nodelay(true).is_err() => {}
            Ok((slot, (stream, peer))) => {
                let (router, stopping) = (site.router.clone(), site.stopping.clone());
                let (tls, peer, closing) = (site.tls.clone(), Peer(peer.ip()), closing.clone());
                connections.spawn(async move {
                    match tls {
                        Some(tls) => serve_over_tls(&tls, stream, peer, router, stopping, closing).await,
                        None => serve_connection(stream, peer, router, stopping, closing).await,
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    closing.cancel();
    let tasks = &site.tasks;
    connections.close();
    tasks.close();
    let drained = async {
        connections.wait().await;
        tasks.wait().await;
    };
    tokio::select! {
        done = timeout(DRAIN_FOR, drained) => if done.is_err() {
            tracing::warn!(connections = connections.len(), requests = tasks.len(), "stopped with requests still open");
        },
        () = shutdown.hard.cancelled() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

async fn serve_over_tls(
    tls: &TlsAcceptor,
    stream: TcpStream,
    peer: Peer,
    router: Router,
    stopping: CancellationToken,
    closing: CancellationToken,
) {
    let greeted = tokio::select! {
        greeted = timeout(HEAD_WITHIN, tls.accept(stream)) => greeted,
        () = closing.cancelled() => return,
    };
    match greeted {
        Ok(Ok(stream)) => serve_connection(stream, peer, router, stopping, closing).await,
        Ok(Err(error)) => tracing::info!(%error, client = %peer.0, "a connection was refused"),
        Err(_) => tracing::debug!(client = %peer.0, "a connection said too little in time"),
    }
}

async fn serve_connection(
    stream: impl Socket,
    peer: Peer,
    router: Router,
    stopping: CancellationToken,
    closing: CancellationToken,
) {
    let phase = Arc::new(Phase::default());
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&phase)));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let fault = phase.request_begins(request.version());
        request.extensions_mut().insert(peer);
        if let Some(fault) = fault {
            // No preflight, nothing that changes something: it is only refused.
            *request.method_mut() = Method::GET;
            request.extensions_mut().insert(fault);
        }
        let last = fault.is_some() || stopping.is_cancelled() && request.version() < Version::HTTP_2;
        let (phase, router) = (Arc::clone(&phase), router.clone());
        async move {
            let mut response = router.oneshot(request.map(axum::body::Body::new)).await;
            if let (true, Ok(response)) = (last, &mut response) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            phase.request_ends();
            response
        }
    });
    let builder = builder();
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Header lines of a head that is read: those that may come in, and what a gateway of the shop adds.
const HEADERS_READ_MAX: usize = HEADERS_MAX + 16;

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The head's and the idle time are kept by `Watched`, which tells one from the other.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(64 * 1024).max_headers(HEADERS_READ_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(IDLE_FOR)
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// A listener at `address` with room for the connections of a rush.
///
/// # Errors
/// When the address cannot be bound.
pub fn listen(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4_096)
}
