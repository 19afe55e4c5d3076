//! `doctor`: checks the configuration, the data directory and everything a shop depends on.

use std::fs;
use std::path::Path;

use commerce_core::Actor;
use commerce_core::commerce::Context as Of;
use commerce_server::{Config, assembly};
use serde_json::{Value, json};

use crate::bench::commits_per_second;
use crate::context::Context;
use crate::demo;
use crate::failure::Failure;
use crate::output::{Column, shown};
use crate::remote::Remote;
use crate::shop::{KEY_FILE, Shop, database_servers, is_made, pending_migrations};

const COLUMNS: &[Column] = &[("CHECK", "/check"), ("RESULT", "/result"), ("DETAIL", "/detail")];

/// Events that may wait before somebody should look.
const BACKLOG_MAX: u64 = 10_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Ends with code 1 (UNHEALTHY) when a check fails. With --url it asks the server what it depends on.")]
pub(crate) struct Args {}

/// What the checks found.
#[derive(Default)]
struct Findings(Vec<Value>);

impl Findings {
    fn ok(&mut self, check: &str, detail: impl Into<String>) {
        self.note(check, "ok", detail);
    }

    fn note(&mut self, check: &str, result: &str, detail: impl Into<String>) {
        self.0.push(json!({ "check": check, "result": result, "detail": detail.into() }));
    }

    /// The value, or the failure noted.
    fn take<T>(&mut self, check: &str, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(failure) => {
                self.note(check, "failed", format!("{}: {}", failure.code(), failure.message()));
                None
            }
        }
    }

    fn failed(&self) -> usize {
        self.0.iter().filter(|finding| finding["result"] == "failed").count()
    }
}

pub(crate) async fn run(cx: &Context, _args: Args) -> Result<(), Failure> {
    let mut findings = Findings::default();
    match &cx.globals.url {
        Some(url) => server(&mut findings, &Remote::new(url, None)?).await,
        None => local(cx, &mut findings).await,
    }
    cx.out.list(&findings.0, COLUMNS)?;
    match findings.failed() {
        0 => Ok(()),
        failed => Err(Failure::new("UNHEALTHY", format!("{failed} of {} checks failed", findings.0.len()))),
    }
}

async fn server(findings: &mut Findings, remote: &Remote) {
    if let Some(ready) = findings.take("ready", remote.get("/health/ready", &[]).await) {
        let dependencies = ready["dependencies"].as_object().into_iter().flatten();
        let states: Vec<String> = dependencies.map(|(name, it)| format!("{name} {}", shown(&it["status"]))).collect();
        let all = if states.is_empty() { shown(&ready["status"]) } else { states.join(", ") };
        findings.ok("ready", all);
    }
}

async fn local(cx: &Context, findings: &mut Findings) {
    let Some(config) = findings.take("configuration", cx.settings()) else { return };
    let source = cx.config_file().map_or_else(|| "defaults and environment".to_owned(), |path| path.display().to_string());
    findings.ok("configuration", source);
    let Some(servers) = findings.take("database servers", database_servers(&config).await) else { return };
    for server in servers {
        if let Some(told) = findings.take("database server", server) {
            findings.ok("database server", told);
        }
    }
    let silent = findings.failed() > 0;
    beside(findings, &config).await;
    if silent {
        return;
    }
    let folder = &config.data_dir;
    if !folder.exists() {
        findings.note("data directory", "none yet", format!("{}: `commerce serve` makes it", folder.display()));
        return;
    }
    let Some(commits) = findings.take("data directory", commits_per_second(folder)) else { return };
    findings.ok("data directory", format!("{}, {commits} durable commits per second", folder.display()));
    if let Some(missing) = findings.take("migrations", pending_migrations(&config).await) {
        let detail = if missing.is_empty() { "up to date".to_owned() } else { format!("{} to be applied", missing.len()) };
        findings.ok("migrations", detail);
    }
    key(findings, folder);
    let Some(is_made) = findings.take("databases", is_made(&config).await) else { return };
    if !is_made {
        findings.note("databases", "none yet", "`commerce serve` makes them".to_owned());
    } else if let Some(shop) = findings.take("databases", Shop::open(&config).await) {
        findings.ok("databases", "open");
        shop_checks(findings, &shop).await;
        findings.take("databases", shop.close().await);
    }
    mail(findings, &config);
}

/// The servers beside the databases.
async fn beside(findings: &mut Findings, config: &Config) {
    let Some(ways) = findings.take("servers", assembly::beside(config, Of::ALL).await.map_err(Failure::from)) else { return };
    for server in ways.servers {
        match server.peer.complaint().await {
            None => findings.ok(server.name, "answers"),
            Some(why) => findings.note(server.name, "failed", why),
        }
    }
}

async fn shop_checks(findings: &mut Findings, shop: &Shop) {
    if let Some(backlogs) = findings.take("outbox", shop.backlogs().await.map_err(Failure::from)) {
        let waiting: u64 = backlogs.iter().map(|(_, backlog)| backlog.waiting).sum();
        let result = if waiting > BACKLOG_MAX { "look" } else { "ok" };
        findings.note("outbox", result, format!("{waiting} events wait"));
    }
    if let Some(letters) = findings.take("dead letters", shop.dead_letters.letters(&Actor::System).await.map_err(Failure::from)) {
        findings.note("dead letters", if letters.is_empty() { "ok" } else { "look" }, letters.len().to_string());
    }
    if let Some(known) = findings.take("demo logins", demo::known_logins(&shop.users).await).filter(|known| !known.is_empty()) {
        findings.note("demo logins", "look", demo::warning(&known));
    }
    let found = shop.catalog.search(&Actor::System, commerce_core::catalog::SearchRequest::default()).await;
    if let Some(found) = findings.take("search", found.map_err(Failure::from)) {
        findings.ok("search", format!("{} products on sale", found.hits.total));
    }
}

/// The signing key is nobody's but the shop's.
fn key(findings: &mut Findings, folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(KEY_FILE);
    match fs::metadata(&path) {
        Err(_) => findings.note("signing key", "none yet", "made when the shop is opened"),
        Ok(about) if about.permissions().mode().is_multiple_of(0o100) => findings.ok("signing key", "readable by its owner only"),
        Ok(_) => findings.note("signing key", "failed", format!("{} can be read by others: chmod 600", path.display())),
    }
}

fn mail(findings: &mut Findings, config: &Config) {
    let folder = config.data_dir.join("mail");
    let detail = if folder.is_dir() { "messages are written here" } else { "made with the first message" };
    findings.ok("mail", format!("{}, {detail}", folder.display()));
}
