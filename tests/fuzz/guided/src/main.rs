//! One of the fuzz targets under libFuzzer; `COMMERCE_FUZZ_TARGET` says which. Started by `run`.

#![no_main]

use std::sync::OnceLock;

use commerce_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn target() -> Target {
    let name = std::env::var("COMMERCE_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no target is called {name:?}")).1
}

fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(target)(bytes));
