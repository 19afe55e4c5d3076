//! The processes that a shop is made of, each as a command that is yet to be started.

use std::path::Path;
use std::process::Command;

use crate::processes::{Place, Process};
use crate::proxy::Proxy;
use crate::server::{Options, binary, environment};
use crate::tls::Authority;

/// What services show each other.
const SECRET: &str = "the services of one test know this";
/// The parts of a shop that is not one process; the gateway comes last.
const ROLES: [&str; 5] = ["users", "catalog", "orders", "notifications", "gateway"];
/// What is at the end of a wire's name that leads to what other services speak to.
const INTERNAL: &str = "-internal";

/// The binary, or a shell that becomes it.
fn program(options: &Options) -> Command {
    let Some(first) = options.under else { return Command::new(binary()) };
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(binary());
    shell
}

/// The whole shop as one process.
pub(crate) fn one(dir: &Path, options: &Options) -> Process {
    let mut command = program(options);
    command.arg("serve").arg("--data").arg(dir.join("data")).args(["--listen", "127.0.0.1:0"]).args(&options.args);
    environment(&mut command, options);
    Process::new("all", command, dir, Place::Any)
}

/// The shop as services, which share a directory and touch nothing of each other in it, and a gateway; and the wires between
/// them.
pub(crate) fn apart(dir: &Path, options: &Options, authority: Option<&Authority>) -> (Vec<Process>, Vec<(&'static str, Proxy)>) {
    let mut all: Vec<(&'static str, Place)> = Vec::new();
    for role in ROLES {
        let place = if role == "gateway" { Place::Any } else { Place::free() };
        all.push((role, place));
        if options.twins.contains(&role) {
            all.insert(all.len() - 1, (role, Place::free()));
        }
    }
    let place_of = |role: &str| all.iter().find(|(known, _)| *known == role).map(|(_, place)| *place).expect("it is a role");
    let wire = |name: &&'static str| {
        let port = match name.strip_suffix(INTERNAL) {
            Some(role) => place_of(role).internal(),
            None => place_of(name).public(),
        };
        (*name, Proxy::to(port.expect("services have ports of their own")))
    };
    let wires: Vec<(&'static str, Proxy)> = options.wires.iter().map(wire).collect();
    let scheme = if options.tls { "https" } else { "http" };
    let listed = |name: &str, role: &str, of: fn(Place) -> Option<u16>| {
        if let Some((_, wire)) = wires.iter().find(|(wired, _)| *wired == name) {
            return format!("{scheme}://127.0.0.1:{}", wire.port());
        }
        let ports = all.iter().filter(|(known, _)| *known == role).filter_map(|(_, place)| of(*place));
        ports.map(|port| format!("{scheme}://127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    };
    let mut services = vec![("COMMERCE_SERVICES__SECRET".to_owned(), SECRET.to_owned())];
    for role in &ROLES[..4] {
        let key = format!("COMMERCE_SERVICES__{}", role.to_uppercase());
        services.push((format!("{key}_INTERNAL"), listed(&format!("{role}{INTERNAL}"), role, Place::internal)));
        services.push((key, listed(role, role, Place::public)));
    }
    let process = |(role, place): &(&'static str, Place)| {
        let mut command = program(options);
        command.args(["serve", "--role", role, "--data"]).arg(dir.join("data"));
        command.args(["--listen", &format!("127.0.0.1:{}", place.public().unwrap_or(0))]);
        environment(&mut command, options);
        if let Some(port) = place.internal() {
            command.env("COMMERCE_SERVER__INTERNAL_LISTEN", format!("127.0.0.1:{port}"));
        }
        command.envs(services.iter().cloned());
        if let Some(authority) = authority {
            command.envs(authority.signed(role));
        }
        Process::new(role, command, dir, *place)
    };
    (all.iter().map(process).collect(), wires)
}
