//! The route table: each route is added together with what the `OpenAPI` document says of it, so
//! that neither can be there without the other.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use commerce_core::commerce::Context;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use serde_json::{Map, Value, json};

use crate::front::Trace;
use crate::gateway;
pub use crate::op::{Op, Param, op};
use crate::precondition::{self, Named};
use crate::state::Shared;

/// The table while it grows.
#[derive(Default)]
pub struct Api {
    router: Router<Shared>,
    /// Where the routes that follow are answered: the context that they are brought to, or here.
    brought_to: Option<Context>,
    forwarded: BTreeMap<&'static str, Context>,
    paths: BTreeMap<String, Map<String, Value>>,
    schemas: BTreeMap<String, Value>,
}

/// A handler that serves each request in the course of its trace, once for each version that it names.
#[derive(Clone)]
struct Traced<H>(H);

impl<H: Handler<T, Shared>, T: 'static> Handler<T, Shared> for Traced<H> {
    type Future = Either<H::Future, BoxFuture<'static, Response>>;

    fn call(self, request: Request, shared: Shared) -> Self::Future {
        let traced = request.extensions().get::<Trace>().map(|trace| shared.in_trace(&trace.0));
        let shared = traced.unwrap_or(shared);
        match Named::several(&request) {
            None => Either::Left(self.0.call(request, shared)),
            Some(versions) => {
                let ask = move |request| self.0.clone().call(request, shared.clone());
                Either::Right(precondition::each(versions, request, ask).boxed())
            }
        }
    }
}

macro_rules! methods {
    ($($method:ident = $filter:ident),+) => {$(
        /// Adds a route.
        #[must_use]
        pub fn $method<H, T>(self, path: &'static str, op: Op, handler: H) -> Self
        where
            H: Handler<T, Shared>,
            T: 'static,
        {
            self.add(MethodFilter::$filter, stringify!($method), path, op, handler)
        }
    )+};
}

impl Api {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With the routes that follow brought to this context in another process, or answered here.
    #[must_use]
    pub fn brought_to(mut self, context: Option<Context>) -> Self {
        self.brought_to = context;
        self
    }

    methods!(get = GET, post = POST, put = PUT, patch = PATCH, delete = DELETE);

    fn add<H, T>(mut self, filter: MethodFilter, method: &str, path: &'static str, op: Op, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.router = match self.brought_to {
            None => self.router.route(path, on(filter, Traced(handler))),
            Some(context) => {
                self.forwarded.insert(path, context);
                let public = op.is_public();
                let bring = async move |State(shared): State<Shared>, request: Request| {
                    gateway::bring(&shared, context, public, request).await
                };
                self.router.route(path, on(filter, bring))
            }
        };
        let (operation, schemas) = op.document(method, path);
        self.paths.entry(path.to_owned()).or_default().insert(method.to_owned(), operation);
        self.schemas.extend(schemas);
        self
    }

    /// The router, the document, and the routes that are brought elsewhere.
    pub fn finish(self) -> (Router<Shared>, Value, BTreeMap<&'static str, Context>) {
        let spec = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Commerce",
                "version": env!("CARGO_PKG_VERSION"),
                "license": {"name": "MIT", "identifier": "MIT"},
                "description": "Errors are application/problem+json; every code is listed at /docs/errors.",
            },
            "paths": self.paths,
            "components": {
                "schemas": with_problem(self.schemas),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "orderLink": {"type": "apiKey", "in": "header", "name": "X-Order-Link"},
                },
            },
        });
        (self.router, spec, self.forwarded)
    }
}

fn with_problem(mut schemas: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let text = json!({"type": "string"});
    let problem = json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "code", "requestId"],
        "properties": {
            "type": text, "title": text, "status": {"type": "integer"}, "detail": text, "instance": text, "code": text,
            "requestId": text,
            "errors": {"type": "array", "items": {
                "type": "object", "required": ["field", "code", "message"],
                "properties": {"field": text, "code": text, "message": text},
            }},
        },
    });
    schemas.insert("Problem".to_owned(), problem);
    schemas
}
