//! Making, changing and using coupons. Staff makes them; whoever orders names them by their codes.

use std::collections::BTreeSet;

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::events::Envelope;
use crate::ids::{CategoryId, CouponId, Id, OrderId, ProductId, UserId};
use crate::keyed::Keyed;
use crate::limits;
use crate::money::Money;
use crate::page::{Page, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};
use crate::text::{Check, CouponCode, Metadata};
use crate::time::Timestamp;

use super::Orders;
use super::coupon::{Coupon, CouponKind, CouponOff, CouponRule, Redemption, UsedUp, parse_codes};
use super::discount::Coupons;
use super::ports::OrderWrite;

/// A coupon as staff writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponInput {
    /// What a customer types.
    pub code: String,
    /// What it takes off.
    pub kind: CouponKind,
    /// How much of it.
    pub value: CouponValue,
    /// Uses in all.
    pub usage_limit: Option<i64>,
    /// Uses of one customer.
    pub per_user_limit: Option<i64>,
    /// From when it can be used.
    pub starts_at: Option<Timestamp>,
    /// Until when; at this instant no more.
    pub ends_at: Option<Timestamp>,
    /// What the lines of an order cost at least.
    pub minimum_subtotal: Option<Money>,
    /// What it takes off at most.
    pub maximum_discount: Option<Money>,
    /// Only for products of these and of those below them.
    pub category_ids: Vec<CategoryId>,
    /// Only for these.
    pub product_ids: Vec<ProductId>,
    /// Whether it can be used together with others that can.
    pub combinable: bool,
    /// The client's own notes.
    pub metadata: Metadata,
}

/// How much a coupon takes off, as staff writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CouponValue {
    /// Nothing is said.
    #[default]
    None,
    /// Whole hundredths.
    Hundredths(i64),
    /// An amount.
    Amount(Money),
}

/// What a coupon is when its input holds.
struct Parsed {
    code: CouponCode,
    off: CouponOff,
    usage_limit: Option<u32>,
    per_user_limit: Option<u32>,
}

impl CouponInput {
    fn parse(&self) -> Result<Parsed, Refusal> {
        let mut check = Check::new();
        let code = check.take(CouponCode::parse("code", &self.code));
        let off = check.take(self.off());
        let usage_limit = check.take(limit("usageLimit", self.usage_limit));
        let per_user_limit = check.take(limit("perUserLimit", self.per_user_limit));
        if self.starts_at.zip(self.ends_at).is_some_and(|(from, to)| to <= from) {
            check.fault("endsAt", "OUT_OF_RANGE", "must be after startsAt");
        }
        let fixed = match self.value {
            CouponValue::Amount(amount) if self.kind == CouponKind::Fixed => Some(amount),
            CouponValue::None | CouponValue::Hundredths(_) | CouponValue::Amount(_) => None,
        };
        let amounts = [("value", fixed), ("minimumSubtotal", self.minimum_subtotal), ("maximumDiscount", self.maximum_discount)];
        let mut currency = None;
        for (field, amount) in amounts.into_iter().filter_map(|(field, amount)| Some((field, amount?))) {
            if !(1..=limits::PRICE_MAX_MINOR).contains(&amount.minor) {
                check.fault(field, "OUT_OF_RANGE", "must be an amount above nothing");
            }
            if *currency.get_or_insert(amount.currency) != amount.currency {
                check.fault(field, "CURRENCY_MISMATCH", "must be of the currency of the coupon's other amounts");
            }
        }
        for (field, count) in [("categoryIds", self.category_ids.len()), ("productIds", self.product_ids.len())] {
            if count > limits::COUPON_SCOPE_MAX {
                check.fault(field, "TOO_MANY", "must name at most 200");
            }
        }
        check.metadata(&self.metadata);
        check.finish()?;
        let missing = || Refusal::field("code", "INVALID", "is no coupon's code");
        let (code, off) = code.zip(off).ok_or_else(missing)?;
        Ok(Parsed { code, off, usage_limit: usage_limit.flatten(), per_user_limit: per_user_limit.flatten() })
    }

