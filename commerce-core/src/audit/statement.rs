//! Payments against what their providers' own ledgers say, where those can be asked.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::error::StoreError;
use crate::limits;
use crate::orders::{AttemptState, EXCHANGE, Entered, PaymentFact, ProviderFact, RefundState, Stated};

use super::Invariant::Provider;
use super::Violation;
use super::books::{Cell, Pages, Row};
use super::cross::{Eyes, Suspicion};
use super::tables::{ATTEMPTS, ORDERS, PROVIDER_EVENTS, REFUNDS, RETURNS, TOP_UPS};
use super::walks::{alone, within};

/// Something that was asked of a provider.
#[derive(Clone, Copy)]
pub(super) struct Asked<'p> {
    pub(super) row: &'p Row,
    pub(super) key: Uuid,
    pub(super) provider: &'p str,
}

/// Attempts, and refunds out of them. What the courier collected is nothing to a provider.
fn asked(pages: &Pages) -> Vec<Asked<'_>> {
    let attempts = pages.of(ATTEMPTS).iter();
    let through: BTreeMap<&Cell, &str> =
        attempts.clone().filter_map(|row| Some((row.cell("id"), row.text("provider")?))).collect();
    let asked = |(row, attempt)| Some(Asked { row, key: Row::id(row, "id")?, provider: through.get(attempt)? });
    let refunds = pages.of(REFUNDS).iter().map(|row| (row, row.cell("attempt_id")));
    attempts.map(|row| (row, row.cell("id"))).chain(refunds).filter_map(asked).collect()
}

impl Eyes<'_> {
    /// What we say was taken or given back was, what we say was not was not, and each has one name. What is open is
    /// asked about by a worker.
    pub(super) async fn statements(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let numbers: BTreeMap<&Cell, String> =
            pages.of(ORDERS).iter().map(|order| (order.cell("id"), order.cell("number").to_string())).collect();
        let named = |row: &Row| numbers.get(row.cell("order_id")).cloned().unwrap_or_else(|| row.cell("order_id").to_string());
        let suspect =
            |row: &Row, expected, found| (row.cell("order_id").clone(), Violation::new(Provider, named(row), expected, found));
        let asked = asked(pages);
        let said = self.said_of(&asked, |_| true).await;
        let mut contradictions = Vec::new();
        for it in &asked {
            let line = said.lines.get(&it.key);
            // What the provider said of it may be forgotten, which alone explains money that its ledger has not.
            let sure = it.row.at("created_at").is_none_or(|at| at.plus(limits::PROVIDER_MESSAGE_SURE) > self.now);
            if let Some((expected, found)) = said.against(it, sure) {
                let nothing = line.is_none_or(|(_, line)| line.entered == Entered::Nothing);
                let unheard = nothing.then(|| it.row.cell("reference").clone());
                contradictions.push((unheard, suspect(it.row, expected, found)));
            }
        }
        let unheard = contradictions.iter().filter_map(|(reference, _)| reference.clone()).collect();
        let moved = self.said_to_have_moved(unheard).await?;
        let stands = |(reference, _): &(Option<Cell>, Suspicion)| reference.as_ref().is_none_or(|known| !moved.contains(known));
        let mut found: Vec<Suspicion> = contradictions.into_iter().filter(stands).map(|(_, suspicion)| suspicion).collect();
        let unique = "a name that nothing else has".to_owned();
        let twice = self.named_twice(&asked).await?;
        found.extend(twice.into_iter().map(|row| suspect(row, unique.clone(), row.cell("reference").to_string())));
        let strange = self.paid_by_no_return(&asked).await?;
        found.extend(
            strange
                .into_iter()
                .map(|row| suspect(row, "a return that it was sent for".to_owned(), row.cell("reference").to_string())),
        );
        Ok(found)
    }

    /// What providers' ledgers have of these: each is asked about what is its own, and those that `also` may have it
    /// about what is not found there.
    pub(super) async fn said_of(&self, asked: &[Asked<'_>], also: impl Fn(&str) -> bool) -> Said {
        let mut said = Said::default();
        for own in [true, false] {
            for gateway in self.gateways {
                let name = gateway.name();
                let open = |it: &&Asked<'_>| (it.provider == name) == own && !said.lines.contains_key(&it.key);
                let keys: Vec<Uuid> = asked.iter().filter(open).map(|it| it.key).collect();
                if keys.is_empty() || !(own || also(name)) {
                    continue;
                }
                let Some(lines) = gateway.statement(&keys).await else { continue };
                if own {
                    said.by.insert(name);
                }
                said.lines.extend(lines.into_iter().map(|(key, line)| (key, (name, line))));
            }
        }
        said
    }

    /// Those of which something else has the name that the provider gave them.
    pub(super) async fn named_twice<'p>(&self, asked: &[Asked<'p>]) -> Result<Vec<&'p Row>, StoreError> {
        // A return is the name of all that it pays.
        let named = asked.iter().filter(|it| it.provider != EXCHANGE && *it.row.cell("reference") != Cell::Null);
        let mut names: BTreeMap<Option<&str>, BTreeSet<Cell>> = BTreeMap::new();
        for it in named.clone() {
            // Names of refunds are kept in one index for all providers.
            let provider = (it.row.table().name != REFUNDS.name).then_some(it.provider);
            names.entry(provider).or_default().insert(it.row.cell("reference").clone());
        }
        let mut twice = Vec::new();
        for (provider, names) in names {
            let names: Vec<Cell> = names.into_iter().collect();
            let mut known: Vec<Row> = Vec::new();
            let tables = if provider.is_some() { vec![ATTEMPTS, TOP_UPS] } else { vec![REFUNDS] };
            for table in tables {
                let walk = match provider {
                    Some(provider) => within(table, ("provider", provider.into()), "reference"),
                    None => alone(table, "reference", "reference"),
                };
                known.extend_from_slice(self.books.orders.look_up(&walk, &names).await?.of(table));
            }
            let same = |it: &Asked<'_>, other: &Row| {
                other.cell("reference") == it.row.cell("reference") && other.cell("id") != it.row.cell("id")
            };
            let of_these = named.clone().filter(|it| (it.row.table().name != REFUNDS.name).then_some(it.provider) == provider);
            twice.extend(of_these.filter(|it| known.iter().any(|other| same(it, other))).map(|it| it.row));
        }
        Ok(twice)
    }

    /// Attempts that a return is to have paid which was not exchanged for their order.
    async fn paid_by_no_return<'p>(&self, asked: &[Asked<'p>]) -> Result<Vec<&'p Row>, StoreError> {
        let paid = asked
            .iter()
            .map(|it| (it.provider, it.row))
            .filter(|(provider, row)| *provider == EXCHANGE && row.table().name == ATTEMPTS.name);
        let named = |row: &Row| row.word::<Uuid>("reference").map(Cell::from);
        let names = paid.clone().filter_map(|(_, row)| named(row)).collect();
        let returns = self.rows(&*self.books.orders, &alone(RETURNS, "id", "id"), names).await?;
        let stands = |row: &Row| {
            let source = named(row).and_then(|name| returns.get(&name).cloned());
            source.is_some_and(|source| source.cell("exchanged_for") == row.cell("order_id"))
        };
        Ok(paid.map(|(_, row)| row).filter(|row| !stands(row)).collect())
    }

    /// Those of `references` whose money has moved by a signed message of the provider, which may be
    /// ahead of its own ledger.
    async fn said_to_have_moved(&self, references: BTreeSet<Cell>) -> Result<BTreeSet<Cell>, StoreError> {
        if references.is_empty() {
            return Ok(references);
        }
        let keys: Vec<Cell> = references.into_iter().collect();
        let messages = self.books.orders.look_up(&alone(PROVIDER_EVENTS, "reference", "reference"), &keys).await?;
        let moved = |message: &&Row| {
            let fact = message.json::<ProviderFact>("fact");
            matches!(fact, Some(ProviderFact::Payment(PaymentFact::Captured { .. }) | ProviderFact::RefundSucceeded(_)))
        };
        Ok(messages.of(PROVIDER_EVENTS).iter().filter(moved).map(|message| message.cell("reference").clone()).collect())
    }
}

