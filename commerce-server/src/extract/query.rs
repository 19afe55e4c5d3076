//! Query parameters. Unknown ones are ignored, empty ones count as not there.
//!
//! A cursor is of one list: of a path, in which whose list it is does not count, because `me` and an id name the same
//! user and a stranger is refused anyway.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use commerce_core::Refusal;
use commerce_core::page::{ListMark, Page, PageRequest};
use uuid::Uuid;

use crate::problem::{Answered, Problem};

/// The parameters of the query, decoded.
pub struct Query {
    pairs: Vec<(String, String)>,
    /// The path as the list's name.
    list: String,
}

impl Query {
    /// The text of a parameter, if it is there and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, text)| known == name && !text.is_empty()).map(|(_, text)| text.as_str())
    }

    /// The texts of a parameter that may be there more than once.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, text)| known == name && !text.is_empty()).map(|(_, text)| text.as_str())
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
    /// 422 for a limit that is not 1 to 100, 400 for a bad cursor and for one of another list.
    pub fn page(&self) -> Answered<PageRequest> {
        self.page_of_the_same(&[])
    }

    /// The same where places count only as long as these parameters stay.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub fn page_of_the_same(&self, names: &[&str]) -> Answered<PageRequest> {
        let limit = self.get("limit", "must be between 1 and 100")?;
        let said = names.iter().flat_map(|name| std::iter::once(*name).chain(self.texts(name)));
        let name: Vec<&str> = std::iter::once(self.list.as_str()).chain(said).collect();
        Ok(PageRequest::of_list(ListMark::of(&name), limit, self.text("cursor"))?)
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
        let pairs = pairs.map(|axum::extract::Query(pairs)| pairs).unwrap_or_default();
        let route = parts.extensions.get::<MatchedPath>().map_or(parts.uri.path(), MatchedPath::as_str);
        Ok(Self { pairs, list: list_at(route, parts.uri.path()) })
    }
}

/// The path without whose it is.
fn list_at(route: &str, path: &str) -> String {
    let named = route.split('/').zip(path.split('/')).map(|(known, said)| if known == "{userId}" { known } else { said });
    named.collect::<Vec<_>>().join("/").to_ascii_lowercase()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_by_its_path_and_not_by_whose_it_is() {
        let entries = "/api/wallet/{userId}/entries";
        assert_eq!(list_at(entries, "/api/wallet/me/entries"), list_at(entries, "/api/wallet/0197/entries"));
        let reviews = "/api/products/{id}/reviews";
        assert_eq!(list_at(reviews, "/api/products/0A/reviews"), list_at(reviews, "/api/products/0a/reviews"));
        assert_ne!(list_at(reviews, "/api/products/0a/reviews"), list_at(reviews, "/api/products/0b/reviews"));
    }
}
