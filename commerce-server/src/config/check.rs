//! What a setting may be: each kind of value with the rule that it keeps, and what somebody is told who breaks it.

use std::net::SocketAddr;

use commerce_core::Currency;
use commerce_core::text::Email;
use toml::Value;

use super::kinds::Kind;
use super::prices;
use crate::address::Network;

/// Whether a value fits its key; the messages say what would.
pub(super) fn check(kind: Kind, value: &Value) -> Result<(), Vec<String>> {
    match kind {
        Kind::Shipping => prices::shipping(value, Currency::INR).map(drop),
        Kind::Taxes => prices::taxes(value).map(drop),
        kind => check_one(kind, value).map_err(|message| vec![message]),
    }
}

fn check_one(kind: Kind, value: &Value) -> Result<(), String> {
    let text = || value.as_str().ok_or_else(|| "must be text in quotes".to_owned());
    let texts = || -> Result<Vec<&str>, String> {
        let items = value.as_array().ok_or("must be a list")?;
        items.iter().map(|item| item.as_str().ok_or_else(|| "must be a list of texts".to_owned())).collect()
    };
    let fits = |fits: bool, message: &str| if fits { Ok(()) } else { Err(message.to_owned()) };
    match kind {
        Kind::Text | Kind::Folder => fits(!text()?.is_empty(), "must not be empty"),
        Kind::TextOrNone => text().map(|_| ()),
        Kind::AddressOrNone => {
            let text = text()?;
            fits(text.is_empty() || text.parse::<SocketAddr>().is_ok(), "must be an address and a port, or empty")
        }
        Kind::Instances => {
            let all = texts()?.iter().all(|instance| is_instance(instance));
            fits(all, "must be http://HOST:PORT each, or dns+http://NAME:PORT")
        }
        Kind::Address => fits(text()?.parse::<SocketAddr>().is_ok(), "must be an address and a port such as 127.0.0.1:8080"),
        Kind::UrlOrNone => {
            let text = text()?.trim_end_matches('/');
            fits(text.is_empty() || is_origin(text), "must begin with http:// or https:// and have no path, or be empty")
        }
        Kind::Mail => fits(text()?.parse::<Email>().is_ok(), "must be a mail address"),
        Kind::Currency => fits(text()?.parse::<Currency>().is_ok(), "must be an ISO 4217 code such as INR"),
        Kind::Number(from, to) => {
            let inside = value.as_integer().is_some_and(|number| (from..=to).contains(&number));
            fits(inside, &format!("must be a whole number from {from} to {to}"))
        }
        Kind::Switch => fits(value.is_bool(), "must be true or false"),
        Kind::TimeOfDay => {
            let text = text()?;
            fits(text.is_empty() || minute_of_day(text).is_some(), "must be a time of day in UTC such as 03:00, or empty")
        }
        Kind::Choice(words) => fits(words.contains(&text()?), &format!("must be one of {}", words.join(", "))),
        Kind::Origins => {
            let all = texts()?.iter().all(|origin| is_origin(origin));
            fits(all, "must be origins such as https://shop.example, without a path")
        }
        Kind::Networks => {
            let all = texts()?.iter().all(|network| network.parse::<Network>().is_ok());
            fits(all, "must be IP addresses or networks such as 10.0.0.0/8")
        }
        Kind::Database => {
            let text = text()?;
            let message = "must be mysql://USER:PASSWORD@HOST:PORT/NAME, with signs of the password other than letters and digits as \
                           %XX, or empty";
            fits(text.is_empty() || is_database(text), message)
        }
        Kind::Shipping | Kind::Taxes => fits(value.is_array(), "must be a list"),
        Kind::Place => prices::place(text()?).map(|_| ()),
    }
}

/// The minute of the day that a time such as `03:00` is.
pub(super) fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, most: u32| text.parse::<u32>().ok().filter(|number| text.len() == 2 && *number <= most);
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte));
    host.is_some_and(|host| !host.is_empty() && plain(host))
}

fn is_instance(text: &str) -> bool {
    let plain = text.strip_prefix("dns+").unwrap_or(text);
    let port = plain.rsplit_once(':').and_then(|(_, port)| port.trim_end_matches('/').parse::<u16>().ok());
    is_origin(plain.trim_end_matches('/')) && port.is_some_and(|port| port > 0)
}

/// Whether it names a server, and at most one database there.
fn is_database(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else { return false };
    let known = matches!(uri.scheme_str(), Some("mysql" | "mariadb"));
    let host = uri.authority().is_some_and(|authority| !authority.host().is_empty());
    let port = uri.authority().is_some_and(|authority| {
        let place = authority.as_str().rsplit('@').next().unwrap_or_default();
        place == authority.host() || authority.port_u16().is_some_and(|port| port > 0)
    });
    known && host && port && !uri.path().trim_start_matches('/').contains('/')
}
