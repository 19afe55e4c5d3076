//! `bench`: load on a shop, with a latency table.
//!
//! Without --url the run makes a shop of its own, fills it, and asks it through a `serve` child
//! process or, with --library, through the library. Every run also measures how many durable commits
//! the disk gives, since that bounds every figure. Start reading at [`run`].

mod data;
pub(crate) mod draw;
pub(crate) mod host;
mod http;
mod library;
mod load;
mod past;
mod report;
mod shop;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use commerce_core::Clock;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::note;
use crate::remote::Remote;
use crate::shop::{Shop, SystemClock};

use draw::Zipf;
pub(crate) use host::commits_per_second;
use host::{Server, Workspace, cpu_time, memory_mib};
use load::{Plan, Samples, drive};
use report::{Report, Waiting};

/// What is done over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Read a product (Zipf)
    Browse,
    /// Search (1,000 distinct queries, Zipf)
    Search,
    /// Add a line to a cart
    Cart,
    /// Put two lines into the cart and order them, cash on delivery
    Checkout,
    /// Order two lines without a cart, cash on delivery
    Order,
    /// More buyers than units of one SKU
    FlashSale,
    /// Hold one unit of stock (library only)
    Reserve,
}

impl Scenario {
    /// Whether somebody must be logged in.
    pub(crate) fn needs_customer(self) -> bool {
        match self {
            Self::Browse | Self::Search | Self::Reserve => false,
            Self::Cart | Self::Checkout | Self::Order | Self::FlashSale => true,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce bench checkout                               a server of the run's own, 64 connections
  commerce bench order --library --connections 64 --skus 1000 --seconds 60
  commerce bench order --library --skus 1               one hot SKU
  commerce bench order --library --orders-before 1000000
  commerce bench cart --library --connections 1 --cart-lines 199
  commerce bench search --uncached --rate 2000          an open loop of 2,000 searches a second
  commerce bench browse --url http://127.0.0.1:8080 --pid $(pidof commerce)
  commerce bench flash-sale --url http://127.0.0.1:8080 --sku CUP-1 --buyers 5000

Latencies of an open loop count from the time an operation was due, so that a slow server cannot
slow its own test down. The workspace is made below --data (default: the present directory), on
whose disk the durable commits are counted too. A flash sale ends with the last buyer; it sells
FLASH-1, which a shop of the run's own has, and a server's has when somebody made it (--sku).")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(crate) struct Args {
    /// What is done over and over
    #[arg(value_enum)]
    scenario: Scenario,
    /// Connections, or tasks with --library
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// How long it is measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How long it runs before that
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// Begin this many operations per second, done or not (open loop)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Through the library instead of HTTP
    #[arg(long, conflicts_with = "url")]
    library: bool,
    /// Products in a shop of the run's own
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    products: u32,
    /// SKUs that orders and holds choose from; 1 is one hot SKU
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    skus: u32,
    /// Lines that stay in the cart (cart with --library)
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=199))]
    cart_lines: u32,
    /// Orders that are there before anything is measured (with --library)
    #[arg(long, default_value_t = 0)]
    orders_before: u64,
    /// Keep the shop of the run (with --library)
    #[arg(long)]
    keep: bool,
    /// Write mails as files instead of dropping them (with --library)
    #[arg(long)]
    mail_files: bool,
    /// Make every search different from all before it
    #[arg(long)]
    uncached: bool,
    /// Units of a flash sale
    #[arg(long, default_value_t = 500)]
    units: u32,
    /// Buyers of a flash sale
    #[arg(long, default_value_t = 1_000)]
    buyers: u64,
    /// What a flash sale sells [default: FLASH-1]; the server must have it (with --url)
    #[arg(long)]
    sku: Option<String>,
    /// The server's process, for its processor time (with --url)
    #[arg(long)]
    pid: Option<u32>,
}

impl Args {
    fn plan(&self) -> Plan {
        let (warm_up, measure) = (Duration::from_secs(self.warm_up), Duration::from_secs(self.seconds));
        match self.scenario {
            Scenario::FlashSale => {
                Plan { warm_up: Duration::ZERO, measure: Duration::ZERO, rate: self.rate, count: Some(self.buyers) }
            }
            _ => Plan { warm_up, measure, rate: self.rate, count: None },
        }
    }

    fn name(&self) -> String {
        let name = clap::ValueEnum::to_possible_value(&self.scenario).map_or_else(String::new, |name| name.get_name().to_owned());
        self.rate.map_or(name.clone(), |rate| format!("{name}, {rate}/s offered"))
    }
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    if args.sku.is_some() && (cx.globals.url.is_none() || args.scenario != Scenario::FlashSale) {
        return Err(Failure::usage("--sku says what a flash sale at a running server (--url) sells"));
    }
    let report = if args.library {
        through_library(cx, &args).await?
    } else if let Some(url) = cx.globals.url.clone() {
        if !url.starts_with("http://") {
            return Err(Failure::usage("bench measures over http:// only: TLS would be measured along"));
        }
        over_http(&args, &url, args.pid, &format!("HTTP, {url}")).await?
    } else {
        own_server(cx, &args).await?
    };
    report.show(cx)?;
    mostly_served(&report.samples)?;
    flash_sale_is_exact(&args, cx, &report.samples)
}

