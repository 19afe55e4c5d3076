//! The command as a script sees it: exit codes, standard output, standard error.

mod answers;
mod asked;
mod house;
mod products;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const APPAREL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/shopify-apparel.csv");

fn commerce(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_commerce"))
        .args(args)
        .current_dir(folder)
        .env_remove("COMMERCE_TOKEN")
        .env_remove("COMMERCE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    // A command that does not read its input may have ended before it is written.
    drop(child.stdin.take().expect("it is piped").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = commerce(folder, &[args, &["--output", "json"]].concat(), "");
    assert!(output.status.success(), "{args:?}: {}", error(&output));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
