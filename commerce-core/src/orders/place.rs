//! Placing an order: the longest walk through the house.
//!
//! Look the key up; read cart and prices; hold the stock; decide the order; commit it in one change
//! set; then, for prepaid orders, ask the provider for the money. The order exists before money
//! moves, and the same key never makes two orders however often and however parallel it is sent.

use serde_json::{Value, json};

use crate::actor::Actor;
use crate::catalog::HoldKey;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyRecord, KeyResult, KeyScope, RequestKey};
use crate::error::{Error, Outcome, Refusal};
use crate::ids::{Id, OrderId, UserId};
use crate::limits;
use crate::text::{Check, IdempotencyKey, Quantity, Sku};
use crate::users::PostalAddress;

use super::Orders;
use super::cart::{Cart, CartOwner};
use super::draft::{Draft, Tender};
use super::guest::next_turn_in;
use super::model::Order;
use super::ports::{Held, OrderWrite};
use super::pricing::Quote;
use super::quote::{PlaceOrder, Priced, Wish};
use super::shipping::{Destination, ShippingOption};

/// The route in whose scope order keys count.
const ROUTE: &str = "POST /api/orders";

/// Whose order it is, and out of which cart unless items are named.
#[derive(Clone, Copy)]
pub(super) struct Buyer {
    pub(super) user: UserId,
    pub(super) cart: CartOwner,
    /// None of a guest.
    pub(super) by: Option<Actor>,
}

/// What is known before stock is touched.
struct Read {
    user: UserId,
    wish: Wish,
    priced: Priced,
    address: PostalAddress,
    tender: Tender,
}

/// How one round of holding and committing ended.
enum Round {
    Placed(Box<Order>),
    Twin(Box<Order>),
    Again,
}

impl Orders {
    /// Places an order for whoever is logged in. Repeated with the same key it answers the same
    /// order; without a key every call is a new order.
    ///
    /// # Errors
    /// `SOLD_OUT`, `PRICE_CHANGED`, `EMPTY_ORDER`, `CART_ORDERED`, `CURRENCY_MISMATCH`, `COUPON_NOT_APPLICABLE`, `COUPON_EXHAUSTED`,
    /// `TOO_MANY_UNPAID`, `IDEMPOTENCY_MISMATCH`, `NOT_FOUND` for a foreign address, `INVALID` naming the fields.
    pub async fn place(&self, actor: &Actor, command: PlaceOrder, key: Option<RequestKey>) -> Outcome<Answer<Order>> {
        let user = actor.require_user()?;
        self.place_for(Buyer { user, cart: CartOwner::User(user), by: Some(*actor) }, command, key).await
    }

    pub(super) async fn place_for(&self, buyer: Buyer, command: PlaceOrder, key: Option<RequestKey>) -> Outcome<Answer<Order>> {
        let theirs = key.is_some();
        let key = key.unwrap_or_else(|| self.key_of_our_own());
        let scope = KeyScope { user: Some(buyer.user), route: ROUTE.to_owned(), key: key.key.clone() };
        if theirs && let Some(order) = self.placed_before(&scope, &key).await? {
            return Ok(Answer::Replayed(order));
        }
        for _ in 0..limits::CONFLICT_TRIES {
            let read = match self.read(buyer, &command).await {
                Ok(read) => read,
                // A twin may have ordered the cart with this very key, and it was emptied, meanwhile.
                Err(refused) => return self.placed_before(&scope, &key).await?.map(Answer::Replayed).ok_or(refused),
            };
            match self.hold_and_commit(buyer.by, &command, read, &scope, &key).await? {
                Round::Placed(order) => return Ok(Answer::Fresh(self.collect(*order).await)),
                Round::Twin(order) => return Ok(Answer::Replayed(*order)),
                Round::Again => {}
            }
        }
        Err(Refusal::Conflict("order").into())
    }

    /// First beat: everything the decision needs, and every refusal that costs nothing.
    async fn read(&self, buyer: Buyer, command: &PlaceOrder) -> Outcome<Read> {
        let mut check = Check::new();
        check.metadata(&command.metadata);
        check.finish()?;
        let (method, token) =
            command.payment.clone().ok_or_else(|| Refusal::field("payment", "REQUIRED", "say how the order is paid"))?;
        let user = buyer.user;
        let tender = self.tender("payment", user, method, token)?;
        let wish = self.wish(Some(buyer.cart), command).await?;
        let address = self.address(user, &command.address).await?;
        let priced = self.price(Some(user), &wish, command, &Destination::from(&address)).await?;
        expect_total(command, &priced.quote, &priced.ways)?;
        Ok(Read { user, wish, priced, address, tender })
    }

