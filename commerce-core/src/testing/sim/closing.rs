//! The end of a world: nothing goes wrong any more, everything comes to rest, and the whole picture
//! is judged. What can be judged at every step is in `books`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::books::{Books, cash, owed, taken};
use super::client::{History, Told, key};
use super::house::House;
use crate::actor::Actor;
use crate::audit::{AuditRequest, Patience, Violation};
use crate::catalog::{HoldState, Movement, StockReads};
use crate::commerce::Commerce;
use crate::error::{Error, StoreError};
use crate::events::{EventKind, Outbox};
use crate::ids::{EventId, Id, OrderId, UserId};
use crate::notifications::NotificationStatus;
use crate::orders::{CartOwner, OrderStatus, OrderStore, PlaceOrder, RefundCause, RefundState};
use crate::page::{Cursor, Page, PageRequest};
use crate::staff::StaffAction;
use crate::text::Sku;
use crate::users::{StaffEntry, StaffLogFilter};

/// How often it is looked whether everything is at rest, and the pause in between. Together they are
/// longer than the longest pause between two tries of a mail.
const LOOKS: u32 = 80;
const PAUSE: Duration = Duration::from_mins(3);
/// The pause between two tries of a client who is told to try again.
const MOMENT: Duration = Duration::from_secs(1);

/// Waits until everything is at rest, working along if `works`, and judges.
///
/// # Errors
/// What never came to rest, or what is wrong.
pub async fn close(house: Arc<House>, history: Arc<History>, works: bool) -> Result<(), String> {
    let shop = loop {
        match house.calm() {
            Some(shop) => break shop,
            None => house.ground.clockwork.sleep(PAUSE).await,
        }
    };
    let open = std::mem::take(&mut history.write().open);
    for (user, note, wish) in open {
        ask_once_more(&house, &shop, user, &note, wish).await?;
    }
    for look in 0..LOOKS {
        if works {
            shop.settle().await.map_err(|error| format!("at peace, the shop does not settle: {error}"))?;
        }
        let unrest = unrest(&house).await.map_err(|error| error.to_string())?;
        if unrest.is_none() {
            break;
        }
        if look + 1 == LOOKS {
            return Err(format!("never at rest: {}", unrest.unwrap_or_default()));
        }
        house.ground.clockwork.sleep(PAUSE).await;
    }
    judge_books(&house)?;
    judge_history(&house, &history)?;
    judge_stores(&house, &shop, &history).await?;
    audit(&house, &shop).await
}

/// At peace whoever never learnt what became of her order is told under the same key. Somebody else may
/// still be faster, but not for ever.
async fn ask_once_more(house: &House, shop: &Commerce, user: UserId, note: &str, wish: PlaceOrder) -> Result<(), String> {
    for _ in 0..LOOKS {
        match shop.orders.place(&Actor::Customer(user), wish.clone(), Some(key(note, 1))).await {
            Ok(answer) => {
                let (order, placed) = (answer.into_inner().id, house.ground.books().placed(user, note));
                let right = placed == Some(order);
                return if right { Ok(()) } else { Err(format!("{note} of {user} is {placed:?} and was answered {order}")) };
            }
            Err(Error::Refused(refusal)) if refusal.code() == "CONFLICT" => house.ground.clockwork.sleep(MOMENT).await,
            Err(Error::Refused(_)) => return Ok(()),
            Err(Error::Store(error)) => return Err(format!("at peace, {note} of {user} failed: {error}")),
        }
    }
    Err(format!("at peace, {note} of {user} is a conflict for ever"))
}

/// Waits in virtual time.
struct Virtual(Arc<House>);

#[async_trait]
impl Patience for Virtual {
    async fn wait(&self, span: Duration) {
        self.0.ground.clockwork.sleep(span).await;
    }
}

