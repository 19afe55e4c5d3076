//! Filling a cart. Every edit is one versioned change set, so parallel edits lose nothing.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{
    Answer, ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope, RequestKey, Round, expect_version, rounds,
    settle,
};
use crate::error::{Error, Outcome, Refusal};
use crate::ids::ProductId;
use crate::money::Money;
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};
use crate::text::{Check, Metadata, Quantity, Sku};

use super::Orders;
use super::cart::{Cart, CartOwner};
use super::coupon::{join_codes, parse_codes};
use super::ports::{CartWrite, PricedItem};
use super::pricing::OrderLine;
use super::quote::parse_items;

/// A cart with what the catalog says about its lines now.
#[derive(Clone, PartialEq, Debug)]
pub struct CartView {
    /// The cart itself.
    pub cart: Cart,
    /// Its lines, priced.
    pub lines: Vec<CartLineView>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// What is taken off.
    pub discount: Money,
    /// Why its coupons take nothing off now; an order of it is refused for that.
    pub coupon_refusal: Option<Refusal>,
    /// What is left to pay, without shipping.
    pub total: Money,
}

/// A cart line with what the catalog says about it now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CartLineView {
    /// Of what.
    pub sku: Sku,
    /// Its product; none when the SKU is gone.
    pub product: Option<ProductId>,
    /// Its name.
    pub name: String,
    /// How many.
    pub quantity: Quantity,
    /// What one costs now.
    pub unit_price: Money,
    /// What they cost together.
    pub line_total: Money,
    /// How many could be had now; nothing when it is not on sale.
    pub available: i64,
    /// Whether the price is another than when the line was last edited.
    pub price_changed: bool,
}

impl Orders {
    /// A cart as it is now; empty when it was never filled or has expired.
    ///
    /// # Errors
    /// `NOT_FOUND` for another's cart.
    pub async fn cart(&self, actor: &Actor, owner: CartOwner) -> Outcome<CartView> {
        may_touch(actor, owner)?;
        let cart = self.present(owner).await?;
        self.view(cart, &[]).await
    }

