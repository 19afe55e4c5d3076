//! The `commerce` command: serves a shop and administers it.
//!
//! A thin shell over the core: a command reads its arguments, calls one use case and shows what it
//! answers. Never holds a rule of its own, and is no library: all that is public is [`main`] and [`server`].
//! Start reading at `args`, then `commands`.

mod args;
mod bench;
mod commands;
mod confirm;
mod context;
mod demo;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod import;
mod output;
mod progress;
mod remote;
mod secret;
mod shop;
mod torture;
mod views;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command of the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    run(args::Cli::parse())
}

/// Runs `serve` with the process's arguments: the program that is nothing but a server.
#[must_use]
pub fn server() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    run(args::Cli::parse_from([program, "serve".into()].into_iter().chain(arguments)))
}

fn run(cli: args::Cli) -> ExitCode {
    let format = cli.globals.output;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(failure.report(format));
            ExitCode::from(failure.exit())
        }
    }
}
