//! A payment provider that keeps books of its own and answers as its tokens say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use uuid::Uuid;

use crate::change::digest;
use crate::error::{Outcome, Refusal};
use crate::ids::{AttemptId, Id, OrderId, RefundId};
use crate::limits;
use crate::money::{Currency, Money};
use crate::orders::{
    Attempt, Entered, LedgerLine, LedgerPage, NextAction, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer,
    ProviderEvent, ProviderEventState, ProviderLedger, Refund, RefundAnswer, SandboxMessage, Stated,
};
use crate::time::Timestamp;

/// The oldest signature that holds.
const SIGNATURE_KEEP: Duration = Duration::from_mins(5);

/// Knows the sandbox's tokens: `tok_ok`, `tok_declined`, `tok_timeout_then_ok`,
/// `tok_timeout_then_declined` and `tok_pending`, which no token stands for too; every other token is
/// declined as invalid.
#[derive(Default)]
pub struct ScriptedGateway {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    calls: Vec<GatewayCall>,
    charges: BTreeMap<AttemptId, Charge>,
    refunds: BTreeMap<RefundId, (AttemptId, Money)>,
    refund_script: VecDeque<RefundAnswer>,
    silent: bool,
}

struct Charge {
    amount: Money,
    truth: PaymentFact,
    /// Whether it is only to be promised.
    later: bool,
}

impl Charge {
    fn taken(&self) -> i64 {
        if let PaymentFact::Captured { amount } = self.truth { amount.minor } else { 0 }
    }
}

/// One call and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayCall {
    /// What was asked.
    pub question: GatewayQuestion,
    /// The answer about an attempt; none for refunds.
    pub answer: Option<PaymentFact>,
    /// The answer about a refund; none for attempts.
    pub refund: Option<RefundAnswer>,
}

/// What a gateway can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayQuestion {
    /// To take money.
    Charge(AttemptId),
    /// What became of it.
    Query(AttemptId),
    /// To give it up.
    Void(AttemptId),
    /// To send it back.
    Refund(RefundId),
}

impl ScriptedGateway {
    /// With empty books.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<GatewayCall> {
        self.books().calls.clone()
    }

    /// How often money was asked for.
    pub fn charges_asked(&self) -> usize {
        let calls = self.calls();
        calls.iter().filter(|call| matches!(call.question, GatewayQuestion::Charge(_))).count()
    }

    /// What the provider took in all, in minor units.
    pub fn captured_minor(&self) -> i64 {
        self.books().charges.values().fold(0, |sum, charge| sum.saturating_add(charge.taken()))
    }

    /// What the provider sent back in all, in minor units.
    pub fn refunded_minor(&self) -> i64 {
        self.books().refunds.values().fold(0, |sum, (_, amount)| sum.saturating_add(amount.minor))
    }

    /// From now on every call is carried out (`false`) or left without an answer and without effect.
    pub fn set_silent(&self, silent: bool) {
        self.books().silent = silent;
    }

    /// The next refunds get these answers. One without an answer has moved the money all the same.
    pub fn script_refunds(&self, answers: impl IntoIterator<Item = RefundAnswer>) {
        self.books().refund_script.extend(answers);
    }

    /// The customer pays (or does not) what was pending; nobody is told. Answers what is then true.
    pub fn finish(&self, attempt: AttemptId, paid: bool) -> Option<PaymentFact> {
        let mut books = self.books();
        let charge = books.charges.get_mut(&attempt)?;
        let amount = charge.amount;
        charge.truth = match (paid, charge.later, &charge.truth) {
            (true, false, _) => PaymentFact::Captured { amount },
            (_, true, PaymentFact::Captured { .. } | PaymentFact::Authorized { .. } | PaymentFact::Voided) => {
                charge.truth.clone()
            }
            (true, true, _) => PaymentFact::Authorized { amount },
            (false, ..) => declined("card_declined"),
        };
        Some(charge.truth.clone())
    }

    /// The provider forgets an attempt.
    pub fn lose(&self, attempt: AttemptId) {
        self.books().charges.remove(&attempt);
    }

    /// A webhook as the provider sends it: signature and body.
    pub fn webhook_of(&self, event_id: &str, kind: &str, reference: &str, amount: Money, at: Timestamp) -> (String, Vec<u8>) {
        let body = json!({ "eventId": event_id, "type": kind, "providerReference": reference, "amount": amount });
        let body = body.to_string().into_bytes();
        (self.sign(&body, at), body)
    }

    /// The signature of a webhook with this body.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: Timestamp) -> String {
        let seconds = at.as_micros().div_euclid(1_000_000);
        format!("t={seconds},v1={}", sign(seconds, body))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The provider's name for an attempt.
