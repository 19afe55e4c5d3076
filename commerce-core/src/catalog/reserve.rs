//! Takes stock for a checkout: all lines or none, and once however often it is asked for.
//!
//! Must stay at one read and one commit: a flash sale is nothing but this. Hardly any key holds
//! something already, so the store is asked about that only when it objects.

use std::collections::BTreeMap;

use futures_util::future::try_join;

use crate::change::{ChangeSet, Round, rounds, settle};
use crate::error::{Outcome, Refusal, Shortage};
use crate::ids::IdSource;
use crate::limits;
use crate::orders::{Held, HoldRef};
use crate::text::{Quantity, Sku};
use crate::time::Timestamp;

use super::Catalog;
use super::ports::CatalogWrite;
use super::stock::{Hold, HoldKey, HoldLine, HoldState, Item, Movement, MovementKind};

impl Catalog {
    /// Holds all lines or none, for [`limits::HOLD_FOR`]. The same key and lines while the hold is
    /// active: the same hold. A dead hold is taken anew, one generation on.
    ///
    /// # Errors
    /// `SOLD_OUT` with every short SKU (an unknown one, or one not on sale, has none available),
    /// `IDEMPOTENCY_MISMATCH` for other lines under an active hold, `EMPTY_ORDER`, `INVALID`.
    pub async fn reserve(&self, key: HoldKey, lines: &[(Sku, Quantity)]) -> Outcome<Held> {
        let skus: Vec<Sku> = lines.iter().map(|(sku, _)| sku.clone()).collect();
        self.reserve_known(key, lines, &self.store.items(&skus).await?).await
    }

    /// As [`reserve`](Self::reserve); `known` spares asking for items that were just asked for.
    pub(super) async fn reserve_known(&self, key: HoldKey, lines: &[(Sku, Quantity)], known: &[Item]) -> Outcome<Held> {
        let demand = add_up(lines)?;
        if let Round::Done(held) = self.reserve_once(key, None, &demand, known).await? {
            return Ok(held);
        }
        let (store, skus): (_, Vec<Sku>) = (&self.store, demand.keys().cloned().collect());
        let (demand, skus) = (&demand, &skus);
        rounds("hold", || async move {
            let (existing, items) = try_join(store.hold(key), store.items(skus)).await?;
            self.reserve_once(key, existing, demand, &items).await
        })
        .await
    }

    async fn reserve_once(
        &self,
        key: HoldKey,
        existing: Option<Hold>,
        demand: &BTreeMap<Sku, u32>,
        items: &[Item],
    ) -> Outcome<Round<Held>> {
        let now = self.clock.now();
        let decided = decide_reserve(key, existing.as_ref(), demand, items, now);
        if decided.is_err() && self.store.hold(key).await? != existing {
            // The key holds something else than we thought: perhaps a twin took this very stock.
            return Ok(Round::Again);
        }
        match decided? {
            Reserve::Same(hold) => Ok(Round::Done(held(&hold))),
            Reserve::New(hold) => {
                // The hold comes first: to a twin it says that the hold changed, not that stock is short.
                let movements = hold.lines.iter().map(|line| reservation(line, key, &self.ids, now));
                let changes = movements.fold(ChangeSet::of([CatalogWrite::InsertHold(hold.clone())]), ChangeSet::and);
                settle(self.store.commit(changes).await, held(&hold))
            }
        }
    }
}

/// What to do about a wish for stock.
#[derive(Debug, PartialEq, Eq)]
enum Reserve {
    /// It is held already.
    Same(Hold),
    /// Take this.
    New(Hold),
}

/// Judges a wish for stock by what its key holds already and by what is there. `demand` is sorted,
/// so that change sets touch SKUs in one order.
fn decide_reserve(
    key: HoldKey,
    existing: Option<&Hold>,
    demand: &BTreeMap<Sku, u32>,
    items: &[Item],
    now: Timestamp,
) -> Result<Reserve, Refusal> {
    let generation = match existing {
        None => 1,
        Some(hold) if hold.state == HoldState::Active => {
            let same = hold.lines.iter().map(|line| (&line.sku, &line.quantity)).eq(demand);
            return if same { Ok(Reserve::Same(hold.clone())) } else { Err(Refusal::IdempotencyMismatch) };
        }
        Some(dead) => dead.generation.saturating_add(1),
    };
    let mut short = Vec::new();
    let mut lines = Vec::with_capacity(demand.len());
    for (sku, quantity) in demand {
        let item = items.iter().find(|item| item.sku == *sku && item.on_sale);
        match item {
            Some(item) if item.available >= i64::from(*quantity) => {
                lines.push(HoldLine { sku: sku.clone(), quantity: *quantity, unit_price: item.unit_price });
            }
            lacking => short.push(Shortage {
                sku: sku.clone(),
                requested: *quantity,
                available: lacking.map_or(0, |item| item.available),
            }),
        }
    }
    if !short.is_empty() {
        return Err(Refusal::SoldOut(short));
    }
    let expires_at = now.plus(limits::HOLD_FOR);
    Ok(Reserve::New(Hold { key, generation, lines, state: HoldState::Active, created_at: now, expires_at }))
}

