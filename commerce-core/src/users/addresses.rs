//! A user's address book. Every change of it is guarded by the user's version, so that of two
//! changes at once the second decides again.

use serde::Deserialize;
use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, RequestKey, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{AddressId, Id, UserId};
use crate::limits;
use crate::staff::StaffAction;

use super::Users;
use super::address_book;
use super::model::{Address, User};
use super::ports::UserWrite;
use super::postal::{RawAddress, parse_address};
use super::repeat::Committed;
use super::staff_log::Deed;

const ROUTE: &str = "POST /api/users/{id}/addresses";
const BOOK: &str = "address book";

/// An address for the book, as a client wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAddress {
    /// Who receives.
    pub full_name: String,
    /// Street and house.
    pub line1: String,
    /// Flat, floor, landmark.
    #[serde(default)]
    pub line2: Option<String>,
    /// City or town.
    pub city: String,
    /// State, province or region.
    #[serde(default)]
    pub state: Option<String>,
    /// ZIP or PIN.
    pub postal_code: String,
    /// Two letters of ISO 3166-1.
    pub country: String,
    /// For the courier.
    #[serde(default)]
    pub phone: Option<String>,
    /// Whether orders that name no address go there. The first address is it in any case, and the
    /// default stops being it only when another becomes it.
    #[serde(default)]
    pub is_default: Option<bool>,
}

impl NewAddress {
    fn into_parts(self) -> (RawAddress, Option<bool>) {
        let Self { full_name, line1, line2, city, state, postal_code, country, phone, is_default } = self;
        (RawAddress { full_name, line1, line2, city, state, postal_code, country, phone }, is_default)
    }
}

/// A user's addresses at one version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressBook {
    /// The version of the user, which is the book's as well.
    pub version: u64,
    /// Oldest first.
    pub addresses: Vec<Address>,
}

impl Users {
    /// A user's address book.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers.
    pub async fn addresses(&self, actor: &Actor, user: UserId) -> Outcome<AddressBook> {
        let (owner, addresses) = self.book(actor, user).await?;
        Ok(AddressBook { version: owner.version, addresses })
    }

    /// One address, with the version of the book it stands in.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers and unknown addresses.
    pub async fn book_address(&self, actor: &Actor, user: UserId, id: AddressId) -> Outcome<(Address, u64)> {
        actor.require_owner(user, "user")?;
        self.kept(user, id).await
    }

