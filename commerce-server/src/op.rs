//! What the `OpenAPI` document says of one route.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// What the document says of one route.
pub struct Op {
    summary: &'static str,
    takes: Option<(&'static str, Value)>,
    gives: Vec<(u16, &'static str, Content)>,
    query: Vec<Param>,
    refuses: &'static [&'static str],
    /// Whether it can be asked without a token.
    public: bool,
    security: Value,
    /// Why nothing is kept under an idempotency key.
    keyless: Option<&'static str>,
    versioned: Versioned,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// What an answer's body is.
enum Content {
    Nothing,
    Json(Value),
    Raw(&'static [&'static str]),
}

/// Whether a client says in `If-Match` which version it changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versioned {
    Never,
    Perhaps,
    Always,
}

/// A parameter of a query.
#[derive(Clone, Copy)]
pub struct Param {
    name: &'static str,
    meaning: &'static str,
    kind: Kind,
}

/// From where to where, and what it is unless it is said.
#[derive(Clone, Copy)]
struct Bounds {
    least: u32,
    most: u32,
    unless_said: u32,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Switch,
    Whole(Option<Bounds>),
}

impl Param {
    /// A text, an id, a status ….
    #[must_use]
    pub const fn text(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, kind: Kind::Text }
    }

    /// Texts: the parameter may be there more than once.
    #[must_use]
    pub const fn texts(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, kind: Kind::Texts }
    }

    /// `true` or `false`.
    #[must_use]
    pub const fn switch(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, kind: Kind::Switch }
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, kind: Kind::Whole(None) }
    }

    /// A whole number from `least` to `most`.
    #[must_use]
    pub const fn between(name: &'static str, meaning: &'static str, (least, most): (u32, u32), unless_said: u32) -> Self {
        Self { name, meaning, kind: Kind::Whole(Some(Bounds { least, most, unless_said })) }
    }

    fn document(self) -> Value {
        let schema = match self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Switch => json!({"type": "boolean"}),
            Kind::Whole(None) => json!({"type": "integer"}),
            Kind::Whole(Some(Bounds { least, most, unless_said })) => {
                json!({"type": "integer", "minimum": least, "maximum": most, "default": unless_said})
            }
        };
        json!({"name": self.name, "in": "query", "required": false, "description": self.meaning, "schema": schema})
    }
}

/// A route that does this.
#[must_use]
pub fn op(summary: &'static str) -> Op {
    Op {
        summary,
        takes: None,
        gives: Vec::new(),
        query: Vec::new(),
        refuses: &[],
        public: false,
        security: json!([{"bearer": []}]),
        keyless: None,
        versioned: Versioned::Never,
        schemas: Vec::new(),
    }
}

