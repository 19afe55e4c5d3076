//! The payment provider's side of the world: its customers pay when they like, and its messages
//! come early, late, twice, wrong or never.

use std::sync::Arc;
use std::time::Duration;

use super::ground::Ground;
use crate::ids::AttemptId;
use crate::money::Money;
use crate::orders::{PaymentFact, RefundAnswer};
use crate::testing::fault::Happened;

/// How the provider's messages travel, each in a thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mood {
    /// A message is sent at all.
    pub sends: u32,
    /// It comes at once, before the answer does.
    pub early: u32,
    /// It comes again.
    pub repeats: u32,
    /// Others come beside it, about another amount and of a failure.
    pub lies: u32,
}

/// The longest that a message is on its way.
const LATE: u64 = 20 * 60 * 1_000_000;

/// A message of the provider on its way to the shop.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The provider's id of it.
    pub id: String,
    /// About which attempt or refund.
    pub reference: String,
    /// `payment.succeeded`, ….
    pub kind: &'static str,
    /// Of how much.
    pub amount: Money,
}

/// Sends the messages that an answer causes.
pub(super) fn hear(ground: &Arc<Ground>, what: &Happened<'_>) {
    match what {
        Happened::Answered(attempt, PaymentFact::Captured { amount }) => {
            let told = ground.books().tell_once(attempt.id);
            if told {
                tell(ground, "payment.succeeded", format!("pay_{}", attempt.id), *amount);
            }
        }
        Happened::Answered(attempt, PaymentFact::Authorized { amount }) => {
            let told = ground.books().tell_once(attempt.id);
            if told {
                tell(ground, "payment.authorized", format!("pay_{}", attempt.id), *amount);
            }
        }
        Happened::Answered(attempt, PaymentFact::Declined { .. }) => {
            let told = ground.books().tell_once(attempt.id);
            if told {
                tell(ground, "payment.failed", format!("pay_{}", attempt.id), attempt.amount);
            }
        }
        Happened::Refunded(refund, RefundAnswer::Succeeded { reference }) => {
            tell(ground, "refund.succeeded", reference.clone(), refund.amount);
        }
        Happened::Voiding(_)
        | Happened::Answered(..)
        | Happened::Refunded(..)
        | Happened::Users(_)
        | Happened::Catalog(_)
        | Happened::Orders(_)
        | Happened::Carts(_)
        | Happened::Notifications(_)
        | Happened::Refused(_)
        | Happened::Publishing(_)
        | Happened::Published
        | Happened::Buried(_)
        | Happened::Mailed(..) => {}
    }
}

fn tell(ground: &Arc<Ground>, kind: &'static str, reference: String, amount: Money) {
    let mood = ground.mood();
    let clockwork = &ground.clockwork;
    if !clockwork.throw(|dice| dice.permille(mood.sends)) {
        return;
    }
    let truth = Message { id: format!("{kind}:{reference}"), reference, kind, amount };
    if clockwork.throw(|dice| dice.permille(mood.lies)) {
        let lie =
            Message { id: format!("lie:{}", truth.id), amount: Money::new(amount.minor + 1, amount.currency), ..truth.clone() };
        send(ground, &mood, lie);
        // What was captured or promised is not declined any more.
        if kind != "refund.succeeded" {
            send(ground, &mood, Message { id: format!("doubt:{}", truth.id), kind: "payment.failed", ..truth.clone() });
        }
    }
    if clockwork.throw(|dice| dice.permille(mood.repeats)) {
        send(ground, &mood, truth.clone());
    }
    send(ground, &mood, truth);
}

fn send(ground: &Arc<Ground>, mood: &Mood, message: Message) {
    let delay = ground.clockwork.throw(|dice| if dice.permille(mood.early) { 0 } else { dice.between(1_000, LATE) });
    ground.post(message, Duration::from_micros(delay));
}

/// The customer pays (or does not) what the provider waits for, and the provider says so for sure.
pub(super) fn finish(ground: &Arc<Ground>, attempt: AttemptId, amount: Money, paid: bool) {
    let kind = match ground.gateway.finish(attempt, paid) {
        Some(PaymentFact::Captured { .. }) => "payment.succeeded",
        Some(PaymentFact::Authorized { .. }) => "payment.authorized",
        _ => "payment.failed",
    };
    let reference = format!("pay_{attempt}");
    let message = Message { id: format!("late:{kind}:{reference}"), reference, kind, amount };
    let delay = ground.clockwork.throw(|dice| dice.between(1_000, LATE));
    ground.post(message, Duration::from_micros(delay));
}
