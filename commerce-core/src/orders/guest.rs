//! Ordering without an account: by a mail address, and by a signed link afterwards.
//!
//! The order is a guest's ([`Customers::guest`](super::Customers::guest)), whom nobody can log in as. It is told to her mail
//! address, with a link that shows this one order with all that belongs to it, lets its holder do what a customer may do to an
//! order of hers, and does nothing else. All else is as for everybody: keys count for her alone, and so do the limits of coupons for one customer, so that whoever orders
//! with and without an account is two customers to them. She has no address book and no wallet.

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope, RequestKey};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, UserId};
use crate::keyed::Keyed;
use crate::limits;
use crate::page::PageRequest;
use crate::text::{Email, IdempotencyKey};
use crate::time::Timestamp;

use super::Orders;
use super::cart::CartOwner;
use super::draft::field_of;
use super::model::Order;
use super::payment::PaymentMethod;
use super::place::Buyer;
use super::ports::OrderFilter;
use super::quote::PlaceOrder;
use super::story::{Decided, Happening};

/// Where the orders of one hour are counted.
const TURNS: &str = "POST /api/orders#guest";
/// Where the links of one hour are counted that are mailed again.
const LINKS: &str = "POST /api/orders#link";
/// Where the keys of those count who ask for a link.
const LINK: &str = "POST /api/orders/link";

/// Who orders without an account.
#[derive(Clone, Debug)]
pub struct GuestBuyer {
    /// Where her mails go.
    pub email: String,
    /// The token of the cart that she orders, unless she names items.
    pub cart: Option<String>,
}

/// The link of a guest's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderLink {
    /// What it is shown by.
    pub token: String,
    /// Until when.
    pub until: Timestamp,
}

impl Orders {
    /// Places an order for somebody who has not logged in. Repeated with the same key it answers the same order, to who
    /// names the same mail address in the same body.
    ///
    /// # Errors
    /// As [`place`](Self::place); `TOO_MANY` when so many orders of the last hour were told to this mail address;
    /// `INVALID` for the mail address and for a wallet.
    pub async fn place_as_guest(
        &self,
        guest: &GuestBuyer,
        command: PlaceOrder,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<Order>> {
        let email = Email::parse("email", guest.email.trim())?;
        expect_no_wallet("payment", command.payment.as_ref().map(|(method, _)| *method))?;
        let user = self.customers.guest(&email).await?;
        let cart = guest.cart.as_deref().map_or(CartOwner::User(user), CartOwner::guest);
        self.place_for(Buyer { user, cart, by: None }, command, key).await
    }

    /// The link of an order, if it is a guest's.
    ///
    /// # Errors
    /// When users do not answer.
    pub async fn link_of(&self, order: &Order) -> Outcome<Option<OrderLink>> {
        let token = self.customers.order_link(order.user, order.id).await?;
        Ok(token.map(|token| OrderLink { token, until: order.id.placed_at().plus(limits::ORDER_LINK_FOR) }))
    }

    /// Who shows this link.
    ///
    /// # Errors
    /// `NOT_FOUND` for a link that is none, is too old, or is of somebody who was erased.
    pub async fn by_link(&self, link: &str) -> Outcome<Actor> {
        let (guest, order) = self.customers.follow(link).await?.ok_or(Refusal::NotFound("order"))?;
        Ok(Actor::Guest(guest, order))
    }

    /// Has the link of an order mailed again to the guest whose order it is. Says nothing about whether there is such a
    /// guest or such an order, and leaves it at so many mails an hour. The mail belongs to the request's key, so that a repeated
    /// one sends no second within the hour; whether it may have the key, [`link_asked`](Self::link_asked) says before.
    ///
    /// # Errors
    /// When a store does not answer.
    pub async fn request_link(&self, email: &str, number: &str, key: Option<&RequestKey>) -> Outcome<()> {
        let (Ok(email), number) = (email.trim().parse::<Email>(), number.trim().to_uppercase()) else { return Ok(()) };
        let Some(guest) = self.customers.known_guest(&email).await? else { return Ok(()) };
        let filter = OrderFilter { user: Some(guest), number: Some(number), ..OrderFilter::default() };
        let found = self.store.orders(&filter, &PageRequest::first()).await?.items.into_iter().next();
        let now = self.clock.now();
        let alive = |order: &Order| now < order.id.placed_at().plus(limits::ORDER_LINK_FOR);
        let Some(order) = found.filter(alive) else { return Ok(()) };
        let actor = Actor::Guest(guest, order.id);
        let told = self.say(&Decided::about(order).and(Happening::LinkRequested), &actor);
        let whose = key.map(RequestKey::turn);
        for turn in 0..limits::ORDER_LINKS_AN_HOUR {
            let scope = turn_of(LINKS, guest, now, turn)?;
            if let Some(taken) = self.store.key(&scope).await? {
                if whose == Some(taken.body_hash) {
                    return Ok(());
                }
                continue;
            }
            let body_hash = whose.unwrap_or_default();
            let claim = KeyClaim { scope, body_hash, result: KeyResult::Done(guest.uuid()), generation: 1, at: now };
            match self.store.commit(ChangeSet::new().claim(Some(claim)).say(told.clone())).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(taken))) if whose == Some(taken.body_hash) => return Ok(()),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        tracing::info!(%guest, "links are asked for too often");
        Ok(())
    }

