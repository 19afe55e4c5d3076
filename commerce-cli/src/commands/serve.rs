//! `serve`: the shop over HTTP.

use clap::builder::PossibleValuesParser;
use commerce_core::users::Users;
use commerce_server::{App, Config, Roles, Shutdown, assembly, listen, serve};

use crate::context::{Context, set};
use crate::demo;
use crate::failure::Failure;
use crate::output::note;
use crate::shop::Shop;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce serve                                 ./commerce-data on http://127.0.0.1:8080
  commerce serve --demo                          the same, filled, with logins to try
  commerce serve --data /var/lib/shop --listen 0.0.0.0:80
  commerce serve --role orders --data orders     one service of four, on http://127.0.0.1:8083
  commerce serve --role gateway                  what clients speak to, on http://127.0.0.1:8080

Services of one platform know each other by the setting `services.secret`, which roles need: for a
look, COMMERCE_SERVICES__SECRET with 32 letters or more, the same for each of them.

SIGTERM or Ctrl-C finishes open requests (30 s at most) and stops; a second one stops at once.
Documentation of the API is served at /docs, the contract at /openapi.json, figures at /metrics.")]
pub(crate) struct Args {
    /// Which parts of the platform this process is
    #[arg(long, value_parser = PossibleValuesParser::new(Roles::WORDS), value_delimiter = ',', default_value = "all")]
    role: Vec<String>,
    /// Where to listen [default: server.listen, else a port of the role's: 8080 to 8084]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Fill an empty shop with products and logins, allow short passwords, lift the anonymous limit
    #[arg(long)]
    demo: bool,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    cx.local_only("serve")?;
    let config = settings(cx, &args)?;
    let roles = Roles::of(args.role.iter().map(String::as_str)).map_err(Failure::usage)?;
    if !roles.are_all() && args.demo {
        return Err(Failure::usage("--demo fills a whole shop: leave --role away"));
    }
    commerce_server::telemetry::start(config.telemetry).map_err(|error| Failure::new("INTERNAL", error.to_string()))?;
    if !roles.are_all() {
        return part(config, &roles).await;
    }
    // Whoever asks it to stop while it opens is heard when it has; who asks twice, at once.
    let shutdown = Shutdown::on_signals().map_err(|error| Failure::io("listen to signals", &error))?;
    let mut beside = assembly::beside(&config, commerce_core::commerce::Context::ALL).await?;
    let asked = config.server.listen;
    let failed = |error: std::io::Error| Failure::io(&format!("listen on {asked}"), &error);
    // First, because mails name the port, which the system may choose. Who comes early waits.
    let listener = listen(asked).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let config = config.reached_at(address);
    let opening = Box::pin(async {
        let shop = Shop::serve(&config).await?;
        if args.demo {
            demo::fill(&shop, config.server.currency).await?;
        }
        Ok(shop)
    });
    let shop = unless_overdue(&shutdown, opening).await?;
    // Where nobody else comes, the time and memory of trying a password are spared.
    if !address.ip().is_loopback() || config.server.is_public() {
        warn_of_known_login(&shop.users).await?;
    }
    println!("listening on http://{address}");
    if args.demo {
        demo::print_logins(&shop, &format!("http://{address}")).await?;
    }
    beside.breakers.extend(shop.breakers());
    let app = App::beside((*shop).clone(), beside, config);
    let served = serve(listener, app, shutdown).await.map_err(|error| Failure::io("serve", &error));
    shop.close().await?;
    served
}

/// Some parts of the platform, with the others in processes of their own.
async fn part(config: Config, roles: &Roles) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals().map_err(|error| Failure::io("listen to signals", &error))?;
    let process = unless_overdue(&shutdown, Box::pin(async { Ok(assembly::open(config, roles).await?) })).await?;
    if let Some(users) = process.users() {
        warn_of_known_login(users).await?;
    }
    let address = process.address().map_err(|error| Failure::io("listen", &error))?;
    if let Some(internal) = process.internal_address() {
        println!("answering other services on {}://{internal}", process.scheme());
    }
    let scheme = if roles.gateway() { "http" } else { process.scheme() };
    println!("{roles} listening on {scheme}://{address}");
    Ok(process.serve(shutdown).await?)
}

/// What is opened, unless it takes so long that nobody wants it any more: what it waits for may never answer.
async fn unless_overdue<T>(shutdown: &Shutdown, opening: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        opened = opening => opened,
        () = shutdown.overdue() => Err(Failure::new("STOPPED", "stopped before the shop was open")),
    }
}

/// Says that staff still has the password of the demo.
async fn warn_of_known_login(users: &Users) -> Result<(), Failure> {
    if let Some(known) = demo::known_staff_login(users).await? {
        note(format_args!("warning: {}", demo::warning(&[known])));
    }
    Ok(())
}

fn settings(cx: &Context, args: &Args) -> Result<Config, Failure> {
    let mut config = cx.settings()?;
    if let Some(listen) = &args.listen {
        set(&mut config, "server.listen", listen)
            .map_err(|failure| Failure::usage(format!("--listen: {}", failure.message())))?;
    }
    if args.demo {
        set(&mut config, "gateway.rate_limit_anonymous_per_minute", "0")?;
        set(&mut config, "auth.password_min_length", "6")?;
    }
    Ok(config)
}
