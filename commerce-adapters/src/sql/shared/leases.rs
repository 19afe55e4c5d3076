//! Leases as they are written: under which epoch somebody takes one, and the seal of its row.

use commerce_core::Timestamp;
use commerce_core::audit::tables::LEASES;
use commerce_core::limits;
use uuid::Uuid;

use crate::sql::bulk::seal_of;
use crate::sql::question::blob;

/// Who holds a lease, under which epoch, and until when; nothing once it was given back.
pub(super) type Held = (Vec<u8>, i64, Option<i64>);

/// The epoch under which `owner` takes or renews what is found like this; none while somebody else holds it.
pub(super) fn next_epoch(found: Option<Held>, owner: Uuid, now: Timestamp) -> Option<i64> {
    let Some((holder, epoch, until)) = found else { return Some(1) };
    if holder == blob(owner) {
        return Some(epoch);
    }
    let latest = now.plus(limits::LEASE_MAX).as_micros();
    let is_held = until.is_some_and(|until| now.as_micros() < until && until <= latest);
    (!is_held).then(|| epoch.saturating_add(1))
}

/// The seal of a lease.
pub(super) fn lease_seal(name: &str, owner: Uuid, epoch: i64, until: Option<Timestamp>) -> Vec<u8> {
    seal_of(LEASES, |row| row.text(name).uuid(owner).int(epoch).opt_at(until)).to_vec()
}
