//! Work that may last longer than a request: told line by line while it goes on.
//!
//! The answer begins at once, so that the limit of a request's time is kept, and ends with the work: JSON objects, one a line
//! (`application/x-ndjson`). `{"progress": …}` comes every second, so that nobody on the way takes the connection for dead;
//! the last line is `{"result": …}` or `{"problem": …}`. The work goes on when nobody reads any more, and is dropped when the
//! server stops. Start reading at [`told`].

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::problem::{Answered, Problem};
use crate::state::Shared;

/// The media type of such answers.
pub const LINES: &str = "application/x-ndjson";
/// How often is told how far it is.
const BEAT: Duration = Duration::from_secs(1);
/// How long the last line waits for somebody to take it.
const LAST_LINE_WITHIN: Duration = Duration::from_secs(10);

/// Hears how far the work is; what nobody has read yet is replaced.
pub struct Teller(watch::Sender<Value>);

impl Teller {
    /// It is this far.
    pub fn tell(&self, progress: Value) {
        self.0.send_replace(progress);
    }
}

/// Begins the work and answers with what is told of it.
pub fn told<F>(shared: &Shared, work: impl FnOnce(Teller) -> F) -> Response
where
    F: Future<Output = Answered<Value>> + Send + 'static,
{
    let (teller, progress) = watch::channel(json!({}));
    let (lines, mut read) = mpsc::channel::<Bytes>(1);
    let (work, stopping) = (work(Teller(teller)), shared.stopping().clone());
    shared.tasks().spawn(async move {
        let mut work = pin!(work);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            tokio::select! {
                biased;
                done = &mut work => break done,
                () = stopping.cancelled() => break Err(stopped()),
                _ = beat.tick() => {
                    let now = progress.borrow().clone();
                    // A reader who is behind misses a line; one who has gone stops nothing.
                    lines.try_send(line(&json!({ "progress": now }))).ok();
                }
            }
        };
        let last = match ended {
            Ok(result) => json!({ "result": result }),
            Err(problem) => json!({ "problem": problem.told() }),
        };
        timeout(LAST_LINE_WITHIN, lines.send(line(&last))).await.ok();
    });
    let lines = futures_util::stream::poll_fn(move |cx| read.poll_recv(cx).map(|line| line.map(Ok::<_, Infallible>)));
    (StatusCode::OK, [(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response()
}

fn line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}

fn stopped() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "NOT_READY",
        "the server stops; what was done stays done, ask again for the rest",
    )
}
