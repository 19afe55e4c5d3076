//! Mails through SES.

use std::sync::Arc;

use aws_sdk_sesv2::config::{Credentials, Region};
use commerce_adapters::aws::ses::SesMailer;
use commerce_adapters::commerce_core::error::StoreErrorKind;
use commerce_adapters::commerce_core::ids::Id;
use commerce_adapters::commerce_core::ids::NotificationId;
use commerce_adapters::commerce_core::notifications::{Handover, Mail, Mailer};
use commerce_adapters::commerce_core::testing::conformance::{self, Made, Post};
use commerce_adapters::commerce_core::time::Timestamp;
use commerce_peers::Moto;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{aws, server, settings};

/// Verifies an address at the server, as the owner of the shop does.
async fn verify(address: &str) {
    let settings = settings();
    let (key, secret) = settings.key.unwrap();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new(settings.region.unwrap()))
        .endpoint_url(settings.endpoint.unwrap())
        .credentials_provider(aws_sdk_sesv2::config::SharedCredentialsProvider::new(Credentials::new(
            key, secret, None, None, "test",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_sesv2::Client::new(&config);
    client.create_email_identity().email_identity(address).send().await.ok();
}

/// Every message the server was handed, from `from` on.
fn messages(server: &Moto, from: usize) -> Vec<String> {
    // It may fail to tell all that it knows while another test tells it something.
    let told = (0..20).find_map(|_| serde_json::from_str(&server.data()).ok());
    let data: Value = told.expect("the server tells what it knows");
    let raw = data["ses"]["RawMessage"].as_array().cloned().unwrap_or_default();
    raw.iter().skip(from).map(|message| message["raw_data"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn conforms() {
    verify("shop@shop.example").await;
    conformance::mailer(async || {
        let before = messages(server(), 0).len();
        let mailer = SesMailer::new(aws().await, None);
        Post { mailer: Made::<dyn Mailer>::new(Arc::new(mailer)), handed_over: Box::new(move || messages(server(), before)) }
    })
    .await;
}

fn mail(from: &str) -> Mail {
    Mail {
        id: NotificationId::from_uuid(Uuid::from_u128(9)),
        from: from.parse().unwrap(),
        from_name: "The Shop".to_owned(),
        to: "asha@example.com".parse().unwrap(),
        to_name: "Asha Rao".to_owned(),
        subject: "Welcome".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        text: "Hello".to_owned(),
        at: Timestamp::EPOCH,
    }
}

#[tokio::test]
async fn a_mail_that_ses_rejects_is_given_up() {
    let mailer = SesMailer::new(aws().await, None);
    let answer = mailer.send(&mail("nobody@unverified.example")).await.unwrap();
    assert!(matches!(&answer, Handover::Rejected(why) if why.starts_with("MessageRejected: ")), "{answer:?}");
}

#[tokio::test]
async fn a_mail_waits_for_ses() {
    let own = Moto::start();
    let settings = commerce_adapters::aws::AwsSettings { endpoint: Some(own.url().to_owned()), ..settings() };
    let mailer = SesMailer::new(commerce_adapters::aws::Aws::connect(&settings).await, None);
    own.peer().kill();
    let error = mailer.send(&mail("shop@shop.example")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
}
