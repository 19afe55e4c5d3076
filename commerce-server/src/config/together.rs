//! What settings ask of each other, and of this build. Each fault is told with all the others.

use toml::Value;

use super::ConfigFault;
use super::load::Settings;

/// What asks for Redis.
const ON_REDIS: [&str; 5] = ["orders.carts", "auth.sessions", "events.bus", "gateway.rate_limit_shared", "services.registry"];
/// Keys that go together: where the first is set, each of the others must be, too.
const BESIDE: [(&str, &[&str]); 5] = [
    ("payments.stripe.secret_key", &["payments.stripe.webhook_secret"]),
    ("payments.razorpay.key_id", &["payments.razorpay.key_secret", "payments.razorpay.webhook_secret"]),
    ("services.tls_certificate", &["services.tls_key", "services.tls_authority"]),
    ("services.tls_key", &["services.tls_certificate", "services.tls_authority"]),
    ("services.tls_authority", &["services.tls_certificate", "services.tls_key"]),
];
/// What this build may be made without.
const FEATURES: [Feature; 5] = [
    Feature {
        name: "aws",
        is_built: cfg!(feature = "aws"),
        asked_by: &[("events.bus", "sqs"), ("mail.transport", "ses"), ("aws.images_bucket", ANY)],
    },
    Feature { name: "mysql", is_built: cfg!(feature = "mysql"), asked_by: &[("database.url", ANY)] },
    Feature {
        name: "redis",
        is_built: cfg!(feature = "redis"),
        asked_by: &[
            ("events.bus", "redis"),
            ("orders.carts", "redis"),
            ("auth.sessions", "redis"),
            ("gateway.rate_limit_shared", ANY),
            ("services.registry", ANY),
        ],
    },
    Feature { name: "stripe", is_built: cfg!(feature = "stripe"), asked_by: &[("payments.stripe.secret_key", ANY)] },
    Feature { name: "razorpay", is_built: cfg!(feature = "razorpay"), asked_by: &[("payments.razorpay.key_id", ANY)] },
];
/// Any value of a key.
const ANY: &str = "";

/// A feature of the build.
struct Feature {
    name: &'static str,
    is_built: bool,
    /// Which keys ask for it, with which value.
    asked_by: &'static [(&'static str, &'static str)],
}

/// Every fault of settings that fit each by itself. Those of `wrong` do not, and are nobody's wish for nothing.
pub(super) fn faults(settings: &Settings, wrong: &[String]) -> Vec<ConfigFault> {
    let is_set = |key: &&str| has_value(settings, key) || wrong.iter().any(|known| known == key);
    let mut faults = Vec::new();
    for (asks, beside) in BESIDE.iter().filter(|(asks, _)| has_value(settings, asks)) {
        let missing = beside.iter().filter(|key| !is_set(key));
        faults.extend(missing.map(|key| fault(settings, key, asks, format!("must be set beside {asks}"))));
    }
    let on_redis: Vec<&str> = ON_REDIS.into_iter().filter(|key| asks_for(settings, key, "redis")).collect();
    if let Some(first) = on_redis.first().filter(|_| !is_set(&"redis.url")) {
        let message = format!("must say where Redis is, for {}", on_redis.join(" and "));
        faults.push(fault(settings, "redis.url", first, message));
    }
    let databases = settings.names().filter(|name| name.starts_with("database.") && name.ends_with("url"));
    let (readers, writers): (Vec<&str>, Vec<&str>) = databases.partition(|name| name.ends_with("reader_url"));
    if !writers.iter().any(is_set) {
        let alone = readers.iter().filter(|key| has_value(settings, key));
        faults.extend(alone.map(|key| fault(settings, key, key, "is a replica, and database.url is not set".to_owned())));
    }
    for Feature { name, asked_by, .. } in FEATURES.iter().filter(|feature| !feature.is_built) {
        let asked = asked_by.iter().filter(|(key, value)| asks_for(settings, key, value));
        let message = || format!("this build has no {name}; build it with --features {name}");
        faults.extend(asked.map(|(key, _)| fault(settings, key, key, message())));
    }
    // Of three that go together two may miss the same one.
    faults.sort_by(|one, other| one.key.cmp(&other.key));
    faults.dedup_by(|one, other| one.key == other.key);
    faults
}

/// A fault of `key`, which was written where `asks` was, unless it was written itself.
fn fault(settings: &Settings, key: &str, asks: &str, message: String) -> ConfigFault {
    let written = if settings.is_default(key) { asks } else { key };
    ConfigFault { key: key.to_owned(), source: settings.source(written).to_owned(), message }
}

/// Whether a key has any value but nothing.
fn has_value(settings: &Settings, key: &str) -> bool {
    match settings.value(key) {
        Value::String(text) => !text.is_empty(),
        Value::Boolean(on) => *on,
        _ => true,
    }
}

/// Whether a key has this value or, where that is [`ANY`], any; of a switch, whether it is on.
fn asks_for(settings: &Settings, key: &str, value: &str) -> bool {
    match settings.value(key) {
        Value::String(text) if value != ANY => text == value,
        _ => has_value(settings, key),
    }
}
