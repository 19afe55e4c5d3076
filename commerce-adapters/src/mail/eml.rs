//! Mails as files that any mail program opens: `DIR/<yyyy-mm-dd>/<id>.eml`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::notifications::{Handover, Mail, Mailer};

use super::message;
use crate::files::storage_error;

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
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        let bytes = message::build(mail)?.formatted();
        let day: String = mail.at.to_string().chars().take("yyyy-mm-dd".len()).collect();
        let (directory, name) = (self.directory.join(day), mail.id.to_string());
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &bytes));
        written.await.map_err(|panicked| StoreError::new(StoreErrorKind::Internal, OPERATION, panicked))??;
        Ok(Handover::Accepted)
    }
}

/// Writes the file aside and renames it into place: whoever looks sees a whole mail or none, and
/// once this has answered a power cut does not take it back.
fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let draft = directory.join(format!(".{name}.draft"));
    let written = (|| {
        fs::create_dir_all(directory)?;
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
    async fn a_place_that_is_none_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("mail");
        fs::write(&taken, "a file").unwrap();
        let refused = FileMailer::new(&taken).send(&mail()).await.unwrap_err();
        assert!(refused.source.unwrap().to_string().contains("mail"));
    }
}