    /// What it takes off. Free shipping has no value; one that says nothing, or all, is taken for none.
    fn off(&self) -> Result<CouponOff, Refusal> {
        let wrong = |message: &str| Err(Refusal::field("value", "OUT_OF_RANGE", message));
        match (self.kind, self.value) {
            (_, CouponValue::None) if self.kind != CouponKind::FreeShipping => {
                Err(Refusal::field("value", "REQUIRED", "says how much the coupon takes off"))
            }
            (CouponKind::Percentage, CouponValue::Hundredths(hundredths)) => match u32::try_from(hundredths) {
                Ok(hundredths @ 1..=100) => Ok(CouponOff::Percentage(hundredths)),
                _ => wrong("must be a whole percentage from 1 to 100"),
            },
            (CouponKind::Percentage, _) => wrong("must be a whole percentage from 1 to 100"),
            (CouponKind::Fixed, CouponValue::Amount(amount)) => Ok(CouponOff::Fixed(amount)),
            (CouponKind::Fixed, _) => wrong("must be an amount"),
            (
                CouponKind::FreeShipping,
                CouponValue::None | CouponValue::Hundredths(0 | 100) | CouponValue::Amount(Money { minor: 0, .. }),
            ) => Ok(CouponOff::FreeShipping),
            (CouponKind::FreeShipping, _) => wrong("free shipping has no value; maximumDiscount bounds it"),
        }
    }

    fn onto(&self, parsed: Parsed, id: CouponId, created_at: Timestamp) -> Coupon {
        let Parsed { code, off, usage_limit, per_user_limit } = parsed;
        Coupon {
            id,
            code,
            off,
            usage_limit,
            per_user_limit,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            minimum_subtotal: self.minimum_subtotal,
            maximum_discount: self.maximum_discount,
            categories: once(&self.category_ids),
            products: once(&self.product_ids),
            combinable: self.combinable,
            metadata: self.metadata.clone(),
            created_at,
            used: 0,
            version: 1,
        }
    }
}

/// Each of these once, in a fixed order.
fn once<T: Ord + Copy>(ids: &[T]) -> Vec<T> {
    ids.iter().copied().collect::<BTreeSet<T>>().into_iter().collect()
}

fn limit(field: &str, uses: Option<i64>) -> Result<Option<u32>, Refusal> {
    let Some(uses) = uses else { return Ok(None) };
    let fits = u32::try_from(uses).ok().filter(|uses| (1..=limits::COUPON_USES_MAX).contains(uses));
    fits.map(Some).ok_or_else(|| Refusal::field(field, "OUT_OF_RANGE", "must be between 1 and 1000000000"))
}

