//! The sections of the settings as the program uses them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use commerce_core::Currency;
use commerce_core::commerce::Context;
use commerce_core::text::Email;

use super::load::Settings;
use super::values::text;
use crate::address::Network;

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it answers other services of the shop, if that was said.
    pub internal_listen: Option<SocketAddr>,
    /// How the world reaches it, without a slash at the end.
    pub public_url: String,
    /// The shop's name.
    pub shop_name: String,
    /// The shop's currency.
    pub currency: Currency,
    /// Web origins that may call the API from a browser.
    pub cors_origins: Vec<HeaderValue>,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Connections served at once.
    pub connections_max: usize,
}

impl ServerConfig {
    /// Whether the address that the world is told is another machine's than the reader's own.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let url = self.public_url.parse::<Uri>().ok();
        let host = url.as_ref().and_then(Uri::host).unwrap_or_default().trim_matches(['[', ']']);
        host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Limits at the door. Zero switches one off.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Calls per minute of one user.
    pub rate_limit_per_minute: u32,
    /// Calls per minute of one address without login.
    pub rate_limit_anonymous_per_minute: u32,
    /// Whether all processes count together.
    pub rate_limit_shared: bool,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<Network>,
}

/// Where the services are that live in processes of their own.
#[derive(Clone, Debug)]
pub struct ServicesConfig {
    /// Where the gateway finds each: its public listeners.
    pub public: BTreeMap<Context, Vec<String>>,
    /// Where other services find each: its internal listeners.
    pub internal: BTreeMap<Context, Vec<String>>,
    /// Whether they are found where they say themselves that they are.
    pub registry: bool,
    /// Under which host others reach this process, if that was said.
    pub advertise: Option<String>,
    /// Signs what they say to each other; empty for a shop in one process.
    pub secret: Secret,
    /// What this process shows of itself where they speak TLS.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM that show what a process is.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Its own certificate.
    pub certificate: PathBuf,
    /// The key to it.
    pub key: PathBuf,
    /// The certificates of those that sign.
    pub authority: PathBuf,
}

impl TlsFiles {
    pub(super) fn from_settings(settings: &Settings) -> Option<Self> {
        let path = |key: &str| PathBuf::from(text(settings, key));
        let [certificate, key, authority] = ["services.tls_certificate", "services.tls_key", "services.tls_authority"].map(path);
        let none = [&certificate, &key, &authority].iter().all(|path| path.as_os_str().is_empty());
        (!none).then_some(Self { certificate, key, authority })
    }
}

/// How events travel from one context to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventBusKind {
    /// Straight from the outbox to every consumer.
    Local,
    /// Over Redis Streams.
    Redis,
    /// Over SNS and SQS.
    Sqs,
}

/// Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Where it is; empty for nowhere.
    pub url: Secret,
    /// What all keys begin with.
    pub prefix: String,
    /// Whether the operator vouches for what it keeps.
    pub durable: bool,
}

/// How Stripe is reached.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// The secret key.
    pub secret_key: Secret,
    /// The secret of its webhooks; empty where none are believed.
    pub webhook_secret: Secret,
    /// Where it is.
    pub api_url: String,
}

/// How Razorpay is reached.
#[derive(Clone, Debug)]
pub struct RazorpayConfig {
    /// The key's id, which pages may say.
    pub key_id: String,
    /// The key's secret.
    pub key_secret: Secret,
    /// The secret of its webhooks.
    pub webhook_secret: Secret,
    /// The one before; empty for none.
    pub webhook_secret_before: Secret,
    /// Where it is.
    pub api_url: String,
}

/// AWS.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// The region, if that was said.
    pub region: Option<String>,
    /// Another server than AWS itself.
    pub endpoint: Option<String>,
    /// In front of every name.
    pub prefix: String,
    /// Whether topics and queues keep an aggregate's order.
    pub fifo: bool,
    /// Where pictures are, if not in the data directory.
    pub images_bucket: Option<String>,
}

/// Where the databases are, if they are not files of the data directory.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// The server of all of them.
    pub shop: DatabaseUrls,
    /// What is said of one alone.
    pub own: BTreeMap<Context, DatabaseUrls>,
}

/// A database server and its replica; empty for none.
#[derive(Clone, Debug)]
pub struct DatabaseUrls {
    /// Where is written.
    pub writer: Secret,
    /// Where is read what is only shown.
    pub reader: Secret,
}

impl DatabaseConfig {
    /// Whether they are files.
    #[must_use]
    pub fn is_files(&self) -> bool {
        self.shop.writer.is_empty() && self.own.values().all(|urls| urls.writer.is_empty())
    }

    /// Where they are, for people: without names and passwords.
    #[must_use]
    pub fn whereabouts(&self) -> Vec<String> {
        let all = std::iter::once(&self.shop).chain(self.own.values());
        let urls = all.flat_map(|urls| [&urls.writer, &urls.reader]).filter(|url| !url.is_empty());
        urls.map(|url| {
            let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            place.split('?').next().unwrap_or_default().to_owned()
        })
        .collect()
    }

    pub(super) fn from_settings(settings: &Settings) -> Self {
        let urls = |of: &str| DatabaseUrls {
            writer: Secret(text(settings, &format!("database.{of}url")).to_owned()),
            reader: Secret(text(settings, &format!("database.{of}reader_url")).to_owned()),
        };
        Self { shop: urls(""), own: Context::ALL.iter().map(|context| (*context, urls(&format!("{context}_")))).collect() }
    }
}

/// Accounts and logins.
#[derive(Clone, Copy, Debug)]
pub struct AuthConfig {
    /// Characters of a password at least.
    pub password_min_length: usize,
    /// Failed logins of one account from one address in 15 minutes.
    pub failed_logins_per_quarter_hour: u32,
    /// Whether sessions that are alive are noted in Redis.
    pub sessions_in_redis: bool,
}

/// What the shop writes to people.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// Sender.
    pub from: Email,
    /// Operators.
    pub ops: Email,
    /// Whether mails go through SES, or into files.
    pub by_ses: bool,
}

/// Logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// One JSON object a line, or coloured text.
    pub json: bool,
    /// From which level on.
    pub level: tracing::Level,
    /// At which minute of the day, in UTC, the server audits its data; none for never.
    pub audit_at: Option<u32>,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}
