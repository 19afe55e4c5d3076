//! Who is told what, and what the transport took.

use super::Books;
use crate::change::ChangeSet;
use crate::ids::Id;
use crate::notifications::{
    DeliveryStatus, Mail, Notification, NotificationStatus, NotificationWrite, Recipient, WebhookDelivery,
};

use super::super::situations::Situation;

impl Books {
    pub(super) fn notifications(&mut self, changes: &ChangeSet<NotificationWrite>, met: &mut Vec<Situation>) {
        self.common(changes);
        for write in &changes.writes {
            match write {
                NotificationWrite::Insert(new) => self.recorded(new),
                NotificationWrite::Update(new) => self.went_on(new, met),
                NotificationWrite::InsertEndpoint(new) => {
                    self.endpoints.insert(new.id);
                }
                NotificationWrite::UpdateEndpoint(new) => {
                    let known = self.endpoints.contains(&new.id);
                    self.must(known, || format!("webhook endpoint {} changed and was never made", new.id));
                }
                NotificationWrite::InsertDelivery(new) => self.delivery_recorded(new),
                NotificationWrite::UpdateDelivery(new) => self.delivery_went_on(new, met),
            }
        }
    }

    /// The same event, template and recipient again is the same: the store keeps the first.
    fn recorded(&mut self, new: &Notification) {
        let same = |old: &Notification| (old.event, old.template, old.recipient) == (new.event, new.template, new.recipient);
        if self.notifications.values().any(same) {
            return;
        }
        let caused = self.said.contains_key(&new.event);
        self.must(caused, || format!("{} tells of an event that was never said", new.id));
        self.notifications.insert(new.id, new.clone());
    }

    /// One delivery of one event to one endpoint: the store keeps the first.
    fn delivery_recorded(&mut self, new: &WebhookDelivery) {
        if self.deliveries.values().any(|old| (old.endpoint, old.event) == (new.endpoint, new.event)) {
            return;
        }
        let (caused, wanted) = (self.said.contains_key(&new.event), self.endpoints.contains(&new.endpoint));
        self.must(caused, || format!("webhook delivery {} tells of an event that was never said", new.id));
        self.must(wanted, || format!("webhook delivery {} goes to nobody", new.id));
        self.deliveries.insert(new.id, new.clone());
    }

    fn delivery_went_on(&mut self, new: &WebhookDelivery, met: &mut Vec<Situation>) {
        let id = new.id;
        let Some(before) = self.deliveries.insert(id, new.clone()) else {
            return self.must(false, || format!("webhook delivery {id} changed and was never recorded"));
        };
        self.must(new.version == before.version.saturating_add(1), || {
            format!("webhook delivery {id} went from version {} to {}", before.version, new.version)
        });
        let same = (before.endpoint, before.event, &before.data) == (new.endpoint, new.event, &new.data);
        self.must(same, || format!("webhook delivery {id} is another one than it was"));
        if new.status == DeliveryStatus::Delivered {
            met.push(Situation::WebhookDelivered);
        }
    }

    fn went_on(&mut self, new: &Notification, met: &mut Vec<Situation>) {
        let id = new.id;
        let Some(before) = self.notifications.insert(id, new.clone()) else {
            return self.must(false, || format!("notification {id} changed and was never recorded"));
        };
        self.must(new.version == before.version.saturating_add(1), || {
            format!("notification {id} went from version {} to {}", before.version, new.version)
        });
        let open = matches!(before.status, NotificationStatus::Pending | NotificationStatus::Sending);
        self.must(open, || format!("notification {id} was {} and is {}", before.status, new.status));
        let handed_over = self.mails.get(&id).is_some_and(|mail| mail.accepted > 0);
        self.must(new.status != NotificationStatus::Sent || handed_over, || format!("notification {id} is sent without a mail"));
        if new.maybe_twice && !before.maybe_twice {
            met.push(Situation::MailMaybeTwice);
        }
    }

    /// A mail is accepted only while its notification says that it is being sent, to its own
    /// recipient; and again only when its acceptance was not heard or the notification says so.
    pub(super) fn mailed(&mut self, mail: &Mail, told: bool, met: &mut Vec<Situation>) {
        let id = mail.id;
        self.effect = id.uuid().as_u128();
        let entry = self.mails.entry(id).or_default();
        entry.accepted = entry.accepted.saturating_add(1);
        let excused = entry.untold;
        let accepted = entry.accepted;
        if !told {
            entry.untold = entry.untold.saturating_add(1);
        }
        let Some(known) = self.notifications.get(&id) else {
            return self.must(false, || format!("mail {id} was sent and never recorded"));
        };
        let (status, flagged, recipient) = (known.status, known.maybe_twice, known.recipient);
        self.must(status == NotificationStatus::Sending, || format!("mail {id} was sent while {status}"));
        if accepted > 1 {
            met.push(Situation::MailAcceptedAgain);
            self.must(flagged || accepted <= excused.saturating_add(1), || format!("mail {id} was sent {accepted} times"));
        }
        if let Recipient::User(user) = recipient {
            let guest = self.guests.get(&user).map(|guest| &guest.email);
            let email = self.users.get(&user).map(|user| &user.email).or(guest);
            let hers = email == Some(&mail.to);
            self.must(hers, || format!("mail {id} went to somebody else"));
        }
    }
}
