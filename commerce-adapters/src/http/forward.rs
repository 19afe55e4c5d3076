//! A client's request, brought to a service as it came, and its answer brought back.
//!
//! Bodies flow both ways without being kept. A request that was not sent yet, because no connection
//! stood, is sent to another instance whatever it is; one that may have arrived only if it asks for
//! nothing to be done. What an instance does not answer, or breaks off, is waited for while that answers looks at it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll};

use bytes::Bytes;
use commerce_core::error::StoreError;
use http::{HeaderValue, Method, Request, Response, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::call::{Net, ServiceClient};
use super::target::{Instance, Lookout, Target};
use crate::watch::Watch;

/// Tries of one request.
const TRIES_MAX: usize = 3;

/// Why a body did not arrive whole.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What a pass is for: the client at this address, whose requests a gateway forwards.
#[must_use]
pub fn pass_for(client: &str) -> [&[u8]; 2] {
    [b"forwarded", client.as_bytes()]
}

/// Brings requests to one service.
pub struct Forwarder<B> {
    net: Net,
    target: Arc<Target>,
    client: ServiceClient<Lent<B>>,
}

/// Why a request was not answered.
#[derive(Debug)]
pub enum Unforwarded {
    /// The client's own body ended early or was too large.
    Body(BodyError),
    /// No instance could take it; nothing was done.
    Unsent(StoreError),
    /// It was sent and not answered.
    Lost(StoreError),
}

impl<B> Forwarder<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BodyError>,
{
    /// Over this net, to this service's public listener.
    pub fn new(net: &Net, target: &Arc<Target>) -> Self {
        Self { net: net.clone(), target: Arc::clone(target), client: net.client(target.name()) }
    }

    /// Whether the service says that all of its routes work.
    pub async fn is_ready(&self) -> bool {
        self.target.is_ready(&self.net, http::uri::PathAndQuery::from_static("/health/ready")).await
    }

    /// The breakers before its instances.
    #[must_use]
    pub fn watch(&self) -> Arc<dyn Watch> {
        Arc::new(Lookout { kind: "forward", target: Arc::clone(&self.target) })
    }

    /// A pass for a request that `client`, known by its address, sent through this gateway.
    #[must_use]
    pub fn pass(&self, client: &str) -> HeaderValue {
        let token = self.net.token(self.target.name().as_str(), &pass_for(client));
        HeaderValue::from_str(&token).expect("a token is made of letters, digits and dots")
    }

    /// Brings one request there. Its path stays; its headers must be fit to be passed on.
    ///
    /// # Errors
    /// See [`Unforwarded`].
    pub async fn forward(&self, request: Request<B>) -> Result<Response<Answer>, Unforwarded> {
        const OPERATION: &str = "gateway.forward";
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| http::uri::PathAndQuery::from_static("/"));
        let safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let cell = Cell::of(body);
        self.target.budget.earn();
        let mut tried: Vec<Arc<Instance>> = Vec::new();
        loop {
            let Some(instance) = self.target.pick(&tried) else {
                let why = "no instance of the service is fit";
                return Err(Unforwarded::Unsent(StoreError::unavailable(OPERATION, why)));
            };
            let mut request = Request::new(cell.lend());
            *request.method_mut() = head.method.clone();
            *request.uri_mut() = self.net.uri(&instance.authority, path.clone());
            *request.version_mut() = Version::HTTP_11;
            *request.headers_mut() = head.headers.clone();
            let answered = tokio::select! {
                answered = self.client.request(request) => answered.map_err(|error| (error.is_connect(), error.into())),
                () = instance.silence(safe) => Err((false, BodyError::from("the instance is silent"))),
            };
            let (unsent, error) = match answered {
                Ok(response) => {
                    instance.passed();
                    return Ok(response.map(|body| Answer { body, instance, silence: None }));
                }
                Err(silence) => silence,
            };
            if let Some(broken) = cell.broken() {
                return Err(Unforwarded::Body(broken));
            }
            instance.failed();
            tried.push(instance);
            let again = cell.is_whole() && (unsent || safe) && tried.len() < TRIES_MAX && self.target.budget.spend();
            if !again {
                let error = StoreError::unavailable(OPERATION, error);
                return Err(if unsent { Unforwarded::Unsent(error) } else { Unforwarded::Lost(error) });
            }
        }
    }
}

/// The body of an answer. It ends with an error when its instance falls silent before its end.
pub struct Answer {
    body: Incoming,
    instance: Arc<Instance>,
    /// Listened to since the body had to be waited for.
    silence: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(task) {
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        let instance = Arc::clone(&self.instance);
        // Whatever was done: the answer's head has said so.
        let silence = self.silence.get_or_insert_with(|| Box::pin(async move { instance.silence(true).await }));
        silence.as_mut().poll(task).map(|()| Some(Err("the instance is silent".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that is lent to one try after another until one of them begins to read it.
struct Cell<B>(Arc<Mutex<Inside<B>>>, SizeHint, bool);

struct Inside<B> {
    body: Option<B>,
    broken: Option<BodyError>,
}

impl<B: Body> Cell<B> {
    fn of(body: B) -> Self {
        let (hint, ended) = (body.size_hint(), body.is_end_stream());
        Self(Arc::new(Mutex::new(Inside { body: Some(body), broken: None })), hint, ended)
    }

    fn lend(&self) -> Lent<B> {
        Lent { cell: Arc::clone(&self.0), body: None, hint: self.1, ended: self.2 }
    }

    fn is_whole(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.is_some()
    }

    fn broken(&self) -> Option<BodyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).broken.take()
    }
}

/// The body as one try has it.
struct Lent<B> {
    cell: Arc<Mutex<Inside<B>>>,
    body: Option<B>,
    hint: SizeHint,
    ended: bool,
}

/// The client broke its body off; why is kept with the request.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive whole")]
struct Broken;

impl<B> Body for Lent<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.body.is_none() {
            let taken = self.cell.lock().unwrap_or_else(PoisonError::into_inner).body.take();
            self.body = taken;
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        Pin::new(body).poll_frame(task).map(|frame| {
            frame.map(|frame| {
                frame.map_err(|error| {
                    self.cell.lock().unwrap_or_else(PoisonError::into_inner).broken = Some(error.into());
                    Broken
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().map_or(self.ended, Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(self.hint, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_is_lent_until_somebody_reads_it() {
        let cell = Cell::of(Full::new(Bytes::from_static(b"once")));
        drop(cell.lend());
        assert!(cell.is_whole());
        let lent = cell.lend();
        assert_eq!(lent.size_hint().exact(), Some(4));
        assert_eq!(lent.collect().await.unwrap().to_bytes(), "once");
        assert!(!cell.is_whole());
        assert!(cell.lend().collect().await.unwrap().to_bytes().is_empty());
    }
}
