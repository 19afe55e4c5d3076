//! Coupons and what orders have used of them.

use async_trait::async_trait;
use commerce_core::Currency;
use commerce_core::audit::tables::{COUPONS, REDEMPTIONS};
use commerce_core::error::StoreError;
use commerce_core::ids::{CouponId, Id, OrderId, UserId};
use commerce_core::orders::{Coupon, CouponKind, CouponOff, CouponReads, Redemption};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::CouponCode;

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::script::{Queries, Script};
use super::super::statements::orders as sql;
use crate::sql::bulk::{Bulk, RowText, ids, list};
use crate::sql::judge::{CouponRow, CouponsJudge, CouponsWants, Loaded, OrdersJudge, OrdersWrite, UseRow};
use crate::sql::question::{Question, below, blob};

const OPERATION: &str = "orders.commit";

/// Asks for what a batch touches: coupons first, because who has them locked has their uses too.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, OrdersJudge<'a>>>, wants: &CouponsWants) {
    let asked = [
        (sql::COUPONS_BY_ID, (!wants.ids.is_empty()).then(|| ids(wants.ids.iter().copied()))),
        (sql::COUPONS_BY_CODE, (!wants.codes.is_empty()).then(|| list(wants.codes.iter().map(CouponCode::as_str)))),
        (sql::COUPONS_OF_ORDERS, (!wants.orders.is_empty()).then(|| ids(wants.orders.iter().copied()))),
    ];
    for (sql, keys) in asked {
        if let Some(keys) = keys {
            queries.ask(sql, [keys.into()], |row, loaded| load_coupon(row, &mut loaded.judge.coupons));
        }
    }
    if !wants.orders.is_empty() {
        let orders = ids(wants.orders.iter().copied());
        queries.ask(sql::USES_OF_ORDERS, [orders.into()], |row, loaded| load_use(row, &mut loaded.judge.coupons));
    }
    let by_user = Bulk::of(&wants.by_user, |row: RowText, (coupon, user)| row.id(*coupon).id(*user));
    if let Some(by_user) = by_user {
        queries.ask(sql::USES_BY_USER, [by_user.into_text().into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let name = (fields.id::<CouponId>("coupon_id")?, fields.id::<UserId>("user_id")?);
            loaded.judge.coupons.by_user.load([(name, fields.count("uses")?)]);
            Ok(())
        });
    }
}

fn load_coupon(row: &Row, judge: &mut CouponsJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, code) = (fields.id::<CouponId>("id")?, fields.parse::<CouponCode>("code")?);
    let coupon = CouponRow {
        code: code.clone(),
        version: fields.count("version")?,
        used: fields.count("used")?,
        usage_limit: fields.opt_count("usage_limit")?,
        per_user_limit: fields.opt_count("per_user_limit")?,
        write: None,
    };
    judge.coupons.load([(id, coupon)]);
    judge.codes.load([(code, id)]);
    Ok(())
}

fn load_use(row: &Row, judge: &mut CouponsJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let order: OrderId = fields.id("order_id")?;
    let mut uses = judge.uses.get(&order).cloned().unwrap_or_default();
    uses.push(UseRow {
        coupon: fields.id("coupon_id")?,
        code: fields.parse("code")?,
        version: fields.count("coupon_version")?,
        user: fields.id("user_id")?,
        redeemed_at: fields.at("redeemed_at")?,
        returned_at: fields.opt_at("returned_at")?,
        made: false,
        given_back: false,
    });
    judge.uses.load([(order, uses)]);
    Ok(())
}

/// Writes what was accepted.
pub(super) fn write(script: &mut Script, judge: &CouponsJudge<'_>) {
    script.bulk(sql::COUPONS_GONE, Bulk::ids(judge.coupons.removed().copied()));
    let saved = judge.coupons.written().filter_map(|(id, row)| Some((judge.coupons.is_stored(id), row.write?)));
    script.put(sql::COUPONS, saved, coupon_row);
    let counted = judge.coupons.written();
    script.bulk(sql::COUPONS_USED, Bulk::of(counted, |row: RowText, (id, it)| row.id(*id).int(it.used)));
    let uses = || judge.uses.written().flat_map(|(order, uses)| uses.iter().map(move |it| (*order, it)));
    script.bulk(sql::REDEMPTIONS, Bulk::of(uses().filter(|(_, it)| it.made), use_row));
    script.bulk(sql::GIVEN_BACK, Bulk::of(uses().filter(|(_, it)| it.given_back && !it.made), use_row));
}

fn use_row(row: RowText, (order, it): (OrderId, &UseRow)) -> RowText {
    let row = row.id(order).id(it.coupon).text(it.code.as_str()).count(it.version).id(it.user);
    row.at(it.redeemed_at).opt_at(it.returned_at).seal(REDEMPTIONS)
}

