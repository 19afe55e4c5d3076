//! One connection's socket: gives up on who is too slow, and hands on nothing after a request that must not be understood.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::{HEAD_WITHIN, IDLE_FOR};
use crate::framing::{Fault, Framing};

/// Bytes that are thrown away after a request that is refused.
const THROWN_AWAY_MAX: usize = 64 * 1024;

/// What a connection is doing, told by its service to its socket, and what is wrong with a request, told the other way.
#[derive(Default)]
pub(super) struct Phase {
    now: AtomicU8,
    /// Requests that began.
    requests: AtomicU64,
    /// The request that is refused, and why.
    refused: OnceLock<(u64, Fault)>,
}

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const MULTIPLEXED: u8 = 2;

impl Phase {
    /// Answers what is wrong with the request.
    pub(super) fn request_begins(&self, version: Version) -> Option<Fault> {
        self.now.store(if version == Version::HTTP_2 { MULTIPLEXED } else { BUSY }, Ordering::Relaxed);
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        self.refused.get().filter(|(refused, _)| *refused == request).map(|(_, fault)| *fault)
    }

    /// HTTP/1 waits for its next request; HTTP/2 keeps its own time.
    pub(super) fn request_ends(&self) {
        let _ = self.now.compare_exchange(BUSY, IDLE, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// What a connection is read from and written to.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Socket for S {}

/// A socket that gives up on a client that is idle too long or sends its request's head too slowly, and hands on
/// nothing after a request that must not be understood.
pub(super) struct Watched<S> {
    stream: S,
    phase: Arc<Phase>,
    timer: Pin<Box<Sleep>>,
    waiting: Waiting,
    framing: Framing,
    /// Nothing is read any more: this is handed on, and no more.
    last: Option<&'static [u8]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// For a request's first byte.
    Request,
    /// For the rest of its head.
    Head,
    /// For nothing in particular: a request is being served.
    Nothing,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, phase: Arc<Phase>) -> Self {
        let (timer, framing) = (Box::pin(sleep(IDLE_FOR)), Framing::default());
        Self { stream, phase, timer, waiting: Waiting::Request, framing, last: None }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncRead + Unpin,
    {
        if self.last.is_none() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            let Err(refusal) = self.framing.read(&buffer.filled()[before..]) else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(before + refusal.at);
            let _ = self.phase.refused.set((refusal.request, refusal.fault));
            self.last = Some(refusal.instead);
        }
        match self.last.unwrap_or_default() {
            [] => Poll::Pending,
            last => {
                let (now, later) = last.split_at(last.len().min(buffer.remaining()));
                buffer.put_slice(now);
                self.last = Some(later);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Reads what came after a request that is refused: closing upon unread bytes may cost the client the answer.
    fn throw_away(&mut self, cx: &mut Context<'_>)
    where
        S: AsyncRead + Unpin,
    {
        let mut bytes = [0; 4 * 1024];
        for _ in 0..THROWN_AWAY_MAX / bytes.len() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
    }

    fn wait(&mut self, waiting: Waiting, within: Duration) {
        self.waiting = waiting;
        self.timer.as_mut().reset(Instant::now() + within);
    }

    /// The answer goes on: whoever takes it is not idle, though nothing more is asked.
    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.waiting == Waiting::Request && matches!(written, Poll::Ready(Ok(1..))) {
            self.wait(Waiting::Request, IDLE_FOR);
        }
        written
    }

    /// Follows what the service says.
    fn follow(&mut self) {
        match (self.phase.now.load(Ordering::Relaxed), self.waiting) {
            (IDLE, Waiting::Nothing) => self.wait(Waiting::Request, IDLE_FOR),
            (IDLE, Waiting::Request | Waiting::Head) => {}
            _ => self.waiting = Waiting::Nothing,
        }
    }
}

impl<S: Socket> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.follow();
        let before = buffer.filled().len();
        if let Poll::Ready(read) = self.poll_bytes(cx, buffer) {
            if self.waiting == Waiting::Request && buffer.filled().len() > before {
                self.wait(Waiting::Head, HEAD_WITHIN);
            }
            return Poll::Ready(read);
        }
        if self.waiting == Waiting::Nothing {
            return Poll::Pending;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: Socket> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.last.is_some() {
            self.throw_away(cx);
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    /// Reads what comes until the connection gives up, and answers when that is.
    async fn given_up<R: AsyncRead + Unpin>(mut read: R) -> (io::ErrorKind, Duration) {
        let begun = Instant::now();
        let error = read.read_u8().await.expect_err("nobody says anything");
        (error.kind(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_sent_away() {
        let (_client, server) = duplex(64);
        let (kind, after) = given_up(Watched::new(server, Arc::default())).await;
        assert_eq!((kind, after.as_secs()), (io::ErrorKind::TimedOut, IDLE_FOR.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_an_answer_that_lasts_is_not_idle() {
        const BEATS: u32 = 10;
        let (mut client, server) = duplex(64);
        let (read, mut write) = split(Watched::new(server, Arc::default()));
        let answering = async {
            for _ in 0..BEATS {
                sleep(IDLE_FOR / 3).await;
                write.write_all(b"beat").await.expect("it is there");
                let mut taken = [0; 4];
                client.read_exact(&mut taken).await.expect("it is there");
            }
        };
        let ((), (kind, after)) = tokio::join!(answering, given_up(read));
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert_eq!(after.as_secs(), (IDLE_FOR / 3 * BEATS + IDLE_FOR).as_secs());
    }
}