async fn through_library(cx: &Context, args: &Args) -> Result<Report, Failure> {
    let mut workspace = workspace(cx)?;
    if args.keep {
        workspace.keep();
        note(format_args!("the shop of the run is kept: {}", workspace.path().display()));
    }
    let before = commits_per_second(workspace.path())?;
    filled(cx, args, workspace.path()).await?.finish().await?;
    let begun = Instant::now();
    let shop = shop::open(cx, workspace.path(), !args.mail_files).await?;
    let opened_in = begun.elapsed();
    let idle_memory_mib = memory_mib(std::process::id());
    let products = shop::first_products(&shop, args.products as usize).await?;
    let shared = Arc::new(library::Shared {
        scenario: args.scenario,
        shop: (*shop).clone(),
        popular: Zipf::new(products.len()),
        asked: Zipf::new(data::QUERIES),
        queries: data::queries(),
        skus: (args.skus as usize).min(products.len()),
        cart_lines: (args.cart_lines as usize).min(products.len()),
        products,
    });
    if args.orders_before > 0 {
        let before = Arc::new(library::Shared { scenario: Scenario::Order, ..(*shared).clone() });
        let model = library::Customer::new(before, "before", 0).await?.order_once().await?;
        shop.settle().await?;
        let skus: Vec<_> = shared.products.iter().take(shared.skus).map(|(_, sku)| sku.clone()).collect();
        past::write(&shop, model, &skus, args.orders_before).await?;
    }
    let workers = customers(&shared, "now", args.connections).await?;
    let mut cpu = None;
    let samples = drive(workers, args.plan(), || cpu = cpu_time(std::process::id())).await;
    let spent = spent(cpu, std::process::id());
    let backlog = settled(&shop).await?;
    drop(shared);
    shop.close().await?;
    Ok(Report {
        scenario: args.name(),
        through: "the library".to_owned(),
        workers: args.connections as usize,
        samples,
        server_cpu: spent,
        own_cpu: None,
        server_memory_mib: memory_mib(std::process::id()),
        opened_in: Some(opened_in),
        idle_memory_mib,
        disk: Some((before, commits_per_second(workspace.path())?)),
        backlog: Some(backlog),
    })
}

async fn own_server(cx: &Context, args: &Args) -> Result<Report, Failure> {
    let workspace = workspace(cx)?;
    let before = commits_per_second(workspace.path())?;
    let shop = filled(cx, args, workspace.path()).await?;
    shop.finish().await?;
    let server = Server::start(workspace.path()).await?;
    let idle = memory_mib(server.process());
    let mut report = over_http(args, server.url(), Some(server.process()), "HTTP, a server of its own").await?;
    (report.opened_in, report.idle_memory_mib) = (Some(server.ready_after()), idle);
    drop(server);
    report.disk = Some((before, commits_per_second(workspace.path())?));
    Ok(report)
}

/// The load itself, from one thread, so that the rest of the machine is the server's.
async fn over_http(args: &Args, url: &str, process: Option<u32>, through: &str) -> Result<Report, Failure> {
    if args.scenario == Scenario::Reserve {
        return Err(Failure::usage("reserve is measured with --library: no public route holds stock"));
    }
    let remote = Remote::new(url, None)?;
    let flash_sku = args.sku.clone().unwrap_or_else(|| data::FLASH_SKU.to_owned());
    let products = match args.scenario {
        Scenario::FlashSale => vec![(String::new(), flash_sku.clone())],
        _ => shop::remote_products(&remote, args.products as usize).await?,
    };
    let shared = Arc::new(http::Shared {
        flash_sku,
        scenario: args.scenario,
        host: url.trim_start_matches("http://").trim_end_matches('/').to_owned(),
        popular: Zipf::new(products.len()),
        asked: Zipf::new(data::QUERIES),
        queries: data::queries(),
        uncached: args.uncached,
        skus: args.skus as usize,
        products,
    });
    let (plan, count) = (args.plan(), args.connections);
    let load = move || -> Result<_, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::io("start the generator", &error))?;
        runtime.block_on(async {
            let run = format!("{:x}", SystemClock.now().as_micros());
            let mut workers = Vec::with_capacity(count as usize);
            for number in 0..u64::from(count) {
                workers.push(http::Customer::new(Arc::clone(&shared), number, &run).await?);
            }
            if let Some(first) = workers.first_mut().filter(|_| shared.scenario == Scenario::FlashSale) {
                first.finds_the_flash_sku().await?;
            }
            let (mut server, mut own) = (None, None);
            let samples = drive(workers, plan, || {
                server = process.and_then(cpu_time);
                own = cpu_time(std::process::id());
            })
            .await;
            let server_cpu = process.and_then(|process| spent(server, process));
            Ok((samples, server_cpu, spent(own, std::process::id())))
        })
    };
    let (samples, server_cpu, own_cpu) =
        tokio::task::spawn_blocking(load).await.map_err(|error| Failure::new("INTERNAL", error.to_string()))??;
    Ok(Report {
        scenario: args.name(),
        through: through.to_owned(),
        workers: count as usize,
        samples,
        server_cpu,
        own_cpu,
        server_memory_mib: process.and_then(memory_mib),
        opened_in: None,
        idle_memory_mib: None,
        disk: None,
        backlog: None,
    })
}

