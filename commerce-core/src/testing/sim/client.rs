//! How clients talk to the house: they repeat what went unanswered under the same key, and remember
//! what they were told.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::house::{Heard, House};
use super::provider::Message;
use super::situations::Situation;
use crate::actor::Actor;
use crate::change::{Answer, RequestKey};
use crate::commerce::Commerce;
use crate::error::{Error, Outcome, StoreErrorKind};
use crate::ids::{OrderId, UserId};
use crate::orders::PlaceOrder;
use crate::staff::StaffAction;
use crate::text::Sku;

/// How often a client repeats a request before she gives up.
const TRIES: u32 = 12;
/// The longest pause between two tries, in microseconds.
const PAUSE: u64 = 5_000_000;

/// What came of a request in the end.
#[derive(Debug)]
pub enum Told<T> {
    /// It was done.
    Done(T),
    /// It was refused, under this code; `true` when no earlier try of it can still be under way.
    Refused(&'static str, bool),
    /// The client never learnt.
    Unknown,
}

/// What all clients were told, to be held against the stores at the end.
#[derive(Default)]
pub struct History(Mutex<Entries>);

#[derive(Default)]
pub(super) struct Entries {
    /// Orders by whose they are and the client's note, with what she was told.
    pub(super) orders: Vec<(UserId, String, Told<OrderId>)>,
    /// What clients asked for and never learnt about, by whose it is and by her note.
    pub(super) open: Vec<(UserId, String, PlaceOrder)>,
    /// Orders whose cancellation was acknowledged to somebody, as the history calls him.
    pub(super) cancelled: Vec<(OrderId, &'static str)>,
    /// Orders whose cancellation was refused to their customers.
    pub(super) uncancelled: Vec<OrderId>,
    /// Units that were put into carts: acknowledged, and perhaps.
    pub(super) carted: Vec<(UserId, Sku, i64, bool)>,
    /// Stock adjustments that were acknowledged or refused: the reason names each.
    pub(super) adjusted: Vec<(Sku, String, Told<()>)>,
    /// Deeds that were acknowledged to staff, each of which can be done once: what, to what, and what the log says of it.
    pub(super) deeds: Vec<(StaffAction, Uuid, Value)>,
}

impl History {
    /// A client was told this about the order that she calls `note`.
    pub fn ordered(&self, user: UserId, note: &str, told: Told<OrderId>) {
        self.write().orders.push((user, note.to_owned(), told));
    }

    /// The cancelling of this order was acknowledged to `actor`.
    pub fn cancelled(&self, order: OrderId, actor: &Actor) {
        self.write().cancelled.push((order, actor.label()));
    }

    /// The cancelling of this order was refused to its customer.
    pub fn uncancelled(&self, order: OrderId) {
        self.write().uncancelled.push(order);
    }

    /// So many units went into her cart: acknowledged, or perhaps.
    pub fn carted(&self, user: UserId, sku: Sku, quantity: i64, surely: bool) {
        self.write().carted.push((user, sku, quantity, surely));
    }

    /// Somebody was told this about the adjustment with this reason.
    pub fn adjusted(&self, sku: Sku, reason: String, told: Told<()>) {
        self.write().adjusted.push((sku, reason, told));
    }

    /// This was acknowledged to staff, with these words of what the log must say.
    pub(super) fn did(&self, action: StaffAction, subject: Uuid, detail: Value) {
        self.write().deeds.push((action, subject, detail));
    }

    pub(super) fn write(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody at the other end of the wire.
#[derive(Clone)]
pub struct Client {
    /// Where she shops.
    pub house: Arc<House>,
    /// As whom she is known.
    pub actor: Actor,
    /// How often she gives up instead of trying again, in a thousand.
    pub gives_up: u32,
}

impl<T> Told<T> {
    /// The same about something made of it.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Self::Done(thing) => Told::Done(turn(thing)),
            Self::Refused(code, alone) => Told::Refused(code, alone),
            Self::Unknown => Told::Unknown,
        }
    }
}

impl Client {
    /// Throws the world's dice.
    pub fn throw<T>(&self, throw: impl FnOnce(&mut super::dice::Dice) -> T) -> T {
        self.house.ground.clockwork.throw(throw)
    }

