//! Mails as files that any mail program opens: `DIR/<yyyy-mm-dd>/<id>.eml`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
    kept: Arc<Kept>,
}

impl FileMailer {
    /// Below `directory`, which is made when the first mail comes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), kept: Arc::default() }
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
        let (directory, name, kept) = (self.of_day(mail.at), mail.id.to_string(), Arc::clone(&self.kept));
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &bytes, &kept));
        written.await.map_err(|panicked| StoreError::new(StoreErrorKind::Internal, OPERATION, panicked))??;
        Ok(Handover::Accepted)
    }

    fn is_idempotent(&self) -> bool {
        true
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
fn write(directory: &Path, name: &str, bytes: &[u8], kept: &Kept) -> Result<(), StoreError> {
    let draft = directory.join(format!(".{name}.draft"));
    let written = (|| {
        let mut file = create(&draft, directory)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&draft, directory.join(format!("{name}.eml")))?;
        kept.keep(directory)
    })();
    written.map_err(|error| storage_error(OPERATION, directory, &error))
}

fn create(file: &Path, directory: &Path) -> io::Result<File> {
    match File::create(file) {
        Err(missing) if missing.kind() == ErrorKind::NotFound => {
            make_private(directory)?;
            File::create(file)
        }
        created => created,
    }
}

/// Which names of files the disk keeps: those that are there when it is asked, so that it is asked once for all who wait.
#[derive(Default)]
struct Kept {
    /// Turns given out, each after its file had its name.
    turns: AtomicU64,
    /// Up to which turn the disk keeps the names in this folder.
    until: Mutex<(PathBuf, u64)>,
}

impl Kept {
    fn keep(&self, directory: &Path) -> io::Result<()> {
        let mine = self.turn();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.0 == directory && until.1 >= mine {
            return Ok(());
        }
        let before = self.turns.load(Ordering::SeqCst);
        File::open(directory)?.sync_all()?;
        *until = (directory.to_owned(), before);
        Ok(())
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst).saturating_add(1)
    }
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

    #[test]
    fn a_name_is_kept_once_for_all_who_wait_and_by_a_disk_that_was_asked_after_it() {
        let (day, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let kept = Kept::default();
        let [_, second] = [kept.turn(), kept.turn()];
        kept.keep(day.path()).unwrap();
        let until = |kept: &Kept| kept.until.lock().unwrap().clone();
        assert_eq!(until(&kept), (day.path().to_owned(), second + 1), "those before are kept with it");
        kept.keep(next.path()).unwrap();
        assert_eq!(until(&kept), (next.path().to_owned(), second + 2));
        let gone = day.path().to_owned();
        day.close().unwrap();
        assert!(kept.keep(&gone).is_err(), "what is kept of another day says nothing of this one");
        assert_eq!(until(&kept), (next.path().to_owned(), second + 2), "a disk that failed keeps nothing");
    }

    #[tokio::test]
    async fn mails_at_once_are_all_there() {
        let directory = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(directory.path().join("mail"));
        let mails: Vec<_> = (0..40_u128).map(|n| Mail { id: Id::from_uuid(uuid::Uuid::from_u128(n)), ..mail() }).collect();
        let sent = futures_util::future::join_all(mails.iter().map(|mail| mailer.send(mail))).await;
        assert!(sent.iter().all(|sent| matches!(sent, Ok(Handover::Accepted))), "{sent:?}");
        let files = files(&directory.path().join("mail"));
        assert_eq!(files.len(), 40);
        assert!(!files.iter().any(|file| file.contains("draft")), "{files:?}");
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