    /// Adds an address, and answers it with the version of the book it stands in.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, `INVALID`, `IDEMPOTENCY_MISMATCH`, `VERSION_MISMATCH` when the book is
    /// not `expected`.
    pub async fn add_address(
        &self,
        actor: &Actor,
        user: UserId,
        new: NewAddress,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<(Address, u64)>> {
        let route = ROUTE.replace("{id}", &user.to_string());
        let keyed = &self.keyed(actor, &route, key);
        let (raw, is_default) = new.into_parts();
        let postal = &parse_address("", raw)?;
        rounds(BOOK, || async move {
            let (owner, book) = self.book(actor, user).await?;
            if let Some(made) = self.made_before(keyed.as_ref()).await? {
                return Ok(Round::Done(Answer::Replayed(self.kept(user, Id::from_uuid(made)).await?)));
            }
            expect_version(BOOK, expected, owner.version)?;
            if book.len() >= limits::ADDRESSES_MAX {
                let text = format!("the address book is full with {} addresses", limits::ADDRESSES_MAX);
                return Err(Refusal::field("addresses", "TOO_MANY", text).into());
            }
            let (id, now) = (self.ids.mint::<AddressId>(), self.clock.now());
            let address = Address { id, user, postal: postal.clone(), is_default: false, created_at: now };
            let changes = guarded(owner, address_book::put(&book, address, is_default == Some(true)))
                .claim(keyed.as_ref().map(|keyed| keyed.claim(id.uuid(), now)));
            let changes = self.told(actor, edited(user, id), changes);
            match self.commit_keyed(changes, keyed.as_ref()).await? {
                Committed::Now => Ok(Round::Done(Answer::Fresh(self.kept(user, id).await?))),
                Committed::ByTwin(made) => Ok(Round::Done(Answer::Replayed(self.kept(user, Id::from_uuid(made)).await?))),
                Committed::Stale => Ok(Round::Again),
            }
        })
        .await
    }

    /// Replaces an address, and answers it with the version of the book.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers and unknown addresses, `INVALID`, `READ_ONLY` for a default that is to be none,
    /// `VERSION_MISMATCH` when the book is not `expected`.
    pub async fn update_address(
        &self,
        actor: &Actor,
        user: UserId,
        id: AddressId,
        new: NewAddress,
        expected: Option<u64>,
    ) -> Outcome<(Address, u64)> {
        let (raw, is_default) = new.into_parts();
        let postal = &parse_address("", raw)?;
        self.edit(actor, user, id, expected, |book, address| {
            if address.is_default && is_default == Some(false) {
                return Err(Refusal::read_only("isDefault", "make another address the default instead"));
            }
            Ok(address_book::put(book, Address { postal: postal.clone(), ..address }, is_default == Some(true)))
        })
        .await?;
        self.kept(user, id).await
    }

    /// Makes an address the default, and answers it with the version of the book.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers and unknown addresses, `VERSION_MISMATCH` when the book is not
    /// `expected`.
    pub async fn set_default_address(
        &self,
        actor: &Actor,
        user: UserId,
        id: AddressId,
        expected: Option<u64>,
    ) -> Outcome<(Address, u64)> {
        self.edit(actor, user, id, expected, |book, address| Ok(address_book::put(book, address, true))).await?;
        self.kept(user, id).await
    }

    /// Takes an address out of the book. Orders keep their own copy.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers and unknown addresses, `VERSION_MISMATCH` when the book is not
    /// `expected`.
    pub async fn delete_address(&self, actor: &Actor, user: UserId, id: AddressId, expected: Option<u64>) -> Outcome<()> {
        self.edit(actor, user, id, expected, |book, address| Ok(address_book::remove(book, &address))).await
    }

    /// Changes the book by a pure rule on one of its addresses.
    async fn edit(
        &self,
        actor: &Actor,
        user: UserId,
        id: AddressId,
        expected: Option<u64>,
        rule: impl Fn(&[Address], Address) -> Result<Vec<UserWrite>, Refusal>,
    ) -> Outcome<()> {
        let rule = &rule;
        rounds(BOOK, || async move {
            let (owner, book) = self.book(actor, user).await?;
            expect_version(BOOK, expected, owner.version)?;
            let address = found(&book, id)?;
            let changes = self.told(actor, edited(user, id), guarded(owner, rule(&book, address)?));
            settle(self.store.commit(changes).await, ())
        })
        .await
    }

    /// The user first, then the book: what changed in between makes her version stale.
    async fn book(&self, actor: &Actor, user: UserId) -> Outcome<(User, Vec<Address>)> {
        actor.require_owner(user, "user")?;
        let owner = self.present(user).await?;
        let book = self.store.addresses(user).await?;
        Ok((owner, book))
    }

    /// An address as it is now. The user first here, too: an older version than the book's is refused, a newer one would not be.
    async fn kept(&self, user: UserId, id: AddressId) -> Outcome<(Address, u64)> {
        let owner = self.present(user).await?;
        Ok((found(&self.store.addresses(user).await?, id)?, owner.version))
    }
}

fn edited(user: UserId, address: AddressId) -> Deed {
    Deed { action: StaffAction::AddressesChanged, subject: user, detail: json!({ "address": address }) }
}

fn guarded(owner: User, writes: Vec<UserWrite>) -> ChangeSet<UserWrite> {
    writes.into_iter().fold(ChangeSet::of([UserWrite::UpdateUser(owner.next_version())]), ChangeSet::and)
}

fn found(book: &[Address], id: AddressId) -> Outcome<Address> {
    let address = book.iter().find(|address| address.id == id).cloned();
    Ok(address.ok_or(Refusal::NotFound("address"))?)
}
