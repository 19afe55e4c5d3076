//! Guests: people who buy with a mail address and without an account.
//!
//! A guest is an identity that nobody can log in as: it has no password, no session and no role. One mail address has one
//! guest, whether or not it has an account, too. The two know nothing of each other: who orders as a guest learns nothing
//! about accounts, and who opens an account gets nothing of a guest's, because nobody has shown that she is the same person.
//!
//! What a guest ordered is seen by staff, and by whoever has the signed link of the order. No link is kept anywhere: it names
//! order, guest and end, and is sealed with the shop's own secret together with the mail address it was made for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Round, digest, rounds, settle};
use crate::error::Outcome;
use crate::ids::{Id, OrderId, UserId};
use crate::limits;
use crate::text::Email;
use crate::time::Timestamp;

use super::Users;
use super::ports::UserWrite;

/// Bytes of a link: the order, the guest, when it ends, the seal.
const LINK_BYTES: usize = 16 + 16 + 8 + 32;

/// Somebody who buys without an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guest {
    /// Whose orders are hers; no account has it.
    pub id: UserId,
    /// Where her mails go.
    pub email: Email,
    /// When she first ordered.
    pub created_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}

impl Guest {
    /// Whether nothing personal is left of her.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.email == Email::erased(self.id)
    }

    /// The identity alone, as it will be.
    pub(super) fn erased(self) -> Self {
        Self { email: Email::erased(self.id), version: self.version.saturating_add(1), ..self }
    }
}

/// What a link says, whether or not it holds.
struct Link {
    order: OrderId,
    guest: UserId,
    until: u64,
    seal: [u8; 32],
}

impl Users {
    /// The guest behind a mail address, always the same until she is erased. Says nothing about accounts.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn guest_of(&self, email: &Email) -> Outcome<UserId> {
        rounds("guest", || async {
            if let Some(known) = self.known_guest(email).await? {
                return Ok(Round::Done(known));
            }
            let guest = Guest { id: self.ids.mint(), email: email.clone(), created_at: self.clock.now(), version: 1 };
            match self.store.commit(ChangeSet::of([UserWrite::SaveGuest(guest.clone())])).await {
                Err(CommitError::Refused(CommitRefusal::Duplicate("email"))) => Ok(Round::Again),
                other => settle(other, guest.id),
            }
        })
        .await
    }

    /// The guest behind a mail address, if somebody has ordered by it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn known_guest(&self, email: &Email) -> Outcome<Option<UserId>> {
        let known = self.store.guest_by_email(email).await?;
        Ok(known.filter(|guest| !guest.is_erased()).map(|guest| guest.id))
    }

    /// The link of a guest's order, always the same one; none when this is no guest, or she is erased.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        let until = order.placed_at().plus(limits::ORDER_LINK_FOR).as_millis() / 1_000;
        let guest = self.store.guest(guest).await?.filter(|guest| !guest.is_erased());
        Ok(guest.map(|guest| {
            let seal = self.sealed(&guest, order, until);
            let parts = [order.uuid().as_bytes(), guest.id.uuid().as_bytes(), until.to_be_bytes().as_slice(), &seal].concat();
            URL_SAFE_NO_PAD.encode(parts)
        }))
    }

    /// The guest and the order that a link shows; none when it does not hold.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn follow(&self, link: &str) -> Outcome<Option<(UserId, OrderId)>> {
        let Some(link) = read(link) else { return Ok(None) };
        if link.until <= self.clock.now().as_millis() / 1_000 {
            return Ok(None);
        }
        let guest = self.store.guest(link.guest).await?.filter(|guest| !guest.is_erased());
        let holds = |guest: &Guest| bool::from(self.sealed(guest, link.order, link.until).ct_eq(&link.seal));
        Ok(guest.filter(holds).map(|guest| (guest.id, link.order)))
    }

    fn sealed(&self, guest: &Guest, order: OrderId, until: u64) -> [u8; 32] {
        let (order, id) = (order.uuid(), guest.id.uuid());
        let parts: [&[u8]; 5] =
            [b"order link", order.as_bytes(), id.as_bytes(), guest.email.as_str().as_bytes(), &until.to_be_bytes()];
        self.tokens.seal(&digest(&parts))
    }
}

/// What a link says; none of another shape.
fn read(link: &str) -> Option<Link> {
    let bytes = URL_SAFE_NO_PAD.decode(link).ok().filter(|bytes| bytes.len() == LINK_BYTES)?;
    let (order, rest) = bytes.split_first_chunk::<16>()?;
    let (guest, rest) = rest.split_first_chunk::<16>()?;
    let (until, seal) = rest.split_first_chunk::<8>()?;
    let id = uuid::Uuid::from_bytes;
    Some(Link {
        order: OrderId::from_uuid(id(*order)),
        guest: UserId::from_uuid(id(*guest)),
        until: u64::from_be_bytes(*until),
        seal: seal.try_into().ok()?,
    })
}