/// The shop's own audit, by rows alone. What is poisoned was said by no change, as it says.
async fn audit(house: &Arc<House>, shop: &Commerce) -> Result<(), String> {
    let patience = Virtual(Arc::clone(house));
    let report = shop.audit(&Actor::System, AuditRequest::new(&patience)).await.map_err(|error| error.to_string())?;
    let poison = house.ground.books().poison_names();
    let meant = |violation: &&Violation| !poison.contains(&violation.entity);
    match report.violations.iter().find(meant) {
        Some(violation) => Err(format!("the audit finds {violation:?}")),
        None => Ok(()),
    }
}

/// What is not at rest yet, if anything.
async fn unrest(house: &House) -> Result<Option<String>, StoreError> {
    let stores = &house.stores;
    let backlogs = [
        stores.users.backlog().await?,
        stores.catalog.backlog().await?,
        stores.orders.backlog().await?,
        stores.notifications.backlog().await?,
    ];
    for backlog in backlogs {
        if backlog.waiting > 0 {
            return Ok(Some(format!("{} events are unpublished since {:?}", backlog.waiting, backlog.oldest)));
        }
    }
    if house.ground.undelivered() > 0 {
        return Ok(Some("the provider has messages for the shop".to_owned()));
    }
    let low = stores.catalog.low_stock_crossings(1).await?;
    Ok(house.ground.books().unrest().or_else(|| low.first().map(|stock| format!("nobody was told about {}", stock.sku))))
}

impl Books {
    fn unrest(&self) -> Option<String> {
        for (id, entry) in &self.orders {
            let payment = &entry.order.payment;
            if entry.order.status == OrderStatus::Pending {
                return Some(format!("order {id} is pending"));
            }
            // A promise rests until staff takes it.
            if payment.open_attempt().is_some_and(|attempt| !attempt.is_promise()) {
                return Some(format!("order {id} has an open attempt"));
            }
            if payment.refunds.iter().any(|refund| refund.check_at.is_some()) {
                return Some(format!("order {id} has an open refund"));
            }
        }
        if let Some(open) = self.top_ups.values().find(|it| it.attempt.check_at.is_some()) {
            return Some(format!("top-up {} is {}", open.attempt.id, open.attempt.state));
        }
        if let Some(entry) =
            self.orders.values().find(|it| self.is_gone(it.order.user) && it.order.is_through() && !it.order.is_anonymous())
        {
            return Some(format!("order {} still says who ordered it", entry.order.id));
        }
        if let Some(told) = self.notifications.values().find(|told| self.forgot(told) == Some(false)) {
            return Some(format!("notification {} still says where it went", told.id));
        }
        let active = |(_, hold): &(&super::books::HoldName, &super::books::HoldEntry)| hold.state == HoldState::Active;
        if let Some(((key, generation), _)) = self.holds.iter().find(active) {
            return Some(format!("hold {} of generation {generation} is active", key.to_hex()));
        }
        let open = |status| matches!(status, NotificationStatus::Pending | NotificationStatus::Sending);
        let waiting = self.notifications.values().find(|notification| open(notification.status));
        waiting.map(|notification| format!("notification {} is {}", notification.id, notification.status))
    }

    /// Stock of ended orders, money of ended orders, and who was told.
    fn judge(&self, house: &House) -> Result<(), String> {
        for (id, entry) in &self.orders {
            self.judge_stock(*id)?;
            let payment = &entry.order.payment;
            let cancelled = entry.order.status == OrderStatus::Cancelled;
            let owed = if cancelled { 0 } else { owed(&entry.order) + cash(&entry.order) };
            let given: i64 = payment.refunds.iter().filter(|it| it.cause != RefundCause::Owed).map(|it| it.amount.minor).sum();
            let due = if owed > 0 { owed - given } else { 0 };
            let kept = payment.captured.minor - payment.refunded.minor;
            let refused = payment.refunds.iter().any(|refund| refund.state == RefundState::Failed);
            if kept != due || refused {
                return Err(format!("order {id} is {}, is owed {due} and keeps {kept}", entry.order.status));
            }
            if entry.from_cart
                && !self.handled.iter().any(|(consumer, event)| {
                    *consumer == "order-cart-queue" && self.said.get(event).is_some_and(|event| event.aggregate == id.uuid())
                })
            {
                return Err(format!("order {id} never left its cart"));
            }
        }
        let (mut captured, mut refunded) = (0, 0);
        for payment in self.orders.values().map(|entry| &entry.order.payment) {
            let there: Vec<_> = payment.attempts.iter().filter(|attempt| attempt.provider == "sandbox").collect();
            captured += there.iter().map(|attempt| taken(attempt)).sum::<i64>();
            let back = payment.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
            let back = back.filter(|refund| there.iter().any(|attempt| attempt.id == refund.attempt));
            refunded += back.map(|refund| refund.amount.minor).sum::<i64>();
        }
        captured += self.top_ups.values().map(|it| taken(&it.attempt)).sum::<i64>();
        let theirs = (house.ground.gateway.captured_minor(), house.ground.gateway.refunded_minor());
        if theirs != (captured, refunded) {
            return Err(format!("the provider took and gave back {theirs:?}, the shop knows of {:?}", (captured, refunded)));
        }
        self.judge_coupons()?;
        self.judge_mails(&house.stores.mailer.mails())
    }