fn reference(attempt: AttemptId) -> String {
    format!("pay_{attempt}")
}

/// The provider's name for a refund.
fn returned(refund: RefundId) -> String {
    format!("ref_{refund}")
}

fn declined(code: &str) -> PaymentFact {
    PaymentFact::Declined { code: code.to_owned() }
}

fn sign(seconds: i64, body: &[u8]) -> String {
    hex::encode(digest(&[b"scripted", seconds.to_string().as_bytes(), body]))
}

/// What becomes of a charge with `token`, and whether the provider says so at once.
fn outcome(attempt: &Attempt) -> (PaymentFact, bool) {
    let captured = match attempt.to_capture {
        Some(amount) => PaymentFact::Captured { amount },
        None => PaymentFact::Authorized { amount: attempt.amount },
    };
    match attempt.token.as_deref() {
        Some("tok_ok") => (captured, true),
        Some("tok_declined") => (declined("card_declined"), true),
        Some("tok_timeout_then_ok") => (captured, false),
        Some("tok_timeout_then_declined") => (declined("card_declined"), false),
        Some("tok_pending") | None => {
            let url = format!("https://sandbox.invalid/{}", attempt.id);
            (PaymentFact::Pending { next_action: Some(NextAction { kind: "redirect".to_owned(), url }) }, true)
        }
        Some(_) => (declined("invalid_token"), true),
    }
}

impl Books {
    fn charge(&mut self, attempt: &Attempt) -> PaymentFact {
        if let Some(known) = self.charges.get_mut(&attempt.id) {
            if let (PaymentFact::Authorized { .. }, Some(amount)) = (&known.truth, attempt.to_capture) {
                known.truth = PaymentFact::Captured { amount };
            }
            return known.truth.clone();
        }
        let (truth, says_so) = outcome(attempt);
        let later = attempt.to_capture.is_none();
        self.charges.insert(attempt.id, Charge { amount: attempt.amount, truth: truth.clone(), later });
        if says_so { truth } else { PaymentFact::NoAnswer }
    }

    fn query(&self, attempt: AttemptId) -> PaymentFact {
        self.charges.get(&attempt).map_or(PaymentFact::Unheard, |charge| charge.truth.clone())
    }

    fn void(&mut self, attempt: &Attempt) -> PaymentFact {
        let never = Charge { amount: attempt.amount, truth: PaymentFact::Voided, later: false };
        let charge = self.charges.entry(attempt.id).or_insert(never);
        match charge.truth {
            PaymentFact::Captured { .. } | PaymentFact::Declined { .. } => {}
            PaymentFact::Pending { .. }
            | PaymentFact::Authorized { .. }
            | PaymentFact::Voided
            | PaymentFact::NoAnswer
            | PaymentFact::Unheard => charge.truth = PaymentFact::Voided,
        }
        charge.truth.clone()
    }

    fn refund(&mut self, refund: &Refund) -> RefundAnswer {
        let answer = RefundAnswer::Succeeded { reference: returned(refund.id) };
        if self.refunds.contains_key(&refund.id) {
            return answer;
        }
        let captured = self.charges.get(&refund.attempt).map_or(0, Charge::taken);
        let of_attempt = self.refunds.values().filter(|(attempt, _)| *attempt == refund.attempt);
        let sent = of_attempt.fold(refund.amount.minor, |sum, (_, amount)| sum.saturating_add(amount.minor));
        if sent > captured {
            return RefundAnswer::Failed { code: "exceeds_captured".to_owned() };
        }
        let answer = self.refund_script.pop_front().unwrap_or(answer);
        if matches!(answer, RefundAnswer::Succeeded { .. } | RefundAnswer::NoAnswer) {
            self.refunds.insert(refund.id, (refund.attempt, refund.amount));
        }
        answer
    }

