//! Somebody who registers, buys, and has her account erased while her orders are on their way.

use super::client::{Client, Told, key};
use super::goods;
use super::situations::Situation;
use crate::Commerce;
use crate::actor::Actor;
use crate::change::Answer;
use crate::ids::UserId;
use crate::orders::PaymentMethod;

/// Her number among those who register, above every buyer's.
const NUMBER: usize = 1_000;

/// Somebody who goes.
pub(super) struct Leaver {
    pub(super) client: Client,
    pub(super) variants: usize,
    pub(super) leisure: u64,
}

impl Leaver {
    /// She comes, orders so many times, and goes.
    pub(super) async fn live(self, orders: usize) {
        let Some(user) = self.register().await else { return };
        let me = Self { client: Client { actor: Actor::Customer(user), ..self.client.clone() }, ..self };
        for number in 0..orders {
            me.client.dawdle(me.leisure).await;
            me.order(format!("leaver-{number}")).await;
        }
        me.client.dawdle(me.leisure).await;
        me.go(user).await;
    }

    async fn register(&self) -> Option<UserId> {
        let register = |shop: Commerce, _| async move {
            shop.users.register(&Actor::Anonymous, goods::register(NUMBER), Some(key("leaver", 1))).await
        };
        match self.client.insist(register).await {
            Told::Done(user) => Some(user.id),
            Told::Refused(..) | Told::Unknown => None,
        }
    }

    async fn order(&self, note: String) {
        let variant = self.client.throw(|dice| dice.below(self.variants));
        let wish = goods::order(Some(vec![(goods::sku(variant), 1)]), (PaymentMethod::Cod, None), &note);
        let place = |shop: Commerce, me: Actor| {
            let (wish, key) = (wish.clone(), key(&note, 1));
            async move { shop.orders.place(&me, wish, Some(key)).await }
        };
        if let Told::Refused(code, _) = self.client.insist(place).await {
            self.client.must(matches!(code, "SOLD_OUT" | "INVALID"), || format!("{note} was refused as {code}"));
        }
    }

    /// Goes; that she is gone already is the answer to a request whose first answer was lost.
    async fn go(&self, user: UserId) {
        let erase =
            move |shop: Commerce, me: Actor| async move { shop.users.delete_user(&me, user, None).await.map(Answer::Fresh) };
        match self.client.insist(erase).await {
            Told::Done(()) => self.client.house.ground.count(Situation::BuyerErased),
            Told::Refused(code, _) => self.client.must(code == "NOT_FOUND", || format!("{user} may not go: {code}")),
            Told::Unknown => {}
        }
    }
}
