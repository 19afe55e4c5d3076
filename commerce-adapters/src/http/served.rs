//! What a service answers to the other services of its shop: the ports of its contexts, over HTTP.
//!
//! Every call needs a token of the shop that is for this very call; without one nothing is looked at, and
//! what is at no address is told to nobody else either. Never serves a client: it has a listener of its
//! own, which only services reach.

use std::sync::Arc;

use bytes::Bytes;
use commerce_core::catalog::{Catalog, HoldOwners, Item, Purchases};
use commerce_core::commerce::Context;
use commerce_core::error::{Error, Outcome, Refusal, StoreError, StoreErrorKind};
use commerce_core::events::EventBus;
use commerce_core::ids::ProductId;
use commerce_core::ids::UserId;
use commerce_core::notifications::Contacts;
use commerce_core::orders::{CatalogPort, Customers, HoldRef};
use commerce_core::text::Sku;
use commerce_core::users::{Accounts, Records, Sellers, Users};
use commerce_core::{Clock, Part};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::token::ServiceKey;
use super::wire;
use crate::embedded::InProcessBus;

/// Bytes of a body: far above a relay's batch.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a trace that is taken over.
const TRACE_MAX: usize = 64;

/// Answers for the contexts that live here. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    part: Part,
    key: ServiceKey,
    clock: Arc<dyn Clock>,
    bus: Arc<dyn EventBus>,
    stopping: CancellationToken,
}

/// A call that was let in.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    query: &'a str,
    body: Bytes,
}

type Answer = Result<Vec<u8>, Error>;

impl Desk {
    /// For this part, to those who have the key, until `stopping`.
    pub fn new(part: Part, key: ServiceKey, clock: Arc<dyn Clock>, stopping: CancellationToken) -> Self {
        let bus = Arc::new(InProcessBus::new(part.dead_letters.boxes().to_vec(), Arc::clone(&clock)));
        Self { part, key, clock, bus, stopping }
    }

    /// Answers one call.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_MAX).collect().await.map(http_body_util::Collected::to_bytes) else {
            return bare(StatusCode::BAD_REQUEST);
        };
        // Whether an instance is fit is asked so often, and says so little, that it needs no token.
        if head.uri.path() == "/internal/health" && head.method == Method::GET {
            return self.health().await;
        }
        let address = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let Some(from) = self.caller(&head.headers, &head.method, address, &body) else {
            return bare(StatusCode::UNAUTHORIZED);
        };
        if head.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != wire::MEDIA_TYPE) {
            return bare(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let trace = head.headers.get(wire::TRACEPARENT).and_then(|trace| trace.to_str().ok()).filter(|it| it.len() <= TRACE_MAX);
        let part = trace.map(|trace| self.part.in_trace(trace));
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let span = tracing::info_span!("internal", from, method = %head.method, path, trace);
        let asked = Asked { method: head.method, path, query, body };
        self.turn(part.as_ref().unwrap_or(&self.part), asked).instrument(span).await
    }

    /// Which service calls, if its token is for this call of a context that lives here.
    fn caller(&self, headers: &HeaderMap, method: &Method, address: &str, body: &[u8]) -> Option<String> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(shown), None) = (all.next(), all.next()) else { return None };
        let token = shown.to_str().ok()?.strip_prefix(wire::SCHEME)?.trim_start();
        let what: &[&[u8]] = &[method.as_str().as_bytes(), address.as_bytes(), body];
        let now = self.clock.now();
        let holds = |context: Context| self.key.check(token, context.as_str(), now, what).ok();
        self.part.contexts().into_iter().find_map(holds).map(str::to_owned)
    }

    async fn health(&self) -> Response<Full<Bytes>> {
        let down = self.part.health().await.into_iter().any(|(_, error)| error.is_some());
        bare(if down || self.stopping.is_cancelled() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK })
    }

    async fn turn(&self, part: &Part, asked: Asked<'_>) -> Response<Full<Bytes>> {
        let path: Vec<&str> = asked.path.trim_start_matches("/internal/").split('/').collect();
        let answered = match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["products"]) => products(catalog(part), asked.query).await,
            ("GET", ["products", "categories"]) => categories(catalog(part), asked.query).await,
            ("POST", ["inventory", step]) => inventory(catalog(part), step, &asked.body).await,
            ("POST", ["sellers"]) => seller(catalog(part), &asked.body).await,
            ("GET", ["holds", key, generation]) => standing(part, key, generation).await,
            ("GET", ["purchases", user, product]) => bought(part, user, product).await,
            ("GET", ["records", context, user]) => records(part, context, user).await,
            ("POST", ["records", context, "forget"]) => forget(part, context, &asked.body).await,
            ("GET", ["keys"]) => users(part).and_then(|users| written(&users.jwks())),
            ("POST", ["sessions"]) => session(users(part), &asked.body).await,
            ("GET", ["users", user, rest @ ..]) => person(users(part), user, rest).await,
            ("POST", ["users", what]) => account(users(part), what, &asked.body).await,
            ("POST", ["events"]) => self.events(&asked.body).await,
            _ => Err(Refusal::NotFound("page").into()),
        };
        match answered {
            Ok(body) => told(StatusCode::OK, body),
            Err(error) => {
                let status = StatusCode::from_u16(error.class().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                if status.is_server_error() {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a service could not be answered");
                }
                told(status, serde_json::to_vec(&wire::No::of(&error)).unwrap_or_default())
            }
        }
    }

    async fn events(&self, body: &Bytes) -> Answer {
        let wire::Events { events } = given(body)?;
        let taken = self.bus.publish(&events).await?;
        written(&wire::Taken { taken })
    }
}

