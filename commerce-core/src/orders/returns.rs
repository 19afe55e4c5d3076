//! Returns: what comes back of a delivered order, or of a parcel that could not be handed over, how far it is, and what that
//! gives back. Pure.
//!
//! A return belongs to its order's aggregate (one version), because how much may come back, and how
//! much money with it, is decided about the order as a whole.

use serde::{Deserialize, Serialize};

use crate::error::{Refusal, Shortage};
use crate::events::wire_names;
use crate::ids::{OrderId, ReturnId, UserId};
use crate::money::{Money, MoneyError};
use crate::text::{Quantity, Sku};
use crate::time::Timestamp;

use super::model::{Order, OrderStatus};
use super::payment::{Attempt, PaymentMethod};
use super::pricing::OrderLine;
use super::shipments::ShipmentLine;

wire_names! {
    /// What a customer wants of a return.
    ReturnKind {
        /// The goods go back, the money comes back.
        Return = "RETURN",
        /// The money comes back; the goods need not.
        Refund = "REFUND",
        /// The goods go back, others come.
        Exchange = "EXCHANGE",
    }

    /// How far a return is. REJECTED, REFUNDED and EXCHANGED are final.
    ReturnStatus {
        /// Asked for.
        Requested = "REQUESTED",
        /// Agreed to; the goods may come.
        Approved = "APPROVED",
        /// Not agreed to.
        Rejected = "REJECTED",
        /// The goods came.
        Received = "RECEIVED",
        /// The money is on its way back.
        Refunded = "REFUNDED",
        /// Others were sent for them.
        Exchanged = "EXCHANGED",
    }
}

/// Some units of an order's line on their way back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnLine {
    /// Of what.
    pub sku: Sku,
    /// How many were to come back.
    pub quantity: Quantity,
    /// How many came; none until they are received.
    #[serde(default)]
    pub received: Option<u32>,
    /// How many of those can be sold again.
    #[serde(default)]
    pub restocked: u32,
    /// Whether the customer never had them: her parcel could not be handed over, and comes back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

impl ReturnLine {
    /// How many units it is about: those that came, or are to come.
    #[must_use]
    pub fn units(&self) -> u32 {
        self.received.unwrap_or(self.quantity.get())
    }
}

/// Something of an order on its way back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Return {
    /// Which.
    pub id: ReturnId,
    /// What the customer wants.
    pub kind: ReturnKind,
    /// How far.
    pub status: ReturnStatus,
    /// Each SKU once.
    pub lines: Vec<ReturnLine>,
    /// Why it comes back.
    pub reason: String,
    /// Why it was rejected.
    pub note: Option<String>,
    /// What goes back, once that is decided.
    pub refund: Option<Money>,
    /// What was sent for it.
    pub exchange: Option<Exchange>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What was sent for a return, and what pays that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// The new order.
    #[serde(rename = "orderId")]
    pub order: OrderId,
    /// What came back was worth, as far as its money was left.
    pub worth: Money,
    /// So much of that pays the new order; the rest went back, or is on its way.
    pub credit: Money,
}

/// A return beside the order that it is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReturnOf {
    /// Of which order.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// The return.
    pub it: Return,
}

/// Which returns a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReturnFilter {
    /// Only of this user.
    pub user: Option<UserId>,
    /// Only as far as this.
    pub status: Option<ReturnStatus>,
}

/// What came of a parcel: of a SKU so many, to be sold again or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
    /// Whether they go back on the shelf.
    pub restock: bool,
}

/// What an event says about a return.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnFacts {
    /// Which.
    pub return_id: ReturnId,
    /// What the customer wants.
    #[serde(rename = "type")]
    pub kind: ReturnKind,
    /// How far it is now.
    pub status: ReturnStatus,
    /// What comes back.
    pub lines: Vec<ReturnLine>,
    /// What goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    /// What was sent for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
}