    /// Second and third beat: hold the stock, decide under the prices it is held for, commit.
    async fn hold_and_commit(
        &self,
        by: Option<Actor>,
        command: &PlaceOrder,
        read: Read,
        scope: &KeyScope,
        key: &RequestKey,
    ) -> Outcome<Round> {
        let held = match self.hold(&read, key).await {
            Ok(held) => held,
            // A twin may have bought the last unit with this very key while we were reading.
            Err(refused) => return self.placed_before(scope, key).await?.map(twin).ok_or(refused),
        };
        let priced = if held_as_quoted(&held, &read.priced.quote) {
            read.priced
        } else {
            self.price(Some(read.user), &read.wish, command, &Destination::from(&read.address)).await?
        };
        let Priced { quote, coupons, ways, .. } = priced;
        if !held_as_quoted(&held, &quote) {
            // The price changed while we held: the hold's price is history, so is the hold.
            return self.give_up(scope, key, &held, None).await;
        }
        if let Err(refusal) = expect_total(command, &quote, &ways) {
            return self.give_up(scope, key, &held, Some(refusal)).await;
        }

        let draft = Draft {
            user: read.user,
            quote: &quote,
            held: &held,
            address: read.address,
            tender: &read.tender,
            metadata: command.metadata.clone(),
            cart: read.wish.cart.as_ref(),
        };
        let decided = draft.decide(&self.ids, self.clock.now());
        let guest = Actor::Guest(decided.order.user, decided.order.id);
        // Asked last, so that what is refused tells nobody anything and counts as nothing.
        if by.is_none() && !self.takes_turn(decided.order.user, key).await? {
            let seconds = next_turn_in(self.clock.now());
            return self.give_up(scope, key, &held, Some(Refusal::TooMany { seconds })).await;
        }
        match self.take_place(&decided.order, key).await {
            Err(Error::Refused(refusal)) => return self.give_up(scope, key, &held, Some(*refusal)).await,
            taken => taken?,
        }
        let (order, changes) = self.insert(decided, &by.unwrap_or(guest));

        let changes = changes
            .claim(Some(self.claim(scope, key, KeyResult::Done(order.id.uuid()), &held)))
            .before(held.expires_at.minus(limits::HOLD_MARGIN));
        let changes = match &read.wish.cart {
            Some(cart) => changes.and(OrderWrite::ClaimCart(cart.claim(), order.id)),
            None => changes,
        };
        let used = Self::redeem(&coupons, order.id, order.user, order.updated_at);
        let changes = used.into_iter().fold(changes, ChangeSet::and);
        match self.store.commit(changes).await {
            Ok(()) => {
                self.leave_cart(read.wish.cart.as_ref(), &order).await;
                Ok(Round::Placed(Box::new(order)))
            }
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(CommitError::Refused(refusal)) => match refusal {
                CommitRefusal::KeyTaken(record) => self.outrun(&record, key, &held).await,
                CommitRefusal::TooLate => self.give_up(scope, key, &held, None).await,
                CommitRefusal::CartOrdered(first) => {
                    self.order_what_stays(scope, key, &held, read.wish.cart.as_ref(), first).await
                }
                CommitRefusal::AlreadyHandled => Err(Refusal::Conflict("order").into()),
                CommitRefusal::Exhausted(used_up) => {
                    self.give_up(scope, key, &held, Some(Refusal::CouponExhausted(used_up))).await
                }
                // A fresh id or number collided, or a coupon has changed: the hold stands, decide anew.
                CommitRefusal::Duplicate(_) | CommitRefusal::Stale(_) => Ok(Round::Again),
                CommitRefusal::Short(lines) => Err(Refusal::SoldOut(lines).into()),
                CommitRefusal::TooLittle => Err(Refusal::Conflict("wallet").into()),
            },
        }
    }

    /// What a cart's key holds may be of the cart as it was when a try died, or as a twin read it. The cart of now is then held for
    /// itself: the key still makes one order, and a hold that none stands on ends by its expiry.
    async fn hold(&self, read: &Read, key: &RequestKey) -> Outcome<Held> {
        let (demand, items) = (sorted(&read.wish.demand), &read.priced.items);
        let held = self.catalog.reserve(HoldKey::of(read.user, &key.key), &demand, items).await;
        match &held {
            Err(Error::Refused(refusal)) if read.wish.cart.is_some() && matches!(**refusal, Refusal::IdempotencyMismatch) => {
                self.catalog.reserve(HoldKey::of_lines(read.user, &key.key, &demand), &demand, items).await
            }
            _ => held,
        }
    }

    /// What was ordered leaves the cart at once, so that whoever looks next finds it gone. The order stands
    /// whatever comes of it: its event takes out what is still there.
    async fn leave_cart(&self, cart: Option<&Cart>, order: &Order) {
        let Some(cart) = cart else { return };
        if let Err(error) = self.reduce_cart(cart.owner, Some(cart.claim()), &order.lines, None).await {
            tracing::debug!(order = %order.id, error = &error as &dyn std::error::Error, "the cart is left to the order's event");
        }
    }

