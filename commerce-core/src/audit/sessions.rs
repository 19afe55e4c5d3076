//! Sessions against the users whose they are, and against what staff did to them.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::error::StoreError;
use crate::limits;
use crate::staff::StaffAction;

use super::Invariant::{StaffLog, Times};
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::tables::{SESSIONS, STAFF_LOG, USERS};
use super::walks::alone;

impl Eyes<'_> {
    /// A session began when its user was there. More cannot be known of whose it is: no other row names both.
    pub(super) async fn sessions(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let rows = || pages.of(SESSIONS).iter();
        let users: BTreeSet<Cell> = rows().map(|row| row.cell("user_id").clone()).collect();
        let users = self.rows(&*self.books.users, &alone(USERS, "id", "id"), users).await?;
        let mut suspicions = Vec::new();
        for row in rows() {
            let Some(user) = users.get(row.cell("user_id")) else { continue };
            let began = row.at("created_at").map(|at| at.plus(limits::AUDIT_CLOCKS_APART));
            if user.at("created_at") > began {
                let name = row.cell(walk.name).to_string();
                let violation =
                    Violation::new(Times, name, "a session since she is there".to_owned(), "an earlier one".to_owned());
                suspicions.push((row.cell(walk.key).clone(), violation));
            }
        }
        Ok(suspicions)
    }

    /// A session that staff ended is of whom the log says.
    pub(super) async fn ended_sessions(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let ended = || pages.of(STAFF_LOG).iter().filter_map(|row| Some((row, Cell::from(session_of(row)?))));
        let known = ended().map(|(_, session)| session).collect();
        let known = self.rows(&*self.books.users, &alone(SESSIONS, "id", "id"), known).await?;
        let mut suspicions = Vec::new();
        for (row, session) in ended() {
            let Some(found) = known.get(&session).map(|session| session.cell("user_id")) else { continue };
            if found != row.cell("subject_id") {
                let (name, expected) = (row.cell(walk.name).to_string(), format!("a session of {}", row.cell("subject_id")));
                let violation = Violation::new(StaffLog, name, expected, found.to_string());
                suspicions.push((row.cell(walk.key).clone(), violation));
            }
        }
        Ok(suspicions)
    }
}

/// The session that an entry says was ended.
fn session_of(entry: &Row) -> Option<Uuid> {
    let ended = entry.word("action") == Some(StaffAction::SessionEnded);
    let detail: serde_json::Value = entry.json("detail").filter(|_| ended)?;
    detail.get("session")?.as_str()?.parse().ok()
}
