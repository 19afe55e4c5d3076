//! Gives back the stock of abandoned checkouts, after asking orders.

use futures_util::future::join_all;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::{Error, Outcome};
use crate::limits;
use crate::time::Timestamp;

use super::Catalog;
use super::end_hold::{Ending, ending};
use super::ports::CatalogWrite;
use super::stock::{Hold, Standing};

impl Catalog {
    /// Asks orders about up to `limit` holds past their expiry. Ends those that no live order stands
    /// on and answers how many; asks about the others again later. No answer, no release.
    ///
    /// # Errors
    /// The first failure, after every other hold was dealt with.
    pub async fn sweep_holds(&self, limit: u32) -> Outcome<usize> {
        let now = self.clock.now();
        let expired = self.store.expired_holds(now, limit).await?;
        let swept = join_all(expired.iter().map(|hold| self.sweep(hold, now))).await;
        let ended: Vec<bool> = swept.into_iter().collect::<Outcome<_>>()?;
        Ok(ended.into_iter().filter(|ended| *ended).count())
    }

    async fn sweep(&self, hold: &Hold, now: Timestamp) -> Outcome<bool> {
        let standing = self.orders.standing(hold.key, hold.generation).await?;
        let (ends, writes) = match standing {
            Standing::Nobody => (true, ending(hold, Ending::Expired, &self.ids, now)),
            Standing::Live(_) => {
                let again = now.plus(limits::HOLD_MARGIN);
                (false, vec![CatalogWrite::PostponeHold(hold.key, hold.generation, again)])
            }
        };
        match self.store.commit(ChangeSet::of(writes)).await {
            Ok(()) => Ok(ends),
            // Its order ended it meanwhile.
            Err(CommitError::Refused(CommitRefusal::Stale(_))) => Ok(false),
            Err(error) => Err(Error::from(error)),
        }
    }
}