/// What providers' ledgers have.
#[derive(Default)]
pub(super) struct Said {
    /// Who answered about what is its own.
    by: BTreeSet<&'static str>,
    /// The lines by key, and whose they are.
    lines: BTreeMap<Uuid, (&'static str, Stated)>,
}

impl Said {
    /// What is said instead of a row, and what the row says. That nobody has heard of it counts if that is `sure`.
    pub(super) fn against(&self, asked: &Asked<'_>, sure: bool) -> Option<(String, String)> {
        let Asked { row, key, provider } = asked;
        let state = || format!("{} {}", row.table().name, row.cell("state"));
        let entered = match self.lines.get(key) {
            Some((whose, _)) if whose != provider => {
                return Some((format!("asked of {whose}, which has it"), (*provider).to_owned()));
            }
            Some((_, Stated { reference: Some(theirs), .. })) if row.text("reference").is_some_and(|ours| ours != theirs) => {
                return Some((format!("{theirs}, as the provider calls it"), row.cell("reference").to_string()));
            }
            Some((_, line)) => line.entered,
            None if sure && self.by.contains(provider) => Entered::Nothing,
            None => return None,
        };
        contradicted(row, entered).map(|expected| (expected, state()))
    }
}

/// What a provider's ledger says instead of an attempt's or refund's row. A customer may have paid what
/// the ledger has as open, and its message came first.
fn contradicted(row: &Row, line: Entered) -> Option<String> {
    let (moved, settled, column) = if row.table().name == REFUNDS.name {
        let state: RefundState = row.word("state")?;
        (state == RefundState::Succeeded, matches!(state, RefundState::Succeeded | RefundState::Failed), "amount_minor")
    } else {
        let state: AttemptState = row.word("state")?;
        (state == AttemptState::Captured, !state.is_open(), "to_capture_minor")
    };
    let ours = (row.int(column).unwrap_or(0), row.text("currency")?);
    match line {
        Entered::Moved(amount) if settled && !moved => Some(format!("{amount} moved, as the provider says")),
        Entered::Moved(amount) if moved && ours != (amount.minor, amount.currency.code()) => {
            Some(format!("{amount}, as the provider says"))
        }
        Entered::Nothing if moved => Some("no money moved, as the provider says".to_owned()),
        Entered::Moved(_) | Entered::Open | Entered::Nothing => None,
    }
}
