//! AWS, or a server that speaks as it does: SNS topics and SQS queues as a bus, SES for mails.
//!
//! Events go to the topic of their context, from there to the queues of who wants them, and after three
//! receives that were not recorded to the queue's dead-letter queue. [`topology`] names and makes all of
//! these, [`bus`] publishes, `queue` receives, `letters` reads what was given up, [`ses`] sends.
//! Every request has its time. Start reading at [`Aws`].

pub mod bus;
mod letters;
mod queue;
pub mod ses;
pub mod topology;

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedHttpClient};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use commerce_core::error::{StoreError, StoreErrorKind};

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long one try of a request may take, beyond the time it is told to wait for something to come.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a request may take with all its tries.
const DONE_WITHIN: Duration = Duration::from_secs(12);

/// How AWS is reached.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// Which region; none is what the environment says.
    pub region: Option<String>,
    /// Another server than AWS itself, for every service.
    pub endpoint: Option<String>,
    /// An access key and its secret; none is what the environment, the profile or the machine's role says.
    pub key: Option<(String, String)>,
}

/// Reached services. Cheap to clone.
#[derive(Clone)]
pub struct Aws {
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    /// The same, with time to wait for messages.
    sqs_waiting: aws_sdk_sqs::Client,
    ses: aws_sdk_sesv2::Client,
}

impl Aws {
    /// With these settings. Asks nothing of AWS yet.
    pub async fn connect(settings: &AwsSettings) -> Self {
        let common = config(settings, Duration::ZERO).await;
        let waiting = config(settings, queue::WAIT_MAX).await;
        Self {
            sns: aws_sdk_sns::Client::new(&common),
            sqs: aws_sdk_sqs::Client::new(&common),
            sqs_waiting: aws_sdk_sqs::Client::new(&waiting),
            ses: aws_sdk_sesv2::Client::new(&common),
        }
    }
}

async fn config(settings: &AwsSettings, wait: Duration) -> SdkConfig {
    let times = TimeoutConfig::builder()
        .connect_timeout(CONNECT_WITHIN)
        .operation_attempt_timeout(ANSWER_WITHIN + wait)
        .operation_timeout(DONE_WITHIN + wait)
        .build();
    let client = http_client(settings.endpoint.as_deref());
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(times).http_client(client);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((key, secret)) = &settings.key {
        loader = loader.credentials_provider(Credentials::new(key, secret, None, None, "settings"));
    }
    loader.load().await
}

/// With TLS, unless the endpoint is one without.
fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        return Builder::new().build_http();
    }
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The error of `operation`: a service that cannot be reached, is busy or at fault itself will do it
/// later, and what it refuses is a defect of ours or of our rights.
pub(crate) fn failed<E, R>(operation: &'static str, error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => StoreErrorKind::Internal,
        SdkError::ServiceError(refused) if !is_passing(refused.err().code()) => StoreErrorKind::Internal,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, operation, error)
}

/// Whether what the service says will pass by itself. A code that is not known may be a fault of the
/// service, and is tried again.
fn is_passing(code: Option<&str>) -> bool {
    let lasting =
        ["AccessDenied", "AuthorizationError", "InvalidParameter", "NotFound", "NonExistentQueue", "InvalidClientTokenId"];
    code.is_none_or(|code| !lasting.iter().any(|lasting| code.contains(lasting)))
}