impl Op {
    /// With a JSON body of this shape.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(("application/json", self.reference::<T>()));
        self
    }

    /// With a form whose field `file` is a file, beside these texts, which may be left out.
    #[must_use]
    pub fn takes_file(mut self, texts: &[&str]) -> Self {
        let mut fields: Map<String, Value> = texts.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        fields.insert("file".to_owned(), json!({"type": "string", "format": "binary"}));
        self.takes = Some(("multipart/form-data", json!({"type": "object", "required": ["file"], "properties": fields})));
        self
    }

    /// Answered with this status and shape.
    #[must_use]
    pub fn gives<T: ToSchema>(mut self, status: u16, meaning: &'static str) -> Self {
        let schema = self.reference::<T>();
        self.gives.push((status, meaning, Content::Json(schema)));
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
        self.gives.push((200, "One page.", Content::Json(page)));
        self
    }

    /// Answered with bytes of one of these media types.
    #[must_use]
    pub fn gives_bytes(mut self, meaning: &'static str, types: &'static [&'static str]) -> Self {
        self.gives.push((200, meaning, Content::Raw(types)));
        self
    }

    /// Answered with this status and no body.
    #[must_use]
    pub fn done(mut self, status: u16, meaning: &'static str) -> Self {
        self.gives.push((status, meaning, Content::Nothing));
        self
    }

    /// With these parameters in the query.
    #[must_use]
    pub fn query(mut self, query: impl IntoIterator<Item = Param>) -> Self {
        self.query.extend(query);
        self
    }

    /// Refused with these codes, besides those every route has.
    #[must_use]
    pub fn refuses(mut self, codes: &'static [&'static str]) -> Self {
        self.refuses = codes;
        self
    }

    /// Keeps nothing under an idempotency key, for this reason.
    #[must_use]
    pub fn keyless(mut self, why: &'static str) -> Self {
        self.keyless = Some(why);
        self
    }

    /// Judges the version in `If-Match`, if there is one.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        self.versioned = Versioned::Perhaps;
        self
    }

    /// Needs `If-Match`.
    #[must_use]
    pub fn needs_version(mut self) -> Self {
        self.versioned = Versioned::Always;
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

    /// Whether it can be asked without a token.
    pub(crate) fn is_public(&self) -> bool {
        self.public
    }

    fn reference<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(&mut self.schemas);
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// What the document says of it as `method` of `path`, and the shapes that it names.
    pub(crate) fn document(self, method: &str, path: &str) -> (Value, Vec<(String, Value)>) {
        let mut operation = json!({
            "operationId": operation_id(method, path),
            "summary": self.summary,
            "tags": [tag(path)],
            "parameters": self.parameters(method, path),
            "responses": self.responses(method),
            "security": self.security,
        });
        if let Some((media, schema)) = &self.takes {
            operation["requestBody"] = json!({"required": true, "content": {*media: {"schema": schema}}});
        }
        let written = |schema| serde_json::to_value(schema).expect("a schema made of plain data can be written");
        (operation, self.schemas.into_iter().map(|(name, schema)| (name, written(schema))).collect())
    }

    fn parameters(&self, method: &str, path: &str) -> Vec<Value> {
        let named = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let mut parameters: Vec<Value> =
            named.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
        parameters.extend(self.query.iter().map(|param| param.document()));
        let mut header = |name: &str, required: bool, meaning: String, schema: Value| {
            parameters
                .push(json!({"name": name, "in": "header", "required": required, "description": meaning, "schema": schema}));
        };
        if method == "post" {
            let meaning = match self.keyless {
                None => "Makes the request repeatable: with the same key and body it is done once.".to_owned(),
                Some(why) => format!("Taken, and nothing is kept under it: {why}."),
            };
            header("Idempotency-Key", false, meaning, json!({"type": "string", "minLength": 1, "maxLength": 255}));
        }
        if self.versioned != Versioned::Never {
            let meaning = "Only if it is at the version of this `ETag`, or of one of several; `*` is any.".to_owned();
            header("If-Match", self.versioned == Versioned::Always, meaning, json!({"type": "string"}));
        }
        parameters
    }

    fn responses(&self, method: &str) -> Map<String, Value> {
        let mut responses: Map<String, Value> = self.gives.iter().map(response).collect();
        if method == "post" && self.keyless.is_none() {
            let replay = responses.get("201").map(|made| json!({"content": made["content"]})).unwrap_or_default();
            let answer = responses.entry("200").or_insert(replay);
            if answer.get("description").is_none() {
                answer["description"] = json!("A replay: what was done under the key before, as it is now.");
            }
            answer["headers"] = json!({"Idempotent-Replayed": {
                "description": "`true` where this was done before under the same key.", "schema": {"type": "string"},
            }});
        }
        let codes = self.refuses.join(", ");
        let others = if codes.is_empty() { "A problem.".to_owned() } else { format!("A problem: {codes}, or one of any route.") };
        let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        responses.insert("default".to_owned(), json!({"description": others, "content": problem}));
        responses
    }
}

fn response((status, meaning, content): &(u16, &'static str, Content)) -> (String, Value) {
    let mut response = json!({"description": meaning});
    match content {
        Content::Nothing => {}
        Content::Json(schema) => response["content"] = json!({"application/json": {"schema": schema}}),
        Content::Raw(types) => {
            let bytes: Map<String, Value> = types.iter().map(|media| ((*media).to_owned(), json!({}))).collect();
            response["content"] = json!(bytes);
        }
    }
    if *status == 201 {
        response["headers"] = json!({"Location": {"description": "Where it is found.", "schema": {"type": "string"}}});
    }
    (status.to_string(), response)
}

/// `/api/orders/{id}` is about `orders`, `/health/live` about `health`.
fn tag(path: &str) -> &str {
    let mut words = path.split('/').filter(|word| !word.is_empty() && *word != "api");
    words.next().unwrap_or("api")
}

/// `post /api/orders/{id}/cancel` is `post_orders_id_cancel`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(['/', '{', '}', '-', '.']).filter(|word| !word.is_empty() && *word != "api");
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}
