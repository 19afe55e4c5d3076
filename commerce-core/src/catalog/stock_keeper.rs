//! Ends holds as their orders say: confirmed is sold, cancelled is given back or restocked.
//!
//! Right in any order of delivery, because only the hold's own state decides: it leaves ACTIVE
//! once, and only what was sold comes back, at every instant. Never asks whose order it is.

use async_trait::async_trait;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, Round, rounds, settle};
use crate::error::{Error, Outcome};
use crate::events::{ConsumeError, Consumer, Envelope, EventKind};
use crate::ids::IdSource;
use crate::orders::{HoldRef, OrderFacts, OrderLine, ReturnLine, ShipmentLine};
use crate::text::Sku;
use crate::time::Timestamp;

use super::Catalog;
use super::end_hold::{Ending, ending};
use super::ports::CatalogWrite;
use super::stock::{Hold, HoldLine, HoldState, Inventory, Movement, MovementKind};

const NAME: &str = "catalog-order-queue";

/// The consumer that brings what orders decided into the stock.
pub struct StockKeeper {
    catalog: Catalog,
}

impl StockKeeper {
    /// Of this catalog.
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog }
    }

    async fn keep(&self, event: &Envelope, news: News, facts: &OrderFacts, hold: &Hold) -> Outcome<Round<()>> {
        let Catalog { store, ids, clock, .. } = &self.catalog;
        let now = clock.now();
        let effect = decide(news, facts, hold);
        let ended = match effect {
            Effect::End(how) => ending(hold, how, ids, now),
            Effect::SellAndRestock => ending(hold, Ending::Sold, ids, now),
            Effect::Restock | Effect::Nothing => Vec::new(),
        };
        let back = match effect {
            Effect::Restock | Effect::SellAndRestock => {
                let skus: Vec<Sku> = facts.lines.iter().map(|line| line.sku.clone()).collect();
                restock(facts, coming_back(news, facts), &store.inventory(&skus).await?, ids, now)
            }
            Effect::End(_) | Effect::Nothing => Vec::new(),
        };
        let writes: Vec<CatalogWrite> = ended.into_iter().chain(back).collect();
        let handled = Handled { consumer: NAME, event: event.id, at: now };
        match store.commit(ChangeSet::of(writes).handling(Some(handled))).await {
            Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => Ok(Round::Done(())),
            // A variant was removed since its inventory was read; one that was added is stale.
            Err(CommitError::Refused(CommitRefusal::Short(_))) => Ok(Round::Again),
            committed => settle(committed, ()),
        }
    }
}

#[async_trait]
impl Consumer for StockKeeper {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, kind: EventKind) -> bool {
        News::of(kind).is_some()
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let Some(news) = News::of(event.kind) else { return Ok(()) };
        let facts: OrderFacts = event.data()?;
        let facts = &facts;
        // Nearly always a hold is as its order left it; what it is instead is asked when the store objects.
        if let Round::Done(()) = self.keep(event, news, facts, &as_taken(facts)).await? {
            return Ok(());
        }
        let kept = rounds("hold", || async move {
            match self.catalog.store.hold(facts.hold.key).await.map_err(Error::from)? {
                None => Ok(Round::Done(Err(unknown_hold(facts)))),
                Some(hold) => Ok(match self.keep(event, news, facts, &hold).await? {
                    Round::Done(()) => Round::Done(Ok(())),
                    Round::Again => Round::Again,
                }),
            }
        });
        kept.await?
    }
}

/// The hold that the order stands on, as it was taken: its lines are the order's, each SKU once.
fn as_taken(facts: &OrderFacts) -> Hold {
    let line = |line: &OrderLine| HoldLine { sku: line.sku.clone(), quantity: line.quantity.get(), unit_price: line.unit_price };
    let mut lines: Vec<HoldLine> = facts.lines.iter().map(line).collect();
    lines.sort_by(|one, other| one.sku.cmp(&other.sku));
    let HoldRef { key, generation } = facts.hold;
    Hold { key, generation, lines, state: HoldState::Active, created_at: Timestamp::EPOCH, expires_at: Timestamp::EPOCH }
}

fn unknown_hold(facts: &OrderFacts) -> ConsumeError {
    ConsumeError::Permanent(format!("order {} stands on a hold that does not exist", facts.number))
}

/// What an event says about a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Confirmed,
    Cancelled,
    CameBack,
    GaveUp,
}

impl News {
    fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::OrderConfirmed => Some(Self::Confirmed),
            EventKind::OrderCancelled => Some(Self::Cancelled),
            EventKind::ReturnReceived => Some(Self::CameBack),
            EventKind::OrderLinesCancelled => Some(Self::GaveUp),
            EventKind::UserRegistered
            | EventKind::PasswordResetRequested
            | EventKind::ProductUpdated
            | EventKind::LowStockAlert
            | EventKind::OrderCreated
            | EventKind::OrderProcessing
            | EventKind::OrderShipped
            | EventKind::OrderOutForDelivery
            | EventKind::OrderDelivered
            | EventKind::PaymentSuccess
            | EventKind::PaymentFailed
            | EventKind::RefundSucceeded
            | EventKind::OrderRedirected
            | EventKind::OrderLinkRequested
            | EventKind::ShipmentCreated
            | EventKind::ShipmentUpdated
            | EventKind::ReturnRequested
            | EventKind::ReturnApproved
            | EventKind::ReturnRejected
            | EventKind::ReturnRefunded
            | EventKind::ReturnExchanged
            | EventKind::StaffActed => None,
        }
    }
}

