//! One file per command.

pub(crate) mod audit;
#[cfg(feature = "aws")]
pub(crate) mod aws;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod coupon;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod email;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod order;
pub(crate) mod outbox;
pub(crate) mod payments;
pub(crate) mod product;
pub(crate) mod restore;
pub(crate) mod returns;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod stock;
pub(crate) mod user;
pub(crate) mod webhook;

use std::future::Future;

use crate::args::{Cli, Command};
use crate::bench;
use crate::context::Context;
use crate::failure::Failure;
use crate::shop;
use crate::torture;

/// Runs the command.
///
/// # Errors
/// Whatever stopped it.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let cx = Context::new(cli.globals);
    match cli.command {
        Command::Serve(args) => block(serve::run(&cx, args)),
        Command::Init(args) => block(init::run(&cx, args)),
        Command::Config(command) => config::run(&cx, &command),
        Command::Doctor(args) => block(doctor::run(&cx, args)),
        Command::Migrate(args) => block(migrate::run(&cx, args)),
        Command::Keys(command) => keys::run(&cx, &command),
        Command::User(command) => block(user::run(&cx, command)),
        Command::Product(command) => block(product::run(&cx, command)),
        Command::Stock(command) => block(stock::run(&cx, command)),
        Command::Coupon(command) => block(coupon::run(&cx, command)),
        Command::Order(command) => block(order::run(&cx, command)),
        Command::Payments(command) => block(payments::run(&cx, command)),
        Command::Return(command) => block(returns::run(&cx, command)),
        Command::Search(command) => block(search::run(&cx, command)),
        Command::Outbox(command) => block(outbox::run(&cx, command)),
        Command::Dlq(command) => block(dlq::run(&cx, command)),
        #[cfg(feature = "aws")]
        Command::Aws(command) => block(aws::run(&cx, command)),
        Command::Email(command) => block(email::run(&cx, command)),
        Command::Webhook(command) => block(webhook::run(&cx, command)),
        Command::Backup(args) => block(backup::run(&cx, args)),
        Command::Restore(args) => block(restore::run(&cx, args)),
        Command::Audit(args) => block(audit::run(&cx, args)),
        Command::Bench(args) => block(bench::run(&cx, args)),
        Command::Torture(args) => block(torture::run(&cx, args)),
        Command::Completions(args) => completions::run(&args),
        Command::Openapi(args) => block(openapi::run(&cx, args)),
    }
}

fn block(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("start the runtime", &error))?;
    runtime.block_on(async {
        let done = work.await;
        shop::close_all().await;
        done
    })
}
