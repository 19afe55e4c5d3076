//! `torture`: many buyers at once on a real shop, killed and started again, and a look at whether
//! everything that was answered holds.
//!
//! Owns the load, its history and the checks of it; knows the shop only as a client does, over
//! HTTP, and by its mail folder. Never touches what it did not make. Start reading at [`run`], then
//! [`buyer`], then [`checks`].

mod buyer;
mod checks;
mod disturb;
mod history;
mod mails;
mod options;
mod person;
mod report;
mod staff;
mod survey;
#[cfg(test)]
mod tests;
mod wire;

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::{Actor, Clock};
use commerce_server::Config;
use futures_util::future::join_all;
use indicatif::ProgressBar;

use crate::bench::draw::Draw;
use crate::bench::host::Workspace;
use crate::context::{Context, set};
use crate::failure::Failure;
use crate::output::note;
use crate::progress;
use crate::shop::{RealTime, Shop, SystemClock, WebhookSigner, webhook_signer};

use buyer::Buyer;
use disturb::Premises;
use history::{DisturbanceKind, History, Record, Violation};
pub(crate) use options::Args;
use person::Caller;
use report::Report;
use staff::Shelf;
use survey::{Survey, survey};
use wire::Wire;

/// Colleagues at the counter.
const STAFF: usize = 2;
/// How long the shop may take to come to rest after the last request: events, mails, refunds, and
/// payments whose provider did not answer.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);
/// Pause between two looks at a shop that is not at rest.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// `TORTURE_FOUND` when something does not hold; else what kept it from being tried.
pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    if cx.globals.url.is_some() && args.kill {
        return Err(Failure::usage("--kill ends and starts the server's process: leave --url away"));
    }
    if cx.globals.url.is_none() && args.disturbed {
        return Err(Failure::usage("--disturbed is said of a server that somebody else runs: give its --url"));
    }
    let mut workspace = Workspace::below(&std::env::temp_dir(), "torture")?;
    if args.keep {
        workspace.keep();
    }
    let tried = tokio::select! {
        tried = tried(cx, &args, workspace.path()) => tried?,
        () = interrupted() => return Err(Failure::new("INTERRUPTED", "stopped before the end; the server was ended")),
    };
    tried.show(cx)?;
    let found = tried.violations.len();
    if found > 0 {
        workspace.keep();
    }
    if found > 0 || args.keep {
        note(format_args!("the folder of the run is kept: {}", workspace.path().display()));
    }
    let plural = if found == 1 { "thing does" } else { "things do" };
    if found == 0 { Ok(()) } else { Err(Failure::new("TORTURE_FOUND", format!("{found} {plural} not hold, each named above"))) }
}

async fn tried(cx: &Context, args: &Args, workspace: &Path) -> Result<Report, Failure> {
    let mut config = cx.settings()?;
    // Unlike those of earlier runs on the same shop.
    let run = format!("{:x}", SystemClock.now().as_micros() / 1_000);
    if let Some(url) = &cx.globals.url {
        let token = cx
            .globals
            .token
            .clone()
            .ok_or_else(|| Failure::new("UNAUTHENTICATED", "give the token of a staff login in COMMERCE_TOKEN or --token"))?;
        cx.confirm(&format!("The shop at {url} gets buyers, products and orders named TORTURE for {} s. Go on?", args.seconds))?;
        let history = History::new();
        let staff = Caller::with_token(Wire::new(url)?, history.clone(), token);
        let trial = Trial { args, run, history, data: cx.globals.data.clone(), config: &config };
        return trial.hold(staff, None, url.clone()).await;
    }
    // A shop on a database server is one that somebody has, wherever its folder is.
    let own = cx.globals.data.is_none() && config.database.is_files();
    let data = cx.globals.data.clone();
    let data = data.unwrap_or_else(|| if own { workspace.join("shop") } else { config.data_dir.clone() });
    set(&mut config, "database.dir", &data.to_string_lossy())?;
    if !own {
        cx.confirm(&question(&data, args))?;
    }
    let (email, password) = (format!("torture-{run}-staff@example.com"), format!("torture-{run}-password"));
    make_staff(&config, &email, &password).await?;
    let globals: Vec<OsString> =
        cx.config_file().into_iter().flat_map(|file| [OsString::from("--config"), file.into_os_string()]).collect();
    let premises = Premises::open(&data, &workspace.join("server.log"), globals).await?;
    let history = History::new();
    let mut staff = Caller::staff(Wire::new(&premises.url())?, history.clone(), email, password);
    if !staff.login().await {
        return Err(Failure::new("UNAUTHENTICATED", "the run's own staff cannot log in"));
    }
    let shop = data.display().to_string();
    let trial = Trial { args, run, history, data: Some(data), config: &config };
    trial.hold(staff, Some((premises, workspace.join("server.log"))), shop).await
}