    /// Puts items in, on top of what is there; `metadata` takes the place of the cart's own.
    ///
    /// # Errors
    /// `INVALID` naming the item that is unknown, not on sale or too many; `CURRENCY_MISMATCH`;
    /// `VERSION_MISMATCH` when the cart is not `expected`.
    pub async fn add_to_cart(
        &self,
        actor: &Actor,
        owner: CartOwner,
        items: &[(String, i64)],
        metadata: Option<Metadata>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<CartView>> {
        may_touch(actor, owner)?;
        let claim = key.map(|key| self.cart_claim(actor, owner, "add", key));
        if self.cart_key_used(claim.as_ref()).await? {
            return Ok(Answer::Replayed(self.cart(actor, owner).await?));
        }
        let mut check = Check::new();
        check.metadata(metadata.as_ref().unwrap_or(&Metadata::new()));
        check.finish()?;
        let lines = parse_items("items", items)?;
        let skus: Vec<Sku> = lines.iter().map(|(sku, _)| sku.clone()).collect();
        let edit = |cart: &mut Cart, known: &[PricedItem]| {
            for (index, (sku, quantity)) in lines.iter().enumerate() {
                let item = on_sale(known, sku, || format!("items[{index}].sku"))?;
                cart.add(sku, *quantity, item.unit_price)?;
            }
            cart.metadata = metadata.clone().unwrap_or_else(|| std::mem::take(&mut cart.metadata));
            Ok(())
        };
        self.edit_cart((actor, owner), &skus, claim, expected, edit).await
    }

    /// Sets how many of a SKU are in the cart.
    ///
    /// # Errors
    /// `NOT_FOUND` for a SKU that is not on sale; `INVALID` for the quantity; `VERSION_MISMATCH`
    /// when the cart is not `expected`.
    pub async fn set_cart_line(
        &self,
        actor: &Actor,
        owner: CartOwner,
        sku: &str,
        quantity: i64,
        expected: Option<u64>,
    ) -> Outcome<CartView> {
        may_touch(actor, owner)?;
        let sku: Sku = sku.parse().map_err(|_| Refusal::NotFound("SKU"))?;
        let quantity = Quantity::parse("quantity", quantity)?;
        let edited = self.edit_cart((actor, owner), std::slice::from_ref(&sku), None, expected, |cart, known| {
            let item = known.iter().find(|item| item.sku == sku && item.on_sale).ok_or(Refusal::NotFound("SKU"))?;
            cart.set(&sku, quantity, item.unit_price)
        });
        Ok(edited.await?.into_inner())
    }

    /// Takes a SKU out; not there already is fine.
    ///
    /// # Errors
    /// `NOT_FOUND` for another's cart; `VERSION_MISMATCH` when it is not `expected`.
    pub async fn remove_cart_line(&self, actor: &Actor, owner: CartOwner, sku: &str, expected: Option<u64>) -> Outcome<CartView> {
        may_touch(actor, owner)?;
        let sku: Sku = sku.parse().map_err(|_| Refusal::NotFound("SKU"))?;
        let edited = self.edit_cart((actor, owner), &[], None, expected, |cart, _| {
            cart.remove(&sku);
            Ok(())
        });
        Ok(edited.await?.into_inner())
    }

    /// Empties a cart; empty already is fine. That is an edit like others, so that its version stays behind.
    ///
    /// # Errors
    /// `NOT_FOUND` for another's cart; `VERSION_MISMATCH` when it is not `expected`.
    pub async fn clear_cart(&self, actor: &Actor, owner: CartOwner, expected: Option<u64>) -> Outcome<()> {
        may_touch(actor, owner)?;
        let emptied = self.edit_cart((actor, owner), &[], None, expected, |cart, _| {
            if !cart.lines.is_empty() || cart.coupon.is_some() || !cart.metadata.is_empty() {
                *cart = cart.clone().cleared(self.clock.now());
            }
            Ok(())
        });
        emptied.await.map(|_| ())
    }

    /// Tries coupons on a cart: one code, or several with a comma between them. They are used when the cart is
    /// ordered.
    ///
    /// # Errors
    /// `COUPON_NOT_APPLICABLE` and `COUPON_EXHAUSTED` where they could not be used now; `NOT_FOUND` for
    /// another's cart; `VERSION_MISMATCH` when it is not `expected`.
    pub async fn set_cart_coupon(
        &self,
        actor: &Actor,
        owner: CartOwner,
        codes: &str,
        expected: Option<u64>,
    ) -> Outcome<CartView> {
        may_touch(actor, owner)?;
        let code = join_codes(&parse_codes(codes).map_err(Refusal::of_cart)?);
        let cart = self.present(owner).await?;
        expect_version("cart", expected, cart.version)?;
        let shown = self.view(Cart { coupon: None, ..cart }, &[]).await?;
        self.taken_off(owner, codes, &shown.lines).await.map_err(of_cart)?;
        let edited = self.edit_cart((actor, owner), &[], None, expected, |cart, _| {
            cart.coupon.clone_from(&code);
            Ok(())
        });
        Ok(edited.await?.into_inner())
    }

    /// Takes the coupons off a cart; none there is fine.
    ///
    /// # Errors
    /// `NOT_FOUND` for another's cart; `VERSION_MISMATCH` when it is not `expected`.
    pub async fn remove_cart_coupon(&self, actor: &Actor, owner: CartOwner, expected: Option<u64>) -> Outcome<CartView> {
        may_touch(actor, owner)?;
        let edited = self.edit_cart((actor, owner), &[], None, expected, |cart, _| {
            cart.coupon = None;
            Ok(())
        });
        Ok(edited.await?.into_inner())
    }

    /// Edits a cart by what the catalog says about `skus`.
    async fn edit_cart(
        &self,
        (actor, owner): (&Actor, CartOwner),
        skus: &[Sku],
        claim: Option<KeyClaim>,
        expected: Option<u64>,
        edit: impl Fn(&mut Cart, &[PricedItem]) -> Result<(), Refusal>,
    ) -> Outcome<Answer<CartView>> {
        let (cart, known) = rounds("cart", || async {
            let mut cart = self.present(owner).await?;
            // In this order: what a twin of this request put in has its key by then. What was read
            // may be older than the key.
            if self.cart_key_used(claim.as_ref()).await? {
                return Ok(Round::Done((Answer::Replayed(self.present(owner).await?), Vec::new())));
            }
            expect_version("cart", expected, cart.version)?;
            let known = self.items_for(skus, &cart).await?;
            let before = cart.clone();
            edit(&mut cart, &known)?;
            one_currency(&cart)?;
            if cart == before {
                return Ok(Round::Done((Answer::Fresh(cart), known)));
            }
            let edited = CartWrite::edit(cart, self.clock.now());
            let cart = edited.cart().clone();
            let changes = ChangeSet::of([edited]).claim(claim.clone());
            match self.carts.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    record.replay(&claim.as_ref().map(|claim| claim.body_hash).unwrap_or_default())?;
                    Ok(Round::Done((Answer::Replayed(self.present(owner).await?), known)))
                }
                other => {
                    let done = settle(other, (Answer::Fresh(cart), known))?;
                    self.tell_of_cart(actor, owner, &done).await?;
                    Ok(done)
                }
            }
        })
        .await?;
        Ok(match cart {
            Answer::Fresh(cart) => Answer::Fresh(self.view(cart, &known).await?),
            Answer::Replayed(cart) => Answer::Replayed(self.view(cart, &known).await?),
        })
    }

    /// Tells that staff has changed somebody else's cart. Carts may be kept where no events are, so that this is said after it.
    pub(super) async fn tell_of_cart<T>(&self, actor: &Actor, owner: CartOwner, done: &Round<T>) -> Outcome<()> {
        let (Round::Done(_), CartOwner::User(user)) = (done, owner) else { return Ok(()) };
        let deed = Deed::of(StaffAction::CartChanged, Subject::of(SubjectKind::User, user), json!({}));
        match deed.said_to(user, actor, &self.ids, self.clock.now()) {
            Some(told) => Ok(self.store.commit(ChangeSet::new().say(Some(told))).await?),
            None => Ok(()),
        }
    }

    /// What the catalog shows of these SKUs, and of what is in the cart with them, in one question. What is not shown as on sale
    /// may be new, so its writer is asked. None for no SKUs: then nothing of the catalog decides.
    async fn items_for(&self, skus: &[Sku], cart: &Cart) -> Outcome<Vec<PricedItem>> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked: Vec<Sku> = skus.iter().chain(cart.lines.iter().map(|line| &line.sku)).cloned().collect();
        asked.sort_unstable();
        asked.dedup();
        let mut items = self.catalog.items_shown(&asked).await?;
        let is_new = |sku: &&Sku| !items.iter().any(|item| item.sku == **sku && item.on_sale);
        let new: Vec<Sku> = skus.iter().filter(is_new).cloned().collect();
        if !new.is_empty() {
            items.retain(|item| !new.contains(&item.sku));
            items.extend(self.catalog.items(&new).await?);
        }
        Ok(items)
    }

    pub(super) async fn present(&self, owner: CartOwner) -> Outcome<Cart> {
        let now = self.clock.now();
        Ok(self.carts.cart(owner, now).await?.unwrap_or_else(|| Cart::empty(owner, now)))
    }

    /// Prices a cart; `known` spares asking for items that were just asked for.
    pub(super) async fn view(&self, cart: Cart, known: &[PricedItem]) -> Outcome<CartView> {
        let unknown = |sku: &Sku| !known.iter().any(|item| item.sku == *sku);
        let skus: Vec<Sku> = cart.lines.iter().map(|line| line.sku.clone()).filter(unknown).collect();
        let mut items = if skus.is_empty() { Vec::new() } else { self.catalog.items_shown(&skus).await? };
        items.extend_from_slice(known);
        items.sort_by(|left, right| left.sku.cmp(&right.sku));
        let mut lines = Vec::with_capacity(cart.lines.len());
        for line in &cart.lines {
            let found = items.binary_search_by(|item| item.sku.cmp(&line.sku)).ok();
            let item = found.and_then(|index| items.get(index));
            let unit_price = item.map_or(line.seen_price, |item| item.unit_price);
            lines.push(CartLineView {
                sku: line.sku.clone(),
                product: item.map(|item| item.product),
                name: item.map_or_else(|| line.sku.to_string(), |item| item.name.clone()),
                quantity: line.quantity,
                unit_price,
                line_total: unit_price.times(line.quantity.get())?,
                available: item.filter(|item| item.on_sale).map_or(0, |item| item.available),
                price_changed: unit_price != line.seen_price,
            });
        }
        let currency = lines.first().map_or(self.policy.currency, |line| line.unit_price.currency);
        let subtotal = Money::sum(currency, lines.iter().map(|line| line.line_total))?;
        let (discount, coupon_refusal) = match &cart.coupon {
            // What cannot be used now takes nothing off, until it can again or the order is refused for it.
            Some(codes) => match Box::pin(self.taken_off(cart.owner, codes, &lines)).await {
                Err(Error::Refused(refusal)) => (Money::zero(currency), Some(*refusal)),
                other => (other?, None),
            },
            None => (Money::zero(currency), None),
        };
        Ok(CartView { total: subtotal.minus(discount)?, cart, lines, subtotal, discount, coupon_refusal })
    }

    /// What the coupons of these codes take off the lines of a cart, shipping apart.
    async fn taken_off(&self, owner: CartOwner, codes: &str, lines: &[CartLineView]) -> Outcome<Money> {
        let user = match owner {
            CartOwner::User(user) => Some(user),
            CartOwner::Guest(_) => None,
        };
        let mut priced: Vec<OrderLine> = lines.iter().filter_map(as_ordered).collect();
        let products: Vec<ProductId> = priced.iter().map(|line| line.product_id).collect();
        let currency = priced.first().map_or(self.policy.currency, |line| line.total.currency);
        let coupons = self.named_coupons(user, codes, &products).await?;
        coupons.take_off(&mut priced, &mut Money::zero(currency))?;
        Ok(Money::sum(currency, priced.iter().map(|line| line.discount))?)
    }

    /// Whether the same request was done before under this key.
    pub(super) async fn cart_key_used(&self, claim: Option<&KeyClaim>) -> Outcome<bool> {
        let Some(claim) = claim else { return Ok(false) };
        let Some(record) = self.carts.key(&claim.scope).await? else { return Ok(false) };
        Ok(record.replay(&claim.body_hash)?.is_some())
    }

    pub(super) fn cart_claim(&self, actor: &Actor, owner: CartOwner, step: &str, key: RequestKey) -> KeyClaim {
        let route = format!("POST /api/cart/{}/{step}", owner.key());
        KeyClaim {
            scope: KeyScope { user: actor.user(), route, key: key.key },
            body_hash: key.body_hash,
            result: KeyResult::Done(owner.key()),
            generation: 1,
            at: self.clock.now(),
        }
    }
}

