//! The table of pages: which address shows what.

use super::About;

/// One page: a body within its area's layout, and the script that brings it to life.
pub(super) struct Page {
    /// Its address, as the router writes it.
    pub(super) path: &'static str,
    title: &'static str,
    layout: &'static str,
    /// Below `templates/`.
    pub(super) script: &'static str,
    pub(super) body: &'static str,
}

impl Page {
    /// The whole page. The body comes last: it is ours, and has nothing to fill in.
    pub(super) fn render(&self, about: &About, version: &str) -> String {
        let shop = escaped(about.shop_name);
        let title = if self.title.is_empty() { shop.clone() } else { format!("{} · {shop}", self.title) };
        self.layout
            .replace("{{assets}}", &format!("/assets/{version}"))
            .replace("{{script}}", self.script)
            .replace("{{currency}}", &escaped(about.currency))
            .replace("{{provider}}", &escaped(about.card_provider))
            .replace("{{checkout}}", &escaped(about.checkout.map_or("", |it| it.at)))
            .replace("{{checkout_key}}", &escaped(about.checkout.map_or("", |it| it.key)))
            .replace("{{title}}", &title)
            .replace("{{shop}}", &shop)
            .replace("{{main}}", self.body)
    }
}

macro_rules! page {
    ($area:literal $name:literal $path:literal $title:literal) => {
        Page {
            path: $path,
            title: $title,
            layout: include_str!(concat!("../../../templates/", $area, "/layout.html")),
            script: concat!($area, "/", $name, ".js"),
            body: include_str!(concat!("../../../templates/", $area, "/", $name, ".html")),
        }
    };
}

macro_rules! pages {
    ($($area:literal $name:literal $path:literal $title:literal),+ $(,)?) => {
        &[$(page!($area $name $path $title)),+]
    };
}

/// Every page.
pub(super) const PAGES: &[Page] = pages![
    "storefront" "home" "/" "",
    "storefront" "product" "/products/{name}" "Product",
    "storefront" "cart" "/cart" "Cart",
    "storefront" "checkout" "/checkout" "Checkout",
    "storefront" "sign-in" "/sign-in" "Sign in",
    "storefront" "reset-password" "/reset-password" "A new password",
    "storefront" "orders" "/orders" "Your orders",
    "storefront" "order" "/orders/{id}" "Order",
    "storefront" "account" "/account" "Your account",
    "storefront" "pay" "/pay/razorpay" "Pay",
    "admin" "orders" "/admin" "Orders",
    "admin" "order" "/admin/orders/{id}" "Order",
    "admin" "returns" "/admin/returns" "Returns",
    "admin" "products" "/admin/products" "Products",
    "admin" "product" "/admin/products/{id}" "Product",
    "admin" "coupons" "/admin/coupons" "Coupons",
    "admin" "coupon" "/admin/coupons/{code}" "Coupon",
    "admin" "coupon" "/admin/new-coupon" "New coupon",
    "admin" "reviews" "/admin/reviews" "Reviews",
    "admin" "mail" "/admin/mail" "Mail",
    "admin" "log" "/admin/log" "What staff did",
];

/// What is shown where there is no page.
pub(super) const MISSING: Page = page!("storefront" "missing" "" "Not here");

/// Text as HTML writes it, also between quotes.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, char| {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}