fn question(data: &Path, args: &Args) -> String {
    format!(
        "The shop in {} gets an admin, {} buyers, products and orders named TORTURE, for {} s{}. They stay in its books; \
         mails about them go into its mail folder. Go on?",
        data.display(),
        args.buyers,
        args.seconds,
        if args.kill { ", from a server that is killed again and again" } else { "" }
    )
}

/// Where mails are files that can be counted.
fn mail_folder(data: Option<&Path>, config: &Config) -> Option<PathBuf> {
    data.filter(|_| !config.mail.by_ses).map(|data| data.join("mail"))
}

/// An admin of the run's own, as the operator makes one.
async fn make_staff(config: &Config, email: &str, password: &str) -> Result<(), Failure> {
    let shop = Shop::open(config).await?;
    let register = commerce_core::users::Register {
        email: email.to_owned(),
        password: password.to_owned(),
        full_name: "TORTURE Staff".to_owned(),
        phone: None,
        metadata: commerce_core::text::Metadata::new(),
    };
    shop.users.create_user(&Actor::System, register, commerce_core::users::Role::Admin).await?;
    shop.finish().await
}

/// One run.
struct Trial<'a> {
    args: &'a Args,
    run: String,
    history: History,
    /// Where the shop's files can be reached.
    data: Option<PathBuf>,
    config: &'a Config,
}

