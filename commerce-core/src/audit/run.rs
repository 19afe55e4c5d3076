//! The walk through the books: stretch by stretch, each judged as soon as it is read.

use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreError;
use crate::limits;
use crate::time::{Clock, Timestamp};

use super::books::{Books, Pages, ShopBooks, Walk};
use super::findings::Findings;
use super::walks::{Entry, HOLDS, ORDER_BOOK, SHELVES, entries};
use super::{AuditRequest, Progress, Report, orders, stock, timeline};

/// A stretch that took longer than this is followed by shorter ones.
const STRETCH_LONG: Duration = Duration::from_millis(200);
/// A stretch that took less than this is followed by longer ones.
const STRETCH_SHORT: Duration = Duration::from_millis(50);

/// What rules judge by besides the rows.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    /// When the stretch was read, or a little before.
    pub(super) now: Timestamp,
}

/// A rule on the rows of one key.
type Rule = fn(&Entry<'_>, &Scene, &mut Findings);

/// One audit.
pub(crate) struct Auditor<'a> {
    books: &'a ShopBooks,
    clock: &'a Arc<dyn Clock>,
    request: AuditRequest<'a>,
    findings: Findings,
}

impl<'a> Auditor<'a> {
    pub(crate) fn new(books: &'a ShopBooks, clock: &'a Arc<dyn Clock>, request: AuditRequest<'a>) -> Self {
        Self { books, clock, request, findings: Findings::default() }
    }

    /// Looks at everything.
    pub(crate) async fn run(mut self) -> Result<Report, StoreError> {
        let started_at = self.clock.now();
        let books = self.books;
        self.walk(&*books.catalog, SHELVES, &[stock::shelf]).await?;
        self.walk(&*books.catalog, HOLDS, &[stock::hold]).await?;
        self.walk(&*books.orders, ORDER_BOOK, &[orders::amounts, timeline::history]).await?;
        Ok(self.report(started_at))
    }

    fn report(self, started_at: Timestamp) -> Report {
        let Findings { mut violations, counts, unsettled, rows } = self.findings;
        violations.sort();
        Report { violations, counts, unsettled, rows, started_at, ended_at: self.clock.now() }
    }

    /// Judges every stretch of a walk.
    async fn walk(&mut self, books: &dyn Books, walk: &Walk, rules: &[Rule]) -> Result<(), StoreError> {
        let (mut after, mut limit) = (None, limits::AUDIT_STRETCH);
        loop {
            let now = self.clock.now();
            let stretch = books.stretch(walk, after.as_ref(), limit).await?;
            limit = next_limit(limit, self.clock.now().since(now));
            self.judge(walk, &stretch.pages, &Scene { now }, rules);
            match stretch.upto {
                Some(upto) => after = Some(upto),
                None => return Ok(()),
            }
        }
    }

    fn judge(&mut self, walk: &Walk, pages: &Pages, scene: &Scene, rules: &[Rule]) {
        for entry in entries(walk, pages) {
            for row in entry.rows() {
                self.findings.rows = self.findings.rows.saturating_add(1);
                self.findings.read(&entry.name, row);
            }
            for rule in rules {
                rule(&entry, scene, &mut self.findings);
            }
        }
        (self.request.progress)(Progress { what: walk.lead.name, rows: self.findings.rows });
    }
}

/// Keys of the next stretch, after one of `limit` that took `took`.
fn next_limit(limit: u32, took: Duration) -> u32 {
    let next = if took > STRETCH_LONG {
        limit / 2
    } else if took < STRETCH_SHORT {
        limit.saturating_mul(2)
    } else {
        limit
    };
    next.clamp(1, limits::AUDIT_STRETCH_MAX)
}
