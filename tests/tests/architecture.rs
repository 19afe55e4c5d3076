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

/// Licences that ask for no more than their own text: what is built of them may be given away under any.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "zlib-acknowledgement",
];

/// Crates that must not be there at all: one library speaks TLS, and no C library of the system does.
const NOWHERE: [&str; 3] = ["openssl-sys", "native-tls", "git2"];

/// The only place that dependencies come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

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

/// Whether every part of an expression leaves the choice of one of [`LICENCES`]. Brackets are not looked at, which can only
/// refuse more.
fn is_permitted(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

#[test]
fn every_dependency_may_be_given_away() {
    for permitted in
        ["MIT OR Apache-2.0", "MIT/Apache-2.0", "(MIT OR GPL-3.0-only) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(is_permitted(permitted), "{permitted}");
    }
    for refused in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "MPL-2.0", "", "MIT WITH something"] {
        assert!(!is_permitted(refused), "{refused:?}");
    }
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "there are {} packages", packages.len());
    for package in packages {
        let (name, licence) = (text(&package["name"]), package["license"].as_str().unwrap_or_default());
        assert!(is_permitted(licence), "{name}: {licence:?} is not among the licences that are taken");
        assert!(!NOWHERE.contains(&name), "{name} must not be there");
    }
}

#[test]
fn every_dependency_comes_from_the_registry_with_its_checksum() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let members = ["commerce-core", "commerce-adapters", "commerce-server", "commerce-cli"];
    let mut seen = 0;
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let begin = format!("{name} = \"");
            package.lines().find_map(|line| line.strip_prefix(begin.as_str())?.strip_suffix('"'))
        };
        let name = field("name").expect("a package has a name");
        match field("source") {
            None => assert!(name.starts_with("commerce-"), "{name} comes from a folder"),
            Some(source) => {
                assert!(!members.contains(&name), "{name} is ours, and comes from elsewhere");
                assert_eq!(source, REGISTRY, "{name}");
                assert!(field("checksum").is_some_and(|sum| sum.len() == 64), "{name} has no checksum");
            }
        }
        seen += 1;
    }
    assert!(seen > 100, "there are {seen} packages");
}
