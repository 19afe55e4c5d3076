//! The notifications' database: webhook endpoints and what they are told.

use std::collections::BTreeSet;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::audit::tables::{WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS};
use commerce_core::change::ChangeSet;
use commerce_core::error::StoreError;
use commerce_core::events::EventData;
use commerce_core::ids::{Id, WebhookDeliveryId, WebhookEndpointId};
use commerce_core::notifications::{
    DeliveryStatus, NotificationWrite, Subscription, WebhookDelivery, WebhookEndpoint, WebhookReads,
};
use commerce_core::page::{Page, PageRequest};

use super::engine::{Context, Database, Row};
use super::fields::Fields;
use super::script::{Queries, Script};
use super::statements::notifications as sql;
use crate::sql::bulk::{Bulk, RowText, ids, seal_of};
use crate::sql::judge::{DeliveryRow, EndpointRow, Loaded, NotificationJudge};
use crate::sql::question::{Question, below, blob};

/// Asks for the endpoints and deliveries that the batch touches.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, NotificationJudge<'a>>>, sets: &[&'a ChangeSet<NotificationWrite>]) {
    let (mut endpoints, mut deliveries, mut events) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for write in sets.iter().flat_map(|set| &set.writes) {
        match write {
            NotificationWrite::InsertEndpoint(new) | NotificationWrite::UpdateEndpoint(new) => {
                endpoints.insert(new.id);
            }
            NotificationWrite::InsertDelivery(new) => {
                deliveries.insert(new.id);
                events.insert(new.event);
            }
            NotificationWrite::UpdateDelivery(new) => {
                deliveries.insert(new.id);
            }
            NotificationWrite::Insert(_) | NotificationWrite::Update(_) => {}
        }
    }
    if !endpoints.is_empty() {
        queries.ask(sql::ENDPOINTS_BY_ID, [ids(endpoints).into()], |row, loaded| load_endpoint(row, &mut loaded.judge));
    }
    if !deliveries.is_empty() {
        queries.ask(sql::DELIVERIES_BY_ID, [ids(deliveries).into()], |row, loaded| load_delivery(row, &mut loaded.judge));
    }
    if !events.is_empty() {
        queries.ask(sql::DELIVERIES_BY_EVENT, [ids(events).into()], |row, loaded| load_delivery(row, &mut loaded.judge));
    }
}

/// Writes what was accepted of them.
pub(super) fn write(script: &mut Script, judge: &NotificationJudge<'_>) {
    let endpoints = |stored| {
        let rows = judge.endpoints.written().filter(move |(id, _)| judge.endpoints.is_stored(id) == stored);
        rows.filter_map(|(_, row)| row.write)
    };
    script.bulk(sql::ENDPOINTS_NEW, Bulk::of(endpoints(false), new_endpoint));
    script.bulk(sql::ENDPOINTS_CHANGED, Bulk::of(endpoints(true), new_endpoint));
    let deliveries = |stored| {
        let rows = judge.deliveries.written().filter(move |(id, _)| judge.deliveries.is_stored(id) == stored);
        rows.filter_map(|(_, row)| row.write)
    };
    script.bulk(sql::DELIVERIES_NEW, Bulk::of(deliveries(false), new_delivery));
    script.bulk(sql::DELIVERIES_CHANGED, Bulk::of(deliveries(true), changed_delivery));
}

fn new_endpoint(row: RowText, it: &WebhookEndpoint) -> RowText {
    let former = it.former.as_ref();
    let row = row.id(it.id).text(&it.url).json(&it.events.names()).text(it.secret.expose());
    let row = row.opt_text(former.map(|(secret, _)| secret.expose())).opt_at(former.map(|(_, until)| *until));
    let row = row.text(it.status.as_str()).opt_text(it.reason.as_deref()).opt_at(it.failing_since);
    row.at(it.created_at).at(it.updated_at).count(it.version).seal(WEBHOOK_ENDPOINTS)
}

fn new_delivery(row: RowText, it: &WebhookDelivery) -> RowText {
    whole_delivery(row, it).seal(WEBHOOK_DELIVERIES)
}

fn whole_delivery(row: RowText, it: &WebhookDelivery) -> RowText {
    let row = row.id(it.id).id(it.endpoint).id(it.event).text(it.kind.as_str()).at(it.occurred_at).text(it.data.as_str());
    let row = row.text(it.status.as_str()).int(it.tries).opt_at(it.due_at).opt_at(it.held_at).opt_int(it.answered);
    let row = row.opt_text(it.error.as_deref()).at(it.created_at).opt_at(it.delivered_at);
    row.opt_text(it.traceparent.as_deref()).count(it.version)
}

/// What it is about never changes, only how far it is.
fn changed_delivery(row: RowText, it: &WebhookDelivery) -> RowText {
    let row = row.id(it.id).text(it.status.as_str()).int(it.tries).opt_at(it.due_at).opt_at(it.held_at).opt_int(it.answered);
    let row = row.opt_text(it.error.as_deref()).opt_at(it.delivered_at).count(it.version);
    row.hash(&seal_of(WEBHOOK_DELIVERIES, |row| whole_delivery(row, it)))
}

