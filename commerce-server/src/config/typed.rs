//! The settings as the program uses them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use commerce_core::Currency;
use commerce_core::commerce::{Context, KeepPolicy};
use commerce_core::orders::{Capture, Destination, RateTable, TaxTable};
use commerce_core::text::Email;

use super::check::minute_of_day;
use super::load::Settings;
use super::prices;
use crate::address::Network;

/// The port that stands in no `http://` address.
const HTTP_PORT: u16 = 80;

/// The settings of one shop.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerConfig,
    /// Limits at the door.
    pub gateway: GatewayConfig,
    /// Where the services are.
    pub services: ServicesConfig,
    /// How events travel.
    pub events: EventBusKind,
    /// How badly, of a hundred.
    pub events_chaos_percent: u8,
    /// Whether webhooks may call networks of ours.
    pub webhooks_to_private_networks: bool,
    /// How long is kept what is not kept for ever.
    pub keep: KeepPolicy,
    /// Redis, where it is used.
    pub redis: RedisConfig,
    /// AWS, where it is used.
    pub aws: AwsConfig,
    /// Whether carts are kept in Redis.
    pub carts_in_redis: bool,
    /// Accounts and logins.
    pub auth: AuthConfig,
    /// The data directory.
    pub data_dir: PathBuf,
    /// Where the databases are.
    pub database: DatabaseConfig,
    /// Whether a search index is kept.
    pub search_enabled: bool,
    /// What the shop writes to people.
    pub mail: MailConfig,
    /// Signs the sandbox's webhooks.
    pub sandbox_webhook_secret: Secret,
    /// When promised money is taken.
    pub capture: Capture,
    /// Orders of one customer that may wait for their money at once; 0 for any number.
    pub unpaid_max: u32,
    /// Stripe, where cards go through it.
    pub stripe: Option<StripeConfig>,
    /// Razorpay, where money goes through it.
    pub razorpay: Option<RazorpayConfig>,
    /// Ways to ship, the default first.
    pub shipping: RateTable,
    /// What is taxed.
    pub taxes: TaxTable,
    /// Where the shop ships from.
    pub ships_from: Destination,
    /// Available units at which ops are told.
    pub low_stock_threshold: i64,
    /// Logs.
    pub telemetry: TelemetryConfig,
    pub(super) settings: Settings,
}

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
    fn from_settings(settings: &Settings) -> Option<Self> {
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

    fn from_settings(settings: &Settings) -> Self {
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
pub struct Secret(String);

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

impl Config {
    /// Clients reach the shop at this address, unless the settings say where.
    #[must_use]
    pub fn reached_at(mut self, address: SocketAddr) -> Self {
        if some_text(&self.settings, "server.public_url").is_none() {
            self.server.public_url = origin(address);
        }
        self
    }

    /// From settings whose every value was checked when it was put in.
    pub(super) fn from_settings(settings: Settings) -> Self {
        let currency: Currency = parsed(&settings, "server.currency");
        let listen: SocketAddr = parsed(&settings, "server.listen");
        let public_url = some_text(&settings, "server.public_url").unwrap_or_else(|| origin(listen));
        Self {
            server: ServerConfig {
                listen,
                internal_listen: text(&settings, "server.internal_listen").parse().ok(),
                public_url: public_url.trim_end_matches('/').to_owned(),
                shop_name: text(&settings, "mail.from_name").to_owned(),
                currency,
                cors_origins: list(&settings, "server.cors_origins"),
                max_body_bytes: number(&settings, "server.max_body_bytes"),
                request_timeout: Duration::from_secs(number(&settings, "server.request_timeout_seconds")),
                connections_max: number(&settings, "server.connections_max"),
            },
            gateway: GatewayConfig {
                rate_limit_per_minute: number(&settings, "gateway.rate_limit_per_minute"),
                rate_limit_anonymous_per_minute: number(&settings, "gateway.rate_limit_anonymous_per_minute"),
                rate_limit_shared: switch(&settings, "gateway.rate_limit_shared"),
                trusted_proxies: list(&settings, "gateway.trusted_proxies"),
            },
            services: ServicesConfig {
                public: instances(&settings, ""),
                internal: instances(&settings, "_internal"),
                registry: switch(&settings, "services.registry"),
                advertise: some_text(&settings, "services.advertise"),
                secret: Secret(text(&settings, "services.secret").to_owned()),
                tls: TlsFiles::from_settings(&settings),
            },
            events: match text(&settings, "events.bus") {
                "redis" => EventBusKind::Redis,
                "sqs" => EventBusKind::Sqs,
                _ => EventBusKind::Local,
            },
            events_chaos_percent: number(&settings, "events.chaos_percent"),
            webhooks_to_private_networks: switch(&settings, "events.webhooks_to_private_networks"),
            keep: KeepPolicy {
                messages: days(&settings, "database.keep_messages_days"),
                deliveries: days(&settings, "database.keep_webhook_deliveries_days"),
                letters: days(&settings, "database.keep_dead_letters_days"),
                provider_messages: days(&settings, "database.keep_provider_messages_days"),
                holds: days(&settings, "database.keep_holds_days"),
            },
            redis: RedisConfig {
                url: Secret(text(&settings, "redis.url").to_owned()),
                prefix: text(&settings, "redis.prefix").to_owned(),
                durable: switch(&settings, "redis.durable"),
            },
            aws: AwsConfig {
                region: some_text(&settings, "aws.region"),
                endpoint: some_text(&settings, "aws.endpoint"),
                prefix: text(&settings, "aws.prefix").to_owned(),
                fifo: switch(&settings, "aws.fifo"),
                images_bucket: some_text(&settings, "aws.images_bucket"),
            },
            carts_in_redis: text(&settings, "orders.carts") == "redis",
            auth: AuthConfig {
                password_min_length: number(&settings, "auth.password_min_length"),
                failed_logins_per_quarter_hour: number(&settings, "auth.failed_logins_per_quarter_hour"),
                sessions_in_redis: text(&settings, "auth.sessions") == "redis",
            },
            data_dir: PathBuf::from(text(&settings, "database.dir")),
            database: DatabaseConfig::from_settings(&settings),
            search_enabled: switch(&settings, "search.enabled"),
            mail: MailConfig {
                from: parsed(&settings, "mail.from"),
                ops: parsed(&settings, "mail.ops_address"),
                by_ses: text(&settings, "mail.transport") == "ses",
            },
            sandbox_webhook_secret: Secret(text(&settings, "payments.sandbox.webhook_secret").to_owned()),
            capture: parsed(&settings, "payments.capture"),
            unpaid_max: number(&settings, "orders.unpaid_max"),
            stripe: some_text(&settings, "payments.stripe.secret_key").map(|key| StripeConfig {
                secret_key: Secret(key),
                webhook_secret: Secret(text(&settings, "payments.stripe.webhook_secret").to_owned()),
                api_url: text(&settings, "payments.stripe.api_url").to_owned(),
            }),
            razorpay: some_text(&settings, "payments.razorpay.key_id").map(|key_id| RazorpayConfig {
                key_id,
                key_secret: Secret(text(&settings, "payments.razorpay.key_secret").to_owned()),
                webhook_secret: Secret(text(&settings, "payments.razorpay.webhook_secret").to_owned()),
                webhook_secret_before: Secret(text(&settings, "payments.razorpay.webhook_secret_before").to_owned()),
                api_url: text(&settings, "payments.razorpay.api_url").to_owned(),
            }),
            shipping: prices::shipping(settings.value("orders.shipping"), currency).unwrap_or_default(),
            taxes: prices::taxes(settings.value("orders.taxes")).unwrap_or_default(),
            ships_from: prices::place(text(&settings, "orders.ships_from")).expect(CHECKED),
            low_stock_threshold: number(&settings, "inventory.low_stock_threshold"),
            telemetry: TelemetryConfig {
                json: text(&settings, "telemetry.log") == "json",
                level: parsed(&settings, "telemetry.level"),
                audit_at: minute_of_day(text(&settings, "telemetry.audit_at")),
            },
            settings,
        }
    }
}

fn days(settings: &Settings, key: &str) -> Duration {
    Duration::from_hours(24).saturating_mul(number(settings, key))
}

/// The origin of a listener, as whoever is on the same machine reaches it.
fn origin(listen: SocketAddr) -> String {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    if listen.port() == HTTP_PORT { format!("http://{host}") } else { format!("http://{host}:{}", listen.port()) }
}

const CHECKED: &str = "every value is checked against its kind when it is put in";

fn text<'a>(settings: &'a Settings, key: &str) -> &'a str {
    settings.value(key).as_str().expect(CHECKED)
}

fn some_text(settings: &Settings, key: &str) -> Option<String> {
    Some(text(settings, key).to_owned()).filter(|text| !text.is_empty())
}

fn switch(settings: &Settings, key: &str) -> bool {
    settings.value(key).as_bool().expect(CHECKED)
}

fn parsed<T: std::str::FromStr>(settings: &Settings, key: &str) -> T {
    text(settings, key).parse().ok().expect(CHECKED)
}

fn number<T: TryFrom<i64>>(settings: &Settings, key: &str) -> T {
    settings.value(key).as_integer().and_then(|number| T::try_from(number).ok()).expect(CHECKED)
}

fn list<T: std::str::FromStr>(settings: &Settings, key: &str) -> Vec<T> {
    let items = settings.value(key).as_array().expect(CHECKED);
    items.iter().filter_map(|item| item.as_str()?.parse().ok()).collect()
}

/// Where each service is, by the keys that end so.
fn instances(settings: &Settings, end: &str) -> BTreeMap<Context, Vec<String>> {
    Context::ALL.iter().map(|context| (*context, list(settings, &format!("services.{context}{end}")))).collect()
}
