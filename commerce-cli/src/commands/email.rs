//! `email`: see the mails, and try the way out.

use commerce_core::Actor;
use commerce_core::notifications::Template;
use commerce_core::text::Email;
use reqwest::Method;
use serde_json::json;

use crate::args::one_of;
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::shop::Shop;
use crate::{output, views};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// A mail rendered from sample data
    #[command(after_help = "Example:\n  commerce email preview order_placed --html > preview.html")]
    Preview {
        /// Which mail
        #[arg(value_parser = one_of(Template::ALL, Template::as_str), ignore_case = true)]
        template: Template,
        /// The HTML instead of the text
        #[arg(long)]
        html: bool,
    },
    /// Send a mail from sample data the way real ones go
    SendTest {
        /// To whom
        #[arg(long)]
        to: String,
        /// Which mail
        #[arg(long, value_parser = one_of(Template::ALL, Template::as_str), ignore_case = true, default_value = "welcome")]
        template: Template,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Preview { template, html } => preview(cx, template, html).await,
        Command::SendTest { to, template } => send_test(cx, &Email::parse("to", &to)?, template).await,
    }
}

async fn preview(cx: &Context, template: Template, html: bool) -> Result<(), Failure> {
    let mail = match cx.remote()? {
        None => {
            let config = cx.settings()?;
            // A sample is of no shop; its name is.
            let (shop, folder) = match Shop::empty_instead(&config).await? {
                Some((shop, folder)) => (shop, Some(folder)),
                None => (Shop::open_existing(&config).await?, None),
            };
            let mail = views::preview(shop.notifications.preview(template)?);
            shop.close().await?;
            drop(folder);
            mail
        }
        Some(remote) => remote.get(&format!("/api/operations/mails/{template}"), &[]).await?,
    };
    let part = |name: &str| mail[name].as_str().unwrap_or_default();
    if cx.out.is_json() {
        cx.out.say("", &mail)
    } else if html {
        output::text(part("html"))
    } else {
        output::text(&format!("Subject: {}\n\n{}", part("subject"), part("text")))
    }
}

async fn send_test(cx: &Context, to: &Email, template: Template) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            shop.notifications.send_test(&Actor::System, template, to, None).await?;
            shop.close().await?;
        }
        Target::Remote(remote) => {
            let path = format!("/api/operations/mails/{template}/test");
            remote.call(Method::POST, &path, &json!({ "to": to })).await?;
        }
    }
    cx.out.say(&format!("handed over a {template} mail for {to}"), &json!({ "to": to, "template": template }))
}