impl From<&Return> for ReturnFacts {
    fn from(it: &Return) -> Self {
        let Return { id, kind, status, lines, refund, exchange, .. } = it;
        let lines = lines.clone();
        Self { return_id: *id, kind: *kind, status: *status, lines, refund: *refund, exchange: *exchange }
    }
}

/// What a step makes of a return.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// It is one step further.
    On(Return),
    /// It was that far before.
    Already,
}

impl ReturnStatus {
    /// Whether this step was taken, by a return that is as far as `self`.
    #[must_use]
    pub fn has_been(self, step: Self) -> bool {
        let past: &[Self] = match self {
            Self::Requested => &[Self::Requested],
            Self::Approved => &[Self::Requested, Self::Approved],
            Self::Rejected => &[Self::Requested, Self::Rejected],
            Self::Received => &[Self::Requested, Self::Approved, Self::Received],
            Self::Refunded => &[Self::Requested, Self::Approved, Self::Received, Self::Refunded],
            Self::Exchanged => &[Self::Requested, Self::Approved, Self::Received, Self::Exchanged],
        };
        past.contains(&step)
    }

    /// Whether its money was given.
    #[must_use]
    pub fn is_settled(self) -> bool {
        match self {
            Self::Refunded | Self::Exchanged => true,
            Self::Requested | Self::Approved | Self::Rejected | Self::Received => false,
        }
    }

    /// Whether a return of this kind may take the step from here.
    #[must_use]
    pub fn may_become(self, next: Self, kind: ReturnKind) -> bool {
        match (self, next) {
            (Self::Requested, Self::Approved | Self::Rejected)
            | (Self::Approved, Self::Received)
            | (Self::Received, Self::Refunded) => true,
            // Who wants her money alone need not send anything.
            (Self::Approved, Self::Refunded) => kind == ReturnKind::Refund,
            (Self::Received, Self::Exchanged) => kind == ReturnKind::Exchange,
            (
                Self::Requested | Self::Approved | Self::Received | Self::Rejected | Self::Refunded | Self::Exchanged,
                Self::Requested | Self::Approved | Self::Rejected | Self::Received | Self::Refunded | Self::Exchanged,
            ) => false,
        }
    }
}

impl Return {
    /// The return one step further.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` where it cannot take the step.
    pub fn step(&self, next: ReturnStatus, now: Timestamp) -> Result<Stepped, Refusal> {
        if self.status.has_been(next)
            && !(next == ReturnStatus::Received && self.lines.iter().all(|line| line.received.is_none()))
        {
            return Ok(Stepped::Already);
        }
        if !self.status.may_become(next, self.kind) {
            return Err(Refusal::IllegalTransition { from: self.status.as_str(), to: next.as_str() });
        }
        Ok(Stepped::On(Self { status: next, updated_at: self.updated_at.max(now), ..self.clone() }))
    }

    /// With what came of it. Nothing named means everything, to be sold again.
    ///
    /// # Errors
    /// `INVALID` for what is not of this return, or more than it.
    pub fn receive(mut self, came: Option<&[Received]>) -> Result<Self, Refusal> {
        let Some(came) = came else {
            for line in &mut self.lines {
                (line.received, line.restocked) = (Some(line.quantity.get()), line.quantity.get());
            }
            return Ok(self);
        };
        for line in &mut self.lines {
            line.received = Some(0);
        }
        for (index, it) in came.iter().enumerate() {
            let field = format!("lines[{index}]");
            let unknown = || Refusal::field(format!("{field}.sku"), "UNKNOWN_SKU", "is not of this return");
            let line = self.lines.iter_mut().find(|line| line.sku == it.sku).ok_or_else(unknown)?;
            let received = line.units().saturating_add(it.quantity.get());
            if received > line.quantity.get() {
                let message = format!("more of {} than the {} that were to come back", it.sku, line.quantity.get());
                return Err(Refusal::field(format!("{field}.quantity"), "OUT_OF_RANGE", message));
            }
            line.received = Some(received);
            line.restocked = line.restocked.saturating_add(if it.restock { it.quantity.get() } else { 0 });
        }
        Ok(self)
    }
}

