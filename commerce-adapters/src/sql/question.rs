//! Questions to a database: one statement that only reads, and its parameters.

use std::borrow::Cow;

use commerce_core::page::PageRequest;
use uuid::Uuid;

/// A statement's parameter.
#[derive(Clone, Debug)]
pub(crate) enum Param {
    /// A text; rows as JSON, too.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Bytes: an id, a hash.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Param {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<Vec<u8>> for Param {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<T: Into<Self>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A statement that only reads, and its parameters: each is written `?`, in order.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) params: Vec<Param>,
    /// Whether many callers ask it at once.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite answers several in one piece"))]
    pub(crate) frequent: bool,
    /// Whether nobody decides by the answer, so that a replica may give it.
    pub(crate) shown: bool,
    /// Whether a replica may give it while the writer's server does not: who decides by it commits there, and cannot.
    #[cfg_attr(not(feature = "mysql"), expect(dead_code, reason = "SQLite has no replicas"))]
    pub(crate) browsed: bool,
}

impl Question {
    /// A question that many callers ask at once.
    pub(crate) fn frequent(sql: &'static str) -> Self {
        Self { frequent: true, ..Self::of(sql) }
    }

    /// Any other question.
    pub(crate) fn of(sql: &'static str) -> Self {
        Self { sql: Cow::Borrowed(sql), params: Vec::new(), frequent: false, shown: false, browsed: false }
    }

    /// And this parameter.
    pub(crate) fn bind(mut self, param: impl Into<Param>) -> Self {
        self.params.push(param.into());
        self
    }

    /// And this condition with its parameter, where there is one. Each combination of conditions is a
    /// statement of its own, so that each can use its index.
    pub(crate) fn when(self, condition: &'static str, param: Option<impl Into<Param>>) -> Self {
        match param {
            Some(param) => self.then(condition).bind(param),
            None => self,
        }
    }

    /// And this text.
    pub(crate) fn then(mut self, text: &'static str) -> Self {
        self.sql.to_mut().push_str(text);
        self
    }

    /// Its answer is shown to somebody, and nobody decides by it.
    pub(crate) fn shown(self) -> Self {
        self.shown_if(true)
    }

    /// The same where this holds.
    pub(crate) fn shown_if(mut self, shown: bool) -> Self {
        self.shown = shown;
        self
    }

    /// Whoever browses asks it, also while nothing can be decided.
    pub(crate) fn browsed(self) -> Self {
        Self { browsed: true, ..self }
    }
}

/// A UUID as it is stored.
pub(crate) fn blob(uuid: Uuid) -> Vec<u8> {
    uuid.as_bytes().to_vec()
}

/// Below which keys a page of a falling list begins; above every key for the first page, so that
/// the condition is a range of the index either way. No id of ours is all ones.
pub(crate) fn below(page: &PageRequest) -> Vec<u8> {
    page.after().map_or_else(|| vec![0xff; 16], |cursor| blob(cursor.0))
}

/// Above which keys a page of a growing list begins; below every key for the first page.
pub(crate) fn above(page: &PageRequest) -> Vec<u8> {
    page.after().map(|cursor| blob(cursor.0)).unwrap_or_default()
}
