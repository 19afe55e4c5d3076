//! A payment provider that moves no money: the embedded default.
//!
//! It behaves like a real one: it has books of its own (one file for each key, renamed into place),
//! the same key never does a thing twice, answers can be late, and webhooks are signed. What an
//! attempt comes to is chosen by its token:
//!
//! | token | outcome |
//! |---|---|
//! | `tok_ok` | captured; only promised where the shop captures by hand |
//! | `tok_declined` | declined |
//! | `tok_timeout_then_ok` | no answer; captured when asked again |
//! | `tok_timeout_then_declined` | no answer; declined when asked again |
//! | `tok_pending`, or none | waits for a webhook |
//! | anything else | declined as an invalid token |

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use commerce_core::error::Outcome;
use commerce_core::ids::{Id, OrderId};
use commerce_core::limits::LEDGER_PAGE_MAX;
use commerce_core::money::{Currency, Money};
use commerce_core::orders::{
    Attempt, Entered, LedgerLine, LedgerPage, NextAction, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer,
    ProviderEvent, ProviderEventState, ProviderFact, ProviderLedger, Refund, RefundAnswer, SandboxMessage, Stated,
};
use commerce_core::time::Timestamp;
use hmac::Mac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signature::{Signed, check, mac};

/// What the names of payments begin with.
const PAYMENT: &str = "sbx_";

/// The provider.
pub struct Sandbox {
    books: PathBuf,
    webhook_secret: String,
    currency: Currency,
    takes: bool,
}

/// What the sandbox's books say about one key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    reference: String,
    fact: PaymentFact,
    /// How much a payment is to come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits_for: Option<Money>,
    /// The messages that were told of it: each tells one thing, once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    told: Vec<String>,
}

impl Entry {
    /// With this as it stands.
    fn of(reference: String, fact: PaymentFact) -> Self {
        Self { reference, fact, waits_for: None, told: Vec::new() }
    }
}

impl Sandbox {
    /// Its name as a provider.
    pub const NAME: &'static str = "sandbox";

    /// With its books in `books` (made when first needed). `currency` is that of webhooks which give
    /// an amount without one.
    pub fn new(books: impl Into<PathBuf>, webhook_secret: impl Into<String>, currency: Currency) -> Self {
        Self { books: books.into(), webhook_secret: webhook_secret.into(), currency, takes: true }
    }

    /// One that takes nothing any more; what it took before it still knows.
    #[must_use]
    pub fn retired(self) -> Self {
        Self { takes: false, ..self }
    }

    /// The `X-Signature` header of a webhook sent at `at`.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: Timestamp) -> String {
        let seconds = at.as_micros() / 1_000_000;
        format!("t={seconds},v1={}", hex::encode(mac(&self.webhook_secret, seconds, body).finalize().into_bytes()))
    }

    /// Writes `fresh` under `key` unless there is an entry; answers what the books then say, and
    /// whether it is fresh.
    async fn enter(&self, key: String, fresh: Entry) -> std::io::Result<(Entry, bool)> {
        let path = self.books.join(format!("{key}.json"));
        blocking(move || {
            let _alone = lock(&path)?;
            if let Some(entry) = read(&path)? {
                return Ok((entry, false));
            }
            write(&path, &fresh)?;
            Ok((fresh, true))
        })
        .await
    }

    /// A payment comes to what a message says of it, where that is what it was to come to: whoever sends one stands for the
    /// provider, whose books would say it by then.
    fn come_true(&self, SandboxMessage { event_id, reference, .. }: &SandboxMessage, fact: &ProviderFact) -> std::io::Result<()> {
        let key = reference.strip_prefix(PAYMENT).and_then(|key| Uuid::try_parse(key).ok());
        let (Some(key), ProviderFact::Payment(said)) = (key, fact) else { return Ok(()) };
        let path = self.books.join(format!("{key}.json"));
        if read(&path)?.is_none() {
            return Ok(());
        }
        let _alone = lock(&path)?;
        let Some(mut entry) = read(&path)? else { return Ok(()) };
        if entry.told.contains(event_id) {
            return Ok(());
        }
        entry.told.push(event_id.clone());
        let waits = matches!(entry.fact, PaymentFact::Pending { .. });
        let is_taken = matches!(entry.fact, PaymentFact::Captured { .. });
        let fits = match said {
            PaymentFact::Captured { amount } => entry.waits_for == Some(*amount) && !is_taken,
            PaymentFact::Authorized { amount } => entry.waits_for == Some(*amount) && waits,
            PaymentFact::Declined { .. } => waits,
            PaymentFact::Pending { .. } | PaymentFact::Voided | PaymentFact::NoAnswer | PaymentFact::Unheard => false,
        };
        if fits {
            entry.fact = said.clone();
        }
        write(&path, &entry)
    }

    async fn entry(&self, key: String) -> std::io::Result<Option<Entry>> {
        let path = self.books.join(format!("{key}.json"));
        blocking(move || read(&path)).await
    }
}

