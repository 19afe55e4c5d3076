//! What can be written on the command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use commerce_core::Timestamp;
use commerce_core::error::Refusal;
use commerce_core::page::PageRequest;

use crate::bench;
use crate::commands::{
    audit, backup, completions, config, coupon, dlq, doctor, email, init, keys, migrate, openapi, order, outbox, payments,
    product, restore, returns, search, serve, stock, user, webhook,
};
use crate::output::Format;
use crate::torture;

const EXAMPLES: &str = "\
Examples:
  commerce serve --demo                              a filled shop on http://127.0.0.1:8080
  commerce init                                      a commented commerce.toml to begin with
  commerce user create --email me@example.com --full-name Me --role ADMIN
                                                     who may administer; asks for a password
  commerce product import export.csv --dry-run       what an import would do
  commerce stock adjust TSHIRT-S +20 --reason delivery
  commerce order list --status PENDING --output json
  commerce --url http://shop.example:8080 order show ORDER_ID

Commands work on the data directory (--data, else the configuration's database.dir, else
./commerce-data) and may run while `serve` runs on the same one. With --url they ask a running
server instead; the token of a staff login goes into COMMERCE_TOKEN.

Exit codes: 0 done, 1 refused or failed (the problem's code is on standard error), 2 bad usage.";

/// A shop engine: serves a shop over HTTP and administers it.
#[derive(Debug, Parser)]
#[command(name = "commerce", version, after_help = EXAMPLES, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// Accepted by every command, before or after its name.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// The shop's data directory [default: ./commerce-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The configuration file [default: ./commerce.toml if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "COMMERCE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Ask this running server instead of the data directory: `http://HOST:PORT` or `https://HOST`
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The access token for --url
    #[arg(long, global = true, value_name = "TOKEN", env = "COMMERCE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How results are shown
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// Do not ask before something that cannot be undone
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
}

/// Which part of a list.
#[derive(Clone, Debug, Args)]
pub(crate) struct Paging {
    /// How many entries, 1 to 100
    #[arg(long, default_value_t = 20)]
    pub limit: i64,
    /// Where the last page ended: its nextCursor
    #[arg(long)]
    pub cursor: Option<String>,
}

impl Paging {
    /// For the core.
    ///
    /// # Errors
    /// `INVALID`, `BAD_CURSOR`.
    pub(crate) fn request(&self) -> Result<PageRequest, Refusal> {
        PageRequest::parse(Some(self.limit), self.cursor.as_deref())
    }

    /// For a server.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let cursor = self.cursor.iter().map(|cursor| ("cursor", cursor.clone()));
        std::iter::once(("limit", self.limit.to_string())).chain(cursor).collect()
    }
}

/// A time of the contract.
///
/// # Errors
/// A sentence that says what it should be.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "must be an RFC 3339 time such as 2026-03-01T00:00:00Z".to_owned())
}

