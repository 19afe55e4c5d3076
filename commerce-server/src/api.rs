//! The route table: each route is added together with what the `OpenAPI` document says of it, so
//! that neither can be there without the other.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use commerce_core::commerce::Context;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::front::Trace;
use crate::gateway;
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

/// What the document says of one route.
pub struct Op {
    summary: &'static str,
    takes: Option<Value>,
    gives: Vec<(u16, &'static str, Option<Value>)>,
    query: &'static [(&'static str, &'static str)],
    refuses: &'static [&'static str],
    /// Whether it can be asked without a token.
    public: bool,
    security: Value,
    schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
}

/// A route that does this.
#[must_use]
pub fn op(summary: &'static str) -> Op {
    let security = json!([{"bearer": []}]);
    Op { summary, takes: None, gives: Vec::new(), query: &[], refuses: &[], public: false, security, schemas: Vec::new() }
}

impl Op {
    /// With a JSON body of this shape.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(self.reference::<T>());
        self
    }

    /// Answered with this status and shape.
    #[must_use]
    pub fn gives<T: ToSchema>(mut self, status: u16, meaning: &'static str) -> Self {
        let schema = self.reference::<T>();
        self.gives.push((status, meaning, Some(schema)));
        self
    }

    /// Answered with a page of this shape.
    #[must_use]
    pub fn lists<T: ToSchema>(mut self) -> Self {
        let item = self.reference::<T>();
        let page = json!({
            "type": "object",
            "required": ["items", "nextCursor"],
            "properties": {"items": {"type": "array", "items": item}, "nextCursor": {"type": ["string", "null"]}},
        });
        self.gives.push((200, "One page.", Some(page)));
        self
    }

    /// Answered with this status and no body.
    #[must_use]
    pub fn done(mut self, status: u16, meaning: &'static str) -> Self {
        self.gives.push((status, meaning, None));
        self
    }

    /// With these parameters in the query.
    #[must_use]
    pub fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// Refused with these codes, besides those every route has.
    #[must_use]
    pub fn refuses(mut self, codes: &'static [&'static str]) -> Self {
        self.refuses = codes;
        self
    }

    /// Needs no token.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self.security = json!([]);
        self
    }

    /// Needs a token, or the link of a guest's order.
    #[must_use]
    pub fn or_link(mut self) -> Self {
        self.public = true;
        self.security = json!([{"bearer": []}, {"orderLink": []}]);
        self
    }

    /// Needs a token, or what the body says of a guest.
    #[must_use]
    pub fn or_guest(mut self) -> Self {
        self.public = true;
        self.security = json!([{"bearer": []}, {}]);
        self
    }

    fn reference<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(&mut self.schemas);
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

/// A handler that serves each request in the course of its trace.
#[derive(Clone)]
struct Traced<H>(H);

impl<H: Handler<T, Shared>, T: 'static> Handler<T, Shared> for Traced<H> {
    type Future = H::Future;

    fn call(self, request: Request, shared: Shared) -> Self::Future {
        let traced = request.extensions().get::<Trace>().map(|trace| shared.in_trace(&trace.0));
        self.0.call(request, traced.unwrap_or(shared))
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
                let public = op.public;
                let bring = async move |State(shared): State<Shared>, request: Request| {
                    gateway::bring(&shared, context, public, request).await
                };
                self.router.route(path, on(filter, bring))
            }
        };
        let operation = operation(method, path, &op);
        self.paths.entry(path.to_owned()).or_default().insert(method.to_owned(), operation);
        for (name, schema) in op.schemas {
            let schema = serde_json::to_value(schema).expect("a schema made of plain data can be written");
            self.schemas.insert(name, schema);
        }
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

fn operation(method: &str, path: &str, op: &Op) -> Value {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let query = |(name, meaning): &(&str, &str)| json!({"name": name, "in": "query", "required": false, "description": meaning, "schema": {"type": "string"}});
    parameters.extend(op.query.iter().map(query));
    if method == "post" {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes the request repeatable; 1 to 255 characters.", "schema": {"type": "string", "maxLength": 255},
        }));
    }
    let mut responses: Map<String, Value> = op.gives.iter().map(response).collect();
    let codes = op.refuses.join(", ");
    let others = if codes.is_empty() { "A problem.".to_owned() } else { format!("A problem: {codes}, or one of any route.") };
    let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    responses.insert("default".to_owned(), json!({"description": others, "content": problem}));
    let mut operation = json!({
        "operationId": operation_id(method, path),
        "summary": op.summary,
        "tags": [path.split('/').nth(2).unwrap_or("api")],
        "parameters": parameters,
        "responses": responses,
        "security": op.security,
    });
    if let Some(schema) = &op.takes {
        operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

fn response((status, meaning, schema): &(u16, &'static str, Option<Value>)) -> (String, Value) {
    let mut response = json!({"description": meaning});
    if let Some(schema) = schema {
        response["content"] = json!({"application/json": {"schema": schema}});
    }
    (status.to_string(), response)
}

/// `post /api/orders/{id}/cancel` is `post_orders_id_cancel`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(['/', '{', '}', '-', '.']).filter(|word| !word.is_empty() && *word != "api");
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
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