#[async_trait]
impl ProviderLedger for Sandbox {
    async fn statement(&self, keys: &[Uuid]) -> Option<BTreeMap<Uuid, Stated>> {
        let paths: Vec<(Uuid, PathBuf)> = keys.iter().map(|key| (*key, self.books.join(format!("{key}.json")))).collect();
        let lines = blocking(move || {
            let stated = |Entry { reference, fact, .. }| Stated { entered: Entered::from(&fact), reference: Some(reference) };
            let line = |(key, path): (Uuid, PathBuf)| Ok(read(&path)?.map(|entry| (key, stated(entry))));
            paths.into_iter().filter_map(|one| line(one).transpose()).collect()
        });
        lines.await.map_err(|error| unreadable(&error)).ok()
    }

    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        let (first, end) = (OrderId::lower_bound(from).uuid(), OrderId::lower_bound(until).uuid());
        let after = next.and_then(|next| Uuid::try_parse(next).ok());
        let asked = move |key: &Uuid| *key >= first && *key < end && after.is_none_or(|after| *key > after);
        let folder = self.books.clone();
        let page = blocking(move || {
            let mut keys: Vec<Uuid> = keys(&folder)?.into_iter().filter(asked).collect();
            keys.sort_unstable();
            let most = usize::try_from(LEDGER_PAGE_MAX).unwrap_or(usize::MAX);
            let more = keys.len() > most;
            keys.truncate(most);
            let next = keys.last().filter(|_| more).map(Uuid::to_string);
            let line = |key: Uuid| {
                let entry = read(&folder.join(format!("{key}.json")))?;
                let stated = |Entry { reference, fact, .. }| LedgerLine {
                    key: Some(key),
                    reference,
                    of: None,
                    entered: Entered::from(&fact),
                };
                Ok(entry.map(stated))
            };
            let lines: std::io::Result<Vec<LedgerLine>> = keys.into_iter().filter_map(|key| line(key).transpose()).collect();
            Ok(LedgerPage { lines: lines?, next })
        });
        page.await.map_err(|error| unreadable(&error)).ok()
    }
}

