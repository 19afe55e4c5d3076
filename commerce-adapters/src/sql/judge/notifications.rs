//! Judges what the notifications context writes.

use commerce_core::Timestamp;
use commerce_core::change::CommitRefusal;
use commerce_core::ids::{EventId, NotificationId};
use commerce_core::notifications::{Notification, NotificationWrite, Recipient, Template};

use super::{Judge, judge_free, judge_version};
use crate::sql::table::Table;

/// A notification as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct NotificationRow<'a> {
    pub(crate) version: u64,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a Notification>,
}

/// The rows of the notifications database that a batch works on.
#[derive(Default)]
pub(crate) struct NotificationJudge<'a> {
    pub(crate) notifications: Table<NotificationId, NotificationRow<'a>>,
    /// Who was told what about which event.
    pub(crate) told: Table<(EventId, Template, Recipient), NotificationId>,
}

impl<'a> Judge<'a, NotificationWrite> for NotificationJudge<'a> {
    fn judge(&mut self, writes: &'a [NotificationWrite], _: Timestamp) -> Result<(), CommitRefusal> {
        for write in writes {
            match write {
                NotificationWrite::Insert(new) => {
                    let name = (new.event, new.template, new.recipient);
                    if self.told.get(&name).is_some() {
                        continue;
                    }
                    judge_free("id", self.notifications.get(&new.id).is_some())?;
                    self.told.set(name, new.id);
                    self.notifications.set(new.id, NotificationRow { version: new.version, write: Some(new) });
                }
                NotificationWrite::Update(new) => {
                    let stored = self.notifications.get(&new.id).map(|row| row.version);
                    judge_version("notification", stored, new.version)?;
                    self.notifications.set(new.id, NotificationRow { version: new.version, write: Some(new) });
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self) {
        self.notifications.keep();
        self.told.keep();
    }

    fn undo(&mut self) {
        self.notifications.undo();
        self.told.undo();
    }
}
