//! The `commerce` command: serves a shop and administers it.
//!
//! A thin shell over the core: a command reads its arguments, calls one use case and shows what it
//! answers. Never holds a rule of its own. Start reading at [`args`], then `commands`.

mod args;
mod bench;
mod commands;
mod confirm;
mod context;
mod demo;
mod failure;
mod import;
mod output;
mod remote;
mod secret;
mod shop;
mod views;

use std::process::ExitCode;

use clap::Parser;

/// What one thread allocates another one frees here (statements, events, mails), which is where the
/// system's allocator is slow. It takes the place of `malloc` too, for SQLite. Programs that embed the
/// library choose their own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let format = cli.globals.output;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.report(format));
            ExitCode::from(failure.exit())
        }
    }
}