#[async_trait]
impl PaymentGateway for Sandbox {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        match method {
            PaymentMethod::Upi | PaymentMethod::Card | PaymentMethod::NetBanking => self.takes,
            PaymentMethod::Cod | PaymentMethod::Wallet => false,
        }
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        let fresh = Entry { waits_for: Some(attempt.amount), ..Entry::of(reference(attempt), outcome(attempt)) };
        let late = attempt.token.as_deref().is_some_and(|token| token.starts_with("tok_timeout_"));
        let (path, part) = (self.books.join(format!("{}.json", attempt.id)), attempt.to_capture);
        let charged = blocking(move || {
            let _alone = lock(&path)?;
            let (entry, is_fresh) = match (read(&path)?, part) {
                (Some(promise @ Entry { fact: PaymentFact::Authorized { .. }, .. }), Some(amount)) => {
                    (Entry { fact: PaymentFact::Captured { amount }, ..promise }, false)
                }
                (Some(known), _) => return Ok((known, false)),
                (None, _) => (fresh, true),
            };
            write(&path, &entry)?;
            Ok((entry, is_fresh))
        });
        match charged.await {
            Ok((_, true)) if late => no_answer(),
            Ok((entry, _)) => ProviderAnswer { fact: entry.fact, reference: Some(entry.reference) },
            Err(error) => unreadable(&error),
        }
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        match self.entry(attempt.id.to_string()).await {
            Ok(Some(entry)) => ProviderAnswer { fact: entry.fact, reference: Some(entry.reference) },
            Ok(None) => ProviderAnswer { fact: PaymentFact::Unheard, reference: None },
            Err(error) => unreadable(&error),
        }
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        let path = self.books.join(format!("{}.json", attempt.id));
        let voided = Entry::of(reference(attempt), PaymentFact::Voided);
        let answer = blocking(move || {
            let _alone = lock(&path)?;
            match read(&path)? {
                Some(entry) if !matches!(entry.fact, PaymentFact::Pending { .. } | PaymentFact::Authorized { .. }) => Ok(entry),
                known => {
                    let voided = Entry { waits_for: known.and_then(|known| known.waits_for), ..voided };
                    write(&path, &voided).map(|()| voided)
                }
            }
        });
        match answer.await {
            Ok(entry) => ProviderAnswer { fact: entry.fact, reference: Some(entry.reference) },
            Err(error) => unreadable(&error),
        }
    }

    async fn refund(&self, refund: &Refund, _attempt: &Attempt) -> RefundAnswer {
        let fresh = Entry::of(format!("sbx_re_{}", refund.id), PaymentFact::Captured { amount: refund.amount });
        match self.enter(refund.id.to_string(), fresh).await {
            Ok((entry, _)) => RefundAnswer::Succeeded { reference: entry.reference },
            Err(error) => {
                unreadable(&error);
                RefundAnswer::NoAnswer
            }
        }
    }

    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        check(&self.webhook_secret, Signed { header: signature.unwrap_or_default(), body }, now)?;
        let message = SandboxMessage::read(body, self.currency)?;
        let fact = message.fact("declined")?;
        if let Err(error) = self.come_true(&message, &fact) {
            unreadable(&error);
        }
        Ok(ProviderEvent {
            provider: self.name().to_owned(),
            fact,
            event_id: message.event_id,
            reference: message.reference,
            state: ProviderEventState::Applied,
            at: now,
        })
    }
}

fn outcome(attempt: &Attempt) -> PaymentFact {
    let paid = match attempt.to_capture {
        Some(amount) => PaymentFact::Captured { amount },
        None => PaymentFact::Authorized { amount: attempt.amount },
    };
    match attempt.token.as_deref() {
        Some("tok_ok" | "tok_timeout_then_ok") => paid,
        Some("tok_declined" | "tok_timeout_then_declined") => PaymentFact::Declined { code: "card_declined".to_owned() },
        Some("tok_pending") | None => PaymentFact::Pending { next_action: Some(next_action(attempt)) },
        Some(_) => PaymentFact::Declined { code: "invalid_token".to_owned() },
    }
}

/// A UPI link (NPCI UPI linking specification) or a page of the provider; neither leads anywhere.
fn next_action(attempt: &Attempt) -> NextAction {
    let reference = reference(attempt);
    if attempt.method == PaymentMethod::Upi {
        let url = format!("upi://pay?pa=sandbox@example&tr={reference}&cu={}", attempt.amount.currency);
        return NextAction { kind: "upi_intent".to_owned(), url };
    }
    NextAction { kind: "redirect".to_owned(), url: format!("https://sandbox.example/pay/{reference}") }
}

fn reference(attempt: &Attempt) -> String {
    format!("{PAYMENT}{}", attempt.id)
}

fn no_answer() -> ProviderAnswer {
    ProviderAnswer { fact: PaymentFact::NoAnswer, reference: None }
}