impl Order {
    /// Passes an order whose money has come: what is paid on delivery is paid with its last parcel, and what is promised
    /// when it is captured.
    ///
    /// # Errors
    /// `PAYMENT_REQUIRED`.
    pub fn is_paid_for(&self) -> Result<(), Refusal> {
        let promised = self.payment.attempts.iter().any(Attempt::is_promise);
        let open = promised || (self.payment.method == PaymentMethod::Cod && self.status != OrderStatus::Delivered);
        if open { Err(Refusal::PaymentRequired) } else { Ok(()) }
    }

    /// Units of a SKU that the customer has and that may come back yet.
    #[must_use]
    pub fn returnable(&self, sku: &Sku) -> u32 {
        self.delivered(sku).saturating_sub(self.coming_back(sku, false))
    }

    /// Units of a SKU that could not be handed over and that may come back yet.
    #[must_use]
    pub fn refusable(&self, sku: &Sku) -> u32 {
        self.not_handed_over(sku).saturating_sub(self.coming_back(sku, true))
    }

    /// Units of a SKU in returns that were not rejected: of those that the customer had, or of those that she `refused`.
    pub(super) fn coming_back(&self, sku: &Sku, refused: bool) -> u32 {
        let alive = self.returns.iter().filter(|it| it.status != ReturnStatus::Rejected);
        let lines = alive.flat_map(|it| &it.lines).filter(|line| line.sku == *sku && line.refused == refused);
        lines.fold(0, |units, line| units.saturating_add(line.units()))
    }

    /// Units of a SKU that could not be handed over and that nobody waits for any more: they are back, or were paid back as lost.
    #[must_use]
    pub fn came_back(&self, sku: &Sku) -> u32 {
        let done = self.returns.iter().filter(|it| it.status == ReturnStatus::Received || it.status.is_settled());
        let lines = done.flat_map(|it| &it.lines).filter(|line| line.sku == *sku && line.refused);
        lines.fold(0, |units, line| units.saturating_add(line.units()))
    }

    /// All that could not be handed over and came back, each SKU once.
    #[must_use]
    pub fn all_refused(&self) -> Vec<ShipmentLine> {
        let units = |sku: &Sku| Quantity::new(self.came_back(sku));
        self.lines.iter().filter_map(|line| Some(ShipmentLine { sku: line.sku.clone(), quantity: units(&line.sku)? })).collect()
    }

    /// What the courier collects with the last parcel: what is to be paid, less the shares of what could not be handed over;
    /// nothing where nothing was.
    ///
    /// # Errors
    /// When the amounts do not fit.
    pub fn to_collect(&self) -> Result<Money, MoneyError> {
        if self.nothing_arrived() {
            return Ok(Money::zero(self.total.currency));
        }
        let mut due = self.to_pay();
        for line in &self.lines {
            let given_up = self.given_up(&line.sku);
            let gone = given_up.saturating_add(self.came_back(&line.sku));
            due = due.minus(share(line, gone).minus(share(line, given_up))?)?;
        }
        Ok(due)
    }

    /// Captured money that neither a refund nor a new order has claimed.
    #[must_use]
    pub fn refundable(&self) -> i64 {
        let credits = self.returns.iter().filter_map(|it| it.exchange).map(|exchange| exchange.credit.minor);
        credits.fold(self.payment.refundable(), i64::saturating_sub)
    }

    /// A return of the order by its id.
    #[must_use]
    pub fn return_of(&self, id: ReturnId) -> Option<&Return> {
        self.returns.iter().find(|it| it.id == id)
    }

