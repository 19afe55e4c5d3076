//! The arrow goes shell -> use case -> port -> adapter; this holds it.

#![expect(clippy::unwrap_used, reason = "the shape of cargo's metadata is its contract")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crates that must not appear among a workspace member's own dependencies.
const NOT_DIRECTLY: [(&str, &[&str]); 4] = [
    ("commerce-core", &["tokio", "sqlx", "redis", "axum", "hyper", "reqwest", "clap", "tantivy", "lettre", "commerce-adapters"]),
    ("commerce-adapters", &["axum", "clap", "commerce-server", "commerce-cli"]),
    ("commerce-server", &["sqlx", "redis", "tantivy", "lettre", "clap", "argon2", "commerce-cli"]),
    ("commerce-cli", &["sqlx", "redis", "tantivy", "lettre", "axum", "argon2"]),
];

/// Crates that must not be anywhere below the core.
const NOT_BELOW_CORE: [&str; 6] = ["tokio", "sqlx-core", "hyper", "mio", "axum-core", "rustls"];

/// The triple of this machine, so that crates of other platforms need not be there.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(output.stdout).expect("rustc speaks UTF-8");
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features", "--filter-platform", &host()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Normal (neither dev nor build) dependencies of every resolved package, by package id.
fn graph(metadata: &Value) -> BTreeMap<&str, Vec<&str>> {
    let normal = |dep: &&Value| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| {
            let deps = node["deps"].as_array().unwrap().iter().filter(normal).map(|dep| text(&dep["pkg"])).collect();
            (text(&node["id"]), deps)
        })
        .collect()
}

fn names(metadata: &Value) -> BTreeMap<&str, &str> {
    metadata["packages"].as_array().unwrap().iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect()
}

#[test]
fn crates_depend_only_on_what_is_theirs() {
    let metadata = metadata();
    let (graph, names) = (graph(&metadata), names(&metadata));
    for (member, forbidden) in NOT_DIRECTLY {
        let id = names.iter().find(|(_, name)| **name == member).map(|(id, _)| *id).expect("the member exists");
        let direct: BTreeSet<&str> = graph[id].iter().map(|dependency| names[dependency]).collect();
        for name in forbidden {
            assert!(!direct.contains(name), "{member} must not depend on {name}");
        }
        assert!(
            !direct.iter().any(|name| name.starts_with("aws-") && member != "commerce-adapters"),
            "{member} names the AWS SDK"
        );
    }
}

#[test]
fn nothing_below_the_core_knows_the_world() {
    let metadata = metadata();
    let (graph, names) = (graph(&metadata), names(&metadata));
    let core = names.iter().find(|(_, name)| **name == "commerce-core").map(|(id, _)| *id).unwrap();
    let (mut seen, mut open) = (BTreeSet::from([core]), vec![core]);
    while let Some(id) = open.pop() {
        for dependency in &graph[id] {
            assert!(!NOT_BELOW_CORE.contains(&names[dependency]), "{} pulls {} under the core", names[id], names[dependency]);
            if seen.insert(dependency) {
                open.push(dependency);
            }
        }
    }
    assert!(seen.len() > 5, "the walk saw only {seen:?}");
}

#[test]
fn concrete_adapters_are_named_in_one_room_of_each_shell() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for (folder, assembly) in [("commerce-server/src", "assembly"), ("commerce-cli/src", "shop")] {
        let mut open = vec![std::path::Path::new(root).join(folder)];
        while let Some(path) = open.pop() {
            for entry in std::fs::read_dir(&path).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().and_then(|name| name.to_str()) == Some(assembly) {
                    continue;
                }
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let code = std::fs::read_to_string(&path).unwrap();
                    assert!(!code.contains("commerce_adapters::"), "{} names an adapter", path.display());
                }
            }
        }
    }
}