fn load_endpoint(row: &Row, judge: &mut NotificationJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, NotificationWrite::COMMIT);
    let version = fields.count("version")?;
    judge.endpoints.load([(fields.id("id")?, EndpointRow { version, write: None })]);
    Ok(())
}

fn load_delivery(row: &Row, judge: &mut NotificationJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, NotificationWrite::COMMIT);
    let id = fields.id("id")?;
    judge.delivered.load([((fields.id("endpoint_id")?, fields.id("event_id")?), id)]);
    judge.deliveries.load([(id, DeliveryRow { version: fields.count("version")?, write: None })]);
    Ok(())
}

fn read_endpoint(row: &Row, operation: &'static str) -> Result<WebhookEndpoint, StoreError> {
    let fields = Fields::of(row, operation);
    let names: Vec<String> = fields.json("events")?;
    let former = match (fields.opt_parse("former_secret")?, fields.opt_at("former_until")?) {
        (Some(secret), Some(until)) => Some((secret, until)),
        (None, None) => None,
        _ => return Err(fields.corrupt("a former secret without its end")),
    };
    Ok(WebhookEndpoint {
        id: fields.id("id")?,
        url: fields.text("url")?,
        events: Subscription::parse(&names).ok_or_else(|| fields.corrupt("events that are none"))?,
        secret: fields.parse("secret")?,
        former,
        status: fields.parse("status")?,
        reason: fields.opt_text("reason")?,
        failing_since: fields.opt_at("failing_since")?,
        created_at: fields.at("created_at")?,
        updated_at: fields.at("updated_at")?,
        version: fields.count("version")?,
    })
}

fn read_delivery(row: &Row, operation: &'static str) -> Result<WebhookDelivery, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(WebhookDelivery {
        id: fields.id("id")?,
        endpoint: fields.id("endpoint_id")?,
        event: fields.id("event_id")?,
        kind: fields.parse("kind")?,
        occurred_at: fields.at("occurred_at")?,
        data: EventData::kept(fields.str("data")?),
        status: fields.parse("status")?,
        tries: fields.count("tries")?,
        due_at: fields.opt_at("due_at")?,
        held_at: fields.opt_at("held_at")?,
        answered: fields.opt_count("answered")?,
        error: fields.opt_text("error")?,
        created_at: fields.at("created_at")?,
        delivered_at: fields.opt_at("delivered_at")?,
        traceparent: fields.opt_text("traceparent")?,
        version: fields.count("version")?,
    })
}

#[async_trait]
impl WebhookReads for Database<NotificationWrite> {
    async fn webhook_endpoint(&self, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError> {
        const OPERATION: &str = "webhooks.endpoint";
        let query = Question::of("SELECT * FROM webhook_endpoints WHERE id = ?").bind(blob(id.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_endpoint(&row, OPERATION)).transpose()
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StoreError> {
        const OPERATION: &str = "webhooks.endpoints";
        let query = Question::frequent("SELECT * FROM webhook_endpoints ORDER BY id DESC");
        let rows = self.rows(OPERATION, query).await?;
        rows.iter().map(|row| read_endpoint(row, OPERATION)).collect()
    }

    async fn webhook_delivery(&self, id: WebhookDeliveryId) -> Result<Option<WebhookDelivery>, StoreError> {
        const OPERATION: &str = "webhooks.delivery";
        let query = Question::of("SELECT * FROM webhook_deliveries WHERE id = ?").bind(blob(id.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_delivery(&row, OPERATION)).transpose()
    }

    async fn webhook_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, StoreError> {
        const OPERATION: &str = "webhooks.deliveries";
        let query = Question::of("SELECT * FROM webhook_deliveries WHERE endpoint_id = ? AND id < ?").shown();
        let query = query.bind(blob(endpoint.uuid())).bind(below(page));
        let query = query.when(" AND status = ?", status.map(DeliveryStatus::as_str));
        let query = query.then(" ORDER BY id DESC LIMIT ?").bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let entries = rows.iter().map(|row| read_delivery(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(entries, page, |entry: &WebhookDelivery| entry.id.uuid()))
    }

    async fn webhooks_due(
        &self,
        endpoint: WebhookEndpointId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        const OPERATION: &str = "webhooks.due";
        const SQL: &str = "SELECT * FROM webhook_deliveries WHERE endpoint_id = ? AND due_at IS NOT NULL AND due_at <= ?
            ORDER BY due_at, id LIMIT ?";
        let query = Question::of(SQL).bind(blob(endpoint.uuid())).bind(now.as_micros()).bind(limit);
        let rows = self.rows(OPERATION, query).await?;
        rows.iter().map(|row| read_delivery(row, OPERATION)).collect()
    }

    async fn webhooks_held(&self, limit: u32) -> Result<Vec<WebhookDelivery>, StoreError> {
        const OPERATION: &str = "webhooks.held";
        const SQL: &str = "SELECT * FROM webhook_deliveries WHERE held_at IS NOT NULL ORDER BY id LIMIT ?";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(limit)).await?;
        rows.iter().map(|row| read_delivery(row, OPERATION)).collect()
    }
}
