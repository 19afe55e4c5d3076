//! The rows of users and notifications as their tables hold them.

use crate::audit::books::{Cell, Row};
use crate::audit::tables::{
    ADDRESSES, ERASURES, GUESTS, NOTIFICATIONS, SESSIONS, STAFF_LOG, TOKENS, USERS, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS,
};
use crate::ids::Id;

use super::books::{Sheets, row, text};
use super::{notifications, users};

impl Sheets for users::Rows {
    fn sheets(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for it in self.users.values() {
            let user = row![USERS; it.id.uuid(), it.email.as_str(), it.full_name.as_str(), it.phone.as_deref(), it.role.as_str(),
                it.seller.map(Id::uuid), it.password_hash.0.as_str(), text(&it.metadata), it.created_at, it.version, Cell::Null];
            rows.push(user.sealed());
        }
        for it in self.guests.values() {
            rows.push(row![GUESTS; it.id.uuid(), it.email.as_str(), it.created_at, it.version, Cell::Null].sealed());
        }
        for it in self.erasures.values() {
            rows.push(row![ERASURES; it.user.uuid(), it.erased_at, it.due_at, Cell::Null].sealed());
        }
        for it in self.addresses.values() {
            let to = &it.postal;
            let address = row![ADDRESSES; it.id.uuid(), it.user.uuid(), to.full_name.as_str(), to.line1.as_str(),
                to.line2.as_deref(), to.city.as_str(), to.state.as_deref(), to.postal_code.as_str(), to.country.as_str(),
                to.phone.as_deref(), i64::from(it.is_default), it.created_at, Cell::Null];
            rows.push(address.sealed());
        }
        for it in self.sessions.values() {
            let session = row![SESSIONS; it.id.uuid(), it.user.uuid(), it.created_at, it.last_used_at, it.revoked_at, Cell::Null];
            rows.push(session.sealed());
        }
        for it in self.tokens.values() {
            let token = row![TOKENS; Cell::Blob(it.hash.to_vec()), it.session.uuid(), it.created_at, it.rotated_at, it.user.uuid(),
                Cell::Null];
            rows.push(token.sealed());
        }
        for it in self.staff_log.values() {
            let told = &it.told;
            rows.push(row![STAFF_LOG; it.position, told.at, told.actor.map(Id::uuid), told.action.as_str(), told.subject.id,
                told.detail.as_str(), Cell::Blob(it.previous.to_vec()), Cell::Blob(it.hash.to_vec()), told.subject.kind.as_str(),
                told.event.map(Id::uuid)]);
        }
        rows
    }
}

impl Sheets for notifications::Rows {
    fn sheets(&self) -> Vec<Row> {
        let row = |it: &crate::notifications::Notification| {
            let (recipient, address) = (it.recipient.key(), it.address.as_ref().map(crate::text::Email::as_str));
            let message = row![NOTIFICATIONS; it.id.uuid(), it.event.uuid(), it.kind.as_str(), it.template.as_str(), recipient.as_str(), address,
                it.data.as_str(), it.status.as_str(), it.tries, it.due_at, it.error.as_deref(), it.created_at, it.sent_at,
                i64::from(it.maybe_twice), it.version, it.traceparent.as_deref(), it.held_at, Cell::Null];
            message.sealed()
        };
        let endpoint = |it: &crate::notifications::WebhookEndpoint| {
            let former = it.former.as_ref();
            let endpoint = row![WEBHOOK_ENDPOINTS; it.id.uuid(), it.url.as_str(), text(&it.events.names()), it.secret.expose(),
                former.map(|(secret, _)| secret.expose()), former.map(|(_, until)| *until), it.status.as_str(),
                it.reason.as_deref(), it.failing_since, it.created_at, it.updated_at, it.version, Cell::Null];
            endpoint.sealed()
        };
        let delivery = |it: &crate::notifications::WebhookDelivery| {
            let delivery = row![WEBHOOK_DELIVERIES; it.id.uuid(), it.endpoint.uuid(), it.event.uuid(), it.kind.as_str(), it.occurred_at,
                it.data.as_str(), it.status.as_str(), it.tries, it.due_at, it.held_at, it.answered.map(i64::from),
                it.error.as_deref(), it.created_at, it.delivered_at, it.traceparent.as_deref(), it.version, Cell::Null];
            delivery.sealed()
        };
        let mut rows: Vec<Row> = self.notifications.values().map(row).collect();
        rows.extend(self.endpoints.values().map(endpoint));
        rows.extend(self.deliveries.values().map(delivery));
        rows
    }
}