async fn customers(shared: &Arc<library::Shared>, group: &str, count: u32) -> Result<Vec<library::Customer>, Failure> {
    let mut customers = Vec::with_capacity(count as usize);
    for number in 0..u64::from(count) {
        customers.push(library::Customer::new(Arc::clone(shared), group, number).await?);
    }
    Ok(customers)
}

fn workspace(cx: &Context) -> Result<Workspace, Failure> {
    Workspace::below(&cx.globals.data.clone().unwrap_or_else(|| PathBuf::from(".")), "bench")
}

async fn filled(cx: &Context, args: &Args, folder: &Path) -> Result<Shop, Failure> {
    let shop = shop::open(cx, folder, args.library && !args.mail_files).await?;
    shop::fill(&shop, args.products as usize, i64::from(args.units)).await?;
    Ok(shop)
}

/// What waits, and how long the shop takes to come to rest.
async fn settled(shop: &Shop) -> Result<Waiting, Failure> {
    let (start, backlogs) = (Instant::now(), shop.backlogs().await?);
    let oldest = backlogs.iter().filter_map(|(_, backlog)| backlog.oldest).min();
    let oldest = oldest.map_or(Duration::ZERO, |oldest| shop.now().since(oldest));
    shop.settle().await?;
    let events = backlogs.iter().map(|(_, backlog)| backlog.waiting).sum();
    Ok(Waiting { events, oldest, settled_in: start.elapsed() })
}

fn spent(begun: Option<Duration>, process: u32) -> Option<Duration> {
    cpu_time(process)?.checked_sub(begun?)
}

/// Of a server that hardly did anything there are no figures, only reasons. That something is sold out is an answer.
fn mostly_served(samples: &Samples) -> Result<(), Failure> {
    let reasons = || samples.errors.iter().filter(|(kind, _)| !kind.ends_with("SOLD_OUT"));
    let (failed, most) = (reasons().map(|(_, count)| count).sum::<u64>(), reasons().max_by_key(|(_, count)| **count));
    match most {
        Some((kind, _)) if failed > samples.done() => {
            let limit =
                if kind.ends_with("RATE_LIMITED") { "; set gateway.rate_limit_per_minute = 0 for a measurement" } else { "" };
            Err(Failure::new(
                "BENCH_ERRORS",
                format!("{failed} failed and {} did not, most of them by {kind}{limit}", samples.done()),
            ))
        }
        _ => Ok(()),
    }
}

/// A flash sale that sold another number than there was is no figure but a defect.
fn flash_sale_is_exact(args: &Args, cx: &Context, samples: &Samples) -> Result<(), Failure> {
    if args.scenario != Scenario::FlashSale || cx.globals.url.is_some() {
        return Ok(());
    }
    let expected = u64::from(args.units).min(args.buyers);
    let odd = samples.errors.keys().find(|kind| !kind.ends_with("SOLD_OUT"));
    match odd {
        None if samples.done() == expected => Ok(()),
        None => Err(Failure::new("OVERSOLD", format!("{} orders for {expected} units", samples.done()))),
        Some(kind) => Err(Failure::new("BENCH_ERRORS", format!("buyers were answered {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_nothing_is_no_figure() {
        let samples = |done: usize, errors: &[(&str, u64)]| {
            let errors = errors.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
            Samples { micros: vec![1; done], errors, ..Samples::default() }
        };
        assert!(mostly_served(&samples(5, &[("429 RATE_LIMITED", 5)])).is_ok());
        assert!(mostly_served(&samples(500, &[("409 SOLD_OUT", 500_000)])).is_ok(), "that is an answer");
        let limited = mostly_served(&samples(5, &[("429 RATE_LIMITED", 6), ("503 TIMEOUT", 1)])).unwrap_err();
        assert!(format!("{limited:?}").contains("rate_limit_per_minute"), "{limited:?}");
        assert!(mostly_served(&samples(0, &[("connection refused", 1)])).is_err());
    }
}
