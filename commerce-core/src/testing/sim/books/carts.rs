//! Carts and users.

use std::time::Duration;

use super::Books;
use crate::change::ChangeSet;
use crate::ids::UserId;
use crate::orders::{Cart, CartWrite};
use crate::text::Sku;
use crate::users::{Guest, User, UserWrite};

impl Books {
    pub(super) fn carts(&mut self, changes: &ChangeSet<CartWrite>) {
        self.common(changes);
        for write in &changes.writes {
            match write {
                CartWrite::Begin(cart) => self.begun(cart),
                CartWrite::Save(cart) => self.saved(cart),
            }
        }
    }

    /// A cart begins a day after the last edit of the one before, at a version that it never had.
    fn begun(&mut self, cart: &Cart) {
        let owner = cart.owner.key();
        self.leaving.remove(&owner);
        let Some(before) = self.carts.insert(owner, cart.clone()) else { return };
        let day_after = before.updated_at.plus(Duration::from_hours(24));
        self.must(day_after <= cart.updated_at, || format!("a cart of {owner} began while she had one"));
        self.must(before.version < cart.version, || {
            format!("the cart of {owner} went from version {} to {}", before.version, cart.version)
        });
    }

    fn saved(&mut self, cart: &Cart) {
        let owner = cart.owner.key();
        let before = self.carts.insert(owner, cart.clone());
        let version = before.as_ref().map_or(0, |before| before.version);
        self.must(cart.version == version.saturating_add(1), || {
            format!("the cart of {owner} went from version {version} to {}", cart.version)
        });
        if let Some(before) = before.filter(|before| before.begun_at != cart.begun_at) {
            self.reduced(&before, cart);
        }
    }

    /// A cart begins anew when the lines of its order leave it, and only those.
    fn reduced(&mut self, before: &Cart, cart: &Cart) {
        let owner = cart.owner.key();
        let order = self.leaving.remove(&owner);
        self.must(order.is_some(), || format!("the cart of {owner} was reduced and not ordered"));
        let kept = |in_cart: &Cart, sku: &Sku| {
            in_cart.lines.iter().find(|line| line.sku == *sku).map_or(0, |line| i64::from(line.quantity.get()))
        };
        let ordered = order.and_then(|order| self.orders.get(&order)).map_or_else(Vec::new, |entry| entry.order.lines.clone());
        for sku in before.lines.iter().chain(&cart.lines).map(|line| &line.sku) {
            let asked = ordered.iter().find(|line| line.sku == *sku).map_or(0, |line| i64::from(line.quantity.get()));
            let right = kept(cart, sku) == (kept(before, sku) - asked).max(0);
            self.must(right, || format!("{} of {sku} stay in the cart of {owner}, and {asked} left it", kept(cart, sku)));
        }
        for line in &before.lines {
            let reduced = self.reduced.entry((owner, line.sku.clone())).or_default();
            *reduced = reduced.saturating_add(kept(before, &line.sku) - kept(cart, &line.sku));
        }
    }

    /// Whether somebody was erased.
    pub(in crate::testing::sim) fn is_gone(&self, user: UserId) -> bool {
        self.users.get(&user).is_some_and(User::is_erased) || self.guests.get(&user).is_some_and(Guest::is_erased)
    }

    pub(super) fn users(&mut self, changes: &ChangeSet<UserWrite>) {
        self.common(changes);
        for write in &changes.writes {
            match write {
                UserWrite::InsertUser(user) => {
                    let taken = self.users.values().any(|other| other.email == user.email);
                    self.must(!taken, || format!("{} has two accounts", user.id));
                    let said = changes.events.iter().any(|event| event.kind == crate::events::EventKind::UserRegistered);
                    self.must(said, || format!("{} registered and nobody was told", user.id));
                    self.users.insert(user.id, user.clone());
                }
                UserWrite::UpdateUser(user) => {
                    let before = self.users.insert(user.id, user.clone()).map_or(0, |before| before.version);
                    self.must(user.version == before.saturating_add(1), || format!("{} lost a version", user.id));
                }
                UserWrite::SaveGuest(guest) => {
                    let twice = self.guests.values().any(|other| other.email == guest.email && other.id != guest.id);
                    let both = self.users.contains_key(&guest.id);
                    self.must(!twice && !both, || format!("the guest {} is somebody else, too", guest.id));
                    self.guests.insert(guest.id, guest.clone());
                }
                UserWrite::PutAddress(_)
                | UserWrite::DeleteAddress(_)
                | UserWrite::InsertSession(_)
                | UserWrite::TouchSession(..)
                | UserWrite::RevokeSession(..)
                | UserWrite::InsertRefreshToken(_)
                | UserWrite::RotateRefreshToken(..)
                | UserWrite::SaveErasure(_)
                | UserWrite::LogStaff(_) => {}
            }
        }
    }
}
