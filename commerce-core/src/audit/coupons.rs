//! Coupons: what orders have used of them, and that it is within their limits.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::limits;
use crate::orders::{EXCHANGE, OrderStatus};
use crate::time::Timestamp;

use super::Invariant::{Coupon, Reference, Times};
use super::Violation;
use super::books::{Cell, Pages, Row};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::money::placed_at;
use super::run::Scene;
use super::tables::{ATTEMPTS, COUPONS, ITEMS, ORDERS, REDEMPTIONS, USES};
use super::walks::{Entry, alone};

/// An order has used the coupons that it names, each once; a cancelled one has given them back.
pub(super) fn redeemed(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let number = &entry.name;
    let Some(order) = entry.one(ORDERS) else {
        for row in entry.of(REDEMPTIONS) {
            findings.add(Reference, number, "an order", format_args!("{} used by none", row.cell("code")));
        }
        return;
    };
    let named: BTreeSet<&str> = order.text("coupon").map(|codes| codes.split(',').collect()).unwrap_or_default();
    let used: BTreeSet<&str> = entry.of(REDEMPTIONS).filter_map(|row| row.text("code")).collect();
    findings.hold(Coupon, number, named == used, format_args!("{named:?} used"), format_args!("{used:?}"));
    let off = order.int("discount_minor").unwrap_or(0);
    // What is sent again for what came back costs just what that was worth.
    let free = order.int("total_minor") == Some(0);
    let again = free || entry.of(ATTEMPTS).any(|attempt| attempt.text("provider") == Some(EXCHANGE));
    findings.hold(Coupon, number, off == 0 || again || !named.is_empty(), "nothing taken off without a coupon", off);
    let whole = |row: &Row| row.int("unit_price_minor").unwrap_or(0).saturating_mul(row.int("quantity").unwrap_or(0));
    let more = entry.of(ITEMS).find(|row| row.int("discount_minor").unwrap_or(0) > whole(row));
    findings.hold(Coupon, number, more.is_none(), "no more taken off a line than it costs", "more");
    let cancelled = order.word("status") == Some(OrderStatus::Cancelled);
    for row in entry.of(REDEMPTIONS) {
        let code = row.cell("code");
        findings.same(Reference, number, "used by", order.cell("user_id"), row.cell("user_id"));
        let back = *row.cell("returned_at") != Cell::Null;
        let expected = if cancelled { "given back" } else { "not given back" };
        findings.hold(Coupon, number, back == cancelled, format_args!("{code} {expected}"), row.cell("returned_at"));
        let (Some(redeemed), Some(placed)) = (row.at("redeemed_at"), placed_at(entry)) else { continue };
        findings.same(Times, number, &format!("{code} used when it was placed,"), placed, redeemed);
        let fits = row.at("returned_at").is_none_or(|returned| Some(returned) <= order.at("updated_at"));
        findings.hold(Times, number, fits, format_args!("{code} given back until its last change"), row.cell("returned_at"));
    }
}

/// As many uses count as orders have, and no more than are allowed: in all, by one customer, and within the
/// time. Limits and times that were others when an order used it are not judged.
pub(super) fn coupon(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    // What was used of a coupon stays when the coupon goes.
    let Some(row) = entry.one(COUPONS) else { return };
    let code = &entry.name;
    let int = |column| row.int(column).unwrap_or(0);
    let live = entry.of(USES).fold(0_i64, |sum, uses| sum.saturating_add(uses.int("live").unwrap_or(0)));
    findings.same(Coupon, code, "uses that count", live, int("used"));
    let fits = row.int("usage_limit").is_none_or(|limit| live <= limit);
    findings.hold(Coupon, code, fits, format_args!("at most {} uses", row.cell("usage_limit")), live);
    shape(code, row, findings);
    let created = row.at("created_at");
    let latest = scene.now.plus(limits::AUDIT_CLOCKS_APART);
    findings.hold(Times, code, created <= Some(latest), "made until now", row.cell("created_at"));
    for uses in entry.of(USES) {
        let version = uses.int("coupon_version").unwrap_or(0);
        findings.hold(Coupon, code, version <= int("version"), format_args!("a version until {}", int("version")), version);
        if version != int("version") {
            continue;
        }
        let most = uses.int("most").unwrap_or(0);
        let fits = row.int("per_user_limit").is_none_or(|limit| most <= limit);
        findings.hold(Coupon, code, fits, format_args!("at most {} uses by one customer", row.cell("per_user_limit")), most);
        let (first, last) = (uses.at("first_at"), uses.at("last_at"));
        let early = row.at("starts_at").is_some_and(|starts| first < Some(starts));
        let late = row.at("ends_at").is_some_and(|ends| last >= Some(ends));
        let window = || format!("used from {} until {}", row.cell("starts_at"), row.cell("ends_at"));
        let found = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        findings.hold(Coupon, code, !early, window(), found(first));
        findings.hold(Coupon, code, !late, window(), found(last));
    }
}

impl Eyes<'_> {
    /// A use is of the coupon that has its code, which never changes. What is gone may have had any, unless there is one
    /// of this code that is older than the use.
    pub(super) async fn coupons_by_id(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let uses = pages.of(REDEMPTIONS);
        let all = |column| -> BTreeSet<Cell> { uses.iter().map(|row: &Row| row.cell(column).clone()).collect() };
        let books = &*self.books.orders;
        let by_id = self.rows(books, &alone(COUPONS, "id", "code"), all("coupon_id")).await?;
        let by_code = self.rows(books, &alone(COUPONS, "code", "code"), all("code")).await?;
        let older = |coupon: &Row, row: &Row| {
            let made = coupon.at("created_at").map(|at| at.plus(limits::AUDIT_CLOCKS_APART));
            made.is_some() && made < row.at("redeemed_at")
        };
        let mut suspicions = Vec::new();
        for row in uses {
            let code = row.cell("code");
            let wrong = match by_id.get(row.cell("coupon_id")) {
                Some(coupon) => coupon.cell("code") != code,
                None => by_code.get(code).is_some_and(|coupon| older(coupon, row)),
            };
            if wrong {
                let order = pages.of(ORDERS).iter().find(|order| order.cell("id") == row.cell("order_id"));
                let number = order.map_or_else(|| row.cell("order_id").to_string(), |order| order.cell("number").to_string());
                let violation = Violation::new(Coupon, number, format!("a use of {code}"), row.cell("coupon_id").to_string());
                suspicions.push((row.cell("order_id").clone(), violation));
            }
        }
        Ok(suspicions)
    }
}

/// A coupon says how much it takes off in the way of its kind, and its amounts have a currency.
fn shape(code: &str, row: &Row, findings: &mut Findings) {
    let said = |column| *row.cell(column) != Cell::Null;
    let kind = row.text("kind").unwrap_or_default();
    let fits = said("percent") == (kind == "PERCENTAGE") && said("amount_minor") == (kind == "FIXED");
    findings.hold(Coupon, code, fits, format_args!("what a coupon of {kind} takes off"), row.cell("amount_minor"));
    let amounts = ["amount_minor", "minimum_minor", "maximum_minor"].into_iter().any(said);
    findings.hold(Coupon, code, amounts == said("currency"), "a currency where there are amounts", row.cell("currency"));
    let window = row.at("starts_at").zip(row.at("ends_at")).is_none_or(|(from, to)| from < to);
    findings.hold(Times, code, window, "an end after the beginning", row.cell("ends_at"));
}
