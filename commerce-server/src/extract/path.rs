//! Path parameters. What cannot be an id names nothing: 404.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use commerce_core::Actor;
use commerce_core::ids::UserId;

use crate::problem::{Answered, Problem};

/// The parameters of the matched path, decoded.
pub struct Params(RawPathParams);

impl Params {
    /// The text of a parameter.
    ///
    /// # Errors
    /// 404 when the path has none of this name.
    pub fn text(&self, name: &str) -> Answered<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| text).ok_or_else(|| Problem::not_found("page"))
    }

    /// A parameter as an id, SKU or slug of `what`.
    ///
    /// # Errors
    /// 404 when it is none.
    pub fn get<T: FromStr>(&self, name: &str, what: &'static str) -> Answered<T> {
        self.text(name)?.parse().map_err(|_| Problem::not_found(what))
    }

    /// The parameter `userId`; `me` is the caller.
    ///
    /// # Errors
    /// 401 for `me` of nobody, 404 when it is no id.
    pub fn user(&self, actor: &Actor) -> Answered<UserId> {
        match self.text("userId")? {
            "me" => Ok(actor.require_user()?),
            _ => self.get("userId", "user"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answered<Self> {
        let raw = RawPathParams::from_request_parts(parts, state).await;
        raw.map(Self).map_err(|_| Problem::not_found("page"))
    }
}