/// What is wrong with a coupon, of a request that names it in `code`.
fn of_cart(error: Error) -> Error {
    match error {
        Error::Refused(refusal) => refusal.of_cart().into(),
        Error::Store(error) => error.into(),
    }
}

/// A line of a cart as an order would have it; none of what is gone.
fn as_ordered(line: &CartLineView) -> Option<OrderLine> {
    let nothing = Money::zero(line.line_total.currency);
    Some(OrderLine {
        sku: line.sku.clone(),
        product_id: line.product?,
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: nothing,
        tax: nothing,
        total: line.line_total,
    })
}

/// A user's cart is hers and staff's; a guest's belongs to whoever knows its token.
pub(super) fn may_touch(actor: &Actor, owner: CartOwner) -> Result<(), Refusal> {
    match owner {
        CartOwner::User(user) => actor.require_owner(user, "cart"),
        CartOwner::Guest(_) => Ok(()),
    }
}

fn on_sale<'a>(items: &'a [PricedItem], sku: &Sku, field: impl Fn() -> String) -> Result<&'a PricedItem, Refusal> {
    let unknown = || Refusal::field(field(), "UNKNOWN_SKU", format!("{sku} is not on sale"));
    items.iter().find(|item| item.sku == *sku && item.on_sale).ok_or_else(unknown)
}

pub(super) fn one_currency(cart: &Cart) -> Result<(), Refusal> {
    let mut currencies = cart.lines.iter().map(|line| line.seen_price.currency);
    let first = currencies.next();
    if currencies.all(|currency| Some(currency) == first) { Ok(()) } else { Err(Refusal::CurrencyMismatch) }
}