/// One demand for each SKU, sorted.
fn add_up(lines: &[(Sku, Quantity)]) -> Result<BTreeMap<Sku, u32>, Refusal> {
    let mut demand = BTreeMap::new();
    for (sku, quantity) in lines {
        let sum = demand.entry(sku.clone()).or_insert(0_u32);
        *sum = sum.saturating_add(quantity.get());
        if *sum > limits::QUANTITY_MAX {
            return Err(Refusal::field("items", "OUT_OF_RANGE", format!("more than 999 of {sku}")));
        }
    }
    match demand.len() {
        0 => Err(Refusal::EmptyOrder),
        1..=limits::LINES_MAX => Ok(demand),
        _ => Err(Refusal::field("items", "TOO_MANY", "an order has at most 200 lines")),
    }
}

fn reservation(line: &HoldLine, key: HoldKey, ids: &IdSource, now: Timestamp) -> CatalogWrite {
    CatalogWrite::Move(Movement {
        id: ids.mint(),
        sku: line.sku.clone(),
        kind: MovementKind::Reservation,
        on_hand: 0,
        reserved: i64::from(line.quantity),
        reference: Some(key.to_hex()),
        reason: "held for a checkout".to_owned(),
        actor: None,
        at: now,
    })
}

fn held(hold: &Hold) -> Held {
    Held {
        hold: HoldRef { key: hold.key, generation: hold.generation },
        prices: hold.lines.iter().map(|line| (line.sku.clone(), line.unit_price)).collect(),
        expires_at: hold.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{Id, ProductId};
    use crate::money::{Currency, Money};

    const KEY: HoldKey = HoldKey([7; 32]);

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn item(text: &str, available: i64) -> Item {
        Item {
            sku: sku(text),
            product: ProductId::from_uuid(Uuid::from_u128(1)),
            name: text.to_owned(),
            unit_price: Money::new(500, Currency::INR),
            available,
            on_sale: true,
            weight_grams: None,
        }
    }

    fn demand(lines: &[(&str, u32)]) -> BTreeMap<Sku, u32> {
        let lines: Vec<_> = lines.iter().map(|(text, count)| (sku(text), Quantity::new(*count).unwrap())).collect();
        add_up(&lines).unwrap()
    }

    fn taken(existing: Option<&Hold>, wish: &[(&str, u32)]) -> Hold {
        let items = [item("A", 5), item("B", 5)];
        match decide_reserve(KEY, existing, &demand(wish), &items, Timestamp::EPOCH).unwrap() {
            Reserve::New(hold) | Reserve::Same(hold) => hold,
        }
    }

    #[test]
    fn lines_of_one_sku_are_one_demand_and_sorted() {
        let hold = taken(None, &[("B", 1), ("A", 2), ("B", 1)]);
        let lines: Vec<_> = hold.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect();
        assert_eq!(lines, [("A", 2), ("B", 2)]);
        assert_eq!((hold.generation, hold.expires_at), (1, Timestamp::EPOCH.plus(limits::HOLD_FOR)));
    }

    #[test]
    fn a_double_click_takes_once() {
        let first = taken(None, &[("A", 2)]);
        assert_eq!(taken(Some(&first), &[("A", 1), ("A", 1)]), first);
    }

    #[test]
    fn other_lines_under_an_active_hold_are_a_mismatch() {
        let first = taken(None, &[("A", 2)]);
        let other = decide_reserve(KEY, Some(&first), &demand(&[("A", 3)]), &[item("A", 5)], Timestamp::EPOCH);
        assert_eq!(other, Err(Refusal::IdempotencyMismatch));
    }

    #[test]
    fn a_dead_hold_is_taken_anew_with_any_lines() {
        let mut dead = taken(None, &[("A", 2)]);
        for state in [HoldState::Committed, HoldState::Released, HoldState::Expired] {
            dead.state = state;
            let again = taken(Some(&dead), &[("B", 3)]);
            assert_eq!((again.generation, again.state), (2, HoldState::Active));
        }
    }

    #[test]
    fn every_short_sku_is_named() {
        let mut off_sale = item("C", 9);
        off_sale.on_sale = false;
        let items = [item("A", 5), item("B", 1), off_sale];
        let wish = demand(&[("A", 5), ("B", 2), ("C", 1), ("X", 1)]);
        let Err(Refusal::SoldOut(lines)) = decide_reserve(KEY, None, &wish, &items, Timestamp::EPOCH) else {
            panic!("held");
        };
        let lines: Vec<_> = lines.iter().map(|line| (line.sku.as_str(), line.available)).collect();
        assert_eq!(lines, [("B", 1), ("C", 0), ("X", 0)]);
    }

    #[test]
    fn demand_is_bounded() {
        let many = [(sku("A"), Quantity::new(999).unwrap()), (sku("A"), Quantity::new(1).unwrap())];
        assert!(matches!(add_up(&many), Err(Refusal::Invalid(_))));
        assert_eq!(add_up(&[]), Err(Refusal::EmptyOrder));
    }
}
