//! What an operator sees and says, under `/api/operations`.

use commerce_core::Timestamp;
use commerce_core::commerce::Context;
use commerce_core::events::{Backlog, DeadLetter, Envelope, Letter, Unreadable};
use commerce_core::notifications::{Rendered, Template};
use commerce_core::text::Email;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far an outbox is behind.
#[derive(Serialize, ToSchema)]
#[schema(as = Backlog)]
pub struct BacklogView {
    #[schema(value_type = String, example = "orders")]
    context: Context,
    /// Events that are not published yet.
    waiting: u64,
    /// When the oldest of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// Mails and webhooks that wait for a word, after a restore.
    held: usize,
}

impl BacklogView {
    /// Of one context.
    #[must_use]
    pub fn of(context: Context, Backlog { waiting, oldest }: Backlog, held: usize) -> Self {
        Self { context, waiting, oldest, held }
    }
}

/// An event that a consumer could not handle, or what lies at the broker and is none that this program knows.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct LetterView {
    consumer: String,
    /// By what it is named: the event's id, or the broker's id of what cannot be read.
    id: String,
    /// The event; none where it cannot be read.
    #[schema(value_type = Option<Object>)]
    event: Option<Envelope>,
    /// The beginning of what cannot be read.
    text: Option<String>,
    /// Why.
    reason: String,
    /// How often it was received.
    receives: u32,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Letter> for LetterView {
    fn from(letter: Letter) -> Self {
        let id = letter.id().to_string();
        match letter {
            Letter::Event(DeadLetter { consumer, event, reason, receives, at }) => {
                Self { consumer, id, event: Some(event), text: None, reason, receives, at }
            }
            Letter::Unreadable(Unreadable { consumer, id: _, text, reason, receives, at }) => {
                Self { consumer, id, event: None, text: Some(text), reason, receives, at }
            }
        }
    }
}

/// What came of bringing a letter to its consumer again.
#[derive(Serialize, ToSchema)]
#[schema(as = Redriven)]
pub struct RedrivenView {
    /// Whether it was recorded; the letter is gone then.
    pub redriven: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A mail from sample data.
#[derive(Serialize, ToSchema)]
#[schema(as = MailPreview)]
pub struct PreviewView {
    subject: String,
    html: String,
    text: String,
}

impl From<Rendered> for PreviewView {
    fn from(Rendered { subject, html, text }: Rendered) -> Self {
        Self { subject, html, text }
    }
}

/// A test mail that was handed over.
#[derive(Serialize, ToSchema)]
#[schema(as = TestMailSent)]
pub struct SentView {
    /// To whom.
    #[schema(value_type = String, format = Email)]
    pub to: Email,
    /// Which mail.
    #[schema(value_type = String, example = "welcome")]
    pub template: Template,
}

/// A test mail that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestMail)]
pub struct TestMailBody {
    /// To whom.
    pub to: String,
}

/// How to audit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Audit)]
pub struct AuditBody {
    /// Whether to repair what can be derived, and look again.
    #[serde(default)]
    pub fix: bool,
}

/// A password that staff sets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetPassword)]
pub struct SetPasswordBody {
    /// The password from now on.
    pub password: String,
}

/// Nothing: the path says it all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Nothing)]
pub struct NothingBody {}
