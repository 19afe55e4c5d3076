//! The embedder's own mailer in place of the `.eml` files: one trait, one method.
//!
//! `cargo run -p commerce-adapters --example custom_port`

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use commerce_adapters::Embedded;
use commerce_adapters::commerce_core::notifications::{Handover, Mail, Mailer};
use commerce_adapters::commerce_core::text::Metadata;
use commerce_adapters::commerce_core::users::Register;
use commerce_adapters::commerce_core::{Actor, StoreError};

/// Keeps the subjects of what it was handed; a real one would speak to a mail service.
#[derive(Default)]
struct Postbox(Mutex<Vec<String>>);

#[async_trait]
impl Mailer for Postbox {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        self.0.lock().expect("nobody panics while holding it").push(format!("{} -> {}", mail.subject, mail.to));
        Ok(Handover::Accepted)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let postbox = Arc::new(Postbox::default());
    let shop = Embedded::at(dir.path()).mailer(postbox.clone()).open().await?;

    let asha = Register {
        email: "asha@example.com".into(),
        password: "correct horse".into(),
        full_name: "Asha Rao".into(),
        phone: None,
        metadata: Metadata::new(),
    };
    shop.users.register(&Actor::Anonymous, asha, None).await?;
    shop.settle().await?;
    shop.close().await?;

    let mails = postbox.0.lock().expect("nobody panics while holding it").clone();
    println!("{}", mails.join("\n"));
    assert_eq!(mails, ["Welcome! -> asha@example.com"]);
    Ok(())
}
