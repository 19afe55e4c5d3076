//! The whole application: every route behind the one front.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use commerce_core::Part;
use commerce_core::orders::PaymentMethod;
use serde_json::Value;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::api::Api;
use crate::config::Config;
use crate::front::{front, named};
use crate::problem::Problem;
use crate::state::Shared;
use crate::ways::Ways;
use crate::web::{About, Checkout};
use crate::{documents, health, routes, web};

/// A shop that answers HTTP. Cheap to clone.
#[derive(Clone)]
pub struct App {
    shared: Shared,
    router: Router,
    spec: Arc<Value>,
}

impl App {
    /// Serves a whole shop, or a part of one, under these settings. Clients speak to it themselves.
    #[must_use]
    pub fn new(shop: impl Into<Part>, config: Config) -> Self {
        Self::beside(shop, Ways::default(), config)
    }

    /// The same with the servers that `ways` name.
    #[must_use]
    pub fn beside(shop: impl Into<Part>, ways: Ways, config: Config) -> Self {
        let part = shop.into();
        let card_provider = part.orders.as_ref().and_then(|orders| orders.provider_of(PaymentMethod::Card)).unwrap_or_default();
        Self::facing_clients(part, ways, card_provider, config)
    }

    /// Serves everything that clients ask of a shop: of the contexts that live here by itself, of the others
    /// by the services that `ways` lead to. Pages say that `card_provider` takes cards.
    #[must_use]
    pub fn facing_clients(part: Part, ways: Ways, card_provider: &str, config: Config) -> Self {
        let about = About {
            shop_name: &config.server.shop_name,
            currency: config.server.currency.code(),
            card_provider,
            checkout: config.razorpay.as_ref().map(|it| Checkout { key: &it.key_id, at: &it.api_url }),
        };
        let (pages, missing) = (web::routes(&about), web::missing(&about));
        let cors = cors(&config);
        let app = Self::assembled(part, ways, config, true, |router| router.merge(pages).fallback(missing));
        let router = match cors {
            Some(cors) => app.router.layer(cors).layer(from_fn_with_state(app.shared.clone(), named)),
            None => app.router,
        };
        Self { router, ..app }
    }

    /// Serves the routes of the contexts that live here, and nothing else: for a service behind a gateway.
    #[must_use]
    pub fn behind_gateway(part: Part, ways: Ways, config: Config) -> Self {
        let missing = || std::future::ready(Problem::not_found("page"));
        Self::assembled(part, ways, config, false, |router| router.fallback(missing))
    }

    fn assembled(
        part: Part,
        ways: Ways,
        config: Config,
        gateway: bool,
        more: impl FnOnce(Router<Shared>) -> Router<Shared>,
    ) -> Self {
        let api = routes::table(Api::new(), &part.contexts(), gateway).brought_to(None);
        let (router, spec, forwarded) = health::routes(api).finish();
        let shared = Shared::new(part, ways, forwarded, config);
        let spec = Arc::new(spec);
        let router = more(router.merge(documents::router(&spec)))
            .with_state(shared.clone())
            .layer(from_fn_with_state(shared.clone(), front));
        Self { shared, router, spec }
    }

    /// The router, for tests and for embedding into another server.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The `OpenAPI` document.
    #[must_use]
    pub fn spec(&self) -> &Value {
        &self.spec
    }

    /// What every handler shares.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// The `OpenAPI` document without a shop.
#[must_use]
pub fn openapi() -> Value {
    health::routes(routes::all(Api::new())).finish().1
}

/// Only the origins named in the settings, each exactly; none, no header at all.
fn cors(config: &Config) -> Option<CorsLayer> {
    let origins = &config.server.cors_origins;
    if origins.is_empty() {
        return None;
    }
    let own = |name: &'static str| header::HeaderName::from_static(name);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            own("idempotency-key"),
            own("x-order-link"),
            own("x-request-id"),
            own("traceparent"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            own("idempotent-replayed"),
            own("x-request-id"),
            own("ratelimit-limit"),
            own("ratelimit-remaining"),
            own("ratelimit-reset"),
        ])
        .max_age(std::time::Duration::from_mins(10));
    Some(layer)
}