fn catalog(part: &Part) -> Outcome<&Catalog> {
    part.catalog.as_ref().ok_or_else(|| Refusal::NotFound("page").into())
}

fn users(part: &Part) -> Outcome<&Users> {
    part.users.as_ref().ok_or_else(|| Refusal::NotFound("page").into())
}

async fn products(catalog: Outcome<&Catalog>, query: &str) -> Answer {
    let catalog = catalog?;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let sku = |text: &str| text.replace("%20", " ").replace("%2B", "+").replace("%25", "%").parse::<Sku>();
    let skus: Vec<Sku> = value("skus").unwrap_or_default().split(',').filter_map(|text| sku(text).ok()).collect();
    let items: Vec<Item> =
        if value("shown") == Some("true") { catalog.items_shown(&skus).await? } else { catalog.items(&skus).await? };
    written(&items)
}

async fn categories(catalog: Outcome<&Catalog>, query: &str) -> Answer {
    let ids = query.strip_prefix("ids=").unwrap_or_default();
    let products: Vec<ProductId> = ids.split(',').filter_map(|id| id.parse().ok()).collect();
    written(&CatalogPort::categories(catalog?, &products).await?)
}

async fn inventory(catalog: Outcome<&Catalog>, step: &str, body: &Bytes) -> Answer {
    let catalog = catalog?;
    match step {
        "reserve" => {
            let wire::Reserve { key, lines, known } = given(body)?;
            written(&CatalogPort::reserve(catalog, key, &lines, &known).await?)
        }
        "release" => {
            catalog.release(given::<HoldRef>(body)?).await?;
            written(&wire::Done {})
        }
        "commit" => {
            catalog.sell(given::<HoldRef>(body)?).await?;
            written(&wire::Done {})
        }
        _ => Err(Refusal::NotFound("page").into()),
    }
}

async fn seller(catalog: Outcome<&Catalog>, body: &Bytes) -> Answer {
    let wire::Seller { user } = given(body)?;
    written(&wire::OwnSeller { seller: catalog?.of_her_own(user).await? })
}

async fn standing(part: &Part, key: &str, generation: &str) -> Answer {
    let Some(orders) = &part.orders else { return Err(Refusal::NotFound("page").into()) };
    let key = commerce_core::catalog::HoldKey::from_hex(key).ok_or(Refusal::NotFound("hold"))?;
    let generation = generation.parse().map_err(|_| Refusal::NotFound("hold"))?;
    written(&orders.hold_owners().standing(key, generation).await?)
}

async fn bought(part: &Part, user: &str, product: &str) -> Answer {
    let Some(orders) = &part.orders else { return Err(Refusal::NotFound("page").into()) };
    let user = user.parse().map_err(|_| Refusal::NotFound("user"))?;
    let product = product.parse().map_err(|_| Refusal::NotFound("page"))?;
    written(&wire::Bought { bought: orders.purchases().bought(user, product).await? })
}

