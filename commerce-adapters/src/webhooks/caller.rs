//! Calls over HTTP.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::notifications::{WebhookCall, WebhookCaller};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url, redirect};

use super::addresses::is_public;
use super::signature::{seconds, signature};

const OPERATION: &str = "webhook.call";
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call may take until its status is there: receivers are to note and answer, not to work.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept to one host for the next call.
const IDLE_MAX: usize = 4;

/// Calls endpoints over HTTP. A name is resolved at each connection, and a connection is made only to the addresses
/// that were judged; no redirect is followed, no proxy of the environment is used, and of an answer only the
/// status is read.
pub struct HttpCaller {
    /// Made when it is first needed: it reads the machine's certificates, and most shops call nobody.
    client: OnceLock<Result<Client, String>>,
    private: bool,
}

impl HttpCaller {
    /// To the public internet alone, unless `private` allows networks of ours, which is for trying out.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { client: OnceLock::new(), private }
    }

    fn client(&self) -> Result<&Client, StoreError> {
        let made = self.client.get_or_init(|| {
            crate::tls::choose();
            let client = Client::builder()
                .user_agent(concat!("commerce-webhooks/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .no_proxy()
                .dns_resolver(Resolver { private: self.private })
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
                .pool_max_idle_per_host(IDLE_MAX);
            client.build().map_err(|error| error.to_string())
        });
        made.as_ref().map_err(|error| StoreError::unavailable(OPERATION, error.clone()))
    }

    fn judged(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url).map_err(|error| format!("be an http or https address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("be an http or https address".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("have no user, password or fragment".to_owned());
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let named = || host == "localhost" || [".localhost", ".local", ".internal"].iter().any(|end| host.ends_with(end));
        if !self.private && literal.map_or_else(|_| named(), |address| !is_public(address)) {
            return Err("lead to the public internet".to_owned());
        }
        Ok(url)
    }
}

#[async_trait]
impl WebhookCaller for HttpCaller {
    fn accepts(&self, url: &str) -> Result<(), String> {
        self.judged(url).map(|_| ())
    }

    async fn call(&self, call: &WebhookCall) -> Result<u16, StoreError> {
        // Judged anew: an address may have been taken when others were allowed.
        let url = self.judged(&call.url).map_err(|why| StoreError::unavailable(OPERATION, format!("the address must {why}")))?;
        let mut request = self
            .client()?
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", call.message.to_string())
            .header("webhook-timestamp", seconds(call).to_string())
            .header("webhook-signature", signature(call));
        if let Some(traceparent) = &call.traceparent {
            request = request.header("traceparent", traceparent);
        }
        match request.body(call.body.clone()).send().await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => Err(StoreError::unavailable(OPERATION, error.without_url())),
        }
    }
}

/// Resolves names to the addresses that a call may go to; one that has any other is not called at all.
struct Resolver {
    private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(address) = found.iter().find(|address| !private && !is_public(address.ip())) {
                let why = format!("{} is {}, which is no public address", name.as_str(), address.ip());
                return Err(Box::<dyn Error + Send + Sync>::from(why));
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name is judged by what it resolves to, at each connection.
    #[tokio::test]
    async fn a_name_that_leads_home_has_no_address() {
        let resolve = |private| Resolver { private }.resolve("localhost".parse().unwrap());
        let refused = resolve(false).await.err().expect("it leads to this machine");
        assert!(refused.to_string().contains("no public address"), "{refused}");
        assert!(resolve(true).await.is_ok_and(|found| found.count() > 0));
    }
}
