//! Calls of other systems' endpoints.
//!
//! [`HttpCaller`] calls over HTTP, signed as Standard Webhooks 1.0 says; [`NoCaller`] stands where a build has no
//! HTTP client. Whoever names an address gets nowhere with it that is behind the shop: see [`addresses`]. Start reading
//! at [`HttpCaller`].

pub mod addresses;
#[cfg(feature = "webhooks")]
mod caller;
pub mod signature;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::notifications::{WebhookCall, WebhookCaller};

#[cfg(feature = "webhooks")]
pub use caller::HttpCaller;

/// Calls nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCaller;

#[async_trait]
impl WebhookCaller for NoCaller {
    fn accepts(&self, _url: &str) -> Result<(), String> {
        Err("stay away: this program was built without webhooks".to_owned())
    }

    async fn call(&self, _call: &WebhookCall) -> Result<u16, StoreError> {
        Err(StoreError::unavailable("webhook.call", "this program was built without webhooks"))
    }
}