/// A word of the contract, in capitals or not; help and errors name all of them.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let words = PossibleValuesParser::new(all.iter().map(|value| name(*value)));
    words.try_map(move |text| {
        let known = all.iter().find(|value| name(**value).eq_ignore_ascii_case(&text));
        known.copied().ok_or("no such word")
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the shop over HTTP
    Serve(serve::Args),
    /// Write a commented configuration file
    Init(init::Args),
    /// The effective settings
    #[command(subcommand)]
    Config(config::Command),
    /// Check the configuration, the data directory and every dependency
    Doctor(doctor::Args),
    /// Bring the databases up to this version
    Migrate(migrate::Args),
    /// The keys that sign access tokens
    #[command(subcommand)]
    Keys(keys::Command),
    /// Users, and the first admin
    #[command(subcommand)]
    User(user::Command),
    /// Products: import, export and look
    #[command(subcommand)]
    Product(product::Command),
    /// What is on hand and why
    #[command(subcommand)]
    Stock(stock::Command),
    /// Coupons: what takes something off an order
    #[command(subcommand)]
    Coupon(coupon::Command),
    /// Orders and how far they are
    #[command(subcommand)]
    Order(order::Command),
    /// What was paid, held against what the providers say
    #[command(subcommand)]
    Payments(payments::Command),
    /// What comes back of orders
    #[command(subcommand)]
    Return(returns::Command),
    /// The search index
    #[command(subcommand)]
    Search(search::Command),
    /// Events on their way
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Events that a consumer could not handle (dead letters)
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Topics and queues at AWS
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Aws(crate::commands::aws::Command),
    /// Mails: see them, and try the way out
    #[command(subcommand)]
    Email(email::Command),
    /// Other systems that are told of events, and what became of it
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Copy the whole shop as it is at one instant, while it sells
    Backup(backup::Args),
    /// Put a backup in the place of the shop, or only check it
    Restore(restore::Args),
    /// Check that everything is true that must be true of the shop's data
    Audit(audit::Args),
    /// Measure speed under load
    Bench(bench::Args),
    /// Try the shop hard, kill it, and see whether all holds
    Torture(torture::Args),
    /// Completions for a shell, on standard output
    Completions(completions::Args),
    /// The HTTP contract as OpenAPI, on standard output
    Openapi(openapi::Args),
}

/// `SKU=QUANTITY`.
pub(crate) fn item(text: &str) -> Result<(String, i64), String> {
    let wrong = || "must be SKU=QUANTITY".to_owned();
    let (sku, quantity) = text.rsplit_once('=').ok_or_else(wrong)?;
    Ok((sku.to_owned(), quantity.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Longer lines are broken again where nobody looked.
    #[test]
    fn help_fits_a_terminal_of_a_hundred_columns() {
        fn check(command: &clap::Command) {
            let notes = [command.get_after_help(), command.get_after_long_help(), command.get_before_help()];
            for line in
                notes.into_iter().flatten().flat_map(|note| note.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
            {
                assert!(line.chars().count() <= 100, "of {}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn global_options_stand_before_or_after() {
        for words in [
            "commerce --data d --output json order list --status PENDING",
            "commerce order --data d list --status PENDING --output json",
            "commerce order list --status PENDING --data d --output json",
        ] {
            let cli = Cli::try_parse_from(words.split(' ')).unwrap();
            assert_eq!(cli.globals.data, Some(PathBuf::from("d")));
            assert_eq!(cli.globals.output, Format::Json);
        }
    }

    #[test]
    fn every_command_of_the_contract_is_there() {
        for words in [
            "serve --role all --listen 127.0.0.1:0 --demo",
            "init",
            "init --demo",
            "config show",
            "doctor",
            "migrate --plan",
            "keys list",
            "keys rotate --revoke",
            "user create --email a@b.co --full-name N --role ADMIN --password-stdin",
            "user list",
            "user set-role a@b.co ADMIN",
            "user reset-password a@b.co --password-stdin",
            "product import f.csv --format shopify-csv --dry-run",
            "product export",
            "product export --format shopify-csv products.csv",
            "product list",
            "product show cup",
            "stock show A",
            "stock adjust A -3 --reason broken",
            "stock ledger A",
            "coupon create SAVE10 --type PERCENTAGE --value 10 --usage-limit 5",
            "coupon create FLAT --type fixed --value 99.50 --minimum-subtotal 500",
            "coupon list",
            "coupon show SAVE10",
            "coupon delete SAVE10 --yes",
            "order list",
            "order show ORD-1",
            "order timeline ORD-1",
            "order status ORD-1 PROCESSING",
            "order cancel ORD-1",
            "return list --status REQUESTED",
            "return show 018f0000-0000-7000-8000-000000000000",
            "return approve 018f0000-0000-7000-8000-000000000000",
            "return reject 018f0000-0000-7000-8000-000000000000 --reason late --yes",
            "return receive 018f0000-0000-7000-8000-000000000000 --line A=2 --line B=1:write-off",
            "return refund 018f0000-0000-7000-8000-000000000000 --amount 9.50 --yes",
            "search reindex",
            "outbox status",
            "outbox hold",
            "outbox release",
            "outbox drop --yes",
            "backup there",
            "restore there --verify",
            "restore there --yes",
            "dlq list",
            "dlq show catalog-order-queue 018f0000-0000-7000-8000-000000000000",
            "dlq redrive --all",
            "dlq retry --all",
            "dlq purge --all",
            "webhook list",
            "webhook add https://example.com/hooks --event ORDER_CONFIRMED --event ORDER_CANCELLED",
            "webhook remove 018f0000-0000-7000-8000-000000000000 --yes",
            "webhook deliveries 018f0000-0000-7000-8000-000000000000 --status failed",
            "webhook resend 018f0000-0000-7000-8000-000000000000 018f0000-0000-7000-8000-000000000001",
            "email preview welcome",
            "email send-test --to a@b.co",
            "audit --fix",
            "bench browse --connections 4 --seconds 1",
            "torture --kill --buyers 4 --seconds 1 --seed 7 --hot-skus 2",
            "completions bash",
            "openapi",
        ] {
            let parsed = Cli::try_parse_from(std::iter::once("commerce").chain(words.split(' ')));
            assert!(parsed.is_ok(), "{words}: {}", parsed.err().unwrap());
        }
    }
}
