//! A bucket of S3, or of a server that speaks as it does.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::aws::AwsSettings;

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long one try may take: a picture of ten megabytes over a slow line.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How often a request is tried again, and for how long: somebody waits for the picture.
const TRIES_AGAIN: usize = 2;
const TRY_FOR: Duration = Duration::from_secs(10);

/// Opens it; what the settings leave out comes from the environment. Asks nothing yet.
pub(super) fn open(bucket: &str, settings: &AwsSettings) -> Result<AmazonS3, object_store::Error> {
    crate::tls::choose();
    let plain = settings.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let client = ClientOptions::new().with_allow_http(plain).with_connect_timeout(CONNECT_WITHIN).with_timeout(ANSWER_WITHIN);
    let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: TRIES_AGAIN, retry_timeout: TRY_FOR };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client).with_retry(retry);
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some((key, secret)) = &settings.key {
        builder = builder.with_access_key_id(key).with_secret_access_key(secret);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;

    #[tokio::test]
    async fn a_bucket_behind_tls_is_asked_and_what_is_none_says_so() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let key = Some(("key".to_owned(), "secret".to_owned()));
        let bucket =
            open("pictures", &AwsSettings { region: Some("eu-west-1".to_owned()), endpoint: Some(endpoint), key }).unwrap();
        let store: &dyn ObjectStore = &bucket;
        store.get(&Path::from("cup.jpg")).await.unwrap_err();
    }
}
