//! What an order would cost: the same reads and the same sums as placing it, and nothing written.

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::ids::{ProductId, UserId};
use crate::money::{Currency, Money};
use crate::text::{Check, Metadata, Quantity, Sku};
use crate::users::RawAddress;

use super::Orders;
use super::cart::{Cart, CartOwner};
use super::discount::Coupons;
use super::payment::PaymentMethod;
use super::ports::PricedItem;
use super::pricing::{Quote, ShippingOption, demand, quote};

/// A wish to order, as it came in.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// SKU and quantity; `None` orders the cart.
    pub items: Option<Vec<(String, i64)>>,
    /// Coupons to redeem: codes with a comma between them. Not said, an order of the cart uses the cart's; an
    /// empty text uses none.
    pub coupon_code: Option<String>,
    /// Where to.
    pub address: AddressChoice,
    /// Which way; `None` is the shop's first.
    pub shipping_option: Option<String>,
    /// How it is paid, and the token the provider gave the customer's browser.
    pub payment: Option<(PaymentMethod, Option<String>)>,
    /// What the customer was shown; another total refuses the order.
    pub expected_total: Option<Money>,
    /// The client's own notes.
    pub metadata: Metadata,
}

/// Where an order goes.
#[derive(Clone, Debug)]
pub enum AddressChoice {
    /// To an address of the customer's book; `None` is her default.
    Saved(Option<crate::ids::AddressId>),
    /// To this one.
    Given(Box<RawAddress>),
}

/// What is to be ordered, and out of which cart.
pub(crate) struct Wish {
    pub(crate) demand: Vec<(Sku, Quantity)>,
    pub(crate) cart: Option<Cart>,
    /// The codes of the coupons to use.
    pub(crate) codes: Option<String>,
}

/// What an order costs, and what that was made of.
pub(crate) struct Priced {
    pub(crate) quote: Quote,
    pub(crate) items: Vec<PricedItem>,
    pub(crate) coupons: Coupons,
}

impl Orders {
    /// What `command` would cost now, for whoever is logged in.
    ///
    /// # Errors
    /// As [`place`](Self::place), but for stock and payment, which are not looked at.
    pub async fn quote(&self, actor: &Actor, command: &PlaceOrder) -> Outcome<Quote> {
        let user = actor.require_user()?;
        let wish = self.wish(CartOwner::User(user), command).await?;
        Ok(self.price(user, &wish, command).await?.quote)
    }

    /// The ways to ship an order in `currency`.
    #[must_use]
    pub fn shipping_options(&self, currency: Currency) -> Vec<ShippingOption> {
        let fits = |option: &&ShippingOption| option.price.minor == 0 || option.price.currency == currency;
        let turned =
            |option: &ShippingOption| ShippingOption { price: Money::new(option.price.minor, currency), ..option.clone() };
        self.policy.shipping.iter().filter(fits).map(turned).collect()
    }

    /// What is to be ordered: the named items, or everything in the cart.
    pub(crate) async fn wish(&self, owner: CartOwner, command: &PlaceOrder) -> Outcome<Wish> {
        let codes = |cart: Option<&Cart>| {
            let named = command.coupon_code.clone().or_else(|| cart.and_then(|cart| cart.coupon.clone()));
            named.filter(|codes| !codes.trim().is_empty())
        };
        if let Some(items) = &command.items {
            let lines = parse_items("items", items)?;
            return Ok(Wish { demand: demand(&lines)?, cart: None, codes: codes(None) });
        }
        let cart = self.carts.cart(owner, self.clock.now()).await?.ok_or(Refusal::EmptyOrder)?;
        let lines: Vec<(Sku, Quantity)> = cart.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
        Ok(Wish { demand: demand(&lines)?, codes: codes(Some(&cart)), cart: Some(cart) })
    }

    /// Prices from the catalog's writer, less what the coupons take off, summed up; and what that was made of.
    pub(crate) async fn price(&self, user: UserId, wish: &Wish, command: &PlaceOrder) -> Outcome<Priced> {
        let option = self.shipping_option(command.shipping_option.as_deref())?;
        let skus: Vec<Sku> = wish.demand.iter().map(|(sku, _)| sku.clone()).collect();
        let items = self.catalog.items(&skus).await?;
        let coupons = match &wish.codes {
            Some(codes) => {
                let products: Vec<ProductId> = items.iter().map(|item| item.product).collect();
                // Hardly any order names one, and the future of every order would carry it along.
                Box::pin(self.named_coupons(Some(user), codes, &products)).await?
            }
            None => Coupons::default(),
        };
        Ok(Priced { quote: quote(&wish.demand, &items, option, &coupons)?, items, coupons })
    }

    fn shipping_option(&self, id: Option<&str>) -> Result<&ShippingOption, Refusal> {
        let named = |option: &&ShippingOption| id.is_none_or(|id| option.id == id);
        let unknown = || Refusal::field("shippingOptionId", "UNKNOWN", "is not a shipping option of this shop");
        self.policy.shipping.iter().find(named).ok_or_else(unknown)
    }
}

/// Parses SKUs and quantities, naming every one that is wrong.
pub(crate) fn parse_items(field: &str, items: &[(String, i64)]) -> Result<Vec<(Sku, Quantity)>, Refusal> {
    let mut check = Check::new();
    let mut parsed = Vec::with_capacity(items.len());
    for (index, (sku, quantity)) in items.iter().enumerate() {
        let sku = check.take(Sku::parse(&format!("{field}[{index}].sku"), sku));
        let quantity = check.take(Quantity::parse(&format!("{field}[{index}].quantity"), *quantity));
        parsed.extend(sku.zip(quantity));
    }
    check.finish()?;
    Ok(parsed)
}
