//! Sealed rows against their seals: what was changed in one behind the back of the shop.

use super::Invariant::Sealed;
use super::books::{Row, SEAL};
use super::findings::Findings;

/// A sealed row holds what was sealed.
pub(super) fn unbroken(name: &str, row: &Row, findings: &mut Findings) {
    if row.table().is_sealed() {
        let fits = row.bytes(SEAL) == Some(row.seal().as_slice());
        findings.hold(Sealed, name, fits, format_args!("a row of {} as it was written", row.table().name), "another");
    }
}