/// What has to happen to the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    End(Ending),
    /// What was sold comes back.
    Restock,
    /// What is confirmed is sold first: this was heard before that.
    SellAndRestock,
}

/// Judges the news by the state of the order's own generation. An older generation than the newest
/// is dead, and since an order stood on it, it died by the order's own events: sold if confirmed.
fn decide(news: News, facts: &OrderFacts, newest: &Hold) -> Effect {
    let HoldRef { generation, .. } = facts.hold;
    let state = if newest.generation == generation {
        newest.state
    } else if facts.was_confirmed {
        HoldState::Committed
    } else {
        HoldState::Released
    };
    match (news, state) {
        (News::GaveUp | News::CameBack, HoldState::Active) => Effect::SellAndRestock,
        // What came back was sold, whatever became of its hold since.
        (News::CameBack, _) | (News::GaveUp | News::Cancelled, HoldState::Committed) => Effect::Restock,
        (News::Confirmed, HoldState::Active) => Effect::End(Ending::Sold),
        (News::Cancelled, HoldState::Active) => Effect::End(Ending::Released),
        (News::Confirmed, HoldState::Committed | HoldState::Released | HoldState::Expired)
        // Who gave everything back gave this back, too.
        | (News::Cancelled | News::GaveUp, HoldState::Released | HoldState::Expired) => Effect::Nothing,
    }
}

/// Units of a SKU that come back: to be sold again, or not.
struct Back {
    sku: Sku,
    sold_again: u32,
    written_off: u32,
    why: String,
}

fn coming_back(news: News, facts: &OrderFacts) -> Vec<Back> {
    match news {
        News::Confirmed => Vec::new(),
        News::Cancelled => cancelled(facts),
        News::GaveUp => given_up(facts),
        News::CameBack => came_back(facts),
    }
}

/// What was given up of an order.
fn given_up(facts: &OrderFacts) -> Vec<Back> {
    let back = |line: &ShipmentLine| Back {
        sku: line.sku.clone(),
        sold_again: line.quantity.get(),
        written_off: 0,
        why: format!("some of order {} was cancelled", facts.number),
    };
    facts.given_up.iter().flat_map(|it| &it.lines).map(back).collect()
}

/// Everything that was sold to a cancelled order and has not come back.
fn cancelled(facts: &OrderFacts) -> Vec<Back> {
    let before = |sku: &Sku| facts.cancelled.iter().find(|it| it.sku == *sku).map_or(0, |it| it.quantity.get());
    let back = |line: &OrderLine| Back {
        sku: line.sku.clone(),
        sold_again: line.quantity.get().saturating_sub(before(&line.sku)),
        written_off: 0,
        why: format!("order {} was cancelled", facts.number),
    };
    facts.lines.iter().map(back).filter(|back| back.sold_again > 0).collect()
}

/// What came of a return.
fn came_back(facts: &OrderFacts) -> Vec<Back> {
    let lines = facts.returned.iter().flat_map(|returned| &returned.lines);
    let back = |line: &ReturnLine| {
        let received = line.received.unwrap_or(0);
        Back {
            sku: line.sku.clone(),
            sold_again: line.restocked.min(received),
            written_off: received.saturating_sub(line.restocked),
            why: format!("came back of order {}", facts.number),
        }
    };
    lines.map(back).filter(|back| back.sold_again > 0 || back.written_off > 0).collect()
}

/// The sold units back on hand. What cannot be sold again, and what is no longer sold and has no shelf to go
/// back to, is written off: the ledger says both that it came back and that it went.
fn restock(facts: &OrderFacts, mut lines: Vec<Back>, shelves: &[Inventory], ids: &IdSource, now: Timestamp) -> Vec<CatalogWrite> {
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    let mut writes = Vec::with_capacity(lines.len());
    for line in lines {
        let back = Movement {
            id: ids.mint(),
            sku: line.sku.clone(),
            kind: MovementKind::Restock,
            on_hand: i64::from(line.sold_again.saturating_add(line.written_off)),
            reserved: 0,
            reference: Some(facts.hold.key.to_hex()),
            reason: line.why,
            actor: None,
            at: now,
        };
        let shelved = shelves.iter().any(|shelf| shelf.sku == line.sku);
        let gone = |units: i64, why: &str| Movement {
            id: ids.mint(),
            kind: MovementKind::Adjustment,
            on_hand: units.saturating_neg(),
            reference: None,
            reason: format!("{why} order {} gave back", facts.number),
            ..back.clone()
        };
        match (shelved, i64::from(line.written_off)) {
            (true, 0) => writes.push(CatalogWrite::Move(back)),
            (true, units) => {
                let written_off = gone(units, "not to be sold again of what");
                writes.extend([back, written_off].map(CatalogWrite::Move));
            }
            (false, _) => {
                let written_off = gone(back.on_hand, "no variant for what");
                writes.extend([back, written_off].map(CatalogWrite::Note));
            }
        }
    }
    writes
}
