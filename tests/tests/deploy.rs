//! The examples of deployment: they are YAML, name what there is, and every process of them can read its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use commerce_tests::run_command_with;
use serde_json::Value;

const ROLES: [&str; 5] = ["users", "catalog", "orders", "notifications", "gateway"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents of a file, as a parser of YAML reads them: the one that moto brings along.
fn documents(file: &str) -> Vec<Value> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let python = target.join("peers/moto/bin/python");
    assert!(python.is_file(), "{} is missing: run tests/peers/install", python.display());
    let read = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = Command::new(python).args(["-c", read]).arg(root().join("examples/deploy").join(file)).output();
    let output = output.expect("python can be started");
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("python writes JSON")
}

/// The variables of an environment. A variable's value is text in every process.
fn variables(environment: &Value) -> BTreeMap<String, String> {
    let members = environment.as_object().expect("an environment is a table");
    members.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a value is text").to_owned())).collect()
}

/// Whether the program reads these settings, and every one of them counts.
fn are_read(environment: &BTreeMap<String, String>) {
    let env: Vec<(&'static str, String)> =
        environment.iter().map(|(name, value)| (&*name.clone().leak(), value.clone())).collect();
    let shown = run_command_with(&["config", "show", "--output", "json"], &env, "");
    let shown = shown.json();
    let set = shown["items"].as_array().expect("a list").iter();
    let set = set.filter(|line| line["source"].as_str().is_some_and(|source| source.starts_with("environment"))).count();
    let ours = environment.keys().filter(|name| name.starts_with("COMMERCE_")).count();
    assert!(set >= ours && ours > 10, "{ours} are written, {set} are read: {shown}");
}

fn role_and_port(arguments: &Value) -> (String, u16) {
    let words: Vec<&str> = arguments.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let after = |option: &str| words.iter().skip_while(|word| **word != option).nth(1).copied().unwrap_or_default();
    let port = after("--listen").strip_prefix("0.0.0.0:").and_then(|port| port.parse().ok());
    (after("--role").to_owned(), port.expect("it listens at a port"))
}

#[test]
fn compose_starts_what_there_is() {
    let compose = documents("compose.yaml").remove(0);
    for role in ROLES {
        let service = &compose["services"][role];
        let (named, port) = role_and_port(&service["command"]);
        assert_eq!(named, role);
        let environment = variables(&service["environment"]);
        are_read(&environment);
        if role != "gateway" {
            let key = format!("COMMERCE_SERVICES__{}", role.to_uppercase());
            assert_eq!(environment[&key], format!("http://{role}:{port}"));
            assert_eq!(environment[&format!("{key}_INTERNAL")], format!("http://{role}:{}", port + 1_000));
        }
    }
    let init = compose["services"]["init"]["command"][0].as_str().expect("a line of shell");
    assert!(init.contains("commerce aws init") && init.contains("commerce init --demo"), "{init}");
}

#[test]
fn kubernetes_starts_what_there_is() {
    let settings = documents("kubernetes/settings.yaml");
    let of_kind = |documents: &[Value], kind: &str| -> Vec<Value> {
        documents.iter().filter(|document| document["kind"] == kind).cloned().collect()
    };
    let mut environment = variables(&of_kind(&settings, "ConfigMap")[0]["data"]);
    environment.extend(variables(&of_kind(&settings, "Secret")[0]["stringData"]));
    are_read(&environment);
    let shop = documents("kubernetes/shop.yaml");
    let (deployments, scalers) = (of_kind(&shop, "Deployment"), of_kind(&shop, "HorizontalPodAutoscaler"));
    let services = of_kind(&shop, "Service");
    assert_eq!((deployments.len(), scalers.len(), services.len()), (5, 5, 5));
    for (deployment, role) in deployments.iter().zip(ROLES) {
        let name = &deployment["metadata"]["name"];
        assert_eq!(name, role);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let (named, port) = role_and_port(&container["args"]);
        assert_eq!((named.as_str(), &container["ports"][0]["containerPort"]), (role, &Value::from(port)));
        assert!(scalers.iter().any(|scaler| scaler["spec"]["scaleTargetRef"]["name"] == *name), "{role} does not scale");
        let service = services.iter().find(|service| service["metadata"]["name"] == *name).expect("it can be found");
        assert_eq!(service["spec"]["ports"][0]["port"], port);
        if role != "gateway" {
            let key = format!("COMMERCE_SERVICES__{}", role.to_uppercase());
            assert_eq!(environment[&key], format!("dns+http://{role}:{port}"));
        }
    }
}
