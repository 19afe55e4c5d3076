//! Query parameters. Unknown ones are ignored, empty ones count as not there.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use commerce_core::Refusal;
use commerce_core::page::{Page, PageRequest};
use uuid::Uuid;

use crate::problem::{Answered, Problem};

/// The parameters of the query, decoded.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The text of a parameter, if it is there and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, text)| known == name && !text.is_empty()).map(|(_, text)| text.as_str())
    }

    /// A parameter as a number, an id, a status ….
    ///
    /// # Errors
    /// 422 when it is none.
    pub fn get<T: FromStr>(&self, name: &'static str, message: &'static str) -> Answered<Option<T>> {
        let refuse = |_| Problem::from(Refusal::field(name, "INVALID", message));
        self.text(name).map(|text| text.parse().map_err(refuse)).transpose()
    }

    /// A parameter as a switch.
    ///
    /// # Errors
    /// 422 when it is neither `true` nor `false`.
    pub fn switch(&self, name: &'static str) -> Answered<bool> {
        Ok(self.get(name, "must be true or false")?.unwrap_or(false))
    }

    /// `limit` and `cursor`.
    ///
    /// # Errors
    /// 422 for a limit that is not 1 to 100, 400 for a bad cursor.
    pub fn page(&self) -> Answered<PageRequest> {
        let limit = self.get("limit", "must be between 1 and 100")?;
        Ok(PageRequest::parse(limit, self.text("cursor"))?)
    }

    /// The page that is asked for of what is known whole, newest first.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub fn page_of<T>(&self, all: Vec<T>, id: impl Fn(&T) -> Uuid) -> Answered<Page<T>> {
        Ok(Page::of_all(all, &self.page()?, id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(Self(pairs.map(|axum::extract::Query(pairs)| pairs).unwrap_or_default()))
    }
}

/// `limit` and `cursor` of a list.
pub struct Paging(pub PageRequest);

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answered<Self> {
        let Ok(query) = Query::from_request_parts(parts, state).await;
        query.page().map(Self)
    }
}
