//! The pages a person sees: the shop and its back office.
//!
//! Owns how the files of `templates/storefront` and `templates/admin` get to a browser; they are
//! part of the binary. It knows nothing of products or orders: the pages' own scripts call the
//! public API. Start reading at [`routes`], then [`pages`].

mod assets;
mod pages;

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};

use assets::ASSETS;
use pages::{MISSING, PAGES, Page};

use crate::problem::Problem;

/// What the pages say of the shop.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its name.
    pub shop_name: &'a str,
    /// ISO 4217 code of the currency in which prices are entered.
    pub currency: &'a str,
    /// Who takes cards; the sandbox is shown with what it can be told to answer.
    pub card_provider: &'a str,
    /// Where customers of Razorpay pay.
    pub checkout: Option<Checkout<'a>>,
}

/// A provider's own checkout, to which one page sends its visitors.
#[derive(Clone, Copy, Debug)]
pub struct Checkout<'a> {
    /// The key that the shop is known by there.
    pub key: &'a str,
    /// Where it is.
    pub at: &'a str,
}

/// From here customers go on to Razorpay's checkout, and back to here.
pub const RAZORPAY_PAGE: &str = "/pay/razorpay";

/// Pictures may be links into the world that an import kept; everything else is ours.
const POLICY: &str = "default-src 'self'; img-src 'self' https: data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";
/// The file's version is in its address, so it never changes there.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, and asked about each time.
const ASK_FIRST: &str = "no-cache";

/// Every page, and the files they load under `/assets/{version}/`.
pub fn routes<S>(about: &About) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let version: Arc<str> = version().into();
    let router = PAGES.iter().fold(Router::new(), |router, page| {
        let html: Arc<str> = page.render(about, &version).into();
        let (tag, policy) = (tag(html.as_bytes()), policy(about, page));
        router.route(page.path, get(async move || shown(&tag, &policy, &html)))
    });
    // What the browser brings from the checkout proves nothing here: webhook and poll say what became of the money.
    let router = router.route(RAZORPAY_PAGE, post(async || Redirect::to("/orders")));
    router.route("/assets/{version}/{*file}", get(async move |path| asset(&version, path)))
}

/// What is at no address: a page for people, a problem for programs.
pub fn missing(about: &About) -> impl Fn(HeaderMap) -> Ready<Response> + Clone + Send + Sync + 'static {
    let html: Arc<str> = MISSING.render(about, &version()).into();
    move |asked: HeaderMap| {
        let wanted = asked.get(header::ACCEPT).and_then(|wanted| wanted.to_str().ok());
        if !wanted.is_some_and(|wanted| wanted.contains("text/html")) {
            return ready(Problem::not_found("page").into_response());
        }
        let policy = HeaderValue::from_static(POLICY);
        ready((StatusCode::NOT_FOUND, page_headers(&policy), html.to_string()).into_response())
    }
}

/// The policy of a page: forms of the one that leads to a checkout may go there.
fn policy(about: &About, page: &Page) -> HeaderValue {
    let checkout = about.checkout.filter(|_| page.path == RAZORPAY_PAGE);
    let wider = checkout.map(|it| POLICY.replace("form-action 'self'", &format!("form-action 'self' {}", it.at)));
    let wider = wider.and_then(|policy| HeaderValue::try_from(policy).ok());
    wider.unwrap_or_else(|| HeaderValue::from_static(POLICY))
}

fn shown(tag: &HeaderValue, policy: &HeaderValue, html: &str) -> Response {
    (kept(tag.clone(), ASK_FIRST), page_headers(policy), html.to_owned()).into_response()
}

fn page_headers(policy: &HeaderValue) -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy.clone()),
    ]
}

/// A page that is still open may ask for files of another version; it gets today's, not to keep.
fn asset(current: &str, Path((version, file)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == file) else { return StatusCode::NOT_FOUND.into_response() };
    let keep = if version == current { FOREVER } else { ASK_FIRST };
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type()))];
    (kept(tag(asset.bytes), keep), headers, asset.bytes).into_response()
}

fn kept(tag: HeaderValue, keep: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [(header::CACHE_CONTROL, HeaderValue::from_static(keep)), (header::ETAG, tag)]
}

/// One name for the whole set of files: it changes when any of them does.
fn version() -> String {
    let all = ASSETS.iter().fold(Sha256::new(), |hash, asset| hash.chain_update(asset.path).chain_update(asset.bytes));
    hex::encode(all.finalize()).chars().take(16).collect()
}

fn tag(bytes: &[u8]) -> HeaderValue {
    let hash: String = hex::encode(Sha256::digest(bytes)).chars().take(32).collect();
    HeaderValue::from_str(&format!("\"{hash}\"")).expect("quoted hexadecimal digits are a header's value")
}

#[cfg(test)]
mod tests;