    /// Another request used the key first. Its order is the answer; its refusal under this very
    /// generation means the hold is dead and the next round takes it anew.
    async fn outrun(&self, record: &KeyRecord, key: &RequestKey, held: &Held) -> Outcome<Round> {
        let Some(order) = record.replay(&key.body_hash)? else {
            self.catalog.release(held.hold).await?;
            return Ok(Round::Again);
        };
        let order = self.stored(OrderId::from_uuid(order)).await?;
        if order.hold != held.hold {
            // Its own hold was sold already, so we took a new one that nobody needs.
            self.catalog.release(held.hold).await?;
        }
        Ok(twin(order))
    }

    /// The cart was ordered before, and the event that takes out of it what was ordered is still on its
    /// way. It leaves now; the next round orders what stays.
    async fn order_what_stays(
        &self,
        scope: &KeyScope,
        key: &RequestKey,
        held: &Held,
        cart: Option<&Cart>,
        first: OrderId,
    ) -> Outcome<Round> {
        let mut stays = false;
        if let Some(cart) = cart {
            let ordered = self.stored(first).await?.lines;
            let left = self.reduce_cart(cart.owner, Some(cart.claim()), &ordered, None).await?;
            stays = left.is_some_and(|left| !left.lines.is_empty());
        }
        self.give_up(scope, key, held, (!stays).then_some(Refusal::CartOrdered)).await
    }

    /// Refuses after the stock was held. The hold may be shared with a twin that is about to commit
    /// on it, so it is released only once the key is committed as refused under its generation;
    /// where that cannot be had, the hold ends by its own expiry.
    async fn give_up(&self, scope: &KeyScope, key: &RequestKey, held: &Held, why: Option<Refusal>) -> Outcome<Round> {
        let claim = self.claim(scope, key, KeyResult::Refused(held.hold.generation), held);
        match self.store.commit(ChangeSet::new().claim(Some(claim))).await {
            Ok(()) => self.catalog.release(held.hold).await?,
            Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                if let Round::Twin(order) = self.outrun(&record, key, held).await? {
                    return Ok(Round::Twin(order));
                }
            }
            Err(error) => return Err(error.into()),
        }
        why.map_or(Ok(Round::Again), |refusal| Err(refusal.into()))
    }

    async fn placed_before(&self, scope: &KeyScope, key: &RequestKey) -> Outcome<Option<Order>> {
        let Some(record) = self.store.key(scope).await? else { return Ok(None) };
        match record.replay(&key.body_hash)? {
            Some(order) => Ok(Some(self.stored(OrderId::from_uuid(order)).await?)),
            None => Ok(None),
        }
    }

    fn claim(&self, scope: &KeyScope, key: &RequestKey, result: KeyResult, held: &Held) -> KeyClaim {
        let at = self.clock.now();
        KeyClaim { scope: scope.clone(), body_hash: key.body_hash, result, generation: held.hold.generation, at }
    }

    pub(crate) fn key_of_our_own(&self) -> RequestKey {
        let key: IdempotencyKey = self.ids.secret().parse().expect("64 hexadecimal digits are a key");
        RequestKey { key, body_hash: [0; 32] }
    }

    /// An order that must be there.
    pub(crate) async fn stored(&self, id: OrderId) -> Outcome<Order> {
        self.store.order(id).await?.ok_or(Error::from(Refusal::NotFound("order")))
    }
}

fn twin(order: Order) -> Round {
    Round::Twin(Box::new(order))
}

/// Rows are touched in one global order, so holds list their SKUs sorted.
fn sorted(demand: &[(Sku, Quantity)]) -> Vec<(Sku, Quantity)> {
    let mut lines = demand.to_vec();
    lines.sort();
    lines
}

fn held_as_quoted(held: &Held, quote: &Quote) -> bool {
    quote.lines.iter().all(|line| held.prices.iter().any(|(sku, price)| *sku == line.sku && *price == line.unit_price))
}

fn expect_total(command: &PlaceOrder, quote: &Quote, ways: &[ShippingOption]) -> Result<(), Refusal> {
    match command.expected_total {
        Some(expected) if expected != quote.total => Err(Refusal::PriceChanged { quote: as_quoted(quote, ways) }),
        _ => Ok(()),
    }
}

/// A quote as whoever asks for one is shown it: with the ways to ship it, and which of them it is for.
fn as_quoted(quote: &Quote, ways: &[ShippingOption]) -> Value {
    let mut shown = serde_json::to_value(quote).unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.remove("shippingOption");
        members.insert("shippingOptionId".to_owned(), json!(quote.shipping_option.id));
        members.insert("shippingOptions".to_owned(), json!(ways));
    }
    shown
}
