//! What the tests share: one server for all of them, each with a prefix of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::Builder;
use commerce_adapters::aws::{Aws, AwsSettings};
use commerce_peers::Moto;

/// Names a server in moto's place that speaks as AWS does, for all tests that need not ask moto what it knows.
const ENDPOINT: &str = "COMMERCE_TEST_AWS_ENDPOINT";

static SERVER: OnceLock<Moto> = OnceLock::new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// What messages may take from a topic to its queues: moto has brought everything before it answers whoever publishes.
pub(crate) fn patience() -> Duration {
    if std::env::var_os(ENDPOINT).is_some() { Duration::from_millis(500) } else { Duration::ZERO }
}

pub(crate) fn server() -> &'static Moto {
    SERVER.get_or_init(Moto::start)
}

pub(crate) fn settings() -> AwsSettings {
    AwsSettings {
        region: Some("eu-central-1".to_owned()),
        endpoint: Some(std::env::var(ENDPOINT).unwrap_or_else(|_| server().url().to_owned())),
        key: Some(("key".to_owned(), "secret".to_owned())),
    }
}

pub(crate) async fn aws() -> Aws {
    Aws::connect(&settings()).await
}

/// Puts a text into a queue, as somebody else might.
pub(crate) async fn send(queue: &str, text: &str) {
    let AwsSettings { region, endpoint, key } = settings();
    let (key, secret) = key.unwrap();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.map(Region::new))
        .endpoint_url(endpoint.unwrap())
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .http_client(Builder::new().build_http());
    let sqs = aws_sdk_sqs::Client::from_conf(config.build());
    let url = sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(url).message_body(text).send().await.unwrap();
}

/// In front of the names of one test.
pub(crate) fn prefix() -> String {
    format!("shop{}-", PREFIXES.fetch_add(1, Ordering::Relaxed))
}
