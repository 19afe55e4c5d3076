//! Carts of people who have not logged in, and what becomes of them when they do.
//!
//! A cart is kept with its first line, so nothing but its token says before that it was opened. The token is sealed with the
//! shop's own secret: what was made up is no cart's.

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, digest, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::UserId;
use crate::keyed::Keyed;
use crate::text::{Check, Metadata};

use super::Orders;
use super::cart::{Cart, CartOwner};
use super::ports::CartWrite;
use super::shopping::{CartView, may_touch, one_currency};

impl Orders {
    /// A new cart for a guest, with the token by which it is known from now on. An empty cart without
    /// notes takes no space: it is stored with its first line.
    ///
    /// # Errors
    /// `INVALID` for too many notes or too long ones, `IDEMPOTENCY_MISMATCH`.
    pub async fn open_guest_cart(
        &self,
        actor: &Actor,
        metadata: Metadata,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<(String, CartView)>> {
        let mut check = Check::new();
        check.metadata(&metadata);
        check.finish()?;
        let token = match key {
            None => {
                let token = self.cart_token(&digest(&[b"guest cart", self.ids.secret().as_bytes()]));
                if !metadata.is_empty() {
                    self.carts.commit(self.noted(&token, &metadata)).await?;
                }
                Answer::Fresh(token)
            }
            Some(key) => self.keyed_token(actor, &metadata, key).await?,
        };
        let (Answer::Fresh(known) | Answer::Replayed(known)) = &token;
        let cart = self.cart(&Actor::Anonymous, CartOwner::guest(known)).await?;
        Ok(token.map(|token| (token, cart)))
    }

    /// The token of a cart that was opened under a key. No store keeps it: it is made of the key,
    /// which the client has, and of a secret, which the key's record has.
    async fn keyed_token(&self, actor: &Actor, metadata: &Metadata, key: RequestKey) -> Outcome<Answer<String>> {
        let keyed = Keyed::of(actor, "POST /api/carts", Some(key.clone()));
        let token = |secret: Uuid| self.cart_token(&digest(&[b"guest cart", key.key.as_str().as_bytes(), secret.as_bytes()]));
        if let Some(secret) = keyed.seen(&*self.carts).await? {
            return Ok(Answer::Replayed(token(secret)));
        }
        let secret = Uuid::from_bytes(self.ids.random());
        let changes = self.noted(&token(secret), metadata).claim(keyed.claim(secret, self.clock.now()));
        match self.carts.commit(changes).await {
            Ok(()) => Ok(Answer::Fresh(token(secret))),
            Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => Ok(Answer::Replayed(token(keyed.twin(&record)?))),
            Err(error) => Err(error.into()),
        }
    }

    /// The cart that a token is of. A token that was given out proves itself; one that does not, as from before they did, is
    /// that of a cart which is there.
    ///
    /// # Errors
    /// `NOT_FOUND` for a token that never was given out.
    pub async fn guest_cart(&self, token: &str) -> Outcome<CartOwner> {
        let owner = CartOwner::guest(token);
        let holds = self.gave_out(token) || self.carts.cart(owner, self.clock.now()).await?.is_some();
        if holds { Ok(owner) } else { Err(Refusal::NotFound("cart").into()) }
    }

    /// The token of this secret: half of it the cart's name, half the seal that proves it.
    fn cart_token(&self, secret: &[u8; 32]) -> String {
        let name = secret.first_chunk::<16>().copied().unwrap_or_default();
        let seal = digest(&[b"guest cart token", &*self.cart_key, &name]);
        let seal = seal.first_chunk::<16>().copied().unwrap_or_default();
        hex::encode([name, seal].concat())
    }

    /// Whether a token is one of these, to the letter.
    fn gave_out(&self, token: &str) -> bool {
        let name = token.get(..32).and_then(|name| hex::decode(name).ok());
        let secret = name.and_then(|name| <[u8; 32]>::try_from([name, vec![0; 16]].concat()).ok());
        secret.is_some_and(|secret| self.cart_token(&secret).as_bytes().ct_eq(token.as_bytes()).into())
    }

    /// What stores a new cart for its notes, if it has some.
    fn noted(&self, token: &str, metadata: &Metadata) -> ChangeSet<CartWrite> {
        if metadata.is_empty() {
            return ChangeSet::new();
        }
        let now = self.clock.now();
        let cart = Cart { metadata: metadata.clone(), ..Cart::empty(CartOwner::guest(token), now) };
        ChangeSet::of([CartWrite::edit(cart, now)])
    }

    /// Puts everything of a guest's cart into a user's, on top of what is there. Both change in one
    /// change set, so a line is always in one of them; a cart that cannot take all of it stays as
    /// it is, and so does the guest's. Once more changes nothing: the guest's is empty by then.
    ///
    /// # Errors
    /// `NOT_FOUND` for another's cart, `INVALID` over 999 units or 200 lines, `CURRENCY_MISMATCH`,
    /// `VERSION_MISMATCH` when the user's cart is not `expected`.
    pub async fn merge_cart(
        &self,
        actor: &Actor,
        user: UserId,
        token: &str,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<CartView>> {
        let (owner, guest) = (CartOwner::User(user), CartOwner::guest(token));
        may_touch(actor, owner)?;
        let claim = key.map(|key| self.cart_claim(actor, owner, "merge", key));
        let merged = rounds("cart", || async {
            let (mut into, mut from) = (self.present(owner).await?, self.present(guest).await?);
            // In this order: what a twin of this request moved has its key by then. What was read may
            // be older than the key.
            if self.cart_key_used(claim.as_ref()).await? {
                return Ok(Round::Done(Answer::Replayed(self.present(owner).await?)));
            }
            expect_version("cart", expected, into.version)?;
            let nothing = from.lines.is_empty() && from.metadata.is_empty();
            if nothing && claim.is_none() {
                return Ok(Round::Done(Answer::Fresh(into)));
            }
            for line in std::mem::take(&mut from.lines) {
                into.add(&line.sku, line.quantity, line.seen_price)?;
            }
            if !nothing {
                into.coupon = into.coupon.take().or_else(|| from.coupon.take());
                // Her own words stay where both have some.
                for (name, value) in std::mem::take(&mut from.metadata) {
                    into.metadata.entry(name).or_insert(value);
                }
            }
            one_currency(&into)?;
            let now = self.clock.now();
            let (into, changes) = if nothing {
                (into, ChangeSet::new())
            } else {
                let (filled, emptied) = (CartWrite::edit(into, now), CartWrite::edit(from, now));
                (filled.cart().clone(), ChangeSet::of([filled, emptied]))
            };
            match self.carts.commit(changes.claim(claim.clone())).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    record.replay(&claim.as_ref().map(|claim| claim.body_hash).unwrap_or_default())?;
                    Ok(Round::Done(Answer::Replayed(self.present(owner).await?)))
                }
                other => {
                    let done = settle(other, Answer::Fresh(into))?;
                    self.tell_of_cart(actor, owner, &done).await?;
                    Ok(done)
                }
            }
        })
        .await?;
        Ok(match merged {
            Answer::Fresh(cart) => Answer::Fresh(self.view(cart, &[]).await?),
            Answer::Replayed(cart) => Answer::Replayed(self.view(cart, &[]).await?),
        })
    }
}
