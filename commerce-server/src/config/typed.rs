//! The settings as the program uses them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use commerce_core::Currency;
use commerce_core::commerce::{Context, KeepPolicy};
use commerce_core::orders::{Capture, Destination, RateTable, TaxTable};

use super::check::minute_of_day;
use super::load::Settings;
use super::prices;
use super::sections::{
    AuthConfig, AwsConfig, DatabaseConfig, EventBusKind, GatewayConfig, MailConfig, RazorpayConfig, RedisConfig, Secret,
    ServerConfig, ServicesConfig, StripeConfig, TelemetryConfig, TlsFiles,
};
use super::values::{CHECKED, list, number, parsed, some_text, switch, text};

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
    /// For how long ops are not told of a SKU again.
    pub low_stock_quiet: Duration,
    /// Logs.
    pub telemetry: TelemetryConfig,
    pub(super) settings: Settings,
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
            low_stock_quiet: Duration::from_mins(number(&settings, "inventory.low_stock_quiet_minutes")),
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

/// Where each service is, by the keys that end so.
fn instances(settings: &Settings, end: &str) -> BTreeMap<Context, Vec<String>> {
    Context::ALL.iter().map(|context| (*context, list(settings, &format!("services.{context}{end}")))).collect()
}