impl Orders {
    /// Makes a coupon. Staff.
    ///
    /// # Errors
    /// `COUPON_TAKEN`, `INVALID` naming the fields, `FORBIDDEN`, `IDEMPOTENCY_MISMATCH`.
    pub async fn create_coupon(&self, actor: &Actor, input: CouponInput, key: Option<RequestKey>) -> Outcome<Answer<Coupon>> {
        actor.require_staff()?;
        let keyed = Keyed::of(actor, "POST /api/coupons", key);
        let parsed = input.parse()?;
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(self.made(made, parsed.code).await?));
        }
        let now = self.clock.now();
        let coupon = input.onto(parsed, self.ids.mint(), now);
        let changes = ChangeSet::of([OrderWrite::SaveCoupon(coupon.clone())]).claim(keyed.claim(coupon.id.uuid(), now));
        let changes = changes.say(self.told_of(actor, &coupon, StaffAction::CouponCreated));
        match self.store.commit(changes).await {
            Ok(()) => Ok(Answer::Fresh(coupon)),
            Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                Ok(Answer::Replayed(self.made(keyed.twin(&record)?, coupon.code).await?))
            }
            Err(CommitError::Refused(CommitRefusal::Duplicate("code"))) => Err(Refusal::CouponTaken(coupon.code).into()),
            Err(error) => Err(error.into()),
        }
    }

    fn told_of(&self, actor: &Actor, coupon: &Coupon, action: StaffAction) -> Option<Envelope> {
        let deed = Deed::of(action, Subject::of(SubjectKind::Coupon, coupon.id), json!({ "code": coupon.code }));
        deed.said(actor, &self.ids, self.clock.now())
    }

    /// What a key made, unless it is gone.
    async fn made(&self, made: uuid::Uuid, code: CouponCode) -> Outcome<Coupon> {
        let coupon = self.store.coupon(&code).await?.filter(|coupon| coupon.id.uuid() == made);
        Ok(coupon.ok_or(Refusal::NotFound("coupon"))?)
    }

    /// A coupon by its code. Staff.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`.
    pub async fn coupon(&self, actor: &Actor, code: &str) -> Outcome<Coupon> {
        actor.require_staff()?;
        let code: CouponCode = code.parse().map_err(|_| Refusal::NotFound("coupon"))?;
        Ok(self.store.coupon(&code).await?.ok_or(Refusal::NotFound("coupon"))?)
    }

    /// Coupons, newest first. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn coupons(&self, actor: &Actor, page: &PageRequest) -> Outcome<Page<Coupon>> {
        actor.require_staff()?;
        Ok(self.store.coupons(page).await?)
    }

    /// What an order has used of coupons, for its owner and staff; what was given back included.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn redemptions(&self, actor: &Actor, order: OrderId) -> Outcome<Vec<Redemption>> {
        self.owned(actor, order).await?;
        Ok(self.store.redemptions(order).await?)
    }

    /// Changes a coupon: it is then what `input` says, uses apart. Orders that have used it stay as they
    /// are. Staff.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `VERSION_MISMATCH` when it is not `expected`, `READ_ONLY` for another code, `INVALID`
    /// naming the fields: a limit cannot fall below the uses that count.
    pub async fn update_coupon(&self, actor: &Actor, code: &str, input: CouponInput, expected: Option<u64>) -> Outcome<Coupon> {
        rounds("coupon", || async {
            let known = self.coupon(actor, code).await?;
            expect_version("coupon", expected, known.version)?;
            let parsed = input.parse()?;
            if parsed.code != known.code {
                return Err(Refusal::read_only("code", "cannot change; make another coupon").into());
            }
            let changed = Coupon { used: known.used, version: known.version, ..input.onto(parsed, known.id, known.created_at) };
            if changed == known {
                return Ok(Round::Done(known));
            }
            let changed = Coupon { version: known.version.saturating_add(1), ..changed };
            let told = self.told_of(actor, &changed, StaffAction::CouponChanged);
            match self.store.commit(ChangeSet::of([OrderWrite::SaveCoupon(changed.clone())]).say(told)).await {
                Err(CommitError::Refused(CommitRefusal::Exhausted(UsedUp { used, .. }))) => {
                    let message = format!("cannot be below the {used} uses that count");
                    Err(Refusal::field("usageLimit", "OUT_OF_RANGE", message).into())
                }
                other => settle(other, changed),
            }
        })
        .await
    }

    /// Removes a coupon. Orders that have used it keep what it took off. Staff.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `VERSION_MISMATCH` when it is not `expected`.
    pub async fn delete_coupon(&self, actor: &Actor, code: &str, expected: Option<u64>) -> Outcome<()> {
        rounds("coupon", || async {
            let known = self.coupon(actor, code).await?;
            expect_version("coupon", expected, known.version)?;
            let changes = ChangeSet::of([OrderWrite::DropCoupon(known.id, known.version)]);
            let told = self.told_of(actor, &known, StaffAction::CouponDeleted);
            settle(self.store.commit(changes.say(told)).await, ())
        })
        .await
    }

    /// The coupons of these codes, each of which `user` may use now, with what they ask of the products.
    ///
    /// # Errors
    /// `COUPON_NOT_APPLICABLE`, `COUPON_EXHAUSTED`.
    pub(super) async fn named_coupons(&self, user: Option<UserId>, codes: &str, products: &[ProductId]) -> Outcome<Coupons> {
        let mut coupons = Coupons::default();
        for code in parse_codes(codes)? {
            let unknown = || Refusal::coupon(code.to_string(), CouponRule::Unknown);
            let coupon = self.store.coupon(&code).await?.ok_or_else(unknown)?;
            coupon.check_time(self.clock.now()).map_err(|rule| coupon.refuse(rule))?;
            let by_user = match user {
                Some(user) if coupon.per_user_limit.is_some() => self.store.coupon_uses(coupon.id, user).await?,
                _ => 0,
            };
            coupon.check_uses(by_user).map_err(Refusal::CouponExhausted)?;
            coupons.named.push(coupon);
        }
        if coupons.named.iter().any(Coupon::asks_categories) {
            coupons.inside = self.catalog.categories(&once(products)).await?.into_iter().collect();
        }
        Ok(coupons)
    }

    /// The writes by which an order uses its coupons.
    pub(super) fn redeem(coupons: &Coupons, order: OrderId, user: UserId, at: Timestamp) -> Vec<OrderWrite> {
        let redeem = |coupon: &Coupon| {
            OrderWrite::Redeem(Redemption {
                order,
                coupon: coupon.id,
                code: coupon.code.clone(),
                version: coupon.version,
                user,
                redeemed_at: at,
                returned_at: None,
            })
        };
        // Coupons are touched in one order, whichever was named first.
        let mut coupons: Vec<&Coupon> = coupons.named.iter().collect();
        coupons.sort_by_key(|coupon| coupon.id);
        coupons.into_iter().map(redeem).collect()
    }
}
