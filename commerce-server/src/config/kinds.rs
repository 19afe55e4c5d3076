//! What a key of the settings is, and what it takes.

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// An IP address and a port.
    Address,
    /// A folder.
    Folder,
    /// `http://…` or `https://…`, or nothing.
    UrlOrNone,
    /// A mail address.
    Mail,
    /// An ISO 4217 code.
    Currency,
    /// A whole number within these bounds.
    Number(i64, i64),
    /// `true` or `false`.
    Switch,
    /// A time of day in UTC: `03:00`; empty for never.
    TimeOfDay,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Origins: scheme, host and port each.
    Origins,
    /// IP addresses or networks (`10.0.0.0/8`).
    Networks,
    /// An IP address and a port, or nothing.
    AddressOrNone,
    /// Any text, or nothing.
    TextOrNone,
    /// Listeners of a service: `http://HOST:PORT` each, or `dns+http://NAME:PORT`; the same with `https`.
    Instances,
    /// A database server, with a database or the beginning of its name or neither, or nothing.
    Database,
    /// Ways to ship: `{ id, name, price, estimated_days }` each, and what they depend on.
    Shipping,
    /// Taxes: `{ name, rate }` each, and what they are on.
    Taxes,
    /// A country, or one with its state: `IN-MH`.
    Place,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its whole name: `section.key`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its default, written as in the file.
    pub default: &'static str,
    /// What it means.
    pub comment: &'static str,
    /// Whether it is never shown and may be read from a file of its own.
    pub secret: bool,
}

pub(super) const fn key(name: &'static str, kind: Kind, default: &'static str, comment: &'static str) -> Key {
    Key { name, kind, default, comment, secret: false }
}
