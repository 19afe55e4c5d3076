//! A shop's past: copies of an order that was placed, sold and told about, older than anything that is forgotten,
//! written in bulk. A million of them are there in a minute or two, and an audit finds nothing wrong with them.
//!
//! Never part of what is measured; it only makes the tables long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use commerce_core::Actor;
use commerce_core::catalog::{HoldKey, Item};
use commerce_core::ids::{IdSource, OrderId};
use commerce_core::limits;
use commerce_core::text::Sku;
use indicatif::ProgressBar;

use crate::failure::Failure;
use crate::shop::{Copied, OsEntropy, Shop, SystemClock};

/// Orders in one transaction: its log is some hundred megabytes, moved into the files before the next.
const TOGETHER: u32 = 50_000;
/// From one order to the next.
const EVERY: Duration = Duration::from_secs(1);
/// SKUs that are asked for at once.
const ASKED: usize = 200;

/// Writes `count` copies of the order `model`, their lines drawn from `skus` in turn.
///
/// # Errors
/// When the shop does not answer, or has not as many SKUs as the order has lines.
pub(crate) async fn write(shop: &Shop, model: OrderId, skus: &[Sku], count: u64) -> Result<(), Failure> {
    let model = shop.orders.order(&Actor::System, model).await?;
    let lines: Vec<Sku> = model.lines.iter().map(|line| line.sku.clone()).collect();
    let items = items(shop, skus).await?;
    if items.len() < lines.len() {
        return Err(Failure::new("BENCH", "there are fewer SKUs than an order has lines"));
    }
    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(OsEntropy));
    // Events, keys and deliveries of the newest are forgotten already.
    let newest = shop.now().minus(limits::HANDLED_KEEP.max(limits::IDEMPOTENCY_KEEP) + Duration::from_hours(24));
    let mut turn = items.iter().cycle();
    let bar = ProgressBar::new(count);
    let together = u64::from(TOGETHER);
    for batch in 0..count.div_ceil(together) {
        let numbers = batch * together..count.min((batch + 1) * together);
        let copy = |number| Copied {
            at: newest.minus(EVERY * u32::try_from(count - number).unwrap_or(u32::MAX)),
            hold: HoldKey::from_hex(&ids.secret()).expect("a secret is 64 hexadecimal digits"),
            lines: lines.iter().cloned().zip(turn.by_ref().cloned()).collect(),
        };
        let copies: Vec<Copied> = numbers.map(copy).collect();
        shop.copy_order(&model, &copies).await?;
        bar.inc(copies.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// What the catalog says of these SKUs, in their order.
async fn items(shop: &Shop, skus: &[Sku]) -> Result<Vec<Item>, Failure> {
    let mut known = BTreeMap::new();
    for some in skus.chunks(ASKED) {
        known.extend(shop.catalog.items(some).await?.into_iter().map(|item| (item.sku.clone(), item)));
    }
    Ok(skus.iter().filter_map(|sku| known.remove(sku)).collect())
}
