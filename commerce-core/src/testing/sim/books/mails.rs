//! Who is told what, and what the transport took.

use super::Books;
use crate::change::ChangeSet;
use crate::events::EventKind;
use crate::ids::Id;
use crate::notifications::{
    DeliveryStatus, Mail, Notification, NotificationStatus, NotificationWrite, Recipient, Template, WebhookDelivery,
};
use crate::orders::OrderFacts;
use crate::text::Email;

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
        let gone = matches!(new.recipient, Recipient::User(user) if self.is_gone(user));
        let named = |it: &Notification| (it.address.clone(), it.error.clone(), it.data.clone());
        let forgotten = gone && new.status == before.status && new.is_forgotten() && named(new) != named(&before);
        self.must(open || forgotten, || format!("notification {id} was {} and is {}", before.status, new.status));
        let handed_over = self.mails.get(&id).is_some_and(|mail| mail.accepted > 0);
        self.must(new.status != NotificationStatus::Sent || handed_over, || format!("notification {id} is sent without a mail"));
        if new.maybe_twice && !before.maybe_twice {
            met.push(Situation::MailMaybeTwice);
        }
    }

    /// A mail is accepted only while its notification says that it is being sent, to its own
    /// recipient; and again only when its acceptance was not heard or the notification says so. Where it is one mail with
    /// the first, it is accepted while it is to be sent, and again as often as may be.
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
        let marked = status == NotificationStatus::Sending;
        self.must(marked || self.one_mail, || format!("mail {id} was sent while {status}"));
        if accepted > 1 {
            met.push(Situation::MailAcceptedAgain);
            self.must(self.one_mail || flagged || accepted <= excused.saturating_add(1), || {
                format!("mail {id} was sent {accepted} times")
            });
        }
        if let Recipient::User(user) = recipient {
            let guest = self.guests.get(&user).map(|guest| &guest.email);
            let email = self.users.get(&user).map(|user| &user.email).or(guest);
            // On its way when she went, it goes where it was to go.
            let begun = self.notifications.get(&id).and_then(|known| known.address.as_ref()) == Some(&mail.to);
            let hers = email == Some(&mail.to) || (self.is_gone(user) && (begun || self.one_mail));
            self.must(hers, || format!("mail {id} went to somebody else"));
        }
    }

    /// Whether a message to somebody who was erased says no more where it went; none while she is there.
    pub(in crate::testing::sim) fn forgot(&self, told: &Notification) -> Option<bool> {
        match told.recipient {
            Recipient::User(user) if self.is_gone(user) => {
                Some(told.address.as_ref().is_none_or(|address| *address == Email::erased(user)))
            }
            Recipient::User(_) | Recipient::Ops => None,
        }
    }

    /// Every event that causes a mail has caused one, and it is there once.
    pub(in crate::testing::sim) fn judge_mails(&self, mails: &[Mail]) -> Result<(), String> {
        for event in self.said.values().filter(|event| !self.poison.contains(&event.id)) {
            let Some(template) = Template::of(event.kind) else { continue };
            let told: Vec<_> = self.notifications.values().filter(|told| told.event == event.id).collect();
            let [told] = told.as_slice() else {
                return Err(format!("{} {} caused {} notifications", event.kind, event.id, told.len()));
            };
            // Nobody is told of an arrival that was none.
            let none =
                event.kind == EventKind::OrderDelivered && event.data::<OrderFacts>().is_ok_and(|facts| facts.nothing_arrived());
            let gone = self.forgot(told).is_some();
            // Who was erased may have been told before; the mail is forgotten all the same.
            let told_before = gone && told.status == NotificationStatus::Sent;
            let (status, mails_wanted) = match (none || gone, told_before) {
                (_, true) => (NotificationStatus::Sent, 0),
                (true, false) => (NotificationStatus::Suppressed, 0),
                (false, false) => (NotificationStatus::Sent, 1),
            };
            if told.template != template || told.status != status {
                return Err(format!("the mail about {} {} is {}", event.kind, event.id, told.status));
            }
            let count = mails.iter().filter(|mail| mail.id == told.id).count();
            if count != mails_wanted {
                return Err(format!("the mail about {} {} is there {count} times", event.kind, event.id));
            }
        }
        let poisoned = self.said.values().filter(|event| self.poison.contains(&event.id));
        let consumers = poisoned.filter(|event| event.kind == EventKind::OrderCancelled).count() * 2;
        if self.buried.len() != consumers || self.buried.iter().any(|(_, event)| !self.poison.contains(event)) {
            return Err(format!("{:?} are buried, and {consumers} should be", self.buried));
        }
        Ok(())
    }
}
