//! Mails rendered with handlebars from templates that are part of the binary.
//!
//! Values are data, never templates. HTML escapes them, text does not. A value that a template
//! names and the context lacks is an error, not a gap.

use commerce_core::Money;
use commerce_core::error::{Source, StoreError, StoreErrorKind};
use commerce_core::notifications::{MailContext, Rendered, Renderer, Template};
use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use serde::Deserialize;

/// Renders the shop's mails.
pub struct TemplateRenderer {
    html: Handlebars<'static>,
    text: Handlebars<'static>,
}

/// A mail's two templates.
struct Sources {
    html: &'static str,
    text: &'static str,
}

macro_rules! sources {
    ($name:literal) => {
        Sources {
            html: include_str!(concat!("../../../templates/email/", $name, ".html.hbs")),
            text: include_str!(concat!("../../../templates/email/", $name, ".txt.hbs")),
        }
    };
}

fn sources(template: Template) -> Sources {
    match template {
        Template::OrderPlaced => sources!("order_placed"),
        Template::OrderConfirmed => sources!("order_confirmed"),
        Template::OrderShipped => sources!("order_shipped"),
        Template::OrderDelivered => sources!("order_delivered"),
        Template::OrderCancelled => sources!("order_cancelled"),
        Template::PaymentReceived => sources!("payment_received"),
        Template::PaymentFailed => sources!("payment_failed"),
        Template::OrderLink => sources!("order_link"),
        Template::Welcome => sources!("welcome"),
        Template::PasswordReset => sources!("password_reset"),
        Template::LowStock => sources!("low_stock"),
    }
}

fn subject(template: Template) -> &'static str {
    match template {
        Template::OrderPlaced => "Order Placed — {{data.number}}",
        Template::OrderConfirmed => "Order Confirmed",
        Template::OrderShipped => "Order Shipped 🚚",
        Template::OrderDelivered => "Delivered 📦",
        Template::OrderCancelled => "Order Cancelled",
        Template::PaymentReceived => "Payment Received ✅",
        Template::PaymentFailed => "Payment Failed",
        Template::OrderLink => "Your Order — {{data.number}}",
        Template::Welcome => "Welcome!",
        Template::PasswordReset => "Reset Your Password",
        Template::LowStock => "⚠️ Low Stock Alert",
    }
}

impl TemplateRenderer {
    /// With the templates of the binary.
    ///
    /// # Errors
    /// When one of them is not well formed, which a test rules out.
    pub fn new() -> Result<Self, StoreError> {
        let (mut html, mut text) = (Handlebars::new(), Handlebars::new());
        text.register_escape_fn(handlebars::no_escape);
        for registry in [&mut html, &mut text] {
            registry.set_strict_mode(true);
            registry.register_helper("money", Box::new(money));
        }
        let (layout, summary) = (sources!("layout"), sources!("summary"));
        for template in Template::ALL {
            let sources = sources(*template);
            let (html_whole, text_whole) =
                (whole(layout.html, summary.html, sources.html), whole(layout.text, summary.text, sources.text));
            html.register_template_string(template.as_str(), html_whole).map_err(malformed)?;
            text.register_template_string(template.as_str(), text_whole).map_err(malformed)?;
            text.register_template_string(&subject_name(*template), subject(*template)).map_err(malformed)?;
        }
        Ok(Self { html, text })
    }
}

impl Renderer for TemplateRenderer {
    fn render(&self, template: Template, context: &MailContext) -> Result<Rendered, StoreError> {
        let context = Context::wraps(context).map_err(malformed)?;
        Ok(Rendered {
            subject: self.text.render_with_context(&subject_name(template), &context).map_err(malformed)?,
            html: self.html.render_with_context(template.as_str(), &context).map_err(malformed)?,
            text: self.text.render_with_context(template.as_str(), &context).map_err(malformed)?,
        })
    }
}

/// A mail's template with layout and summary put in their places once, instead of at every mail.
fn whole(layout: &str, summary: &str, source: &str) -> String {
    let body = source.strip_prefix("{{#> layout}}\n").and_then(|body| body.strip_suffix("{{/layout}}\n"));
    let whole = body.map_or_else(|| source.to_owned(), |body| layout.replace("{{> @partial-block}}\n", body));
    whole.replace("{{> summary}}\n", summary)
}

fn subject_name(template: Template) -> String {
    format!("{template}.subject")
}

