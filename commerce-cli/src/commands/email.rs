//! `email`: see the mails, and try the way out.

use commerce_core::Actor;
use commerce_core::notifications::Template;
use commerce_core::text::Email;
use serde_json::json;

use crate::args::one_of;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

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
    let shop = cx.shop("email").await?;
    match command {
        Command::Preview { template, html } => {
            let mail = shop.notifications.preview(template)?;
            if cx.out.is_json() {
                cx.out.say("", &json!({ "subject": mail.subject, "html": mail.html, "text": mail.text }))?;
            } else if html {
                output::text(&mail.html)?;
            } else {
                output::text(&format!("Subject: {}\n\n{}", mail.subject, mail.text))?;
            }
        }
        Command::SendTest { to, template } => {
            let to = Email::parse("to", &to)?;
            shop.notifications.send_test(&Actor::System, template, &to).await?;
            cx.out.say(&format!("handed over a {template} mail for {to}"), &json!({ "to": to, "template": template }))?;
        }
    }
    shop.close().await
}
