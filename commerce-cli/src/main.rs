//! The process of the `commerce` command; see the library beside it.

use std::process::ExitCode;

/// What one thread allocates another one frees here (statements, events, mails), which is where the
/// system's allocator is slow. It takes the place of `malloc` too, for SQLite. Programs that embed the
/// library choose their own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commerce_cli::main()
}