    /// Lets up to so many microseconds pass.
    pub async fn dawdle(&self, most: u64) {
        let span = self.throw(|dice| dice.between(0, most));
        self.house.ground.clockwork.sleep(Duration::from_micros(span)).await;
    }

    /// A node to talk to.
    pub fn any_node(&self) -> usize {
        self.throw(|dice| dice.below(self.house.nodes()))
    }

    /// Asks once.
    pub async fn ask<T, F, Fut>(&self, request: F) -> Heard<T>
    where
        T: Send + 'static,
        F: FnOnce(Commerce, Actor) -> Fut,
        Fut: Future<Output = Outcome<T>> + Send + 'static,
    {
        let actor = self.actor;
        self.house.ask(self.any_node(), |shop| request(shop, actor)).await
    }

    /// Asks until there is an answer, always the same thing under the same key.
    pub async fn insist<T, F, Fut>(&self, request: F) -> Told<T>
    where
        T: Send + 'static,
        F: Fn(Commerce, Actor) -> Fut,
        Fut: Future<Output = Outcome<Answer<T>>> + Send + 'static,
    {
        let (mut lost, mut unknown, mut under_way) = (false, false, false);
        for _ in 0..TRIES {
            match self.ask(&request).await {
                Heard::Answer(Ok(answer)) => {
                    self.learn(&answer, lost, unknown);
                    return Told::Done(answer.into_inner());
                }
                // "Try again", it says, and so she does.
                Heard::Answer(Err(Error::Refused(refusal))) if refusal.code() == "CONFLICT" => {}
                Heard::Answer(Err(Error::Refused(refusal))) => return Told::Refused(refusal.code(), !under_way),
                Heard::Answer(Err(Error::Store(error))) => unknown |= error.kind == StoreErrorKind::OutcomeUnknown,
                Heard::Lost => lost = true,
                Heard::Nothing => under_way = true,
            }
            if self.throw(|dice| dice.permille(self.gives_up)) {
                return Told::Unknown;
            }
            self.dawdle(PAUSE).await;
        }
        Told::Unknown
    }

    fn learn<T>(&self, answer: &Answer<T>, lost: bool, unknown: bool) {
        let ground = &self.house.ground;
        match answer {
            Answer::Replayed(_) => {
                if lost {
                    ground.count(Situation::ReplayAfterDeath);
                }
                if unknown {
                    ground.count(Situation::UnknownWasPresent);
                }
            }
            Answer::Fresh(_) if unknown => ground.count(Situation::UnknownWasAbsent),
            Answer::Fresh(_) => {}
        }
    }

    /// Says that something is wrong with what a client was told.
    pub fn must(&self, holds: bool, why: impl FnOnce() -> String) {
        self.house.ground.books().must(holds, why);
    }
}

/// A key of this name, for a request whose body is known by a number.
pub fn key(name: &str, body: u8) -> RequestKey {
    RequestKey { key: name.parse().expect("names of keys are well formed"), body_hash: [body; 32] }
}

/// Brings the provider's messages to the shop until it takes each over.
pub(super) async fn bring_letters(house: Arc<House>) {
    loop {
        let (message, delay) = house.ground.next_letter().await;
        let courier = Client { house: Arc::clone(&house), actor: Actor::Anonymous, gives_up: 0 };
        house.ground.clockwork.spawn(None, async move {
            courier.house.ground.clockwork.sleep(delay).await;
            while !bring(&courier, &message).await {
                courier.dawdle(PAUSE).await;
            }
            courier.house.ground.delivered();
        });
    }
}

async fn bring(courier: &Client, message: &Message) -> bool {
    let gateway = &courier.house.ground.gateway;
    let Message { id, reference, kind, amount } = message;
    let (signature, body) = gateway.webhook_of(id, kind, reference, *amount, courier.house.ground.now());
    let heard = courier.ask(|shop, _| async move { shop.orders.webhook("sandbox", Some(&signature), &body).await }).await;
    if let Heard::Answer(Err(Error::Refused(refusal))) = &heard {
        let code = refusal.code();
        courier.must(matches!(code, "CONFLICT" | "BAD_SIGNATURE"), || format!("a provider's message was refused as {code}"));
    }
    matches!(heard, Heard::Answer(Ok(())))
}
