//! Who was erased, against what is still known of her once everybody says that nothing is left.

use crate::error::StoreError;
use crate::ids::{Id, UserId};
use crate::text::Email;
use crate::users::ERASED;

use super::Invariant::{self, Times};
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::keys::dangling;
use super::money::due;
use super::run::Scene;
use super::tables::{ERASURES, NOTIFICATIONS, ORDERS};
use super::told::past;
use super::walks::{Entry, alone};

/// She was erased before now, and is not forgotten by others only for so long.
pub(super) fn erasure(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(ERASURES) else { return };
    past(entry, ERASURES, "erased_at", scene, findings);
    if let Some(at) = row.at("due_at") {
        due(&entry.name, "forgotten", at, scene, findings);
        findings.hold(Times, &entry.name, row.at("erased_at") <= Some(at), "forgotten after she was erased", "before");
    }
}

impl Eyes<'_> {
    /// Who was erased is, and once others have forgotten her nothing of hers is personal.
    pub(super) async fn erasures(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let erasures = || pages.of(ERASURES).iter();
        let people = self.people(erasures().map(|row| row.cell(walk.key).clone()).collect()).await?;
        let mut found = Vec::new();
        for row in erasures() {
            let (user, name) = (row.cell(walk.key), row.cell(walk.name).to_string());
            match people.get(user) {
                None => found.push((user.clone(), dangling(&name, "a user", user))),
                Some(person) if !is_nobody(person) => found.push((user.clone(), left(name, "somebody", "who is there"))),
                Some(_) => {}
            }
        }
        let forgotten = || erasures().filter(|row| *row.cell("due_at") == Cell::Null);
        let buyers: Vec<Cell> = forgotten().map(|row| row.cell(walk.key).clone()).collect();
        if buyers.is_empty() {
            return Ok(found);
        }
        let orders = self.books.orders.look_up(&alone(ORDERS, "user_id", "number"), &buyers).await?;
        let personal = orders.of(ORDERS).iter().filter(|row| !is_anonymous(row));
        found.extend(
            personal.map(|row| (row.cell("user_id").clone(), left(row.cell("number").to_string(), "an order", "of somebody"))),
        );
        for (user, id) in forgotten().filter_map(|row| Some((row.cell(walk.key), row.id(walk.key)?))) {
            let told = [Cell::from(id.to_string().as_str())];
            let messages = self.books.notifications.look_up(&alone(NOTIFICATIONS, "recipient", "id"), &told).await?;
            let nobody = Email::erased(UserId::from_uuid(id));
            let named =
                messages.of(NOTIFICATIONS).iter().filter(|row| row.text("address").is_some_and(|it| it != nobody.as_str()));
            found.extend(named.map(|row| (user.clone(), left(row.cell("id").to_string(), "a message", "to a mail address"))));
        }
        Ok(found)
    }
}

fn left(entity: String, what: &str, of: &str) -> Violation {
    Violation::new(Invariant::Erased, entity, format!("nothing of who was erased in {what}"), of)
}

/// Whether this is a user or a guest of whom only the identity is left.
pub(super) fn is_nobody(person: &Row) -> bool {
    person.id("id").is_some_and(|id| person.text("email") == Some(Email::erased(UserId::from_uuid(id)).as_str()))
}

/// Whether an order says nothing personal.
pub(super) fn is_anonymous(order: &Row) -> bool {
    goes_nowhere(order) && order.text("metadata") == Some("{}")
}

/// Whether what stands for a forgotten address is where an order goes.
pub(super) fn goes_nowhere(order: &Row) -> bool {
    let stands = |column| order.text(column) == Some(ERASED);
    let known = ["ship_full_name", "ship_line1", "ship_city", "ship_postal_code"].into_iter().all(stands);
    let nothing = *order.cell("ship_line2") == Cell::Null && *order.cell("ship_phone") == Cell::Null;
    known && nothing
}
