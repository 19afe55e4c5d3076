//! Stock, holds and prices.

use std::time::Duration;

use super::{Books, CLOCKS_DIFFER, HoldEntry, HoldName, Stock};
use crate::catalog::{CatalogWrite, Hold, HoldKey, HoldState, Movement, MovementKind, Product};
use crate::change::ChangeSet;
use crate::events::{Envelope, EventKind};
use crate::ids::{Id, OrderId};
use crate::money::Money;
use crate::orders::{AttemptState, OrderStatus};
use crate::text::Sku;
use crate::time::Timestamp;

use super::super::goods::{LOW_AT, LOW_QUIET};
use super::super::situations::Situation;

/// How long ago a price may have ended that an order is held under: longer than any two slow reads.
const PRICE_READ_WITHIN: Duration = Duration::from_mins(1);

impl Books {
    pub(super) fn catalog(&mut self, changes: &ChangeSet<CatalogWrite>, now: Timestamp, met: &mut Vec<Situation>) {
        self.common(changes);
        for write in &changes.writes {
            match write {
                CatalogWrite::InsertProduct(product) | CatalogWrite::UpdateProduct(product) => self.shelve(product, now),
                CatalogWrite::Move(movement) => self.moved(movement, true, met),
                CatalogWrite::Note(movement) => self.moved(movement, false, met),
                CatalogWrite::InsertHold(hold) => self.held(hold, now, met),
                CatalogWrite::EndHold(key, generation, state) => self.ended((*key, *generation), *state, now, met),
                CatalogWrite::PostponeHold(key, generation, at) => self.postponed((*key, *generation), *at, met),
                CatalogWrite::Recount { sku, .. } => self.must(false, || format!("{sku} is recounted, and nobody repairs here")),
                CatalogWrite::SetAlerted(sku, true) => {
                    let about = |event: &Envelope| super::Words::of(event).at("/sku") == sku.as_str();
                    let said = changes.events.iter().any(|event| event.kind == EventKind::LowStockAlert && about(event));
                    self.alerted(sku, said, now, met);
                }
                CatalogWrite::InsertCategory(_)
                | CatalogWrite::UpdateCategory(_)
                | CatalogWrite::DeleteCategory(_)
                | CatalogWrite::TouchTree(_)
                | CatalogWrite::ExpectTree(_)
                | CatalogWrite::InsertSeller(_)
                | CatalogWrite::UpdateSeller(_)
                | CatalogWrite::ExpectStock(..)
                | CatalogWrite::SetAlerted(_, false)
                | CatalogWrite::SetThreshold(..)
                | CatalogWrite::InsertReview(_)
                | CatalogWrite::UpdateReview(_)
                | CatalogWrite::InsertWish(_)
                | CatalogWrite::DeleteWish(..) => {}
            }
        }
        self.opinions(changes);
        self.note_levels(now);
        self.reserved_is_held(changes);
        self.came_back(changes, met);
    }

    /// Ops are told of what fell to its threshold, and not of what began there.
    fn alerted(&mut self, sku: &Sku, said: bool, now: Timestamp, met: &mut Vec<Situation>) {
        let lately = self.told_low.get(sku).is_some_and(|at| now < at.plus(LOW_QUIET).plus(CLOCKS_DIFFER));
        if said {
            self.told_low.insert(sku.clone(), now);
        }
        let Some(stock) = self.stock.get(sku) else { return self.must(false, || format!("{sku} is low and unknown")) };
        met.push(match (said, lately) {
            (true, _) => Situation::RanLow,
            (false, true) => Situation::LowAgain,
            (false, false) => Situation::LowFromTheStart,
        });
        let low = stock.on_hand.saturating_sub(stock.reserved) <= LOW_AT;
        let fell = stock.levels.iter().any(|(_, level)| *level > LOW_AT);
        let (is_new, nothing_to_tell) = (stock.is_new, stock.is_new && low);
        self.must(said || nothing_to_tell || lately, || format!("{sku} is low and nobody was told"));
        self.must(!said || (fell && !is_new), || format!("ops were told of {sku}, which never had more"));
    }

    /// A cancelled order whose stock was sold brings it back, to the shelf or past it.
    fn came_back(&mut self, changes: &ChangeSet<CatalogWrite>, met: &mut Vec<Situation>) {
        let Some(event) = changes.handled.as_ref().and_then(|handled| self.said.get(&handled.event)) else { return };
        if event.kind != EventKind::OrderCancelled {
            return;
        }
        let Some(entry) = self.orders.get(&OrderId::from_uuid(event.aggregate)) else { return };
        let hold = (entry.order.hold.key, entry.order.hold.generation);
        let sold = self.holds.get(&hold).is_some_and(|hold| hold.state == HoldState::Committed);
        let shelf = |sku: &Sku| self.stock.get(sku).is_some_and(|stock| stock.on_shelf);
        if sold && entry.order.lines.iter().any(|line| !shelf(&line.sku)) {
            met.push(Situation::RestockedToNowhere);
        }
    }

