//! Carts and users.

use super::Books;
use crate::change::ChangeSet;
use crate::orders::{Cart, CartWrite};
use crate::users::UserWrite;

impl Books {
    pub(super) fn carts(&mut self, changes: &ChangeSet<CartWrite>) {
        self.common(changes);
        for write in &changes.writes {
            match write {
                CartWrite::Save(cart) => self.saved(cart, changes.handled.is_some()),
                CartWrite::Delete(owner) => {
                    self.carts.remove(&owner.key());
                }
            }
        }
    }

    fn saved(&mut self, cart: &Cart, by_order: bool) {
        let owner = cart.owner.key();
        let before = self.carts.insert(owner, cart.clone());
        let version = before.as_ref().map_or(0, |before| before.version);
        self.must(cart.version == version.saturating_add(1), || {
            format!("the cart of {owner} went from version {version} to {}", cart.version)
        });
        if !by_order {
            return;
        }
        for line in before.iter().flat_map(|before| &before.lines) {
            let left = cart.lines.iter().find(|kept| kept.sku == line.sku).map_or(0, |kept| kept.quantity.get());
            let taken = i64::from(line.quantity.get()) - i64::from(left);
            let carted = self.carted.entry((owner, line.sku.clone())).or_default();
            carted.reduced = carted.reduced.saturating_add(taken);
            let (reduced, ordered) = (carted.reduced, carted.ordered);
            self.must(0 <= taken && reduced <= ordered, || {
                format!("{reduced} of {} left the cart of {owner} for {ordered} ordered", line.sku)
            });
        }
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
                UserWrite::PutAddress(_)
                | UserWrite::DeleteAddress(_)
                | UserWrite::InsertSession(_)
                | UserWrite::TouchSession(..)
                | UserWrite::RevokeSession(..)
                | UserWrite::InsertRefreshToken(_)
                | UserWrite::RotateRefreshToken(..) => {}
            }
        }
    }
}
