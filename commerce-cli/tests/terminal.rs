//! The command as a person at a terminal sees it: questions, passwords, progress.
//!
//! `script` of util-linux gives the command a pseudo-terminal of its own, and `timeout` ends one that waits for ever.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const APPAREL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/shopify-apparel.csv");

/// More than any of these commands takes on a slow, busy machine.
const PATIENCE_SECONDS: &str = "120";

/// A command at a terminal.
struct Session {
    child: Child,
    seen: String,
}

impl Session {
    fn start(folder: &Path, arguments: &str) -> Self {
        let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_commerce"));
        let child = Command::new("timeout")
            .args(["--kill-after=5", PATIENCE_SECONDS, "script", "--quiet", "--return", "--command", &line, "/dev/null"])
            .current_dir(folder)
            .env_remove("COMMERCE_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script of util-linux is there");
        Self { child, seen: String::new() }
    }

    /// Reads on until `prompt` was shown.
    fn wait_for(&mut self, prompt: &str) {
        let output = self.child.stdout.as_mut().expect("it is piped");
        let mut bytes = self.seen.clone().into_bytes();
        while !String::from_utf8_lossy(&bytes).contains(prompt) {
            let mut byte = [0];
            assert_eq!(output.read(&mut byte).expect("it can be read"), 1, "{prompt:?} never came: {}", self.seen);
            bytes.extend(byte);
        }
        self.seen = String::from_utf8_lossy(&bytes).into_owned();
    }

    fn enter(&mut self, line: &str) {
        self.child.stdin.as_mut().expect("it is piped").write_all(format!("{line}\r").as_bytes()).expect("it listens");
    }

    /// The exit code and everything that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = Vec::new();
        self.child.stdout.take().expect("it is piped").read_to_end(&mut rest).expect("it can be read");
        let status = self.child.wait().expect("it ends");
        (status.code(), self.seen + &String::from_utf8_lossy(&rest))
    }
}

#[test]
fn what_cannot_be_undone_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _) = Session::start(folder.path(), "init").end();
    assert_eq!(code, Some(0), "nothing is lost, nothing is asked");
    for (answer, expected) in [("n", Some(1)), ("", Some(1)), ("YES", Some(0)), ("y", Some(0))] {
        let mut session = Session::start(folder.path(), "init");
        session.wait_for("[y/N] ");
        session.enter(answer);
        let (code, shown) = session.end();
        assert_eq!(code, expected, "{answer:?}: {shown}");
        assert_eq!(shown.contains("NOT_CONFIRMED"), code == Some(1), "{shown}");
    }
}

#[test]
fn a_password_is_asked_for_twice_and_must_be_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (again, expected) in [("another password", Some(1)), ("a long password", Some(0))] {
        let mut session = Session::start(folder.path(), "user create --email a@example.com --full-name Asha");
        session.wait_for("Password: ");
        session.enter("a long password");
        session.wait_for("Once more: ");
        session.enter(again);
        let (code, shown) = session.end();
        assert_eq!(code, expected, "{shown}");
        assert_eq!(shown.contains("PASSWORDS_DIFFER"), code == Some(1), "{shown}");
    }
}

#[test]
fn what_is_typed_before_the_question_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::start(folder.path(), "user create --email a@example.com --full-name Asha");
    session.enter("a long password");
    session.enter("a long password");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn a_long_command_shows_how_far_it_is_and_leaves_only_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.csv"), "Handle,Title,Variant Price\nmug,Mug,4.50\njug,Jug,free\n").unwrap();
    let (code, shown) = Session::start(folder.path(), &format!("product import {APPAREL}")).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains('█') && shown.contains("KiB"), "a bar: {shown}");
    let last = shown.rsplit("\u{1b}[2K").next().unwrap_or_default();
    assert!(last.contains("20 created") && !last.contains('█'), "the bar is gone in the end: {last}");
    let (code, shown) = Session::start(folder.path(), "product import bad.csv").end();
    assert_eq!(code, Some(1), "good rows are in, bad ones are not: {shown}");
    assert!(shown.contains("line 3: jug") && shown.contains("1 created") && shown.contains("BAD_ROWS"), "{shown}");
}

/// What was shown is a bar with these words, and nothing of it is left.
fn is_shown_and_gone(shown: &str, words: &str) {
    assert!(shown.contains('█') && shown.contains(words), "a bar: {shown}");
    let last = shown.rsplit("\u{1b}[2K").next().unwrap_or_default();
    assert!(!last.contains('█') && !last.contains(words), "the bar is gone in the end: {last}");
}

#[test]
fn an_export_into_a_file_shows_how_far_it_is_and_one_to_the_terminal_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (code, shown) = Session::start(folder.path(), &format!("product import {APPAREL}")).end();
    assert_eq!(code, Some(0), "{shown}");
    for (name, all) in [("all.jsonl", "/20 products"), ("all.csv", "/40 products")] {
        let (code, shown) = Session::start(folder.path(), &format!("product export {name}")).end();
        assert_eq!(code, Some(0), "{shown}");
        is_shown_and_gone(&shown, all);
    }
    let (code, shown) = Session::start(folder.path(), "product export").end();
    assert_eq!((code, shown.lines().count()), (Some(0), 20), "{shown}");
    assert!(!shown.contains('█'), "{shown}");
}

#[test]
fn torture_shows_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (code, shown) = Session::start(folder.path(), "torture --buyers 2 --seconds 1").end();
    assert_eq!(code, Some(0), "{shown}");
    is_shown_and_gone(&shown, "1/1 s coming to rest");
}