    /// Answers about an attempt, and writes the call down.
    fn answer(
        &mut self,
        question: GatewayQuestion,
        attempt: &Attempt,
        answer: impl FnOnce(&mut Self) -> PaymentFact,
    ) -> ProviderAnswer {
        let fact = if self.silent { PaymentFact::NoAnswer } else { answer(self) };
        self.calls.push(GatewayCall { question, answer: Some(fact.clone()), refund: None });
        let known = !matches!(fact, PaymentFact::NoAnswer | PaymentFact::Unheard);
        ProviderAnswer { fact, reference: known.then(|| reference(attempt.id)) }
    }
}

#[async_trait]
impl ProviderLedger for ScriptedGateway {
    async fn statement(&self, keys: &[Uuid]) -> Option<BTreeMap<Uuid, Stated>> {
        let books = self.books();
        let stated = |entered, reference| Stated { entered, reference: Some(reference) };
        let line = |key: &Uuid| {
            let (attempt, refund) = (AttemptId::from_uuid(*key), RefundId::from_uuid(*key));
            let charge = books.charges.get(&attempt).map(|charge| stated(Entered::from(&charge.truth), reference(attempt)));
            let sent = || books.refunds.get(&refund).map(|(_, amount)| stated(Entered::Moved(*amount), returned(refund)));
            charge.or_else(sent)
        };
        Some(keys.iter().filter_map(|key| Some((*key, line(key)?))).collect())
    }

    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        let books = self.books();
        let line = |key, reference, entered| (key, LedgerLine { key: Some(key), reference, of: None, entered });
        let charges = books.charges.iter().map(|(id, charge)| line(id.uuid(), reference(*id), Entered::from(&charge.truth)));
        let refunds = books.refunds.iter().map(|(id, (_, amount))| line(id.uuid(), returned(*id), Entered::Moved(*amount)));
        let all: BTreeMap<Uuid, LedgerLine> = charges.chain(refunds).collect();
        let (first, end) = (OrderId::lower_bound(from).uuid(), OrderId::lower_bound(until).uuid());
        let after = next.and_then(|next| Uuid::try_parse(next).ok());
        let asked = |key: Uuid| key >= first && key < end && after.is_none_or(|after| key > after);
        let mut rest = all.into_iter().filter(|(key, _)| asked(*key)).map(|(_, line)| line);
        let lines = super::at_most(&mut rest, limits::LEDGER_PAGE_MAX);
        let last = lines.last().and_then(|line| line.key);
        Some(LedgerPage { next: rest.next().and(last).map(|key| key.to_string()), lines })
    }
}

#[async_trait]
impl PaymentGateway for ScriptedGateway {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        match method {
            PaymentMethod::Upi | PaymentMethod::Card | PaymentMethod::NetBanking => true,
            PaymentMethod::Cod | PaymentMethod::Wallet => false,
        }
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        self.books().answer(GatewayQuestion::Charge(attempt.id), attempt, |books| books.charge(attempt))
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        self.books().answer(GatewayQuestion::Query(attempt.id), attempt, |books| books.query(attempt.id))
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        self.books().answer(GatewayQuestion::Void(attempt.id), attempt, |books| books.void(attempt))
    }

    async fn refund(&self, refund: &Refund, _attempt: &Attempt) -> RefundAnswer {
        let mut books = self.books();
        let answer = if books.silent { RefundAnswer::NoAnswer } else { books.refund(refund) };
        let question = GatewayQuestion::Refund(refund.id);
        books.calls.push(GatewayCall { question, answer: None, refund: Some(answer.clone()) });
        answer
    }

    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        let parts = signature.and_then(|text| text.strip_prefix("t=")).and_then(|text| text.split_once(",v1="));
        let (seconds, given) = parts.ok_or(Refusal::BadSignature)?;
        let seconds: i64 = seconds.parse().map_err(|_| Refusal::BadSignature)?;
        let at = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        if given != sign(seconds, body) || now.since(at) > SIGNATURE_KEEP || at.since(now) > SIGNATURE_KEEP {
            return Err(Refusal::BadSignature.into());
        }
        let said = SandboxMessage::read(body, Currency::INR)?;
        Ok(ProviderEvent {
            provider: self.name().to_owned(),
            fact: said.fact("card_declined")?,
            event_id: said.event_id,
            reference: said.reference,
            state: ProviderEventState::Applied,
            at: now,
        })
    }
}