    /// Opens shelves and prices for a product's variants, and closes those of variants that are gone.
    fn shelve(&mut self, product: &Product, now: Timestamp) {
        for variant in &product.variants {
            let stock = self.stock.entry(variant.sku.clone()).or_default();
            stock.is_new = !stock.on_shelf;
            stock.on_shelf = true;
            stock.price(variant.price, now);
        }
        let prefix = product.slug.as_str();
        let is_gone = |sku: &Sku| !product.variants.iter().any(|variant| variant.sku == *sku);
        let gone: Vec<Sku> = self.stock.keys().filter(|sku| is_of(sku, prefix) && is_gone(sku)).cloned().collect();
        for sku in gone {
            let Some(stock) = self.stock.get_mut(&sku) else { continue };
            stock.on_shelf = false;
            stock.end_price(now);
            let left = (stock.on_hand, stock.reserved);
            self.must(left == (0, 0), || format!("{sku} lost its shelf with {left:?} on it"));
        }
    }

    fn moved(&mut self, movement: &Movement, shelved: bool, met: &mut Vec<Situation>) {
        let stock = self.stock.entry(movement.sku.clone()).or_default();
        let placed = stock.on_shelf == shelved;
        stock.on_hand = stock.on_hand.saturating_add(movement.on_hand);
        stock.reserved = stock.reserved.saturating_add(movement.reserved);
        let (on_hand, reserved) = (stock.on_hand, stock.reserved);
        let mut books_fit = true;
        if let Some(hold) = &movement.reference {
            let (sold, back) = stock.sold.entry(hold.clone()).or_default();
            match movement.kind {
                MovementKind::Sale => *sold = sold.saturating_sub(movement.on_hand),
                MovementKind::Restock => {
                    met.push(Situation::Restocked);
                    *back = back.saturating_add(movement.on_hand);
                }
                MovementKind::Receipt
                | MovementKind::Adjustment
                | MovementKind::Reservation
                | MovementKind::Release
                | MovementKind::Expiry => {}
            }
            books_fit = *back <= *sold;
        }
        let sku = &movement.sku;
        self.must(0 <= reserved && reserved <= on_hand, || format!("{sku} is oversold: {reserved} of {on_hand} reserved"));
        self.must(placed, || format!("{} {sku} moved, and it has a shelf: {}", movement.kind, !shelved));
        self.must(books_fit, || format!("{sku} came back more often than it was sold, for hold {:?}", movement.reference));
    }

    fn held(&mut self, hold: &Hold, now: Timestamp, met: &mut Vec<Situation>) {
        if hold.generation > 1 {
            met.push(Situation::HeldAnew);
            let before = self.holds.get(&(hold.key, hold.generation.saturating_sub(1))).map(|before| before.state);
            self.must(before.is_some_and(|state| state != HoldState::Active), || format!("{} holds twice", hold.key.to_hex()));
        }
        for line in &hold.lines {
            let good = self.stock.get(&line.sku).is_some_and(|stock| stock.cost(line.unit_price, now));
            self.must(good, || format!("{} is held at {}, which is not its price", line.sku, line.unit_price));
        }
        let lines = hold.lines.iter().map(|line| (line.sku.clone(), line.quantity, line.unit_price)).collect();
        let entry = HoldEntry {
            state: hold.state,
            lines,
            expires_at: hold.expires_at,
            first_expiry: hold.expires_at,
            taken_at: now,
            ended_at: None,
        };
        let fresh = self.holds.insert((hold.key, hold.generation), entry).is_none();
        self.must(fresh, || format!("hold {} has generation {} twice", hold.key.to_hex(), hold.generation));
    }