fn unreadable(error: &std::io::Error) -> ProviderAnswer {
    tracing::error!(error = error as &dyn std::error::Error, "the sandbox cannot reach its books");
    no_answer()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn read(path: &Path) -> std::io::Result<Option<Entry>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(std::io::Error::other),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps everybody else, other processes too, from changing the books until the file is dropped:
/// a charge and a void at the same time must agree on what happened.
fn lock(path: &Path) -> std::io::Result<std::fs::File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = std::fs::File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// The keys that the books have entries for, in no particular order.
fn keys(folder: &Path) -> std::io::Result<Vec<Uuid>> {
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut keys = Vec::new();
    for file in files {
        let name = file?.file_name();
        keys.extend(name.to_str().and_then(|name| Uuid::try_parse(name.strip_suffix(".json")?).ok()));
    }
    Ok(keys)
}

fn write(path: &Path, entry: &Entry) -> std::io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(&serde_json::to_vec(entry)?)?;
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use commerce_core::orders::AttemptState;

    use super::*;

    fn sandbox() -> Sandbox {
        Sandbox::new("unused", "secret", Currency::INR)
    }

    const BODY: &[u8] =
        br#"{"eventId":"e1","type":"payment.succeeded","providerReference":"sbx_1","amount":{"amount":5,"currency":"INR"}}"#;

    #[test]
    fn a_signed_webhook_is_read() {
        let now = Timestamp::from_micros(1_772_357_400_000_000);
        let signature = sandbox().sign(BODY, now);
        let event = sandbox().webhook(Some(&signature), BODY, now.plus(Duration::from_secs(299))).unwrap();
        assert_eq!(event.reference, "sbx_1");
        let captured = PaymentFact::Captured { amount: Money::new(5, Currency::INR) };
        assert_eq!(event.fact, ProviderFact::Payment(captured));
    }

    #[tokio::test]
    async fn a_payment_comes_to_what_a_message_says_where_that_is_what_it_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::new(folder.path(), "secret", Currency::INR);
        let now = Timestamp::from_micros(1_772_357_400_000_000);
        let amount = Money::new(1_000, Currency::INR);
        let attempt = Attempt {
            id: Id::from_uuid(Uuid::from_u128(7)),
            provider: "sandbox".to_owned(),
            method: PaymentMethod::Card,
            amount,
            to_capture: Some(amount),
            state: AttemptState::Created,
            token: Some("tok_pending".to_owned()),
            reference: None,
            failure_code: None,
            next_action: None,
            created_at: now,
            check_at: None,
            checks: 0,
        };
        sandbox.charge(&attempt).await;
        let said = async |kind: &str, amount: i64| {
            let body = format!(
                r#"{{"eventId":"{kind}-{amount}","type":"{kind}","providerReference":"sbx_{}","amount":{amount}}}"#,
                attempt.id
            );
            sandbox.webhook(Some(&sandbox.sign(body.as_bytes(), now)), body.as_bytes(), now).unwrap();
            sandbox.query(&attempt).await.fact
        };
        assert!(matches!(said("payment.succeeded", 999).await, PaymentFact::Pending { .. }), "a lie");
        assert!(matches!(said("payment.failed", 1_000).await, PaymentFact::Declined { .. }));
        let captured = PaymentFact::Captured { amount: Money::new(1_000, Currency::INR) };
        assert_eq!(said("payment.succeeded", 1_000).await, captured);
        assert_eq!(said("payment.failed", 1_000).await, captured);
    }

    #[test]
    fn a_forged_or_stale_webhook_is_refused() {
        let now = Timestamp::from_micros(1_772_357_400_000_000);
        let signature = sandbox().sign(BODY, now);
        let refused = |signature: Option<&str>, body: &[u8], at: Timestamp| {
            let error = sandbox().webhook(signature, body, at).unwrap_err();
            assert_eq!(error.code(), "BAD_SIGNATURE");
        };
        refused(None, BODY, now);
        refused(Some("t=1"), BODY, now);
        refused(Some(&signature.replace("v1=", "v1=00")), BODY, now);
        refused(Some(&signature), b"{}", now);
        refused(Some(&signature), BODY, now.plus(Duration::from_secs(301)));
        let other = Sandbox::new("unused", "other", Currency::INR).sign(BODY, now);
        refused(Some(&other), BODY, now);
        let rotated = format!("{other},v1={}", signature.split_once("v1=").unwrap().1);
        assert!(sandbox().webhook(Some(&rotated), BODY, now).is_ok());
    }
}
