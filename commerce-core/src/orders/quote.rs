//! What an order would cost: the same reads and the same sums as placing it, and nothing written but the key of the request.

use crate::actor::Actor;
use crate::change::{Answer, RequestKey};
use crate::error::{Outcome, Refusal};
use crate::ids::{ProductId, UserId};
use crate::keyed::Keyed;
use crate::money::Money;
use crate::text::{Check, Metadata, Quantity, Sku};
use crate::users::{PostalAddress, RawAddress, parse_address};

use super::Orders;
use super::cart::{Cart, CartOwner};
use super::discount::Coupons;
use super::payment::PaymentMethod;
use super::ports::PricedItem;
use super::pricing::{Quote, demand, parcel, quote};
use super::shipping::{Destination, ShippingOption};
use super::tax::{Sale, SaleLine};

/// Where the keys of quotes count.
const ROUTE: &str = "POST /api/orders/quote";

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

/// What an order would cost, and how else it could be shipped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// What it would cost.
    pub quote: Quote,
    /// The ways to ship it, the default first.
    pub shipping_options: Vec<ShippingOption>,
}

/// What an order costs, and what that was made of.
pub(crate) struct Priced {
    pub(crate) quote: Quote,
    pub(crate) items: Vec<PricedItem>,
    pub(crate) coupons: Coupons,
    /// The ways to ship it.
    pub(crate) ways: Vec<ShippingOption>,
}

impl Orders {
    /// What `command` would cost now, for whoever is logged in.
    ///
    /// # Errors
    /// As [`place`](Self::place), but for stock and payment, which are not looked at.
    pub async fn quote(&self, actor: &Actor, command: &PlaceOrder) -> Outcome<Quote> {
        Ok(self.offer(actor, command, None).await?.into_inner().quote)
    }

    /// The same beside the ways in which it could be shipped. Who names no address and keeps none is told what it costs at
    /// the shop's own place. Repeated with the same key it is made anew, and says that it is a replay.
    ///
    /// # Errors
    /// As [`quote`](Self::quote), and `IDEMPOTENCY_MISMATCH`.
    pub async fn offer(&self, actor: &Actor, command: &PlaceOrder, key: Option<RequestKey>) -> Outcome<Answer<Offer>> {
        let user = actor.require_user()?;
        self.offer_under(&Keyed::of(actor, ROUTE, key), Some(user), Some(CartOwner::User(user)), command).await
    }