    /// What is to come back, line by line: what the customer has, or what could not be handed over to her (`refused`); where nobody
    /// says which, what she has, and the other where she has not so much.
    ///
    /// # Errors
    /// `INVALID` for no lines and for a SKU that was not ordered, `RETURN_EXCEEDS_DELIVERED` naming every SKU
    /// of which so many are not there to come back.
    pub fn lines_back(&self, lines: &[(Sku, Quantity)], refused: Option<bool>) -> Result<Vec<ReturnLine>, Refusal> {
        if lines.is_empty() {
            return Err(Refusal::field("lines", "REQUIRED", "say what comes back"));
        }
        for (index, (sku, _)) in lines.iter().enumerate() {
            if !self.lines.iter().any(|line| line.sku == *sku) {
                return Err(Refusal::field(format!("lines[{index}].sku"), "UNKNOWN_SKU", format!("{sku} was not ordered")));
            }
        }
        let (mut back, mut short) = (Vec::new(), Vec::new());
        for (sku, quantity) in lines {
            let requested = quantity.get();
            let had = if refused == Some(true) { 0 } else { self.returnable(sku) };
            let refused = if refused == Some(false) { 0 } else { self.refusable(sku) };
            let (sku, quantity) = (sku.clone(), *quantity);
            if requested <= had.max(refused) {
                back.push(ReturnLine { sku, quantity, received: None, restocked: 0, refused: requested > had });
            } else {
                short.push(Shortage { sku, requested, available: i64::from(had.max(refused)) });
            }
        }
        if short.is_empty() { Ok(back) } else { Err(Refusal::ReturnExceedsDelivered(short)) }
    }

    /// What a return is worth: of each line the share of so many units in its price, discount and tax. What all
    /// units of a line are worth, return by return, is what the line cost, to the unit (each share is the
    /// difference of two, counted from the line's beginning, with a half rounded up). What is paid on delivery was never
    /// paid for what could not be handed over: that is worth nothing, and its shares are the first ones.
    ///
    /// # Errors
    /// When the amounts do not fit.
    pub fn worth_of(&self, it: &Return) -> Result<Money, MoneyError> {
        let mut worth = Money::zero(self.total.currency);
        let cash = self.payment.method == PaymentMethod::Cod;
        for returned in it.lines.iter().filter(|line| !(cash && line.refused)) {
            let Some(line) = self.lines.iter().find(|line| line.sku == returned.sku) else { continue };
            let before = self.settled(&returned.sku, Some(it.id));
            let after = share(line, before.saturating_add(returned.units()));
            worth = worth.plus(after.minus(share(line, before))?)?;
        }
        Ok(worth)
    }

    /// Units of a SKU whose money went back or was never paid; those of one return are left out.
    pub(super) fn settled(&self, sku: &Sku, besides: Option<ReturnId>) -> u32 {
        let unpaid = if self.payment.method == PaymentMethod::Cod { self.came_back(sku) } else { 0 };
        self.given_up(sku).saturating_add(unpaid).saturating_add(self.given_for(sku, besides))
    }

    /// Units of a SKU whose money went back, or paid a new order, with another return or without one.
    pub(super) fn given_for(&self, sku: &Sku, besides: Option<ReturnId>) -> u32 {
        let done = self.returns.iter().filter(|it| Some(it.id) != besides && it.status.is_settled());
        let cash = self.payment.method == PaymentMethod::Cod;
        let lines = done.flat_map(|it| &it.lines).filter(|line| line.sku == *sku && !(cash && line.refused));
        lines.fold(self.paid_back(sku), |units, line| units.saturating_add(line.units()))
    }
}

/// What the first so many units of a line cost.
pub(super) fn share(line: &OrderLine, units: u32) -> Money {
    let all = line.quantity.get();
    let units = units.min(all);
    let parts = line.total.allocate(&[u64::from(units), u64::from(all.saturating_sub(units))]);
    parts.first().copied().unwrap_or(Money::zero(line.total.currency))
}
