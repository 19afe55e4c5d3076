//! What buyers and staff have in common: a login, and a pen.

use std::time::Duration;

use serde_json::{Value, json};

use super::history::{Action, Call, History, Outcome, Person, Violation};
use super::wire::{Answer, Ask, Heard, Wire};

/// How long somebody tries to get an answer before giving up.
pub(crate) const TRIES_FOR: Duration = Duration::from_mins(2);
/// How often everybody logs in anew: before a token is too old, so that a 401 is always a defect.
const LOGIN_EVERY: Duration = Duration::from_mins(10);
/// Refusals that any change may meet: others were quicker.
const ALWAYS: &[&str] = &["CONFLICT"];
/// Names carry this and the buyer's own mark; nobody else may ever read it.
pub(crate) const CANARY: &str = "canary-";

/// Somebody at the server's door.
#[derive(Clone)]
pub(crate) struct Caller {
    pub wire: Wire,
    pub history: History,
    /// For the history.
    pub name: String,
    /// What only she and staff may read.
    pub mark: String,
    pub email: String,
    password: String,
    pub user: String,
    pub token: String,
    /// When she logged in.
    since: Duration,
}

impl Caller {
    /// Somebody who is not known yet. `run` makes her mail address unlike those of other runs.
    pub(crate) fn new(wire: Wire, history: History, run: &str, number: u32) -> Self {
        let name = format!("buyer {number}");
        let email = format!("torture-{run}-{number}@example.com");
        let (mark, password) = (format!("{CANARY}{run}-{number}."), format!("torture-{run}-password"));
        Self { wire, history, name, mark, email, password, user: String::new(), token: String::new(), since: Duration::ZERO }
    }

    /// Staff who logs in with a password.
    pub(crate) fn staff(wire: Wire, history: History, email: String, password: String) -> Self {
        let (name, mark) = ("staff".to_owned(), String::new());
        Self { wire, history, name, mark, email, password, user: String::new(), token: String::new(), since: Duration::ZERO }
    }

    /// Staff who has logged in.
    pub(crate) fn with_token(wire: Wire, history: History, token: String) -> Self {
        Self { token, ..Self::staff(wire, history, String::new(), String::new()) }
    }

    /// Registers, again and again until it is answered.
    pub(crate) async fn register(&mut self) -> bool {
        let body = json!({ "email": self.email, "password": self.password, "fullName": format!("Torture {}", self.mark) });
        let answer = self.until_answered(Action::Register, &Ask::post("/api/users", &body), &["EMAIL_TAKEN"]).await;
        answer.is_some() && self.login().await
    }

    /// Logs in.
    pub(crate) async fn login(&mut self) -> bool {
        let body = json!({ "email": self.email, "password": self.password });
        let answer = self.until_answered(Action::Login, &Ask::post("/api/auth/login", &body), &[]).await;
        let Some(answer) = answer.filter(Answer::is_done) else { return false };
        (self.token, self.user) = (answer.text_at("/accessToken").to_owned(), answer.text_at("/user/id").to_owned());
        self.since = self.history.now();
        true
    }

    /// Tells the history who this is.
    pub(crate) fn sign_in_book(&self) {
        let person = Person { id: self.user.clone(), email: self.email.clone() };
        self.history.write().people.push(person);
    }

    /// Logs in again before the token becomes too old.
    pub(crate) async fn keep_logged_in(&mut self) {
        if !self.email.is_empty() && self.history.since(self.since) > LOGIN_EVERY {
            self.login().await;
        }
    }

    /// Sends a request once and writes down what came of it.
    pub(crate) async fn send(&self, action: Action, ask: &Ask, allowed: &[&str]) -> Heard {
        let sent = self.history.now();
        let heard = self.wire.send(ask).await;
        let outcome = match &heard {
            Heard::Answer(answer) if answer.is_done() => Outcome::Acknowledged,
            Heard::Answer(answer) => Outcome::Refused(answer.status, answer.code.clone(), answer.retry_after),
            Heard::Nothing(why) => Outcome::Unknown(why.clone()),
        };
        let what = format!("{} {}", ask.method, ask.path);
        if let Heard::Answer(answer) = &heard {
            self.judge(&what, answer, allowed);
        }
        let call = Call { action, who: self.name.clone(), what, sent, heard: self.history.now(), outcome };
        self.history.write().calls.push(call);
        heard
    }

    /// Sends a request until it is answered for good. A shop that is down or busy is asked again.
    pub(crate) async fn until_answered(&self, action: Action, ask: &Ask, allowed: &[&str]) -> Option<Answer> {
        let begun = self.history.now();
        let mut pause = Duration::from_millis(20);
        while self.history.since(begun) < TRIES_FOR {
            match self.send(action, ask, allowed).await {
                Heard::Answer(answer) if answer.is_final() => return Some(answer),
                Heard::Answer(_) | Heard::Nothing(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_millis(500));
        }
        self.history.violated(Violation::new("NEVER_ANSWERED", format!("{} {}", ask.method, ask.path), "an answer", "none"));
        None
    }

    /// What can be wrong with an answer whoever hears it.
    fn judge(&self, what: &str, answer: &Answer, allowed: &[&str]) {
        let code = answer.code.as_str();
        let known = answer.is_done() || !answer.is_final();
        if !known && !ALWAYS.contains(&code) && !allowed.contains(&code) {
            let expected = if allowed.is_empty() { "success".to_owned() } else { format!("success or {}", allowed.join(", ")) };
            let found = format!("{} {}", answer.status, told(answer));
            self.history.violated(Violation::new("UNEXPECTED_ANSWER", format!("{what} of {}", self.name), expected, found));
        }
        if !self.mark.is_empty() {
            let foreign = answer.text.match_indices(CANARY).find(|(at, _)| !answer.text[*at..].starts_with(&self.mark));
            if let Some((at, _)) = foreign {
                let found: String = answer.text[at..].chars().take(60).collect();
                self.history.violated(Violation::new("LEAK", format!("{what} of {}", self.name), "only her own things", found));
            }
        }
    }
}

/// A problem in a few words.
pub(crate) fn told(answer: &Answer) -> String {
    let detail = answer.body.get("detail").and_then(Value::as_str).unwrap_or_default();
    format!("{} {detail}", answer.code).trim().to_owned()
}
