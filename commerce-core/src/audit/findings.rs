//! Where rules put what they find.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::limits::AUDIT_VIOLATIONS_MAX;

use super::books::Row;
use super::{Invariant, Violation};

/// What was found so far. Keeps a bounded number of violations and counts the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) violations: Vec<Violation>,
    pub(super) counts: BTreeMap<Invariant, u64>,
    pub(super) unsettled: u64,
    pub(super) rows: u64,
}

impl Findings {
    /// A violation, with what should be and what is found.
    pub(super) fn add(&mut self, invariant: Invariant, entity: &str, expected: impl Display, found: impl Display) {
        self.take(Violation::new(invariant, entity, expected.to_string(), found.to_string()));
    }

    /// A violation unless the two are the same.
    #[expect(clippy::needless_pass_by_value, reason = "most callers compare values they have just made")]
    pub(super) fn same<T: PartialEq + Display>(&mut self, invariant: Invariant, entity: &str, what: &str, expected: T, found: T) {
        if expected != found {
            let (expected, found) = (format!("{what} {expected}"), found.to_string());
            self.take(Violation::new(invariant, entity, expected, found));
        }
    }

    /// A violation unless it holds.
    pub(super) fn hold(&mut self, invariant: Invariant, entity: &str, holds: bool, expected: impl Display, found: impl Display) {
        if !holds {
            self.add(invariant, entity, expected, found);
        }
    }

    /// Something is on its way.
    pub(super) fn unsettled(&mut self) {
        self.unsettled = self.unsettled.saturating_add(1);
    }

    /// Every cell that is not what it may be.
    pub(super) fn read(&mut self, entity: &str, row: &Row) {
        for (column, cell) in row.misfits() {
            let what = format!("a {} in {}", column.replace('_', " "), row.table().name);
            self.add(Invariant::Readable, entity, what, cell);
        }
    }

    /// A finding of somebody else.
    pub(super) fn take(&mut self, violation: Violation) {
        let count = self.counts.entry(violation.invariant).or_default();
        *count = count.saturating_add(1);
        if self.violations.len() < AUDIT_VIOLATIONS_MAX {
            self.violations.push(violation);
        }
    }
}