    fn ended(&mut self, hold: HoldName, state: HoldState, now: Timestamp, met: &mut Vec<Situation>) {
        let was = self.holds.get(&hold).map(|entry| entry.state);
        self.must(was == Some(HoldState::Active), || format!("hold {:?} ends as {state} and was {was:?}", hold.1));
        let order = self.on_hold.get(&hold).and_then(|order| self.orders.get(order));
        let (status, confirmed) = order.map_or((None, false), |entry| (Some(entry.order.status), entry.was_confirmed));
        match state {
            HoldState::Committed => {
                self.must(confirmed, || format!("hold {} was sold without a confirmed order", hold.0.to_hex()));
            }
            HoldState::Released | HoldState::Expired => {
                let dead = status.is_none_or(|status| status == OrderStatus::Cancelled);
                self.must(dead, || format!("hold {} ended as {state} under a live order", hold.0.to_hex()));
            }
            HoldState::Active => self.must(false, || "a hold ended as active".to_owned()),
        }
        if state == HoldState::Expired {
            let over = self.holds.get(&hold).is_some_and(|entry| entry.first_expiry <= now.plus(CLOCKS_DIFFER));
            self.must(over, || format!("hold {} ran out before its time", hold.0.to_hex()));
            met.push(Situation::HoldExpired);
        }
        if let Some(entry) = self.holds.get_mut(&hold) {
            entry.state = state;
            entry.ended_at = Some(now);
        }
    }

    fn postponed(&mut self, hold: HoldName, at: Timestamp, met: &mut Vec<Situation>) {
        let order = self.on_hold.get(&hold).and_then(|order| self.orders.get(order));
        let open = |state: AttemptState| state.is_open();
        if order.is_some_and(|entry| entry.order.payment.attempts.iter().any(|attempt| open(attempt.state))) {
            met.push(Situation::SweptWhilePaying);
        }
        if let Some(entry) = self.holds.get_mut(&hold) {
            entry.expires_at = at;
        }
    }

    fn note_levels(&mut self, now: Timestamp) {
        for stock in self.stock.values_mut() {
            stock.is_new = false;
            let level = if stock.on_shelf { stock.on_hand.saturating_sub(stock.reserved) } else { 0 };
            if stock.levels.last().is_none_or(|(_, last)| *last != level) {
                stock.levels.push((now, level));
            }
        }
    }

    /// Whether so many of `sku` could not be had at some instant since `since`, besides what the asker's
    /// own key held then.
    pub(in crate::testing::sim) fn was_short(&self, sku: &Sku, wanted: i64, since: Timestamp, own: HoldKey) -> bool {
        let Some(stock) = self.stock.get(sku) else { return true };
        let before = stock.levels.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
        stock.levels.iter().skip(before).any(|(at, level)| level.saturating_add(self.held_by(own, sku, *at)) < wanted)
    }

    /// Units of `sku` that a key held at an instant.
    fn held_by(&self, key: HoldKey, sku: &Sku, at: Timestamp) -> i64 {
        let holds = self.holds.range((key, 0)..=(key, u32::MAX)).map(|(_, hold)| hold);
        let then = holds.filter(|hold| hold.taken_at <= at && hold.ended_at.is_none_or(|ended| ended > at));
        then.flat_map(|hold| &hold.lines).filter(|(held, ..)| held == sku).map(|(_, quantity, _)| i64::from(*quantity)).sum()
    }

    /// What is reserved is the sum of the active holds, for every SKU that moved.
    fn reserved_is_held(&mut self, changes: &ChangeSet<CatalogWrite>) {
        for write in &changes.writes {
            let CatalogWrite::Move(Movement { sku, .. }) = write else { continue };
            let active = self.holds.values().filter(|hold| hold.state == HoldState::Active);
            let of_sku = active.flat_map(|hold| &hold.lines).filter(|(held, ..)| held == sku);
            let held: i64 = of_sku.map(|(_, quantity, _)| i64::from(*quantity)).sum();
            let reserved = self.stock.get(sku).map_or(0, |stock| stock.reserved);
            self.must(reserved == held, || format!("{reserved} of {sku} are reserved, and holds hold {held}"));
        }
    }
}

/// A product of the simulation calls its variants after its slug.
fn is_of(sku: &Sku, slug: &str) -> bool {
    sku.as_str().strip_prefix(slug).is_some_and(|rest| rest.starts_with('-'))
}

impl Stock {
    fn price(&mut self, price: Money, now: Timestamp) {
        if self.prices.last().is_some_and(|(last, until)| *last == price && until.is_none()) {
            return;
        }
        self.end_price(now);
        self.prices.push((price, None));
    }

    fn end_price(&mut self, now: Timestamp) {
        if let Some((_, until)) = self.prices.last_mut() {
            until.get_or_insert(now);
        }
    }

    /// Whether one unit costs, or just cost, this much.
    pub(super) fn cost(&self, price: Money, now: Timestamp) -> bool {
        let recent = |until: &Option<Timestamp>| until.is_none_or(|until| now.since(until) <= PRICE_READ_WITHIN);
        self.prices.iter().any(|(known, until)| *known == price && recent(until))
    }
}