    fn judge_stock(&self, id: OrderId) -> Result<(), String> {
        let Some(entry) = self.orders.get(&id) else { return Ok(()) };
        let order = &entry.order;
        let Some(hold) = self.holds.get(&(order.hold.key, order.hold.generation)) else { return Ok(()) };
        let cancelled = order.status == OrderStatus::Cancelled;
        let right = match hold.state {
            HoldState::Active => false,
            HoldState::Committed => !cancelled || entry.was_confirmed,
            HoldState::Released | HoldState::Expired => cancelled,
        };
        if !right {
            return Err(format!("order {id} is {} and its hold {}", order.status, hold.state));
        }
        for line in &order.lines {
            let Some(stock) = self.stock.get(&line.sku) else { continue };
            let (sold, back) = stock.sold.get(&order.hold.key.to_hex()).copied().unwrap_or_default();
            let dropped = entry.order.cancellations.iter().flat_map(|it| &it.lines).filter(|it| it.sku == line.sku);
            let dropped: i64 = dropped.map(|it| i64::from(it.quantity.get())).sum();
            let lines = i64::from(line.quantity.get()) - dropped;
            let came = order.returns.iter().flat_map(|it| &it.lines).filter(|it| it.sku == line.sku);
            let came: i64 = came.filter_map(|it| it.received).map(i64::from).sum();
            let right = if cancelled { sold == back } else { sold - back == lines - came };
            if !right {
                return Err(format!("order {id} is {}: {sold} of {} were sold, {back} came back", order.status, line.sku));
            }
        }
        Ok(())
    }
}

fn judge_books(house: &House) -> Result<(), String> {
    house.ground.books().judge(house)
}

/// What clients were told, against what is.
fn judge_history(house: &House, history: &History) -> Result<(), String> {
    let books = house.ground.books();
    let told = history.write();
    for (user, note, told) in &told.orders {
        let placed = books.placed(*user, note);
        let right = match told {
            Told::Done(id) => placed == Some(*id),
            Told::Refused(_, true) => placed.is_none(),
            Told::Refused(_, false) | Told::Unknown => true,
        };
        if !right {
            return Err(format!("{note} of {user} was told as {told:?}, and the order is {placed:?}"));
        }
    }
    for (id, actor) in &told.cancelled {
        let status = books.order(*id).map(|order| order.status);
        let by = books.orders.get(id).map(|entry| entry.cancelled_by.as_str());
        if status != Some(OrderStatus::Cancelled) || by != Some(*actor) {
            return Err(format!("the cancelling of {id} was acknowledged to a {actor}, and it is {status:?} by {by:?}"));
        }
    }
    for id in &told.uncancelled {
        if books.orders.get(id).is_some_and(|entry| entry.cancelled_by == "customer") {
            return Err(format!("{id} was cancelled by its customer, and she was told that it cannot be"));
        }
    }
    Ok(())
}

