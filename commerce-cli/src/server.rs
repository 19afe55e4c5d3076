//! The process of the `commerce-server` command: `commerce serve` under a name of its own.

use std::process::ExitCode;

/// As in `commerce`: see there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commerce_cli::server()
}