fn coupon_row(row: RowText, it: &Coupon) -> RowText {
    let (percent, amount) = match it.off {
        CouponOff::Percentage(percent) => (Some(percent), None),
        CouponOff::Fixed(amount) => (None, Some(amount)),
        CouponOff::FreeShipping => (None, None),
    };
    let currency = it.currency();
    let row = row.id(it.id).text(it.code.as_str()).text(it.off.kind().as_str()).opt_int(percent);
    let row = row.opt_int(amount.map(|amount| amount.minor)).opt_text(currency.as_ref().map(Currency::code));
    let row = row.opt_int(it.usage_limit).opt_int(it.per_user_limit).opt_at(it.starts_at).opt_at(it.ends_at);
    let row = row.opt_int(it.minimum_subtotal.map(|amount| amount.minor));
    let row = row.opt_int(it.maximum_discount.map(|amount| amount.minor)).json(&it.categories).json(&it.products);
    row.flag(it.combinable).json(&it.metadata).at(it.created_at).count(it.version).seal(COUPONS).int(0_i64)
}

fn read_coupon(row: &Row, operation: &'static str) -> Result<Coupon, StoreError> {
    let fields = Fields::of(row, operation);
    let currency: Option<Currency> = fields.opt_parse("currency")?;
    let money = |column| {
        let minor: Option<i64> = fields.opt_count(column)?;
        let currency = || currency.ok_or_else(|| fields.corrupt(format_args!("{column} has no currency")));
        minor.map(|minor| Ok(commerce_core::Money::new(minor, currency()?))).transpose()
    };
    let missing = || fields.corrupt("a coupon does not say how much it takes off");
    let off = match fields.parse("kind")? {
        CouponKind::Percentage => CouponOff::Percentage(fields.opt_count("percent")?.ok_or_else(missing)?),
        CouponKind::Fixed => CouponOff::Fixed(money("amount_minor")?.ok_or_else(missing)?),
        CouponKind::FreeShipping => CouponOff::FreeShipping,
    };
    Ok(Coupon {
        id: fields.id("id")?,
        code: fields.parse("code")?,
        off,
        usage_limit: fields.opt_count("usage_limit")?,
        per_user_limit: fields.opt_count("per_user_limit")?,
        starts_at: fields.opt_at("starts_at")?,
        ends_at: fields.opt_at("ends_at")?,
        minimum_subtotal: money("minimum_minor")?,
        maximum_discount: money("maximum_minor")?,
        categories: fields.json("categories")?,
        products: fields.json("products")?,
        combinable: fields.flag("combinable")?,
        metadata: fields.json("metadata")?,
        created_at: fields.at("created_at")?,
        used: fields.count("used")?,
        version: fields.count("version")?,
    })
}

fn read_redemption(row: &Row, operation: &'static str) -> Result<Redemption, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Redemption {
        order: fields.id("order_id")?,
        coupon: fields.id("coupon_id")?,
        code: fields.parse("code")?,
        version: fields.count("coupon_version")?,
        user: fields.id("user_id")?,
        redeemed_at: fields.at("redeemed_at")?,
        returned_at: fields.opt_at("returned_at")?,
    })
}

#[async_trait]
impl CouponReads for Database<OrdersWrite> {
    async fn coupon(&self, code: &CouponCode) -> Result<Option<Coupon>, StoreError> {
        const OPERATION: &str = "orders.coupon";
        const SQL: &str = "SELECT * FROM coupons WHERE code = ?";
        let row = self.row(OPERATION, Question::frequent(SQL).bind(code.as_str())).await?;
        row.map(|row| read_coupon(&row, OPERATION)).transpose()
    }

    async fn coupons(&self, page: &PageRequest) -> Result<Page<Coupon>, StoreError> {
        const OPERATION: &str = "orders.coupons";
        const SQL: &str = "SELECT * FROM coupons WHERE id < ? ORDER BY id DESC LIMIT ?";
        let rows = self.rows(OPERATION, Question::of(SQL).shown().bind(below(page)).bind(page.limit() + 1)).await?;
        let coupons = rows.iter().map(|row| read_coupon(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(coupons, page, |coupon: &Coupon| coupon.id.uuid()))
    }

    async fn coupon_uses(&self, coupon: CouponId, user: UserId) -> Result<u32, StoreError> {
        const OPERATION: &str = "orders.coupon_uses";
        const SQL: &str = "SELECT COUNT(*) AS uses FROM coupon_redemptions
            WHERE coupon_id = ? AND user_id = ? AND returned_at IS NULL";
        let query = Question::frequent(SQL).bind(blob(coupon.uuid())).bind(blob(user.uuid()));
        let row = self.row(OPERATION, query).await?;
        row.map_or(Ok(0), |row| Fields::of(&row, OPERATION).count("uses"))
    }

    async fn redemptions(&self, order: OrderId) -> Result<Vec<Redemption>, StoreError> {
        const OPERATION: &str = "orders.redemptions";
        const SQL: &str = "SELECT * FROM coupon_redemptions WHERE order_id = ?";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(blob(order.uuid()))).await?;
        rows.iter().map(|row| read_redemption(row, OPERATION)).collect()
    }
}