async fn records(part: &Part, context: &str, user: &str) -> Answer {
    let user: UserId = user.parse().map_err(|_| Refusal::NotFound("user"))?;
    written(&records_of(part, context)?.of(user).await?)
}

async fn forget(part: &Part, context: &str, body: &Bytes) -> Answer {
    let wire::Forget { user } = given(body)?;
    written(&wire::Forgotten { nothing_left: records_of(part, context)?.forget(user).await? })
}

/// What a context that lives here keeps about people.
fn records_of<'a>(part: &'a Part, context: &str) -> Outcome<&'a dyn Records> {
    let records = match context.parse().map_err(|_| Refusal::NotFound("page"))? {
        Context::Users => None,
        Context::Catalog => part.catalog.as_ref().map(|catalog| catalog as &dyn Records),
        Context::Orders => part.orders.as_ref().map(|orders| orders as &dyn Records),
        Context::Notifications => part.notifications.as_ref().map(|told| told as &dyn Records),
    };
    Ok(records.ok_or(Refusal::NotFound("page"))?)
}

async fn session(users: Outcome<&Users>, body: &Bytes) -> Answer {
    let wire::AccessToken { access_token } = given(body)?;
    written(&Accounts::authenticate(users?, &access_token).await?)
}

async fn person(users: Outcome<&Users>, user: &str, rest: &[&str]) -> Answer {
    let (users, user) = (users?, user.parse().map_err(|_| Refusal::NotFound("user"))?);
    match rest {
        ["addresses", "default"] => written(&wire::Addressed { address: users.address(user, None).await? }),
        ["addresses", address] => {
            let address = address.parse().map_err(|_| Refusal::NotFound("address"))?;
            written(&wire::Addressed { address: users.address(user, Some(address)).await? })
        }
        ["resets", reset] => {
            let reset = reset.parse().map_err(|_| Refusal::NotFound("page"))?;
            written(&wire::ResetToken { token: users.reset_token(user, reset).await? })
        }
        ["orders", order, "link"] => {
            let order = order.parse().map_err(|_| Refusal::NotFound("page"))?;
            written(&wire::Linked { link: users.order_link(user, order).await? })
        }
        _ => Err(Refusal::NotFound("page").into()),
    }
}

async fn account(users: Outcome<&Users>, what: &str, body: &Bytes) -> Answer {
    let users = users?;
    match what {
        "contacts" => {
            let wire::Told { users: told } = given(body)?;
            written(&wire::Contacted { contacts: users.contacts(&told).await? })
        }
        "find" => {
            let wire::Find { actor, email } = given(body)?;
            let user = users.user_by_email(&actor, &email).await?.map(|user| user.id);
            written(&wire::Found { user, guest: users.known_guest(&email).await? })
        }
        "expect" => {
            let wire::Expect { actor, user } = given(body)?;
            users.expect(&actor, user).await?;
            written(&wire::Done {})
        }
        "guest" => {
            let wire::AsGuest { email } = given(body)?;
            written(&wire::KnownGuest { guest: users.guest_of(&email).await? })
        }
        "known-guest" => {
            let wire::AsGuest { email } = given(body)?;
            written(&wire::MaybeGuest { guest: users.known_guest(&email).await? })
        }
        "follow" => {
            let wire::Shown { link } = given(body)?;
            written(&wire::Followed { order: users.follow(&link).await? })
        }
        "seller" => {
            let wire::SetSeller { actor, user, seller } = given(body)?;
            Accounts::set_seller(users, &actor, user, seller).await?;
            written(&wire::Done {})
        }
        "no-seller" => {
            let wire::SetSeller { actor, user, seller } = given(body)?;
            Accounts::end_seller(users, &actor, user, seller).await?;
            written(&wire::Done {})
        }
        _ => Err(Refusal::NotFound("page").into()),
    }
}

/// What a service that has the key sent; what cannot be read is a defect of one of the two.
fn given<T: DeserializeOwned>(body: &Bytes) -> Outcome<T> {
    serde_json::from_slice(body).map_err(|error| StoreError::new(StoreErrorKind::Internal, "internal.read", error).into())
}

fn written(answer: &impl Serialize) -> Answer {
    serde_json::to_vec(answer).map_err(|error| StoreError::new(StoreErrorKind::Internal, "internal.write", error).into())
}

fn told(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(wire::MEDIA_TYPE));
    response
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