/// The stores against the books: nothing is lost, nothing is there that was never written.
async fn judge_stores(house: &House, shop: &Commerce, history: &History) -> Result<(), String> {
    let orders = house.stores.orders.as_ref() as &dyn OrderStore;
    let ids = house.ground.books().order_ids();
    for id in ids {
        let stored = orders.order(id).await.map_err(|error| error.to_string())?;
        let timeline = orders.timeline(id, &PageRequest::first()).await.map_err(|error| error.to_string())?;
        let path: Vec<OrderStatus> = timeline.items.iter().map(|entry| entry.status).collect();
        let books = house.ground.books();
        let entry = books.orders.get(&id);
        let (written, went) = (entry.map(|entry| &entry.order), entry.map(|entry| &entry.path));
        if Some(&path) != went {
            return Err(format!("the history of order {id} reads {path:?}, and it went {went:?}"));
        }
        if stored.as_ref() != written {
            return Err(format!("order {id} is {stored:?}, and was written as {written:?}"));
        }
    }
    let coupons = orders.coupons(&PageRequest::first()).await.map_err(|error| error.to_string())?.items;
    for (id, uses) in house.ground.books().uses() {
        let counted = coupons.iter().find(|coupon| coupon.id == id).map(|coupon| coupon.used);
        if counted.map(usize::try_from) != Some(Ok(uses)) {
            return Err(format!("the coupon {id} counts {counted:?} uses, the books {uses}"));
        }
    }
    let wallets = house.ground.books().wallets.clone();
    for (user, balance) in wallets {
        let stored = orders.wallet(user).await.map_err(|error| error.to_string())?.map(|wallet| wallet.balance.minor);
        if stored.unwrap_or(0) != balance {
            return Err(format!("the wallet of {user} has {stored:?}, the books say {balance}"));
        }
    }
    let skus: Vec<Sku> = house.ground.books().stock.keys().cloned().collect();
    let rows = house.stores.catalog.inventory(&skus).await.map_err(|error| error.to_string())?;
    for sku in &skus {
        let ledger = whole_ledger(house, sku).await?;
        let books = house.ground.books();
        let Some(stock) = books.stock.get(sku) else { continue };
        let row = rows.iter().find(|row| row.sku == *sku).map_or((0, 0), |row| (row.on_hand, row.reserved));
        if row != (stock.on_hand, stock.reserved) || row != ledger {
            return Err(format!(
                "{sku} has {row:?}, its ledger says {ledger:?}, the books {:?}",
                (stock.on_hand, stock.reserved)
            ));
        }
    }
    let counted = judge_adjustments(house, history).await?;
    judge_deeds(house, shop, history, &counted).await?;
    judge_carts(house, shop, history).await
}

async fn whole_ledger(house: &House, sku: &Sku) -> Result<(i64, i64), String> {
    let all = all_movements(house, sku).await?;
    Ok(all.iter().fold((0, 0), |(on_hand, reserved), movement| (on_hand + movement.on_hand, reserved + movement.reserved)))
}

async fn all_movements(house: &House, sku: &Sku) -> Result<Vec<Movement>, String> {
    let (mut all, mut page) = (Vec::new(), PageRequest::first());
    loop {
        let some: Page<_> = house.stores.catalog.ledger(sku, &page).await.map_err(|error| error.to_string())?;
        let last = some.items.last().map(|movement| Cursor(movement.id.uuid()));
        let more = some.next_cursor.is_some();
        all.extend(some.items);
        match last.filter(|_| more) {
            Some(last) => page = page.from(last),
            None => return Ok(all),
        }
    }
}

/// An acknowledged adjustment is in the ledger once, a refused one never. Says how often each SKU was counted.
async fn judge_adjustments(house: &House, history: &History) -> Result<BTreeMap<Sku, usize>, String> {
    let adjusted = std::mem::take(&mut history.write().adjusted);
    let mut counted: BTreeMap<Sku, usize> = BTreeMap::new();
    for (sku, reason, told) in adjusted {
        let count = all_movements(house, &sku).await?.iter().filter(|movement| movement.reason == reason).count();
        let right = match told {
            Told::Done(()) => count == 1,
            Told::Refused(_, true) => count == 0,
            Told::Refused(_, false) | Told::Unknown => count <= 1,
        };
        if !right {
            return Err(format!("{reason} of {sku} was told as {told:?} and is {count} times in the ledger"));
        }
        *counted.entry(sku).or_default() += count;
    }
    Ok(counted)
}

