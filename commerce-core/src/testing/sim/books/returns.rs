//! What comes back: never more than was delivered, step by step, and the money that it says.

use std::collections::BTreeMap;

use super::Books;
use super::shipments::{delivered, left_over};
use crate::orders::{EXCHANGE, Exchange, Order, Refund, RefundState, Return, ReturnKind, ReturnLine, ReturnStatus};

use super::super::situations::Situation;
use crate::text::Sku;

impl Books {
    pub(super) fn returns(&mut self, before: &Order, order: &Order, met: &mut Vec<Situation>) {
        let id = order.id;
        let kept = before.returns.iter().zip(&order.returns).all(|(was, is)| was.id == is.id);
        self.must(kept && before.returns.len() <= order.returns.len(), || format!("order {id} forgot a return"));
        let mut units = BTreeMap::new();
        for it in &order.returns {
            let was = before.returns.iter().find(|was| was.id == it.id);
            self.must(was == Some(it) || may_follow(was, it), || format!("a return of {id} went from {was:?} to {it:?}"));
            if was != Some(it) && it.status == ReturnStatus::Refunded {
                met.push(Situation::ReturnRefunded);
            }
            if was != Some(it) && it.status == ReturnStatus::Exchanged {
                let first = was.is_some_and(|was| was.exchange.is_none());
                met.push(if first { Situation::Exchanged } else { Situation::ExchangeGaveBack });
            }
            for line in it.lines.iter().filter(|_| it.status != ReturnStatus::Rejected) {
                *units.entry((line.refused, line.sku.clone())).or_insert(0_u32) += line.received.unwrap_or(line.quantity.get());
            }
            let paid: i64 = order
                .payment
                .refunds
                .iter()
                .filter(|refund| refund.cause.return_id() == Some(it.id))
                .map(|refund| refund.amount.minor)
                .sum();
            let left = it.exchange.map_or(0, |exchange| exchange.worth.minor - exchange.credit.minor);
            let said = it.refund.map_or(0, |refund| refund.minor) + left;
            if let Some(exchange) = it.exchange {
                self.exchanged(it, &exchange);
            }
            self.must(paid == said, || format!("a return of {id} gives back {said}, and {paid} was sent"));
        }
        self.units_paid_back(before, order, met);
        let most = |refused: bool, sku: &Sku| if refused { left_over(order, sku) } else { delivered(order, sku) };
        let within = units.iter().all(|((refused, sku), units)| *units <= most(*refused, sku));
        self.must(within, || format!("more comes back of {id} than was delivered, or could not be: {units:?}"));
        if units.keys().any(|(refused, _)| *refused) && before.returns.len() < order.returns.len() {
            met.push(Situation::RefusedAtTheDoor);
        }
    }
}

impl Books {
    /// What units cost goes back once, with a return or without one.
    fn units_paid_back(&mut self, before: &Order, order: &Order, met: &mut Vec<Situation>) {
        let without = |order: &Order| -> Vec<Refund> {
            let refunds = order.payment.refunds.iter().filter(|it| !it.lines.is_empty() && it.state != RefundState::Failed);
            refunds.cloned().collect()
        };
        let refunds = without(order);
        if refunds.len() > without(before).len() {
            met.push(Situation::UnitPaidBack);
        }
        let settled = order.returns.iter().filter(|it| it.status.is_settled());
        // Where units end in the middle of a line, each step may be rounded up.
        let mut most = i64::try_from(refunds.len() + order.returns.len()).unwrap_or(i64::MAX);
        for line in &order.lines {
            let named: u32 =
                refunds.iter().flat_map(|it| &it.lines).filter(|it| it.sku == line.sku).map(|it| it.quantity.get()).sum();
            self.must(named <= line.quantity.get(), || format!("{named} of {} in {} are paid back", line.sku, order.id));
            let back: u32 = settled.clone().flat_map(|it| &it.lines).filter(|it| it.sku == line.sku).map(ReturnLine::units).sum();
            let (units, all) = (i64::from((named + back).min(line.quantity.get())), i64::from(line.quantity.get()));
            most += line.total.minor * units / all + 1;
        }
        let with = settled.map(|it| match it.exchange {
            Some(exchange) => exchange.worth.minor,
            None => it.refund.map_or(0, |refund| refund.minor),
        });
        let given: i64 = with.chain(refunds.iter().map(|it| it.amount.minor)).sum();
        self.must(given <= most, || format!("{given} was given back for units of {}, which cost {most}", order.id));
    }

    /// What a return pays a new order is what that holds of it.
    pub(in crate::testing::sim) fn exchanged(&mut self, it: &Return, exchange: &Exchange) {
        let holds = self.orders.get(&exchange.order).map(|entry| held_by(&entry.order));
        self.must(holds == Some(exchange.credit.minor), || {
            format!("return {} pays {}, and its new order holds {holds:?}", it.id, exchange.credit)
        });
    }
}

/// What an order holds of what another one's return paid it.
fn held_by(order: &Order) -> i64 {
    let payment = &order.payment;
    let through = |attempt: &&crate::orders::Attempt| attempt.provider == EXCHANGE;
    let paid: i64 = payment.attempts.iter().filter(through).map(|attempt| attempt.amount.minor).sum();
    let back = payment.refunds.iter().filter(|refund| {
        let of = payment.attempts.iter().filter(through).any(|attempt| attempt.id == refund.attempt);
        of && refund.state == RefundState::Succeeded
    });
    paid - back.map(|refund| refund.amount.minor).sum::<i64>()
}

/// Whether a return may be this now, which was that before.
fn may_follow(was: Option<&Return>, is: &Return) -> bool {
    use ReturnStatus::{Approved, Exchanged, Received, Refunded, Rejected, Requested};
    match (was.map(|was| was.status), is.status) {
        (None, Requested) | (Some(Requested), Approved | Rejected) | (Some(Approved), Received) | (Some(Received), Refunded) => {
            true
        }
        (Some(Approved), Refunded) => is.kind == ReturnKind::Refund,
        (Some(Received), Exchanged) => is.kind == ReturnKind::Exchange && is.exchange.is_some(),
        // What the new order gives back goes back.
        (Some(Exchanged), Exchanged) => {
            let credit = |it: &Return| it.exchange.map_or(-1, |exchange| exchange.credit.minor);
            was.is_some_and(|was| credit(is) < credit(was)) && credit(is) >= 0
        }
        _ => false,
    }
}
