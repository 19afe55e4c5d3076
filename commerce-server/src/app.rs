//! The whole application: every route behind the one front.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use commerce_core::Commerce;
use commerce_core::orders::PaymentMethod;
use serde_json::Value;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::api::Api;
use crate::config::Config;
use crate::front::{front, named};
use crate::state::Shared;
use crate::web::About;
use crate::{documents, health, routes, web};

/// A shop that answers HTTP. Cheap to clone.
#[derive(Clone)]
pub struct App {
    shared: Shared,
    router: Router,
    spec: Arc<Value>,
}

impl App {
    /// Serves `shop` under these settings.
    #[must_use]
    pub fn new(shop: Commerce, config: Config) -> Self {
        let cors = cors(&config);
        let about = About {
            shop_name: &config.server.shop_name,
            currency: config.server.currency.code(),
            card_provider: shop.orders.provider_of(PaymentMethod::Card).unwrap_or_default(),
        };
        let (pages, missing) = (web::routes(&about), web::missing(&about));
        let shared = Shared::new(shop, config);
        let (router, spec) = routes::all(Api::new()).finish();
        let spec = Arc::new(spec);
        let router = router
            .merge(health::router())
            .merge(documents::router(&spec))
            .merge(pages)
            .fallback(missing)
            .with_state(shared.clone())
            .layer(from_fn_with_state(shared.clone(), front));
        let router = match cors {
            Some(cors) => router.layer(cors).layer(from_fn_with_state(shared.clone(), named)),
            None => router,
        };
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
    routes::all(Api::new()).finish().1
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
            own("idempotency-key"),
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