/// `{{money total}}`: an amount as people write it, `1,999.00 INR`.
fn money(helper: &Helper, _: &Handlebars, _: &Context, _: &mut RenderContext, out: &mut dyn Output) -> HelperResult {
    let value = helper.param(0).map(handlebars::PathAndJson::value);
    let amount = value.and_then(|value| Money::deserialize(value).ok());
    let amount = amount.ok_or_else(|| RenderErrorReason::Other("money needs an amount with its currency".to_owned()))?;
    out.write(&grouped(&amount.to_string()))?;
    Ok(())
}

/// The digits before the point in groups of three.
fn grouped(amount: &str) -> String {
    let end = amount.find(['.', ' ']).unwrap_or(amount.len());
    let (whole, rest) = amount.split_at(end);
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

fn malformed(error: impl Into<Source>) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "mail.render", error)
}

#[cfg(test)]
mod tests {
    use commerce_core::notifications::samples::{SAMPLE_NAME, sample};
    use serde_json::json;

    use super::*;

    fn context(template: Template) -> MailContext {
        MailContext {
            shop_name: "The Shop".to_owned(),
            shop_url: "https://shop.example".to_owned(),
            recipient_name: SAMPLE_NAME.to_owned(),
            data: sample(template),
        }
    }

    #[test]
    fn every_mail_renders_from_its_sample() {
        let renderer = TemplateRenderer::new().unwrap();
        for template in Template::ALL {
            let Rendered { subject, html, text } = renderer.render(*template, &context(*template)).unwrap();
            assert_eq!(subject.trim(), subject);
            for part in [&html, &text] {
                assert!(part.contains("The Shop"), "{template}\n{part}");
                assert!(!part.contains("{{") && !part.contains("}}"), "{template}\n{part}");
            }
            assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{html}");
            assert!(!text.contains("\n\n\n") && !text.contains("&amp;") && !text.starts_with('\n'), "{template}\n{text}");
            let named = match template {
                Template::LowStock => "TSHIRT-S",
                Template::PasswordReset => "/reset-password#token",
                _ => SAMPLE_NAME,
            };
            assert!(html.contains(named) && text.contains(named), "{template}\n{text}");
        }
    }

    #[test]
    fn the_subjects_are_these() {
        let renderer = TemplateRenderer::new().unwrap();
        let subjects: Vec<_> =
            Template::ALL.iter().map(|template| renderer.render(*template, &context(*template)).unwrap().subject).collect();
        assert_eq!(
            subjects,
            [
                "Order Placed — ORD-123456",
                "Order Confirmed",
                "Order Shipped 🚚",
                "Delivered 📦",
                "Order Cancelled",
                "Payment Received ✅",
                "Payment Failed",
                "Your Order — ORD-123456",
                "Welcome!",
                "Reset Your Password",
                "⚠️ Low Stock Alert",
            ]
        );
    }

    #[test]
    fn an_order_as_text() {
        let mail = TemplateRenderer::new().unwrap().render(Template::OrderShipped, &context(Template::OrderShipped)).unwrap();
        let expected = "\
Hello Asha Rao,

your order ORD-123456 has left our house.

Blue Dart, tracking number 1234567890

  2 x Ocean Blue T-Shirt (TSHIRT-S), 799.00 INR each
  1 x Mug & Saucer (MUG), 349.00 INR each

  Subtotal  1,947.00 INR
  Discount  194.70 INR
  Shipping  49.00 INR
  Tax       315.42 INR
  Total     2,116.72 INR

-- 
The Shop
https://shop.example
";
        assert_eq!(mail.text, expected);
    }

    #[test]
    fn names_are_data() {
        let name = "{{7*7}} ${7*7} <script>alert('x')</script>";
        let context = MailContext { recipient_name: name.to_owned(), ..context(Template::Welcome) };
        let mail = TemplateRenderer::new().unwrap().render(Template::Welcome, &context).unwrap();
        assert!(mail.text.contains(name), "{}", mail.text);
        assert!(!mail.html.contains("<script>") && mail.html.contains("&lt;script&gt;"), "{}", mail.html);
        assert!(!mail.html.contains("49") && !mail.text.contains("49"));
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let renderer = TemplateRenderer::new().unwrap();
        let mut context = context(Template::OrderPlaced);
        context.data["lines"][0].as_object_mut().unwrap().remove("name");
        assert!(renderer.render(Template::OrderPlaced, &context).is_err());
        context.data = sample(Template::OrderPlaced);
        context.data["total"] = json!("12.50");
        assert!(renderer.render(Template::OrderPlaced, &context).is_err());
    }

    #[test]
    fn amounts_are_grouped() {
        for (plain, shown) in [("0.05 INR", "0.05 INR"), ("-1234567.00 INR", "-1,234,567.00 INR"), ("123456 JPY", "123,456 JPY")]
        {
            assert_eq!(grouped(plain), shown);
        }
    }
}