    /// Uses the key of such a request up, the same whether or not there is such an order.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH`.
    pub async fn link_asked(&self, key: Option<RequestKey>) -> Outcome<Answer<()>> {
        let keyed = Keyed::of(&Actor::Anonymous, LINK, key);
        let replayed = keyed.seen(&*self.store).await?.is_some() || self.use_up(&keyed).await?;
        Ok(if replayed { Answer::Replayed(()) } else { Answer::Fresh(()) })
    }

    /// Whether this order may be told to a guest's mail address, of which so many are in an hour. The turn belongs to the
    /// request's key, so that a repeated one takes no second.
    pub(super) async fn takes_turn(&self, guest: UserId, key: &RequestKey) -> Outcome<bool> {
        let (now, whose) = (self.clock.now(), key.turn());
        for turn in 0..limits::GUEST_ORDERS_AN_HOUR {
            let scope = turn_of(TURNS, guest, now, turn)?;
            if let Some(taken) = self.store.key(&scope).await? {
                if taken.body_hash == whose {
                    return Ok(true);
                }
                continue;
            }
            let claim = KeyClaim { scope, body_hash: whose, result: KeyResult::Done(guest.uuid()), generation: 1, at: now };
            match self.store.commit(ChangeSet::new().claim(Some(claim))).await {
                Ok(()) => return Ok(true),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(taken))) if taken.body_hash == whose => return Ok(true),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

/// Passes what a guest can pay with.
pub(super) fn expect_no_wallet(at: &str, method: Option<PaymentMethod>) -> Result<(), Refusal> {
    if method == Some(PaymentMethod::Wallet) {
        return Err(Refusal::field(field_of(at, "method"), "NOT_AVAILABLE", "a guest has no wallet"));
    }
    Ok(())
}

/// An hour in which so many are counted.
const HOUR_MICROS: i64 = 3_600_000_000;

/// Seconds until turns are counted anew.
pub(super) fn next_turn_in(now: Timestamp) -> u64 {
    let left = HOUR_MICROS.saturating_sub(now.as_micros().rem_euclid(HOUR_MICROS));
    u64::try_from(left).unwrap_or_default().div_ceil(1_000_000)
}

/// Where an order or a link is counted: the guest's, of this hour, the so-manieth.
fn turn_of(route: &str, guest: UserId, now: Timestamp, turn: u32) -> Result<KeyScope, Refusal> {
    let hour = now.as_micros().div_euclid(HOUR_MICROS);
    let key = IdempotencyKey::parse("key", &format!("{hour}-{turn}"))?;
    Ok(KeyScope { user: Some(guest), route: route.to_owned(), key })
}