impl Trial<'_> {
    /// Load, rest, checks.
    async fn hold(self, staff: Caller, premises: Option<(Premises, PathBuf)>, shop: String) -> Result<Report, Failure> {
        let (mut premises, log) = premises.unzip();
        let bar = progress::of_seconds(self.args.duration());
        bar.set_message("filling the shelf");
        let shelf = staff::fill_shelf(&staff, &self.run, self.args, self.config.server.currency).await?;
        let begun = self.history.now();
        tokio::select! {
            loaded = self.load(&staff, &shelf, premises.as_mut()) => loaded?,
            never = self.show(&bar, begun) => match never {},
        }
        let ended = self.history.now();
        bar.set_position(self.args.seconds);
        bar.set_message("coming to rest");
        if self.args.disturbed {
            disturb::note(&self.history, DisturbanceKind::Elsewhere, begun);
        }
        if let Some(premises) = &mut premises {
            // What is looked at now has survived one more end of the process.
            if self.args.kill { premises.kill(&self.history).await? } else { premises.restart(&self.history).await? }
        }
        let mut staff = staff;
        staff.keep_logged_in().await;
        let (survey, violations, settled) = self.rest(&staff, &shelf, ended).await?;
        let mut violations = violations;
        staff::clear_shelf(&staff, &shelf).await?;
        if let Some(premises) = &mut premises {
            premises.stop(&self.history).await?;
            let late: Vec<Violation> = self.history.write().seen.clone();
            violations.extend(late);
            violations.sort();
            violations.dedup();
        }
        violations.extend(log.as_deref().and_then(panicked));
        let mut left_out = Vec::new();
        if self.data.is_some() {
            bar.set_message("auditing");
            violations.extend(audit(self.config).await?);
            if mail_folder(self.data.as_deref(), self.config).is_none() {
                left_out.push("mails, which leave the house through SES".to_owned());
            }
        } else {
            left_out.push("mails and books, which lie in the server's data directory (name it with --data)".to_owned());
        }
        Ok(Report {
            shop,
            seed: self.args.seed,
            buyers: self.args.buyers,
            lasted: ended,
            record: self.history.write().clone(),
            survey,
            put_in: shelf.units,
            settled: (settled, SETTLES_WITHIN),
            slowest_start: premises.map(|premises| premises.slowest_start),
            violations,
            audited: self.data.is_some(),
            left_out,
        })
    }

    /// Shows how long the load has lasted, for as long as it is asked to.
    async fn show(&self, bar: &ProgressBar, begun: Duration) -> Infallible {
        loop {
            bar.set_position(self.history.now().saturating_sub(begun).as_secs());
            bar.set_message(format!("{} requests", self.history.write().calls.len()));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Everybody at once, until the time is over and the last has an answer.
    async fn load(&self, staff: &Caller, shelf: &Shelf, premises: Option<&mut Premises>) -> Result<(), Failure> {
        let until = self.history.now() + self.args.duration();
        let sign: Arc<WebhookSigner> = Arc::from(webhook_signer(self.config));
        let mut tasks = Vec::new();
        for number in 0..self.args.buyers {
            let caller = Caller::new(staff.wire.clone(), self.history.clone(), &self.run, number);
            let prefix = format!("torture-{}-{number}", self.run);
            let mut buyer = Buyer::new(caller, self.draw(u64::from(number)), Arc::clone(&shelf.goods), Arc::clone(&sign), prefix);
            buyer.secret_known = premises.is_some();
            tasks.push(tokio::spawn(buyer.shop(until)));
        }
        for number in 0..STAFF {
            let goods = Arc::clone(&shelf.goods);
            tasks.push(tokio::spawn(staff::work(staff.clone(), self.draw(10_000 + number as u64), goods, number, until)));
        }
        if let Some(premises) = premises.filter(|_| self.args.kill) {
            premises.disturb(&self.history, &mut self.draw(20_000), until).await?;
        }
        for ended in join_all(tasks).await {
            ended.map_err(|error| Failure::new("INTERNAL", error.to_string()))?;
        }
        Ok(())
    }

    /// Looks until the shop is at rest and all holds, or the time for that is over.
    async fn rest(
        &self,
        staff: &Caller,
        shelf: &Shelf,
        ended: Duration,
    ) -> Result<(Survey, Vec<Violation>, Option<Duration>), Failure> {
        let record: Record = self.history.write().clone();
        let mails = mail_folder(self.data.as_deref(), self.config);
        let mut before: Option<Vec<Violation>> = None;
        loop {
            let survey = survey(staff, &record, &shelf.units, mails.as_deref()).await?;
            let judged = checks::judge(&record, &survey, &shelf.units);
            let took = self.history.now().saturating_sub(ended);
            // What is wrong at one look only was changing while it was looked at.
            let steady = judged.violations.is_empty() || before.as_ref() == Some(&judged.violations);
            if judged.unsettled.is_empty() && steady {
                return Ok((survey, judged.violations, Some(took)));
            }
            if took > SETTLES_WITHIN {
                return Ok((survey, [judged.violations, judged.unsettled].concat(), None));
            }
            before = Some(judged.violations);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn draw(&self, who: u64) -> Draw {
        let mut draw = Draw::new(self.args.seed.wrapping_mul(1_000_003).wrapping_add(who));
        // Neighbouring seeds begin alike; the first number tells them apart.
        Draw::new(draw.next())
    }
}

/// What the audit finds in the shop's books, the run's or not.
async fn audit(config: &Config) -> Result<Vec<Violation>, Failure> {
    let shop = Shop::open(config).await?;
    let report = shop.audit(&Actor::System, AuditRequest::new(&RealTime)).await?;
    shop.finish().await?;
    let told = |violation: commerce_core::audit::Violation| {
        Violation::new(violation.invariant.as_str(), violation.entity, violation.expected, violation.found)
    };
    let listed = report.violations.len() as u64;
    let more = report.counts.values().sum::<u64>().saturating_sub(listed);
    let rest = (more > 0).then(|| Violation::new("AUDIT", "the books", "no violation", format!("{more} more than are listed")));
    Ok(report.violations.into_iter().map(told).chain(rest).collect())
}

/// A panic that the server's log tells of.
fn panicked(log: &Path) -> Option<Violation> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().find(|line| line.contains("panicked"))?;
    Some(Violation::new("PANIC", "the server's log", "no panic", line))
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() {
    let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending::<()>().await },
    }
}
