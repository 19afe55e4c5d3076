//! The scripts, styles and pictures of the pages, as they are in the binary.

/// One file.
pub(super) struct Asset {
    /// Its path below `templates/`, and below `/assets/{version}/`.
    pub(super) path: &'static str,
    /// What is in it.
    pub(super) bytes: &'static [u8],
}

impl Asset {
    /// What browsers are told it is.
    pub(super) fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, end)| end) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

macro_rules! assets {
    ($($path:literal),+ $(,)?) => {
        &[$(Asset { path: $path, bytes: include_bytes!(concat!("../../../templates/", $path)) }),+]
    };
}

/// Every file a page may load.
pub(super) const ASSETS: &[Asset] = assets![
    "storefront/lib/address.js",
    "storefront/lib/api.js",
    "storefront/lib/base.css",
    "storefront/lib/dom.js",
    "storefront/lib/errors.js",
    "storefront/lib/given_up.js",
    "storefront/lib/money.js",
    "storefront/lib/parts.css",
    "storefront/lib/picture.js",
    "storefront/lib/text.js",
    "storefront/lib/totals.js",
    "storefront/access.js",
    "storefront/account.js",
    "storefront/buying.css",
    "storefront/cart.js",
    "storefront/checkout.js",
    "storefront/find-order.js",
    "storefront/home.js",
    "storefront/icon.svg",
    "storefront/missing.js",
    "storefront/order.js",
    "storefront/orders.js",
    "storefront/pay.js",
    "storefront/payment.js",
    "storefront/product.js",
    "storefront/returns.js",
    "storefront/reviews.js",
    "storefront/shop.css",
    "storefront/shop.js",
    "storefront/reset-password.js",
    "storefront/sign-in.js",
    "storefront/wallet.js",
    "admin/admin.css",
    "admin/admin.js",
    "admin/coming_back.js",
    "admin/coupon.js",
    "admin/coupon_words.js",
    "admin/coupons.js",
    "admin/log.js",
    "admin/mail.js",
    "admin/order.js",
    "admin/orders.js",
    "admin/product.js",
    "admin/products.js",
    "admin/promise.js",
    "admin/returns.js",
    "admin/reviews.js",
    "admin/shipments.js",
    "admin/variants.js",
];