/// What staff did is in the log once: what was acknowledged, what was counted, and each deed that was told; and
/// nothing else is.
async fn judge_deeds(house: &House, shop: &Commerce, history: &History, counted: &BTreeMap<Sku, usize>) -> Result<(), String> {
    let log = whole_log(shop).await?;
    let said: Vec<EventId> = {
        let books = house.ground.books();
        books.said.values().filter(|event| event.kind == EventKind::StaffActed).map(|event| event.id).collect()
    };
    let mut heard: Vec<EventId> = log.iter().filter_map(|entry| entry.told.event).collect();
    heard.sort_unstable();
    if heard != said {
        return Err(format!("{} deeds of staff were told, and the log has {} of them", said.len(), heard.len()));
    }
    let deeds = std::mem::take(&mut history.write().deeds);
    for (action, subject, words) in &deeds {
        let wanted = words.as_object().into_iter().flatten();
        let count = log.iter().filter(|entry| {
            let detail: Value = entry.told.detail.read().unwrap_or_default();
            let told = (entry.told.action, entry.told.subject.id) == (*action, *subject);
            told && wanted.clone().all(|(name, value)| detail.get(name) == Some(value))
        });
        let count = count.count();
        if count != 1 {
            return Err(format!("{action} of {subject} ({words}) was acknowledged to staff and is {count} times in its log"));
        }
    }
    let skus: Vec<Sku> = house.ground.books().stock.keys().cloned().collect();
    for sku in &skus {
        let counted = counted.get(sku).copied().unwrap_or_default();
        let adjusted = log.iter().filter(|entry| entry.told.action == StaffAction::StockAdjusted);
        let told = adjusted.filter(|entry| {
            let detail: Value = entry.told.detail.read().unwrap_or_default();
            detail.get("sku").and_then(Value::as_str) == Some(sku.as_str())
        });
        let told = told.count();
        if counted != told {
            return Err(format!("{sku} was counted {counted} times, and the log of staff says {told}"));
        }
    }
    Ok(())
}

/// The log of staff, newest first.
async fn whole_log(shop: &Commerce) -> Result<Vec<StaffEntry>, String> {
    let (mut all, mut page) = (Vec::new(), PageRequest::first());
    loop {
        let some = shop.users.staff_log(&Actor::System, &StaffLogFilter::default(), &page).await;
        let Page { items, next_cursor } = some.map_err(|error| error.to_string())?;
        all.extend(items);
        match next_cursor {
            Some(next) => page = PageRequest::parse(None, Some(&next)).map_err(|refusal| refusal.to_string())?,
            None => return Ok(all),
        }
    }
}

/// What went into a cart and was not ordered is still in it.
async fn judge_carts(house: &House, shop: &Commerce, history: &History) -> Result<(), String> {
    let carted = std::mem::take(&mut history.write().carted);
    let mut expected: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for (user, sku, quantity, surely) in carted {
        let (least, most) = expected.entry((user, sku)).or_default();
        *least += if surely { quantity } else { 0 };
        *most += quantity;
    }
    for ((user, sku), (least, most)) in expected {
        let reduced = house.ground.books().reduced.get(&(user.uuid(), sku.clone())).copied().unwrap_or(0);
        let cart = shop.orders.cart(&Actor::Customer(user), CartOwner::User(user)).await.map_err(|error| error.to_string())?;
        let kept = cart.cart.lines.iter().find(|line| line.sku == sku).map_or(0, |line| i64::from(line.quantity.get()));
        if kept + reduced < least || kept + reduced > most {
            return Err(format!(
                "{user} put {least} to {most} of {sku} into her cart, {reduced} left it and she has {kept} left"
            ));
        }
    }
    Ok(())
}
