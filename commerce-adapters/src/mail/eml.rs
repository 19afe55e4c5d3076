//! Mails as files that any mail program opens: `DIR/<yyyy-mm-dd>/<id>.eml`.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::notifications::{Handover, Mail, Mailer, Notification};

use super::message;
use crate::files::{make_private, storage_error};

const OPERATION: &str = "mail.write";

/// Writes every mail to a file of its own. The same mail again is the same file.
pub struct FileMailer {
    directory: PathBuf,
}

impl FileMailer {
    /// Below `directory`, which is made when the first mail comes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    fn of_day(&self, at: Timestamp) -> PathBuf {
        let day: String = at.to_string().chars().take("yyyy-mm-dd".len()).collect();
        self.directory.join(day)
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        let bytes = message::build(mail)?.formatted();
        let (directory, name) = (self.of_day(mail.at), mail.id.to_string());
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &bytes));
        written.await.map_err(|panicked| StoreError::new(StoreErrorKind::Internal, OPERATION, panicked))??;
        Ok(Handover::Accepted)
    }

    /// A mail's date is its message's, so that this finds its file.
    async fn forget(&self, message: &Notification) -> Result<(), StoreError> {
        const OPERATION: &str = "mail.forget";
        let file = self.of_day(message.created_at).join(format!("{}.eml", message.id));
        match tokio::fs::remove_file(&file).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(storage_error(OPERATION, &file, &error)),
            _ => Ok(()),
        }
    }
}

/// Writes the file aside and renames it into place: whoever looks sees a whole mail or none, and
/// once this has answered a power cut does not take it back.
fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let draft = directory.join(format!(".{name}.draft"));
    let written = (|| {
        make_private(directory)?;
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&draft, directory.join(format!("{name}.eml")))?;
        File::open(directory)?.sync_all()
    })();
    written.map_err(|error| storage_error(OPERATION, directory, &error))
}

#[cfg(test)]
mod tests {
    use commerce_core::events::{EventData, EventKind};
    use commerce_core::ids::Id;
    use commerce_core::notifications::{NotificationStatus, Recipient, Template};

    use super::super::message::tests::mail;
    use super::*;

    fn files(directory: &Path) -> Vec<String> {
        let days = fs::read_dir(directory).unwrap().map(|day| day.unwrap().path());
        let files = days.flat_map(|day| fs::read_dir(day).unwrap().map(|file| file.unwrap().path()));
        files.map(|file| file.strip_prefix(directory).unwrap().display().to_string()).collect()
    }

    #[tokio::test]
    async fn the_same_mail_twice_is_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(directory.path().join("mail"));
        for _ in 0..2 {
            assert_eq!(mailer.send(&mail()).await.unwrap(), Handover::Accepted);
        }
        assert_eq!(files(&directory.path().join("mail")), ["2026-03-01/0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b.eml"]);
    }

    #[tokio::test]
    async fn a_forgotten_mail_is_gone_and_again_is_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(directory.path().join("mail"));
        mailer.send(&mail()).await.unwrap();
        let message = message(&mail());
        for _ in 0..2 {
            mailer.forget(&message).await.unwrap();
            assert_eq!(files(&directory.path().join("mail")), [""; 0]);
        }
    }

    /// What the mail was rendered from.
    fn message(mail: &Mail) -> Notification {
        Notification {
            id: mail.id,
            event: Id::from_uuid(mail.id.uuid()),
            kind: EventKind::UserRegistered,
            template: Template::Welcome,
            recipient: Recipient::Ops,
            address: Some(mail.to.clone()),
            data: EventData::of(&()),
            status: NotificationStatus::Sent,
            tries: 1,
            due_at: None,
            held_at: None,
            error: None,
            created_at: mail.at,
            sent_at: Some(mail.at),
            maybe_twice: false,
            traceparent: None,
            version: 3,
        }
    }

    #[tokio::test]
    async fn a_place_that_is_none_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("mail");
        fs::write(&taken, "a file").unwrap();
        let refused = FileMailer::new(&taken).send(&mail()).await.unwrap_err();
        assert!(refused.source.unwrap().to_string().contains("mail"));
    }
}