    /// What an order would cost somebody who has not logged in.
    ///
    /// # Errors
    /// As [`offer`](Self::offer).
    pub async fn offer_to_guest(
        &self,
        cart: Option<&str>,
        command: &PlaceOrder,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<Offer>> {
        self.offer_under(&Keyed::of(&Actor::Anonymous, ROUTE, key), None, cart.map(CartOwner::guest), command).await
    }

    /// Uses the key up when there is something to answer.
    async fn offer_under(
        &self,
        keyed: &Keyed,
        user: Option<UserId>,
        cart: Option<CartOwner>,
        command: &PlaceOrder,
    ) -> Outcome<Answer<Offer>> {
        let seen = keyed.seen(&*self.store).await?.is_some();
        let offer = self.offer_for(user, cart, command).await?;
        let replayed = seen || self.use_up(keyed).await?;
        Ok(if replayed { Answer::Replayed(offer) } else { Answer::Fresh(offer) })
    }

    /// The same for somebody who is known, or for a guest, out of this cart unless items are named.
    async fn offer_for(&self, user: Option<UserId>, cart: Option<CartOwner>, command: &PlaceOrder) -> Outcome<Offer> {
        let wish = self.wish(cart, command).await?;
        let address = match (&command.address, user) {
            (AddressChoice::Saved(None), None) => None,
            (AddressChoice::Saved(None), Some(user)) => self.customers.address(user, None).await?,
            (AddressChoice::Saved(Some(_)), None) => return Err(Refusal::NotFound("address").into()),
            (AddressChoice::Given(raw), None) => Some(parse_address("shippingAddress.", (**raw).clone())?),
            (named, Some(user)) => Some(self.address(user, named).await?),
        };
        let to = address.as_ref().map_or_else(|| self.policy.home.clone(), Destination::from);
        let Priced { quote, ways, .. } = self.price(user, &wish, command, &to).await?;
        Ok(Offer { quote, shipping_options: ways })
    }

    /// Where an order is to go.
    pub(crate) async fn address(&self, user: UserId, choice: &AddressChoice) -> Outcome<PostalAddress> {
        match choice {
            AddressChoice::Given(raw) => Ok(parse_address("shippingAddress.", (**raw).clone())?),
            AddressChoice::Saved(id) => {
                let missing = match id {
                    Some(_) => Refusal::NotFound("address"),
                    None => Refusal::field("shippingAddress", "REQUIRED", "say where to ship, or keep a default address"),
                };
                self.customers.address(user, *id).await?.ok_or_else(|| missing.into())
            }
        }
    }

    /// What is to be ordered: the named items, or everything in the cart.
    pub(crate) async fn wish(&self, owner: Option<CartOwner>, command: &PlaceOrder) -> Outcome<Wish> {
        if command.expected_total.is_some_and(|total| total.minor < 0) {
            return Err(Refusal::field("expectedTotal", "OUT_OF_RANGE", "must not be below nothing").into());
        }
        let codes = |cart: Option<&Cart>| {
            let named = command.coupon_code.clone().or_else(|| cart.and_then(|cart| cart.coupon.clone()));
            named.filter(|codes| !codes.trim().is_empty())
        };
        if let Some(items) = &command.items {
            let lines = parse_items("items", items)?;
            return Ok(Wish { demand: demand(&lines)?, cart: None, codes: codes(None) });
        }
        let owner = owner.ok_or(Refusal::EmptyOrder)?;
        let cart = self.carts.cart(owner, self.clock.now()).await?.ok_or(Refusal::EmptyOrder)?;
        let lines: Vec<(Sku, Quantity)> = cart.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
        Ok(Wish { demand: demand(&lines)?, codes: codes(Some(&cart)), cart: Some(cart) })
    }

    /// Prices from the catalog's writer, less what the coupons take off, shipping and taxes added, summed up; and what that
    /// was made of.
    pub(crate) async fn price(
        &self,
        user: Option<UserId>,
        wish: &Wish,
        command: &PlaceOrder,
        to: &Destination,
    ) -> Outcome<Priced> {
        let skus: Vec<Sku> = wish.demand.iter().map(|(sku, _)| sku.clone()).collect();
        let items = self.catalog.items(&skus).await?;
        let coupons = match &wish.codes {
            Some(codes) => {
                let products: Vec<ProductId> = items.iter().map(|item| item.product).collect();
                // Hardly any order names one, and the future of every order would carry it along.
                Box::pin(self.named_coupons(user, codes, &products)).await?
            }
            None => Coupons::default(),
        };
        let ways = self.policy.shipping.options(&parcel(&wish.demand, &items, to.clone())?).await?;
        let quote = quote(&wish.demand, &items, chosen(&ways, command.shipping_option.as_deref())?, &coupons)?;
        let quote = self.taxed(quote, to).await?;
        Ok(Priced { quote, items, coupons, ways })
    }

    /// With the taxes on it.
    async fn taxed(&self, quote: Quote, to: &Destination) -> Outcome<Quote> {
        let lines = self.sold(quote.lines.iter().map(SaleLine::from).collect()).await?;
        let taxes = self.policy.taxes.taxes(&Sale { to: to.clone(), lines, shipping: quote.shipping }).await?;
        Ok(quote.taxed(taxes)?)
    }

    /// The lines of a sale with the categories of what is sold, where taxes ask for them.
    pub(super) async fn sold(&self, mut lines: Vec<SaleLine>) -> Outcome<Vec<SaleLine>> {
        if self.policy.taxes.asks_categories() {
            let mut products: Vec<ProductId> = lines.iter().map(|line| line.product).collect();
            products.sort_unstable();
            products.dedup();
            let inside = self.catalog.categories(&products).await?;
            for line in &mut lines {
                let of = inside.iter().find(|(product, _)| *product == line.product);
                line.categories = of.map(|(_, categories)| categories.clone()).unwrap_or_default();
            }
        }
        Ok(lines)
    }
}

/// The way to ship that is named, or the first.
fn chosen<'a>(ways: &'a [ShippingOption], id: Option<&str>) -> Result<&'a ShippingOption, Refusal> {
    let nowhere = || Refusal::field("shippingAddress", "NOT_DELIVERABLE", "this shop does not ship such an order there");
    let unknown = || Refusal::field("shippingOptionId", "UNKNOWN", "is not a shipping option of this order");
    match id {
        _ if ways.is_empty() => Err(nowhere()),
        None => ways.first().ok_or_else(nowhere),
        Some(id) => ways.iter().find(|option| option.id == id).ok_or_else(unknown),
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
