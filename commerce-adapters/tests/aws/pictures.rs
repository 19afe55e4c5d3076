//! Pictures in a bucket.

use std::sync::Arc;

use commerce_adapters::commerce_core::catalog::ImageStore;
use commerce_adapters::commerce_core::error::StoreErrorKind;
use commerce_adapters::commerce_core::testing::conformance::{self, Made};
use commerce_adapters::images::ObjectImages;
use commerce_peers::Moto;

use crate::support::{server, settings};

#[tokio::test]
async fn conform() {
    server().make_bucket("pictures");
    conformance::images(async || Made::<dyn ImageStore>::new(Arc::new(ObjectImages::bucket("pictures", &settings()).unwrap())))
        .await;
}

#[tokio::test]
async fn a_bucket_that_is_away_is_unavailable() {
    let own = Moto::start();
    let settings = commerce_adapters::aws::AwsSettings { endpoint: Some(own.url().to_owned()), ..settings() };
    let images = ObjectImages::bucket("pictures", &settings).unwrap();
    own.peer().kill();
    let name = "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b.png";
    assert_eq!(images.get(name).await.unwrap_err().kind, StoreErrorKind::Unavailable);
}
